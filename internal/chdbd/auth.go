package chdbd

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

// User is somebody who may speak to the server.
type User struct {
	Name, Password string
	// ReadOnly: may change nothing, nor reach files and other machines.
	ReadOnly bool
}

// who finds the user of a request: by the headers of ClickHouse's own, by basic authentication or by parameters; the first
// user without any.
func (s *Server) who(r *http.Request) (User, error) {
	name, password := r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	if name == "" && password == "" {
		if n, p, ok := r.BasicAuth(); ok {
			name, password = n, p
		} else {
			name, password = r.URL.Query().Get("user"), r.URL.Query().Get("password")
		}
	}
	if name == "" {
		name = s.options.Users[0].Name
	}
	for _, u := range s.options.Users {
		if u.Name == name && same(u.Password, password) {
			return u, nil
		}
	}
	if password == "" {
		return User{}, fail(codeNoPassword, "%s: a password is needed", name)
	}
	// Whether there is such a user is not told.
	return User{}, fail(codeAuthentication, "%s: Authentication failed: password is incorrect, or there is no user with such name", name)
}

func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
