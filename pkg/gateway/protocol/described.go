package protocol

import (
	"encoding/base64"
	"math"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// What is sent seldom is read and written by its descriptor, by the same rules as all else.

// describedOps are the operations that are; each with the fields it requires.
var describedOps = map[protoreflect.Name][]protoreflect.Name{
	"set_info": {"session", "info"}, "set_policy": {"session", "policy"}, "set_role": {"session", "user", "role"}, "mute": {"session", "until_ms"},
	"dismiss": {"session"}, "ask": {"session"}, "refuse": {"session", "users"}, "invite": {"session", "code"}, "uninvite": {"session", "code"},
	"react": {"session", "seq", "emoji"}, "pin": {"session", "seq"}, "mark_delivered": {"session", "seq"}, "contact": {"session", "step"},
	"report": {"session", "seq"}, "hide": {"session", "seqs", "indexes"}, "set_session": {"session", "settings"}, "set_device": {"device"}, "close_account": {},
	"sign_up": {"method"}, "sign_in": {"login", "device", "kind"}, "sign_out": {}, "ban": {}, "unban": {},
	"set_profile": {"profile"}, "set_privacy": {"privacy"}, "set_notifications": {"notifications"},
}

// describedReads are operations that are, too, and are no commands.
var describedReads = map[protoreflect.Name][]protoreflect.Name{"presence": {"users"}, "watch_presence": {}, "set_away": {"away"}}

// requiredBy are the fields that an operation requires; false when it is none of these.
func requiredBy(op protoreflect.Name) ([]protoreflect.Name, bool) {
	if required, ok := describedOps[op]; ok {
		return required, true
	}
	required, ok := describedReads[op]
	return required, ok
}

// mostNesting bounds how deep messages lie within each other: a forward has messages that have
// content, and so on.
const mostNesting = 16

// described is a message by its descriptor.
type described struct{ m protoreflect.Message }

// ProtoReflect makes it a message like all others.
func (d *described) ProtoReflect() protoreflect.Message { return d.m }

// describedOp reads the operation of that name into the frame; false when there is no such one.
func describedOp(r *reader, m *clientv1.ClientFrame, name []byte) bool {
	required, ok := requiredBy(protoreflect.Name(name))
	if !ok {
		return false
	}
	f := clientOps.Fields().ByName(protoreflect.Name(name))
	op := m.ProtoReflect().NewField(f)
	seen := describedMessage(r, op.Message())
	m.ProtoReflect().Set(f, op)
	for _, name := range required {
		if seen&describedBit(f.Message().Fields().ByName(name)) == 0 {
			r.fail(events.CodeMissingField, "%s is missing", name)
		}
	}
	return true
}

// isDescribed says whether the frame's operation is one of describedOps.
func isDescribed(m *clientv1.ClientFrame) bool {
	f := m.ProtoReflect().WhichOneof(clientOps)
	return f != nil && describedOps[f.Name()] != nil
}

// sub reads a message in a field; nil for none.
func sub[M proto.Message](r *reader, had M) M {
	var none M
	if r.null() || r.failed() {
		return none
	}
	m := had.ProtoReflect().Type().New()
	describedMessage(r, m)
	return m.Interface().(M)
}

func describedMessage(r *reader, m protoreflect.Message) fieldSet {
	if r.depth++; r.depth > mostNesting {
		r.fail(events.CodeInvalidField, "messages lie too deep within each other")
		return 0
	}
	seen := object(r, &described{m}, describedField)
	r.depth--
	return seen
}

// describedBit is a field of a described message in a fieldSet.
func describedBit(f protoreflect.FieldDescriptor) fieldSet {
	return fieldDescribed << f.Number()
}

func describedField(r *reader, d *described, key []byte) fieldSet {
	f := d.m.Descriptor().Fields().ByName(protoreflect.Name(key))
	if f == nil {
		return unknownField
	}
	if r.null() {
		return describedBit(f)
	}
	if f.IsList() {
		return describedList(r, d.m, f)
	}
	if one := f.ContainingOneof(); one != nil && !one.IsSynthetic() && !r.lenient && d.m.WhichOneof(one) != nil {
		r.fail(events.CodeInvalidField, "it excludes what stands before it")
		return describedBit(f)
	}
	if v := describedValue(r, d.m.NewField(f), f); !r.failed() {
		d.m.Set(f, v)
	}
	return describedBit(f)
}

// describedList reads a list, in protobuf one element or packed ones more of it. A list that is
// packed and empty is none, as if it were left out: it could not be told from that once written.
func describedList(r *reader, m protoreflect.Message, f protoreflect.FieldDescriptor) fieldSet {
	all := m.Mutable(f).List()
	read := func(r *reader) protoreflect.Value {
		if r.null() {
			r.fail(events.CodeMalformedFrame, "null is no element of a list")
		}
		var empty protoreflect.Value
		if f.Message() != nil {
			empty = all.NewElement()
		}
		return describedValue(r, empty, f)
	}
	var values []protoreflect.Value
	if r.binary && f.IsPacked() && r.wire.next == bytesType {
		values = packed(r, read)
	} else {
		values = list(r, values, read)
	}
	if r.failed() {
		return describedBit(f)
	}
	for _, v := range values {
		all.Append(v)
	}
	switch {
	case !r.binary:
		return describedBit(f)
	case len(values) == 0:
		return fieldRepeated
	}
	return describedBit(f) | fieldRepeated
}

// describedValue reads one value of a field; empty is a new one where it is a message.
func describedValue(r *reader, empty protoreflect.Value, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(r.str())
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(r.bytes())
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.boolean())
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(r.uint64())
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(r.int64())
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(r.uint32())
	case protoreflect.Int32Kind:
		n := r.int64()
		if n != int64(int32(n)) {
			r.fail(events.CodeInvalidField, "%d is not from %d to %d", n, math.MinInt32, math.MaxInt32)
		}
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(enum[protoreflect.EnumNumber](r, enumValues(f.Enum())))
	case protoreflect.MessageKind:
		describedMessage(r, empty.Message())
		return empty
	}
	panic("protocol: no reading of " + string(f.FullName()))
}

