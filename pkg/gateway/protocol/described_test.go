package protocol

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// TestDescribedFieldsFit: each field of a message that may be read by its descriptor has a bit
// of its own, and every operation and what it requires is in the schema.
func TestDescribedFieldsFit(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	var walk func(d protoreflect.MessageDescriptor)
	walk = func(d protoreflect.MessageDescriptor) {
		if seen[d.FullName()] {
			return
		}
		seen[d.FullName()] = true
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			if describedBit(f) == unknownField {
				t.Errorf("%s: its number leaves no bit for it in a fieldSet", f.FullName())
			}
			if f.Message() != nil {
				walk(f.Message())
			}
		}
	}
	for _, ops := range []map[protoreflect.Name][]protoreflect.Name{describedOps, describedReads} {
		for op, required := range ops {
			message := clientOps.Fields().ByName(op).Message()
			walk(message)
			for _, name := range required {
				if message.Fields().ByName(name) == nil {
					t.Errorf("%s requires %s, which it does not have", op, name)
				}
			}
		}
	}
	for i := range eventKinds.Fields().Len() {
		walk(eventKinds.Fields().Get(i).Message())
	}
}

// TestPackedNumbers: packed, one by one, or both, numbers are the same list; none is a list left
// out.
func TestPackedNumbers(t *testing.T) {
	frame := func(seqs ...[]byte) []byte {
		args := append(protowire.AppendString(protowire.AppendTag(nil, 1, bytesType), "s"), bytes.Join(seqs, nil)...)
		args = append(args, 3<<3, 1) // an index
		b := protowire.AppendBytes(protowire.AppendTag(nil, clientOps.Fields().ByName("hide").Number(), bytesType), args)
		return protowire.AppendString(protowire.AppendTag(b, 40, bytesType), "c")
	}
	packed := func(n ...byte) []byte { return protowire.AppendBytes(protowire.AppendTag(nil, 2, bytesType), n) }
	single := func(n byte) []byte { return []byte{2 << 3, n} }
	for what, test := range map[string]struct {
		frame []byte
		want  []uint64
		code  events.Code
	}{
		"packed":             {frame(packed(1, 2)), []uint64{1, 2}, ""},
		"one by one":         {frame(single(1), single(2)), []uint64{1, 2}, ""},
		"both":               {frame(packed(1, 2), single(3), packed(4)), []uint64{1, 2, 3, 4}, ""},
		"empty among others": {frame(packed(), single(3)), []uint64{3}, ""},
		"empty":              {frame(packed()), nil, events.CodeMissingField},
		"half a number":      {frame(packed(0x80)), nil, events.CodeMalformedFrame},
	} {
		m, err := ProtoCodec.ParseClient(test.frame)
		if test.code != "" {
			if err == nil || err.Code != test.code {
				t.Errorf("%s: got %v, %v; want %s", what, m, err, test.code)
			}
			continue
		}
		theirs := &clientv1.ClientFrame{}
		if err := proto.Unmarshal(test.frame, theirs); err != nil {
			t.Fatal(err)
		}
		if err != nil || !slices.Equal(m.GetHide().GetSeqs(), test.want) || !proto.Equal(m, theirs) {
			t.Errorf("%s: got %v, %v; want the seqs %v", what, m, err, test.want)
		}
	}
}

// TestContentsOfTheFuture: a content or an event of a kind that is not known yet is none, and of
// two that exclude each other the last one counts, as in protobuf.
func TestContentsOfTheFuture(t *testing.T) {
	m, err := ParseServerJSON([]byte(`{"event":{"seq":"1","sent":{"content":{"hologram":{"beams":[1]}},"refs":{"mood":1,"priority":"PRIORITY_LATER"}}}}`))
	if sent := m.GetEvent().GetSent(); err != nil || sent == nil || sent.GetContent().GetKind() != nil || sent.GetRefs().GetPriority() != 0 {
		t.Errorf("got %v, %v; want a message of unknown content", m, err)
	}
	m, err = ParseServerJSON([]byte(`{"event":{"seq":"1","folded":{"into":"s"}}}`))
	if err != nil || m.GetEvent().GetSeq() != 1 || m.GetEvent().GetEvent() != nil {
		t.Errorf("got %v, %v; want an event of unknown kind", m, err)
	}
	m, err = ParseServerJSON([]byte(`{"event":{"sent":{"content":{"text":{"text":"t"},"custom":{"type":"c"}}}}}`))
	if err != nil || m.GetEvent().GetSent().GetContent().GetCustom().GetType() != "c" {
		t.Errorf("got %v, %v; want the last of the two contents", m, err)
	}
}
