package chdbd

import (
	"crypto/rand"
	"fmt"
	"net/http"

	"annal/internal/chdb"
)

// answer is one of HTTP, on its way.
type answer struct {
	w     http.ResponseWriter
	req   *request
	zone  string
	head  bool
	out   *output
	begun bool
	// tag marks an error that comes when the answer has begun; the client knows it by a header.
	tag string
}

// begin sends the headers.
func (a *answer) begin(p chdb.Progress) error {
	out, err := newOutput(a.w, a.req.accept, a.req.blocks)
	if err != nil {
		return err
	}
	h := a.w.Header()
	h.Set("Content-Type", a.req.format.mime)
	h.Set("X-ClickHouse-Format", a.req.format.name)
	h.Set("X-ClickHouse-Timezone", a.zone)
	h.Set("X-ClickHouse-Summary", summary(p))
	a.tag = exceptionTag()
	h.Set("X-ClickHouse-Exception-Tag", a.tag)
	if out.encoding != "" {
		h.Set("Content-Encoding", out.encoding)
	}
	a.out, a.begun = out, true
	a.w.WriteHeader(http.StatusOK)
	return nil
}

// encode gives a piece as the client wants it.
func (a *answer) encode(piece []byte) ([]byte, error) {
	if a.req.format.name != "Native" || a.req.revision == 0 || len(piece) == 0 {
		return piece, nil
	}
	later, err := transcode(piece, a.req.revision)
	if err != nil {
		return nil, fail(codeNotImplemented, "Native for revision %d: %v", a.req.revision, err)
	}
	return later, nil
}

func (a *answer) write(piece []byte) error {
	if a.head || len(piece) == 0 {
		return nil
	}
	if _, err := a.out.Write(piece); err != nil {
		return fmt.Errorf("chdbd: the client is gone: %w", err)
	}
	return nil
}

func (a *answer) writeWhole(r *chdb.Result) error {
	b, err := a.encode(r.Bytes())
	if err != nil {
		return err
	}
	if err := a.begin(r.Progress); err != nil {
		return err
	}
	if err := a.write(b); err != nil {
		return err
	}
	return a.out.Close()
}

// writeStream writes piece after piece, so that no more than one is in memory. The first is made before the headers
// go out: most errors come before it.
func (a *answer) writeStream(s *chdb.Stream) error {
	for {
		piece, err := s.Next()
		if err != nil {
			return err
		}
		if piece == nil {
			break
		}
		err = a.writePiece(piece)
		piece.Close()
		if err != nil {
			return err
		}
	}
	if !a.begun {
		if err := a.begin(chdb.Progress{}); err != nil {
			return err
		}
	}
	return a.out.Close()
}

func (a *answer) writePiece(piece *chdb.Result) error {
	b := piece.Bytes()
	if a.begun {
		b = a.req.format.withoutHeader(b)
	}
	b, err := a.encode(b)
	if err != nil {
		return err
	}
	if !a.begun {
		if err := a.begin(piece.Progress); err != nil {
			return err
		}
	}
	if err := a.write(b); err != nil {
		return err
	}
	a.out.flush()
	return nil
}

// breakOff ends an answer that has begun: the error stands at its end as ClickHouse writes it there since 25.11, and the
// connection is cut, so that nobody takes it for a whole one.
func (a *answer) breakOff(text string) {
	_, _ = fmt.Fprintf(a.out, "\r\n__exception__\r\n%s\r\n%s%d %[1]s\r\n__exception__\r\n", a.tag, text, len(text))
	_ = a.out.Close()
	_ = http.NewResponseController(a.w).Flush() // whoever is gone needs no answer
	panic(http.ErrAbortHandler)
}

// exceptionTag is 16 random small letters.
func exceptionTag() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = 'a' + b[i]%26
	}
	return string(b)
}