// bytes reads bytes, in JSON as base64.
func (r *reader) bytes() []byte {
	if r.binary {
		return append([]byte{}, r.payload()...)
	}
	text := r.str()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		r.fail(events.CodeInvalidField, "bytes are written as base64")
	}
	return b
}

var enums sync.Map // of map[string]int32 by protoreflect.FullName

// enumValues are an enum's values by name.
func enumValues(d protoreflect.EnumDescriptor) map[string]int32 {
	if known, ok := enums.Load(d.FullName()); ok {
		return known.(map[string]int32)
	}
	values := map[string]int32{}
	for i := range d.Values().Len() {
		v := d.Values().Get(i)
		values[string(v.Name())] = int32(v.Number())
	}
	enums.Store(d.FullName(), values)
	return values
}

// sub writes a field that is a message; it is left out when there is none.
func (w *writer) sub(name string, m proto.Message) {
	if r := m.ProtoReflect(); r.IsValid() {
		w.key(name)
		writeDescribed(w, r)
	}
}

// writeDescribed writes a message, and its required fields even when they are zero.
func writeDescribed(w *writer, m protoreflect.Message, required ...protoreflect.Name) {
	w.jx.ObjStart()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		needed := false
		for _, name := range required {
			needed = needed || f.Name() == name
		}
		if !m.Has(f) && !(needed && (f.IsList() || !f.HasPresence())) {
			continue
		}
		w.key(string(f.Name()))
		if !f.IsList() {
			writeDescribedValue(w, f, m.Get(f))
			continue
		}
		w.jx.ArrStart()
		for j := range m.Get(f).List().Len() {
			if j > 0 {
				w.jx.Comma()
			}
			writeDescribedValue(w, f, m.Get(f).List().Get(j))
		}
		w.jx.ArrEnd()
	}
	w.close()
}

func writeDescribedValue(w *writer, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch f.Kind() {
	case protoreflect.StringKind:
		w.jx.Str(v.String())
	case protoreflect.BytesKind:
		w.jx.Str(base64.StdEncoding.EncodeToString(v.Bytes()))
	case protoreflect.BoolKind:
		w.jx.Bool(v.Bool())
	case protoreflect.Uint64Kind:
		w.jx.RawStr(`"`)
		w.jx.UInt64(v.Uint())
		w.jx.RawStr(`"`)
	case protoreflect.Int64Kind:
		w.jx.RawStr(`"`)
		w.jx.Int64(v.Int())
		w.jx.RawStr(`"`)
	case protoreflect.Uint32Kind:
		w.jx.UInt32(uint32(v.Uint()))
	case protoreflect.Int32Kind:
		w.jx.Int32(int32(v.Int()))
	case protoreflect.EnumKind:
		if name := f.Enum().Values().ByNumber(v.Enum()); name != nil {
			w.jx.Str(string(name.Name()))
		} else {
			w.jx.Int32(int32(v.Enum()))
		}
	case protoreflect.MessageKind:
		writeDescribed(w, v.Message())
	default:
		panic("protocol: no writing of " + string(f.FullName()))
	}
}
