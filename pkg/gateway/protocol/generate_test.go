package protocol

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"
)

// text draws strings that are hard to write: escapes, NUL, pairs beyond the BMP.
var text = rapid.OneOf(
	rapid.String(),
	rapid.SampledFrom([]string{"\x00", "a\u2028b", "\U0001F600", "\"\\/\b\f\n\r\t", "<script>", "\uFFFD", "é\u0301"}),
).Filter(utf8.ValidString)

// some draws a value for a field, within the protocol's limits.
func some(t *rapid.T, m protoreflect.Message, f protoreflect.FieldDescriptor) protoreflect.Value {
	label := string(f.FullName())
	switch f.Kind() {
	case protoreflect.StringKind:
		s := text.Draw(t, label)
		if f.Name() == "id" && len(s) > MaxIDBytes {
			s = "7"
		}
		if s == "" && f.ContainingOneof() == nil {
			s = "x"
		}
		return protoreflect.ValueOfString(s)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, label))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, label))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, label))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, label))
	case protoreflect.Uint32Kind:
		if f.Name() == "limit" {
			return protoreflect.ValueOfUint32(rapid.Uint32Range(0, MaxHistory).Draw(t, label))
		}
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, label))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, label))
	case protoreflect.EnumKind:
		n := rapid.IntRange(0, f.Enum().Values().Len()-1).Draw(t, label)
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n))
	case protoreflect.MessageKind:
		var sub protoreflect.Message
		if f.IsList() {
			sub = m.Mutable(f).List().NewElement().Message()
		} else {
			sub = m.NewField(f).Message()
		}
		fill(t, sub)
		return protoreflect.ValueOfMessage(sub)
	}
	panic(fmt.Sprintf("no generator for %s", f.FullName()))
}

// mandatory is what a strict reader asks for.
func mandatory(f protoreflect.FieldDescriptor) bool {
	switch f.Name() {
	case "session", "text", "seq", "kind", "token", "user", "client_id", "members", "users":
		return true
	}
	return slices.Contains(describedOps[opOf(f.ContainingMessage())], f.Name())
}

// opOf is the operation that has the message as its arguments; "" for none.
func opOf(d protoreflect.MessageDescriptor) protoreflect.Name {
	for i := range clientOps.Fields().Len() {
		if f := clientOps.Fields().Get(i); f.Message() == d {
			return f.Name()
		}
	}
	return ""
}

// fill gives every field of m a value, or leaves it out, and one of each oneof.
func fill(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if one := f.ContainingOneof(); one != nil && !one.IsSynthetic() {
			continue
		}
		if !mandatory(f) && rapid.Bool().Draw(t, "leave out "+string(f.Name())) {
			continue
		}
		if f.IsList() {
			list := m.Mutable(f).List()
			for range rapid.IntRange(1, 3).Draw(t, "length") {
				list.Append(some(t, m, f))
			}
			continue
		}
		m.Set(f, some(t, m, f))
	}
	oneofs := m.Descriptor().Oneofs()
	for i := range oneofs.Len() {
		if one := oneofs.Get(i); !one.IsSynthetic() {
			f := one.Fields().Get(rapid.IntRange(0, one.Fields().Len()-1).Draw(t, string(one.Name())))
			if f.Name() == "forward" && rapid.IntRange(0, 3).Draw(t, "forward") > 0 {
				f = one.Fields().ByName("text") // else they lie too deep within each other now and then
			}
			m.Set(f, some(t, m, f))
		}
	}
}

// drawn fills m.
func drawn[M proto.Message](t *rapid.T, m M) M {
	fill(t, m.ProtoReflect())
	return m
}
