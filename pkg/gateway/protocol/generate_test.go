package protocol

import (
	"fmt"
	"slices"
	"strings"
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

// mostDrawn is how deep messages are drawn within each other.
const mostDrawn = 9

// some draws a value for a field, within the protocol's limits. Depth is how many messages lie
// around.
func some(t *rapid.T, m protoreflect.Message, f protoreflect.FieldDescriptor, depth int) protoreflect.Value {
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
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, label))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, label))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, label))
	case protoreflect.Uint32Kind:
		if f.Name() == "limit" {
			return protoreflect.ValueOfUint32(rapid.Uint32Range(0, MaxSearch).Draw(t, label))
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
		fill(t, sub, depth+1)
		return protoreflect.ValueOfMessage(sub)
	}
	panic(fmt.Sprintf("no generator for %s", f.FullName()))
}

// mandatoryIn are the fields that a strict reader asks for, by message. A text is not among
// them, since other content may stand instead; fill sees to that.
var mandatoryIn = func() map[protoreflect.Name]string {
	all := map[protoreflect.Name]string{
		"ClientFrame": "client_id", "NewMember": "user", "Hello": "token", "Subscribe": "session", "Unsubscribe": "session",
		"History": "session", "Members": "session", "Typing": "session", "Info": "session", "Changes": "session", "Search": "text", "Receipts": "session seq", "Create": "kind", "Add": "session members",
		"Remove": "session users", "Join": "session", "Leave": "session", "Send": "session", "Override": "session seq",
		"Revoke": "session seq", "Delete": "session seq", "MarkRead": "session seq",
	}
	for _, ops := range []map[protoreflect.Name][]protoreflect.Name{describedOps, describedReads} {
		for op, names := range ops {
			message := clientOps.Fields().ByName(op).Message().Name()
			for _, name := range names {
				all[message] += " " + string(name)
			}
		}
	}
	return all
}()

func mandatory(f protoreflect.FieldDescriptor) bool {
	return slices.Contains(strings.Fields(mandatoryIn[f.ContainingMessage().Name()]), string(f.Name()))
}

// fill gives every field of m a value, or leaves it out, and one of each oneof.
func fill(t *rapid.T, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if one := f.ContainingOneof(); one != nil && !one.IsSynthetic() {
			continue
		}
		if !mandatory(f) && (depth > mostDrawn || rapid.Bool().Draw(t, "leave out "+string(f.Name()))) {
			continue
		}
		if f.IsList() {
			list := m.Mutable(f).List()
			for range rapid.IntRange(1, 3).Draw(t, "length") {
				list.Append(some(t, m, f, depth))
			}
			continue
		}
		m.Set(f, some(t, m, f, depth))
	}
	oneofs := m.Descriptor().Oneofs()
	for i := range oneofs.Len() {
		if one := oneofs.Get(i); !one.IsSynthetic() {
			// The deepest content is the first of its kinds, which holds no other.
			f := one.Fields().Get(0)
			if depth <= mostDrawn {
				f = one.Fields().Get(rapid.IntRange(0, one.Fields().Len()-1).Draw(t, string(one.Name())))
			}
			m.Set(f, some(t, m, f, depth))
		}
	}
	if said, content := fields.ByName("text"), fields.ByName("content"); said != nil && content != nil && !m.Has(content) {
		m.Set(said, some(t, m, said, depth))
	}
}

// drawn fills m.
func drawn[M proto.Message](t *rapid.T, m M) M {
	fill(t, m.ProtoReflect(), 0)
	return m
}
