package protocol

import (
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// wire is where a reader of protobuf stands.
type wire struct {
	// rest is what is left of the innermost message, the next field's value first.
	rest []byte
	// next is the type that the value is written as.
	next protowire.Type
}

// parseClientProto reads a client's frame, as strictly as ParseClientJSON. A field that
// is required has to stand there even when it is zero.
func parseClientProto(b []byte) (*clientv1.ClientFrame, *events.Error) {
	r := readers.Get().(*reader)
	r.binary, r.lenient = true, false
	defer r.release()
	m := &clientv1.ClientFrame{}
	seen := wireObject(r, m, b, clientField)
	r.complete(m, seen)
	return r.result(m, findWireID, b)
}

// wireObject reads a message, one field by each call of field, and gives the set of
// fields that stood there.
func wireObject[M any](r *reader, m *M, message []byte, field func(r *reader, m *M, key []byte) fieldSet) fieldSet {
	outer := r.wire.rest
	r.wire.rest = message
	names := namesOf(m)
	var seen fieldSet
	for len(r.wire.rest) > 0 && !r.failed() {
		number, kind, n := protowire.ConsumeTag(r.wire.rest)
		if !r.advance(n) {
			break
		}
		r.wire.next = kind
		key := names.of(number)
		f := field(r, m, key)
		switch {
		case r.failed():
			r.under(key)
		case f == unknownField:
			r.fail(events.CodeInvalidField, "unknown field %q", key)
		case f&fieldRepeated == 0 && f&seen&^repeatedFields != 0:
			r.fail(events.CodeInvalidField, "%q stands twice", key)
		}
		seen |= f
	}
	r.wire.rest = outer
	return seen
}

// advance passes over n bytes; a negative n is protowire's error.
func (r *reader) advance(n int) bool {
	if n < 0 {
		r.malformed(protowire.ParseError(n))
		return false
	}
	r.wire.rest = r.wire.rest[n:]
	return true
}

// expect fails when the value is written as another type.
func (r *reader) expect(kind protowire.Type) bool {
	if !r.failed() && r.wire.next != kind {
		r.fail(events.CodeMalformedFrame, "a value of wire type %d is expected, not %d", kind, r.wire.next)
	}
	return !r.failed()
}

func (r *reader) varint() uint64 {
	if !r.expect(protowire.VarintType) {
		return 0
	}
	v, n := protowire.ConsumeVarint(r.wire.rest)
	if !r.advance(n) {
		return 0
	}
	return v
}

// payload reads a value that has a length; it is part of the frame.
func (r *reader) payload() []byte {
	if !r.expect(protowire.BytesType) {
		return nil
	}
	v, n := protowire.ConsumeBytes(r.wire.rest)
	if !r.advance(n) {
		return nil
	}
	return v
}

func (r *reader) wireString() string {
	v := r.payload()
	if !utf8.Valid(v) {
		r.fail(events.CodeInvalidUTF8, "a string is not UTF-8")
		return ""
	}
	return string(v)
}

// bytesType is what values with a length are written as.
const bytesType = protowire.BytesType

// packed reads the numbers of a packed field.
func packed[E any](r *reader, read func(r *reader) E) (all []E) {
	numbers := r.payload()
	outer := r.wire
	r.wire = wire{rest: numbers, next: protowire.VarintType}
	for len(r.wire.rest) > 0 && !r.failed() {
		all = append(all, read(r))
	}
	r.wire = outer
	return all
}

// wireEnum reads an enum's number, which has to have a name.
func (r *reader) wireEnum(values map[string]int32) int32 {
	v := int64(r.varint())
	for _, known := range values {
		if int64(known) == v {
			return known
		}
	}
	r.fail(events.CodeInvalidField, "no such value: %d", v)
	return 0
}

// fieldNames are a message's field names by number, "" for those it lacks.
type fieldNames [][]byte

func (names fieldNames) of(number protowire.Number) []byte {
	if int(number) < len(names) && names[number] != nil {
		return names[number]
	}
	// No field's name is a number.
	return strconv.AppendInt(nil, int64(number), 10)
}

var clientFrameDescriptor = (&clientv1.ClientFrame{}).ProtoReflect().Descriptor()

// wireNames are those of ClientFrame and of everything in it.
var wireNames = func() map[protoreflect.MessageDescriptor]fieldNames {
	all := map[protoreflect.MessageDescriptor]fieldNames{}
	collectNames(all, clientFrameDescriptor)
	return all
}()

func collectNames(all map[protoreflect.MessageDescriptor]fieldNames, d protoreflect.MessageDescriptor) {
	if all[d] != nil {
		return
	}
	names := make(fieldNames, 1)
	all[d] = names
	fields := d.Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		for len(names) <= int(f.Number()) {
			names = append(names, nil)
		}
		names[f.Number()] = []byte(f.Name())
		if f.Message() != nil {
			collectNames(all, f.Message())
		}
	}
	all[d] = names
}

// namesOf gives the names of m's fields; m is a message of the client's.
func namesOf(m any) fieldNames {
	return wireNames[m.(protoreflect.ProtoMessage).ProtoReflect().Descriptor()]
}

// findWireID looks for the id of a frame that cannot be read otherwise; "" if it has none.
func findWireID(b []byte) string {
	want := clientFrameDescriptor.Fields().ByName("id").Number()
	id := ""
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			break
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			break
		}
		if number == want && kind == protowire.BytesType {
			if s, _ := protowire.ConsumeBytes(b[n:]); len(s) <= MaxIDBytes && utf8.Valid(s) {
				id = string(s)
			}
		}
		b = b[n+size:]
	}
	return id
}
