package chdbd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"annal/internal/chdb"
)

// Options say what a Server is.
type Options struct {
	// Library is where libchdb.so lies, Dir the data directory.
	Library, Dir string
	// Users are those who may speak; the first is who gives no name. One at least.
	Users []User
	// MaxStatements may run at once; more are refused. 100 when 0.
	MaxStatements int
	// MaxBody bounds what is posted, decompressed, in bytes. 256 MiB when 0.
	MaxBody int64
	// MaxTime bounds a statement, MaxReadTime one of a user who only reads. 10 and 1 min when 0.
	MaxTime, MaxReadTime time.Duration
	// MaxReadMemory bounds the memory of such a user's statement, in bytes. 4 GiB when 0.
	MaxReadMemory int64
	Log           *slog.Logger
}

func (o *Options) setDefaults() {
	set := func(to *int64, n int64) {
		if *to == 0 {
			*to = n
		}
	}
	set(&o.MaxBody, 256<<20)
	set(&o.MaxReadMemory, 4<<30)
	set((*int64)(&o.MaxTime), int64(10*time.Minute))
	set((*int64)(&o.MaxReadTime), int64(time.Minute))
	if o.MaxStatements == 0 {
		o.MaxStatements = 100
	}
}

// Server answers ClickHouse's HTTP interface. A process has one at most: the library has one data directory.
type Server struct {
	options Options
	engine  *engine
	// spoolDir holds the data of each INSERT that runs.
	spoolDir string
	sessions sessions
	slots    chan struct{}
	running  sync.WaitGroup
	// stopping ends all that runs.
	stopping context.Context
	stop     context.CancelFunc
}

