package chdbd

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"annal/internal/chdb"
)

// request is one of HTTP, read.
type request struct {
	user      User
	statement statement
	text      string
	format    format
	params    map[string]string
	settings  map[string]string
	database  string
	id        string
	// revision is the client's, of the Native format; 0 for none.
	revision uint64
	// whole says that nothing goes out before all is there, so that an error still has its status.
	whole bool
	// reads says that the method allows no more.
	reads   bool
	accept  string
	blocks  bool
	session string
	check   bool
	timeout time.Duration
}

// own are the parameters of the interface itself; param_… are the statement's, all others are settings.
var own = map[string]bool{
	"query": true, "database": true, "default_format": true, "user": true, "password": true, "quota_key": true, "query_id": true,
	"compress": true, "decompress": true, "enable_http_compression": true, "http_zlib_compression_level": true, "buffer_size": true,
	"wait_end_of_query": true, "session_id": true, "session_check": true, "session_timeout": true, "close_session": true,
	"client_protocol_version": true, "send_progress_in_http_headers": true, "http_headers_progress_interval_ms": true, "stacktrace": true,
}

func isOn(v string) bool { return v == "1" || strings.EqualFold(v, "true") }

// read takes a request apart. Errors are ClickHouse's.
func (s *Server) read(w http.ResponseWriter, r *http.Request, u User) (*request, error) {
	q := r.URL.Query()
	body, err := s.body(w, r, isOn(q.Get("decompress")))
	if err != nil {
		return nil, err
	}
	req := &request{
		user: u, text: body, database: q.Get("database"), id: q.Get("query_id"), params: map[string]string{}, settings: map[string]string{},
		whole: isOn(q.Get("wait_end_of_query")), blocks: isOn(q.Get("compress")), session: q.Get("session_id"), check: isOn(q.Get("session_check")),
		timeout: sessionTimeout,
	}
	if req.database == "" {
		req.database = r.Header.Get("X-ClickHouse-Database")
	}
	if text := q.Get("query"); text != "" {
		req.text = text + "\n" + body
	}
	if len(strings.TrimSpace(req.text)) == 0 {
		return nil, fail(codeSyntax, "Empty query")
	}
	// On unless it is switched off, as in the server since 25.10.
	if v := q.Get("enable_http_compression"); v == "" || isOn(v) {
		req.accept = r.Header.Get("Accept-Encoding")
	}
	if req.statement = parse(req.text); req.statement.several {
		return nil, fail(codeSyntax, "Syntax error (Multi-statements are not allowed)")
	}
	if req.reads = r.Method != http.MethodPost; req.reads && !req.statement.reads() && req.session != "" {
		return nil, fail(codeReadonly, "%s: Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly", req.statement.verb)
	}
	if err := req.readNumbers(q); err != nil {
		return nil, err
	}
	req.chooseFormat(r, q)
	for key, values := range q {
		if name, ok := strings.CutPrefix(key, "param_"); ok {
			req.params[name] = values[len(values)-1]
		} else if !own[key] {
			req.settings[key] = values[len(values)-1]
		}
	}
	return req, nil
}

// readNumbers reads the parameters that are numbers.
func (req *request) readNumbers(q url.Values) error {
	if v := q.Get("client_protocol_version"); v != "" {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return fail(codeBadArguments, "client_protocol_version %q is no number", v)
		}
		req.revision = n
	}
	if v := q.Get("session_timeout"); v != "" {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil || time.Duration(n)*time.Second > maxSessionTimeout {
			return fail(codeBadArguments, "session_timeout %q is not 0 to %v", v, maxSessionTimeout.Seconds())
		}
		req.timeout = time.Duration(n) * time.Second
	}
	if isOn(q.Get("close_session")) {
		req.timeout = 0
	}
	return nil
}

func (req *request) chooseFormat(r *http.Request, q url.Values) {
	name := "TabSeparated"
	for _, asked := range []string{req.statement.format, r.Header.Get("X-ClickHouse-Format"), q.Get("default_format")} {
		if asked != "" && (req.statement.verb != "INSERT" || asked != req.statement.format) {
			name = asked
			break
		}
	}
	req.format = formatNamed(name)
}

// body reads what was posted, bounded.
func (s *Server) body(w http.ResponseWriter, r *http.Request, blocks bool) (string, error) {
	if r.Method != http.MethodPost {
		return "", nil
	}
	limited := http.MaxBytesReader(w, r.Body, s.options.MaxBody)
	in, err := opened(limited, strings.ToLower(r.Header.Get("Content-Encoding")), blocks)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	_, err = io.Copy(&text, io.LimitReader(in, s.options.MaxBody+1))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), int64(text.Len()) > s.options.MaxBody:
		return "", fail(codeQueryTooLarge, "the body is over %d bytes", s.options.MaxBody)
	case err != nil:
		return "", fail(codeCannotCompress, "the body cannot be read: %v", err)
	}
	return text.String(), nil
}

// prepare makes a new connection the request's: its database, its settings, and a mark by which it is ended.
func (req *request) prepare(c *chdb.Conn, mark string) error {
	if req.database != "" {
		if err := c.Exec("USE " + name(req.database)); err != nil {
			return err
		}
	}
	var set strings.Builder
	fmt.Fprintf(&set, "SET log_comment = %s", literal(mark))
	for key, value := range req.settings {
		if key != "log_comment" && key != "readonly" {
			fmt.Fprintf(&set, ", %s = %s", name(key), literal(value))
		}
	}
	if err := c.Exec(set.String()); err != nil || !req.reads || req.session != "" {
		return err // a session's connection could not be made to write again
	}
	if req.user.ReadOnly {
		return nil // it is so already, and that can't be said twice
	}
	return c.Exec("SET readonly = 2")
}

// remember gives what makes the session's settings as they were before the request's own.
func (req *request) remember(c *chdb.Conn) (restore func(), err error) {
	if len(req.settings) == 0 {
		return func() {}, nil
	}
	names := make([]string, 0, len(req.settings))
	for key := range req.settings {
		names = append(names, literal(key))
	}
	r, err := c.Query(chdb.Statement{
		Text: "SELECT name, value FROM system.settings WHERE name IN (" + strings.Join(names, ", ") + ")", Format: "TSVRaw",
	})
	if err != nil {
		return nil, err
	}
	var set []string
	for line := range strings.Lines(string(r.Bytes())) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		set = append(set, name(key)+" = "+literal(value))
	}
	r.Close()
	return func() {
		if len(set) > 0 {
			_ = c.Exec("SET " + strings.Join(set, ", ")) // each was the engine's own value
		}
	}, nil
}
