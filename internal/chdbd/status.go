package chdbd

import (
	"fmt"
	"net/http"

	"annal/internal/chdb"
)

// Numbers of ClickHouse's errors that are told here, and not by the engine.
const (
	codeUnknownSetting  = 115
	codeReadonly        = 164
	codeQueryTooLarge   = 191
	codeTooManyQueries  = 202
	codeLocked          = 373
	codeNoSession       = 372
	codeCannotParse     = 27
	codeNotImplemented  = 48
	codeBadArguments    = 36
	codeAuthentication  = 516
	codeNoPassword      = 194
	codeCannotCompress  = 432
	codeTimeout         = 159
	codeAborted         = 236
	codeTooManySessions = 290
	codeSyntax          = 62
	codeDenied          = 497
)

// names are what the numbers are called.
var names = map[int]string{
	codeUnknownSetting: "UNKNOWN_SETTING", codeReadonly: "READONLY", codeQueryTooLarge: "QUERY_IS_TOO_LARGE", codeTooManyQueries: "TOO_MANY_SIMULTANEOUS_QUERIES",
	codeLocked: "SESSION_IS_LOCKED", codeNoSession: "SESSION_NOT_FOUND", codeCannotParse: "CANNOT_PARSE_INPUT_ASSERTION_FAILED", codeNotImplemented: "NOT_IMPLEMENTED",
	codeBadArguments: "BAD_ARGUMENTS", codeAuthentication: "AUTHENTICATION_FAILED", codeNoPassword: "REQUIRED_PASSWORD", codeCannotCompress: "UNKNOWN_CODEC",
	codeTimeout: "TIMEOUT_EXCEEDED", codeSyntax: "SYNTAX_ERROR", codeDenied: "ACCESS_DENIED", codeAborted: "ABORTED", codeTooManySessions: "LIMIT_EXCEEDED",
}

// fail is an error in ClickHouse's words.
func fail(code int, format string, args ...any) *chdb.Error {
	return &chdb.Error{Code: code, Text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), names[code])}
}

// statuses are the HTTP statuses of codes, as ClickHouse's server has them. All others are 500.
var statuses = func() map[int]int {
	all := map[int]int{
		codeNoPassword: http.StatusUnauthorized, codeQueryTooLarge: http.StatusRequestEntityTooLarge, codeNotImplemented: http.StatusNotImplemented,
		codeTimeout: http.StatusRequestTimeout, codeTooManyQueries: http.StatusServiceUnavailable, codeTooManySessions: http.StatusServiceUnavailable,
	}
	for status, codes := range map[int][]int{
		// Unknown user, wrong password, access denied, role not granted, authentication failed.
		http.StatusForbidden: {192, 193, codeDenied, 512, codeAuthentication},
		// Cannot parse, bad arguments, syntax, types: the client's own.
		http.StatusBadRequest: {6, 7, 26, 27, 28, 36, 38, 41, 43, 44, 45, 51, 53, codeSyntax, 69, 70, 72, 117, 131, 168, 403, 432, 456, 457},
		// Unknown table, function, identifier, type, storage, database, setting, format: not there.
		http.StatusNotFound: {10, 16, 46, 47, 50, 56, 60, 63, 73, 81, 115, 372},
	} {
		for _, code := range codes {
			all[code] = status
		}
	}
	return all
}()

func statusOf(code int) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}
