package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

// Conn is a connection to the engine. For one goroutine at a time.
type Conn struct {
	l      *Library
	handle connection
}

// Close ends it. A statement that still runs must have been ended before.
func (c *Conn) Close() {
	if c.handle != nil {
		c.l.close(c.handle)
		c.handle = nil
	}
}

// Statement is a text of SQL, the format that its result is given in where the text names none, and the
// values of its {name:Type} placeholders. Values are in the notation of a TSV field, as in ClickHouse's own
// HTTP interface.
type Statement struct {
	Text, Format string
	Params       map[string]string
}

// Error is what the engine refused a statement with.
type Error struct {
	// Code is ClickHouse's number of it, Text all of it: "Code: 62. DB::Exception: … (SYNTAX_ERROR)".
	Code int
	Text string
}

func (e *Error) Error() string { return e.Text }

// Codes of ClickHouse that are told here too.
const (
	CodeCancelled = 394
	CodeUnknown   = 1002
)

// errorOf is the engine's error, nil for none.
func (l *Library) errorOf(r result) error {
	if r == nil {
		return &Error{Code: CodeUnknown, Text: "Code: 1002. DB::Exception: the engine gave no result. (UNKNOWN_EXCEPTION)"}
	}
	at := l.failure(r)
	if at == nil {
		return nil
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(at), n)) != 0 {
		n++
	}
	text := strings.TrimSpace(unsafe.String(at, n))
	if text == "" {
		return nil
	}
	e := &Error{Code: CodeUnknown, Text: strings.Clone(text)}
	if rest, ok := strings.CutPrefix(text, "Code: "); ok {
		digits, _, _ := strings.Cut(rest, ".")
		if code, err := strconv.Atoi(digits); err == nil {
			e.Code = code
		}
	}
	return e
}

// Progress is what a statement has read and written.
type Progress struct {
	ReadRows, ReadBytes, WrittenRows, WrittenBytes uint64
	// ResultRows are those given.
	ResultRows uint64
	Seconds    float64
}

func (l *Library) progressOf(r result) Progress {
	return Progress{
		ReadRows: l.readRows(r), ReadBytes: l.readBytes(r), WrittenRows: l.writtenRows(r), WrittenBytes: l.writtenBytes(r),
		ResultRows: l.rowsRead(r), Seconds: l.elapsed(r),
	}
}

// Result is a statement's, in the engine's memory until Close.
type Result struct {
	l        *Library
	r        result
	Progress Progress
}

// Bytes are what the statement gave. They are the engine's: not to be changed, nor used after Close.
func (r *Result) Bytes() []byte {
	n := r.l.length(r.r)
	if n == 0 {
		return nil
	}
	return unsafe.Slice(r.l.buffer(r.r), n)
}

// Close frees it.
func (r *Result) Close() {
	if r.r != nil {
		r.l.destroy(r.r)
		r.r = nil
	}
}

// Query runs a statement to its end. Errors are of type *Error.
func (c *Conn) Query(s Statement) (*Result, error) {
	r := c.run(c.l.query, s)
	if err := c.l.errorOf(r); err != nil {
		if r != nil {
			c.l.destroy(r)
		}
		return nil, err
	}
	return &Result{l: c.l, r: r, Progress: c.l.progressOf(r)}, nil
}

// Exec runs a statement whose result nobody wants.
func (c *Conn) Exec(text string) error {
	r, err := c.Query(Statement{Text: text, Format: "Null"})
	if err != nil {
		return err
	}
	r.Close()
	return nil
}

func (c *Conn) run(do statementFunc, s Statement) result {
	n := len(s.Params)
	names, values := make([]*byte, 0, n+1), make([]*byte, 0, n+1)
	nameLens, valueLens := make([]int, 0, n+1), make([]int, 0, n+1)
	for name, value := range s.Params {
		names, nameLens = append(names, start(name)), append(nameLens, len(name))
		values, valueLens = append(values, start(value)), append(valueLens, len(value))
	}
	r := do(*c.handle, start(s.Text), len(s.Text), start(s.Format), len(s.Format),
		unsafe.SliceData(names), unsafe.SliceData(nameLens), unsafe.SliceData(values), unsafe.SliceData(valueLens), n)
	runtime.KeepAlive(s)
	return r
}

// empty stands for a text without bytes, which has no address.
var empty = []byte{0}

func start(s string) *byte {
	if s == "" {
		return &empty[0]
	}
	return unsafe.StringData(s)
}

// Stream is the result of a statement that reads, piece by piece: as the engine makes blocks of rows, each
// piece in the format's whole form (so with its header, where the format has one).
type Stream struct {
	c    *Conn
	r    result
	next *Result
	done bool
}

// ErrNoStream says that a statement's result can't be given in pieces: Query runs it.
var ErrNoStream = errors.New("chdb: this statement has no result in pieces")

// Stream begins a statement, and returns once there is a first piece, or there is none. Errors are ErrNoStream and of
// type *Error.
func (c *Conn) Stream(s Statement) (*Stream, error) {
	r := c.run(c.l.stream, s)
	if err := c.l.errorOf(r); err != nil {
		if r != nil {
			c.l.destroy(r)
		}
		if strings.Contains(err.Error(), "Streaming query is not supported") {
			return nil, fmt.Errorf("%w: %w", ErrNoStream, err)
		}
		return nil, err
	}
	st := &Stream{c: c, r: r}
	first, err := st.Next()
	if err != nil {
		st.Close()
		return nil, err
	}
	st.next = first
	return st, nil
}

// Next gives the next piece, to be closed; nil at the end. Errors are of type *Error.
func (s *Stream) Next() (*Result, error) {
	if s.next != nil {
		r := s.next
		s.next = nil
		return r, nil
	}
	if s.done {
		return nil, nil
	}
	r := s.c.l.fetch(*s.c.handle, s.r)
	if err := s.c.l.errorOf(r); err != nil {
		s.done = true
		if r != nil {
			s.c.l.destroy(r)
		}
		return nil, err
	}
	piece := &Result{l: s.c.l, r: r, Progress: s.c.l.progressOf(r)}
	// A piece without rows is the last one; it may have a header.
	s.done = piece.Progress.ResultRows == 0
	if s.done && len(piece.Bytes()) == 0 {
		piece.Close()
		return nil, nil
	}
	return piece, nil
}

// Close ends it, whether or not all was read.
func (s *Stream) Close() {
	if s.next != nil {
		s.next.Close()
		s.next = nil
	}
	if s.r == nil {
		return
	}
	if !s.done {
		s.c.l.cancel(*s.c.handle, s.r)
	}
	s.c.l.destroy(s.r)
	s.r = nil
}
