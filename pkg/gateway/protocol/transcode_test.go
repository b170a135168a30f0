package protocol

import (
	"encoding/base64"
	"strconv"
	"testing"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// transcoded is a JSON frame as protobuf, field by field as they stand there, right or
// wrong: unknown names become unknown numbers, and values keep their own type.
func transcoded(t *testing.T, frame string) []byte {
	t.Helper()
	b, err := transcodeObject(jx.DecodeStr(frame), clientFrameDescriptor)
	if err != nil {
		t.Fatalf("%s cannot be written as protobuf: %v", frame, err)
	}
	return b
}

const (
	unknownNumber = 1000
	unknownValue  = 77
)

func transcodeObject(d *jx.Decoder, m protoreflect.MessageDescriptor) ([]byte, error) {
	b := []byte{}
	err := d.Obj(func(d *jx.Decoder, key string) error {
		var f protoreflect.FieldDescriptor
		if m != nil {
			f = m.Fields().ByName(protoreflect.Name(key))
		}
		var err error
		b, err = transcodeField(b, d, f)
		return err
	})
	return b, err
}

// transcodeField appends a field once for each of its values; f is nil for an unknown one.
func transcodeField(b []byte, d *jx.Decoder, f protoreflect.FieldDescriptor) ([]byte, error) {
	number := protowire.Number(unknownNumber)
	if f != nil {
		number = f.Number()
	}
	varint := func(v uint64) { b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v) }
	bytes := func(v []byte) { b = protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), v) }
	switch d.Next() {
	case jx.Null:
		return b, d.Null()
	case jx.Array:
		err := d.Arr(func(d *jx.Decoder) error {
			var err error
			b, err = transcodeField(b, d, f)
			return err
		})
		return b, err
	case jx.Object:
		var m protoreflect.MessageDescriptor
		if f != nil {
			m = f.Message()
		}
		v, err := transcodeObject(d, m)
		bytes(v)
		return b, err
	case jx.Bool:
		v, err := d.Bool()
		varint(protowire.EncodeBool(v))
		return b, err
	case jx.Number:
		v, err := d.Int64()
		varint(uint64(v))
		return b, err
	}
	v, err := d.Str()
	switch {
	case err != nil:
	case f == nil || f.Kind() == protoreflect.StringKind:
		bytes([]byte(v))
	case f.Kind() == protoreflect.BytesKind:
		var raw []byte
		raw, err = base64.StdEncoding.DecodeString(v)
		bytes(raw)
	case f.Kind() == protoreflect.MessageKind:
		varint(unknownValue)
	case f.Kind() == protoreflect.EnumKind:
		e := f.Enum().Values().ByName(protoreflect.Name(v))
		if e == nil {
			varint(unknownValue)
		} else {
			varint(uint64(e.Number()))
		}
	default:
		var n int64
		n, err = strconv.ParseInt(v, 10, 64)
		varint(uint64(n))
	}
	return b, err
}
