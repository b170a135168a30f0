package protocol

import (
	"errors"
	"io"
	"sync"

	"github.com/go-faster/jx"

	"annal/pkg/events"
)

// reader reads values one after the other, of JSON or, if binary, of protobuf. The
// first failure sticks: from then on every read gives the zero value, so callers check
// once at the end.
type reader struct {
	jx      jx.Decoder
	wire    wire
	binary  bool
	lenient bool
	// depth is how many described messages lie around.
	depth int
	err   *events.Error
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// takeReader gives a reader of JSON; release it.
func takeReader(b []byte, lenient bool) *reader {
	r := readers.Get().(*reader)
	r.jx.ResetBytes(b)
	r.lenient = lenient
	return r
}

func (r *reader) release() {
	r.jx.ResetBytes(nil)
	r.wire, r.binary, r.depth, r.err = wire{}, false, 0, nil
	readers.Put(r)
}

func (r *reader) failed() bool { return r.err != nil }

func (r *reader) fail(code events.Code, format string, args ...any) {
	if r.err == nil {
		r.err = events.Errorf(code, format, args...)
	}
}

// malformed notes an error of the notation itself.
func (r *reader) malformed(err error) {
	if err != nil {
		r.fail(events.CodeMalformedFrame, "%v", err)
	}
}

// null consumes a null, which stands for a field left out. Protobuf has none.
func (r *reader) null() bool {
	if r.binary || r.failed() || r.jx.Next() != jx.Null {
		return false
	}
	r.malformed(r.jx.Null())
	return true
}

func (r *reader) str() string {
	if r.binary {
		return r.wireString()
	}
	if r.null() || r.failed() {
		return ""
	}
	s, err := r.jx.Str()
	r.malformed(err)
	return s
}

func (r *reader) boolean() bool {
	if r.binary {
		return r.varint() != 0
	}
	if r.null() || r.failed() {
		return false
	}
	v, err := r.jx.Bool()
	r.malformed(err)
	return v
}

// object reads an object into m, one field by each call of field, and gives the set
// of fields that stood there with a value.
func object[M any](r *reader, m *M, field func(r *reader, m *M, key []byte) fieldSet) fieldSet {
	if r.binary {
		return wireObject(r, m, r.payload(), field)
	}
	if r.failed() {
		return 0
	}
	it, err := r.jx.ObjIter()
	if err != nil {
		r.malformed(err)
		return 0
	}
	var seen fieldSet
	for it.Next() {
		key := it.Key()
		isNull := r.jx.Next() == jx.Null
		f := field(r, m, key)
		switch {
		case r.failed():
			r.under(key)
			return seen
		case f == unknownField && r.lenient:
			r.malformed(r.jx.Skip())
		case f == unknownField:
			r.fail(events.CodeInvalidField, "unknown field %q", key)
		case f&seen != 0 && !r.lenient:
			r.fail(events.CodeInvalidField, "%q stands twice", key)
		case !isNull:
			seen |= f
		}
		if r.failed() {
			return seen
		}
	}
	r.malformed(it.Err())
	return seen
}

// under names the field a failure lies in.
func (r *reader) under(key []byte) {
	r.err.Detail = string(key) + ": " + r.err.Detail
}

// list reads an array, one element by each call of read; in protobuf one element more
// of all.
func list[E any](r *reader, all []E, read func(r *reader) E) []E {
	if r.binary {
		return append(all, read(r))
	}
	if r.null() || r.failed() {
		return nil
	}
	it, err := r.jx.ArrIter()
	if err != nil {
		r.malformed(err)
		return nil
	}
	all = nil
	for it.Next() {
		e := read(r)
		if r.failed() {
			return nil
		}
		all = append(all, e)
	}
	r.malformed(it.Err())
	return all
}

// element reads a string where null is not one.
func element(r *reader) string {
	if r.binary {
		return r.wireString()
	}
	s, err := r.jx.Str()
	r.malformed(err)
	return s
}

// end checks that nothing follows, not even what begins no value.
func (r *reader) end() {
	if !r.failed() && !errors.Is(r.jx.Skip(), io.EOF) {
		r.fail(events.CodeMalformedFrame, "something follows the frame")
	}
}