// New loads the library and opens the data directory. Errors: chdb.ErrMissing, and those of the engine.
func New(o Options) (*Server, error) {
	o.setDefaults()
	if len(o.Users) == 0 {
		return nil, errors.New("chdbd: no users")
	}
	library, err := chdb.Load(o.Library)
	if err != nil {
		return nil, err
	}
	e, err := openEngine(library, o.Dir, o.Log)
	if err != nil {
		return nil, err
	}
	spool := filepath.Join(o.Dir, "spool")
	if err := errors.Join(os.RemoveAll(spool), os.MkdirAll(spool, 0o700)); err != nil {
		e.close()
		return nil, fmt.Errorf("chdbd: %w", err)
	}
	s := &Server{options: o, engine: e, spoolDir: spool, sessions: sessions{open: map[string]*session{}}, slots: make(chan struct{}, o.MaxStatements)}
	s.stopping, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Version is the engine's.
func (s *Server) Version() string { return s.engine.version }

// Close ends what still runs, and the engine. Nothing may be asked any more.
func (s *Server) Close() {
	s.stop()
	s.running.Wait()
	s.sessions.close()
	s.engine.close()
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-ClickHouse-Server-Display-Name", "chdbd")
	if r.URL.Path == "/ping" || r.URL.Path == "/replicas_status" || r.URL.Path == "/" && r.Method == http.MethodGet && r.URL.RawQuery == "" {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		_, _ = w.Write([]byte("Ok.\n"))
		return
	}
	s.running.Add(1)
	defer s.running.Done()
	began := time.Now()
	if err := s.serve(w, r); err != nil {
		s.refuse(w, err)
	}
	s.options.Log.Debug("request", "method", r.Method, "took", time.Since(began))
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
	switch {
	case s.stopping.Err() != nil:
		return fail(codeAborted, "the server is stopping")
	case r.URL.Path != "/":
		http.NotFound(w, r)
		return nil
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, POST, HEAD")
		http.Error(w, "the method is none of GET, POST, HEAD", http.StatusMethodNotAllowed)
		return nil
	}
	u, err := s.who(r)
	if err != nil {
		return err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return fail(codeTooManyQueries, "Too many simultaneous queries. Maximum: %d", s.options.MaxStatements)
	}
	req, err := s.read(w, r, u)
	if err != nil {
		return err
	}
	if u.ReadOnly {
		if err := allowed(req.text, s.engine.reaching); err != nil {
			return err
		}
	}
	if req.id == "" {
		req.id = uuid.NewString()
	}
	w.Header().Set("X-ClickHouse-Query-Id", req.id)
	return s.withConn(req, func(c *chdb.Conn) error { return s.run(w, r, c, req) })
}

// connect opens a connection with the rights of the user.
func (s *Server) connect(u User) (*chdb.Conn, error) {
	c, err := s.engine.library.Open(s.engine.dir)
	if err != nil {
		return nil, err
	}
	if u.ReadOnly {
		limit := fmt.Sprintf("SET max_execution_time = %d, max_memory_usage = %d, readonly = 2", int(s.options.MaxReadTime.Seconds()), s.options.MaxReadMemory)
		if err := c.Exec(limit); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// withConn calls do with a connection of the request's own, or with its session's.
func (s *Server) withConn(req *request, do func(*chdb.Conn) error) error {
	connect := func() (*chdb.Conn, error) { return s.connect(req.user) }
	if req.session == "" {
		c, err := connect()
		if err != nil {
			return err
		}
		defer c.Close()
		return do(c)
	}
	one, err := s.sessions.take(req.user.Name, req.session, req.check, connect)
	if err != nil {
		return err
	}
	defer func() { s.sessions.give(one, req.session, req.timeout) }()
	restore, err := req.remember(one.conn)
	if err != nil {
		return err
	}
	defer restore()
	return do(one.conn)
}

// run runs the statement and writes what it gives. An error before the first byte is returned; one behind it is
// written into the answer, which then ends as a broken one.
func (s *Server) run(w http.ResponseWriter, r *http.Request, c *chdb.Conn, req *request) error {
	limit := s.options.MaxTime
	if req.user.ReadOnly {
		limit = s.options.MaxReadTime
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	mark := "chdbd-" + uuid.NewString()
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		s.engine.watch(ctx, mark, done)
	}()
	defer func() { close(done); <-watched }()
	if err := req.prepare(c, mark); err != nil {
		return err
	}
	if in := req.statement.insert; in != nil {
		file, err := s.spool(req.text[in.data:])
		if err != nil {
			return err
		}
		defer os.Remove(file) //nolint:errcheck // it goes with the directory at the next start
		req.text = in.from(req.text, file, req.statement.format)
	}
	a := &answer{w: w, req: req, zone: s.engine.zone, head: r.Method == http.MethodHead}
	statement := chdb.Statement{Text: req.text, Format: req.format.name, Params: req.params}
	if req.format.pieces && !req.whole && req.statement.reads() {
		stream, err := c.Stream(statement)
		if err == nil {
			defer stream.Close()
			return s.ended(ctx, a, a.writeStream(stream))
		}
		if !errors.Is(err, chdb.ErrNoStream) {
			return s.ended(ctx, a, err)
		}
	}
	result, err := c.Query(statement)
	if err != nil {
		return s.ended(ctx, a, err)
	}
	defer result.Close()
	return s.ended(ctx, a, a.writeWhole(result))
}

// spool puts data into a file. The library takes data in a text for ended by an empty line.
func (s *Server) spool(data string) (path string, err error) {
	f, err := os.CreateTemp(s.spoolDir, "")
	if err != nil {
		return "", fmt.Errorf("chdbd: data of an INSERT: %w", err)
	}
	_, err = f.WriteString(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("chdbd: data of an INSERT: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// ended says why a statement was cancelled, and tells an error where the answer has begun.
func (s *Server) ended(ctx context.Context, a *answer, err error) error {
	var of *chdb.Error
	if errors.As(err, &of) && of.Code == chdb.CodeCancelled && ctx.Err() != nil {
		switch {
		case s.stopping.Err() != nil:
			err = fail(codeAborted, "the server is stopping")
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			err = fail(codeTimeout, "Timeout exceeded: the statement took longer than the server allows")
		}
	}
	if err != nil && a.begun {
		a.breakOff(s.text(err))
		return nil
	}
	return err
}

// text is an error as ClickHouse writes it.
func (s *Server) text(err error) string {
	return strings.TrimSpace(err.Error()) + " (version " + s.engine.version + ")\n"
}

func (s *Server) refuse(w http.ResponseWriter, err error) {
	code, status := chdb.CodeUnknown, http.StatusInternalServerError
	var of *chdb.Error
	if errors.As(err, &of) {
		code, status = of.Code, statusOf(of.Code)
	} else {
		s.options.Log.Error("a request failed", "error", err)
	}
	h := w.Header()
	h.Del("Content-Encoding")
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	if code == codeNoPassword {
		h.Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(s.text(err)))
}

// summary is what X-ClickHouse-Summary holds.
func summary(p chdb.Progress) string {
	n := func(v uint64) string { return strconv.FormatUint(v, 10) }
	b, err := json.Marshal(map[string]string{
		"read_rows": n(p.ReadRows), "read_bytes": n(p.ReadBytes), "written_rows": n(p.WrittenRows), "written_bytes": n(p.WrittenBytes),
		"result_rows": n(p.ResultRows), "elapsed_ns": n(uint64(p.Seconds * 1e9)),
	})
	if err != nil {
		return "{}"
	}
	return string(b)
}
