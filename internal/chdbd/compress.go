package chdbd

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// opened gives the body of a request as it was before the client compressed it: by Content-Encoding, and within
// that, where the client says decompress=1, in ClickHouse's own blocks.
func opened(body io.Reader, encoding string, blocks bool) (io.Reader, error) {
	var err error
	switch encoding {
	case "", "identity":
	case "gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body = flate.NewReader(body)
	case "zstd":
		var r *zstd.Decoder
		if r, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20)); err == nil {
			body = r.IOReadCloser()
		}
	case "lz4":
		body = lz4.NewReader(body)
	default:
		return nil, fail(codeNotImplemented, "Content-Encoding %q is none of gzip, deflate, zstd, lz4", encoding)
	}
	if err != nil {
		return nil, fail(codeCannotCompress, "the body is not %s: %v", encoding, err)
	}
	if blocks {
		body = blockReader{compress.NewReader(body)}
	}
	return body, nil
}

// blockReader ends where its blocks end: the library below has an error of its own for that.
type blockReader struct{ io.Reader }

func (b blockReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// output is where a result goes: compressed as was asked, and flushed piece by piece.
type output struct {
	to       io.Writer
	close    []func() error
	flush    func()
	encoding string
}

// newOutput chooses the compression: ClickHouse's own blocks for compress=1, and by Accept-Encoding unless the
// client forbids it (enable_http_compression=0).
func newOutput(w http.ResponseWriter, accept string, blocks bool) (*output, error) {
	o := &output{to: w, flush: func() { _ = http.NewResponseController(w).Flush() }}
	// The server's own order.
	for _, name := range []string{"lz4", "gzip", "deflate", "zstd"} {
		if !strings.Contains(accept, name) {
			continue
		}
		var c interface {
			io.WriteCloser
			Flush() error
		}
		var err error
		switch name {
		case "lz4":
			c = lz4.NewWriter(w)
		case "gzip":
			c = gzip.NewWriter(w)
		case "deflate":
			c, err = flate.NewWriter(w, flate.DefaultCompression)
		case "zstd":
			c, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		}
		if err != nil {
			return nil, fmt.Errorf("chdbd: %s: %w", name, err)
		}
		below := o.flush
		o.to, o.encoding = c, name
		o.flush = func() { _ = c.Flush(); below() } // a client that is gone is noticed by the next write
		o.close = append(o.close, c.Close)
		break
	}
	if blocks {
		o.to = &blockWriter{to: o.to, w: compress.NewWriter(compress.LevelZero, compress.LZ4)}
	}
	return o, nil
}

func (o *output) Write(b []byte) (int, error) { return o.to.Write(b) }

func (o *output) Close() error {
	for _, c := range o.close {
		if err := c(); err != nil {
			return err
		}
	}
	return nil
}

// blockBytes is how much one of ClickHouse's blocks holds at most.
const blockBytes = 1 << 20

// blockWriter writes ClickHouse's own compressed blocks.
type blockWriter struct {
	to io.Writer
	w  *compress.Writer
}

func (b *blockWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), blockBytes)
		if err := b.w.Compress(p[:n]); err != nil {
			return written, fmt.Errorf("chdbd: compress: %w", err)
		}
		if _, err := b.to.Write(b.w.Data); err != nil {
			return written, err
		}
		p, written = p[n:], written+n
	}
	return written, nil
}
