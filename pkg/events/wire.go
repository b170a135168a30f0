package events

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The stored bytes are protobuf, as schemas/annal/log/v1 says. They are written and read
// here directly, without the generated types in between: every event is written once and
// read by every view, and reflection was a quarter of what a message costs. Tests hold
// the two against each other, byte for byte.

var (
	// errUTF8 is a string field that holds something else.
	errUTF8 = errors.New("a string is not valid UTF-8")
	// errFieldNumber is a tag that protobuf has no field for; protowire lets it pass.
	errFieldNumber = errors.New("a field's number is over protobuf's greatest")
)

// wireWriter appends fields. As proto3 says, zero values are left out; fields come in the
// order of their numbers, so that equal values have equal bytes.
type wireWriter struct {
	b   []byte
	err error
}

// wireRoom is what most commands and outcomes fit in besides their text.
const wireRoom = 384

func newWireWriter(b Body) wireWriter {
	return wireWriter{b: make([]byte, 0, wireRoom+b.Size())}
}

// done gives what was written.
func (w *wireWriter) done() ([]byte, error) {
	if w.err != nil {
		return nil, &DecodeError{w.err}
	}
	return w.b, nil
}

func (w *wireWriter) uint(field protowire.Number, v uint64) {
	if v != 0 {
		w.b = protowire.AppendVarint(protowire.AppendTag(w.b, field, protowire.VarintType), v)
	}
}

func (w *wireWriter) bool(field protowire.Number, v bool) { w.uint(field, protowire.EncodeBool(v)) }

func wireString[S ~string](w *wireWriter, field protowire.Number, v S) {
	if v != "" {
		wireElement(w, field, v)
	}
}

// wireElement writes one of a repeated string field, even an empty one.
func wireElement[S ~string](w *wireWriter, field protowire.Number, v S) {
	if !utf8.ValidString(string(v)) {
		w.err = errUTF8
	}
	w.b = protowire.AppendString(protowire.AppendTag(w.b, field, protowire.BytesType), string(v))
}

func (w *wireWriter) bytes(field protowire.Number, v []byte) {
	if len(v) > 0 {
		w.b = protowire.AppendBytes(protowire.AppendTag(w.b, field, protowire.BytesType), v)
	}
}

// wireUints writes a repeated field of numbers, packed as proto3 does.
func wireUints[N ~uint64](w *wireWriter, field protowire.Number, vs []N) {
	if len(vs) == 0 {
		return
	}
	packed := w.begin(field)
	for _, v := range vs {
		w.b = protowire.AppendVarint(w.b, uint64(v))
	}
	w.end(packed)
}

// An optional field is written whenever it is set, be it to zero.

func wireOptional[N ~int64 | ~uint32](w *wireWriter, field protowire.Number, v *N) {
	if v != nil {
		w.b = protowire.AppendVarint(protowire.AppendTag(w.b, field, protowire.VarintType), uint64(*v))
	}
}

func (w *wireWriter) optionalBool(field protowire.Number, v *bool) {
	if v != nil {
		w.b = protowire.AppendVarint(protowire.AppendTag(w.b, field, protowire.VarintType), protowire.EncodeBool(*v))
	}
}

func (w *wireWriter) optionalString(field protowire.Number, v *string) {
	if v != nil {
		wireElement(w, field, *v)
	}
}

// begin begins an embedded message, which end ends.
func (w *wireWriter) begin(field protowire.Number) (start int) {
	w.b = append(protowire.AppendTag(w.b, field, protowire.BytesType), 0)
	return len(w.b)
}

// end puts the length before what was written since begin: nearly always the byte that
// begin left for it, else what is behind moves.
func (w *wireWriter) end(start int) {
	n := len(w.b) - start
	if n < 1<<7 {
		w.b[start-1] = byte(n)
		return
	}
	more := protowire.SizeVarint(uint64(n)) - 1
	w.b = append(w.b, make([]byte, more)...)
	copy(w.b[start+more:], w.b[start:])
	protowire.AppendVarint(w.b[:start-1], uint64(n))
}

// empty writes an embedded message without fields.
func (w *wireWriter) empty(field protowire.Number) { w.end(w.begin(field)) }

// wireReader reads fields one by one. Unknown ones are the caller's to pass over; what
// has another type than its field should is read as zero.
type wireReader struct {
	rest  []byte
	field protowire.Number
	// The present field's value: one of them, by its type.
	typ    protowire.Type
	number uint64
	data   []byte
	err    error
}

func readWire(b []byte) wireReader { return wireReader{rest: b} }

// next reads the next field; false at the end, or when there is no reading on.
func (r *wireReader) next() bool {
	if r.err != nil || len(r.rest) == 0 {
		return false
	}
	field, typ, n := protowire.ConsumeTag(r.rest)
	if n < 0 {
		return r.bad(n)
	}
	if field > protowire.MaxValidNumber {
		r.fail(errFieldNumber)
		return false
	}
	r.rest = r.rest[n:]
	r.field, r.typ, r.number, r.data = field, typ, 0, nil
	switch typ {
	case protowire.VarintType:
		r.number, n = protowire.ConsumeVarint(r.rest)
	case protowire.BytesType:
		r.data, n = protowire.ConsumeBytes(r.rest)
	default:
		n = protowire.ConsumeFieldValue(field, typ, r.rest)
	}
	if n < 0 {
		return r.bad(n)
	}
	r.rest = r.rest[n:]
	return true
}

func (r *wireReader) bad(n int) bool {
	r.fail(protowire.ParseError(n))
	return false
}

// fail keeps the first error.
func (r *wireReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// check fails for an error, if there is one.
func (r *wireReader) check(err error) {
	if err != nil {
		r.fail(err)
	}
}

// done is the error of what was read, of type *TypeError or *DecodeError.
func (r *wireReader) done() error {
	if _, unknown := errors.AsType[*TypeError](r.err); r.err == nil || unknown {
		return r.err
	}
	return &DecodeError{r.err}
}

func (r *wireReader) bool() bool { return protowire.DecodeBool(r.number) }

func (r *wireReader) string() string {
	if !utf8.Valid(r.data) {
		r.fail(errUTF8)
	}
	return string(r.data)
}

// bytes gives a copy.
func (r *wireReader) bytes() []byte {
	if len(r.data) == 0 {
		return nil
	}
	return append([]byte(nil), r.data...)
}

// fixed fills to, of which not a byte may be missing.
func (r *wireReader) fixed(to []byte) {
	if copy(to, r.data) != len(to) {
		r.fail(fmt.Errorf("field %d has %d bytes, want %d", r.field, len(r.data), len(to)))
	}
}

// readUints appends what the present field, repeated and packed or not, has.
func readUints[N ~uint64](r *wireReader, to []N) []N {
	if r.typ != protowire.BytesType {
		return append(to, N(r.number))
	}
	for b := r.data; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			r.bad(n)
			return to
		}
		to, b = append(to, N(v)), b[n:]
	}
	return to
}

// within reads the fields of the present one, an embedded message: field is called for
// each, with r on it.
func (r *wireReader) within(field func()) {
	outer := *r
	r.rest = r.data
	for r.next() {
		field()
	}
	outer.err = r.err
	*r = outer
}
