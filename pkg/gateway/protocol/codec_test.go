package protocol

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

func TestCodecsHaveNames(t *testing.T) {
	for i, name := range Names() {
		c, ok := ByName(name)
		if !ok || c != Codec(i) || c.String() != name {
			t.Errorf("%s is codec %d (%v), want %d", name, c, ok, i)
		}
	}
	if c, ok := ByName("annal.v0"); ok {
		t.Errorf("annal.v0 is %v, want none", c)
	}
}

// TestNotUTF8: neither codec lets a string in or out that is not UTF-8.
func TestNotUTF8(t *testing.T) {
	asProto := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "\xc3\x28")
	for c, frame := range map[Codec][]byte{JSONCodec: []byte("{\"id\":\"\xc3\x28\",\"ping\":{}}"), ProtoCodec: asProto} {
		if m, err := c.ParseClient(frame); err == nil || err.Code != events.CodeInvalidUTF8 || m.GetId() != "" {
			t.Errorf("%s reads %v, %v; want INVALID_UTF8", c, m, err)
		}
		for _, m := range []*clientv1.ClientFrame{
			{Id: "\xff", Op: &clientv1.ClientFrame_Ping{Ping: &clientv1.Ping{}}},
			{ClientId: "c", Op: &clientv1.ClientFrame_Send{Send: &clientv1.Send{Session: "s", Text: "\xc3\x28"}}},
		} {
			if b, err := c.AppendClient([]byte("x"), m); err == nil || err.Code != events.CodeInvalidUTF8 || string(b) != "x" {
				t.Errorf("%s writes %v as %q, %v; want INVALID_UTF8", c, m, b, err)
			}
		}
	}
	m := &clientv1.ServerFrame{Id: "1", Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{Code: "X", Message: "no \xff"}}}
	got, err := ProtoCodec.ParseServer(ProtoCodec.AppendServer(nil, m))
	if err != nil || got.GetId() != "1" || got.GetError().GetCode() != "X" || got.GetError().GetMessage() != "no \uFFFD" {
		t.Errorf("a server's string that is not UTF-8 came as %v, %v; want it mended", got, err)
	}
}

func TestServerFramesOfTheFutureInProto(t *testing.T) {
	poem := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "1")
	poem = protowire.AppendBytes(protowire.AppendTag(poem, 99, protowire.BytesType), []byte("lines"))
	m, err := ProtoCodec.ParseServer(poem)
	if err != nil || m.GetKind() != nil || m.GetId() != "1" || len(m.ProtoReflect().GetUnknown()) > 0 {
		t.Errorf("got %v, %v; want a frame without kind", m, err)
	}
	if m, err := ProtoCodec.ParseServer([]byte{0x0a, 5}); err == nil {
		t.Errorf("half a frame is read as %v, want an error", m)
	}
}

// TestRefusalsOfProto is what can only be done wrong in protobuf. The frames are
// {"id":"1","ping":{}} and {"id":"1","mark_read":...} with something amiss.
func TestRefusalsOfProto(t *testing.T) {
	tag := func(n protowire.Number, kind protowire.Type) []byte { return protowire.AppendTag(nil, n, kind) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	field := func(n protowire.Number, value ...[]byte) []byte {
		return protowire.AppendBytes(tag(n, protowire.BytesType), join(value...))
	}
	id, ping, clientID, session := field(1, []byte("1")), field(3), field(40, []byte("c")), field(1, []byte("s"))
	over := bytes.Repeat([]byte{0xff}, 10)
	for _, test := range []struct {
		what  string
		frame []byte
		want  events.Code
		id    string
	}{
		{"nothing", nil, events.CodeUnknownOp, ""},
		{"half a tag", join(id, ping, []byte{0x80}), events.CodeMalformedFrame, "1"},
		{"a length beyond the end", join(id, tag(3, protowire.BytesType), []byte{9}), events.CodeMalformedFrame, "1"},
		{"a length beyond the message", join(id, field(29, tag(1, protowire.BytesType), []byte{40}), clientID), events.CodeMalformedFrame, "1"},
		{"a varint of 11 bytes", join(id, field(29, session, tag(2, protowire.VarintType), over, []byte{1}), clientID), events.CodeMalformedFrame, "1"},
		{"a fixed number for a varint", join(id, field(29, session, tag(2, protowire.Fixed64Type), make([]byte, 8)), clientID), events.CodeMalformedFrame, "1"},
		{"a group", join(id, tag(3, protowire.StartGroupType), tag(3, protowire.EndGroupType)), events.CodeMalformedFrame, "1"},
		{"the field number 0", join(id, []byte{0}), events.CodeMalformedFrame, "1"},
		{"a limit of 2^32", join(id, field(6, tag(2, protowire.VarintType), protowire.AppendVarint(nil, 1<<32))), events.CodeInvalidField, "1"},
		{"a negative kind", join(id, field(20, tag(1, protowire.VarintType), over[:9], []byte{1}), clientID), events.CodeInvalidField, "1"},
		{"no members, which is a missing list", join(id, field(21, session), clientID), events.CodeMissingField, "1"},
		{"JSON, whose brace is the tag of field 15", []byte(`{"id":"1","ping":{}}`), events.CodeUnknownOp, ""},
		{"a text that is not UTF-8", join(id, field(25, session, field(2, []byte("\xed\xa0\x80"))), clientID), events.CodeInvalidUTF8, "1"},
		{"an unknown field's name is bounded", join(id, field(1<<29-1)), events.CodeUnknownOp, "1"},
	} {
		m, err := ProtoCodec.ParseClient(test.frame)
		if err == nil || err.Code != test.want || m.GetId() != test.id || m.GetOp() != nil {
			t.Errorf("%s: got %v, %v; want %s and the id %q", test.what, m, err, test.want, test.id)
		}
	}
	good := join(id, field(21, session, field(2, session), field(2, session)), clientID)
	if m, err := ProtoCodec.ParseClient(good); err != nil || len(m.GetAdd().GetMembers()) != 2 {
		t.Errorf("two members: got %v, %v; want both", m, err)
	}
}
