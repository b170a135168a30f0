package protocol

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	clientv1 "annal/gen/annal/client/v1"
)

var byName = protojson.MarshalOptions{UseProtoNames: true}

func same(t *rapid.T, what string, want, got proto.Message) {
	t.Helper()
	if !proto.Equal(want, got) {
		t.Fatalf("%s:\nwant %v\n got %v", what, want, got)
	}
}

func TestClientFramesAgreeWithProtoJSON(t *testing.T) {
	ops := (&clientv1.ClientFrame{}).ProtoReflect().Descriptor().Oneofs().ByName("op").Fields()
	for i := range ops.Len() {
		op := ops.Get(i)
		t.Run(string(op.Name()), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { clientAgrees(t, op) })
		})
	}
}

func clientAgrees(t *rapid.T, op protoreflect.FieldDescriptor) {
	m := drawn(t, &clientv1.ClientFrame{})
	m.ProtoReflect().Set(op, some(t, m.ProtoReflect(), op, 0))
	required := hasZeroRequired(m)

	ours := AppendClientJSON(nil, m)
	theirs := &clientv1.ClientFrame{}
	if err := protojson.Unmarshal(ours, theirs); err != nil {
		t.Fatalf("protojson does not read %s: %v", ours, err)
	}
	same(t, "protojson reads ours", m, theirs)

	back, perr := ParseClientJSON(ours)
	if perr != nil {
		t.Fatalf("we do not read our own %s: %v", ours, perr)
	}
	same(t, "we read ours", m, back)
	clientAgreesInProto(t, m)

	written, err := byName.Marshal(m)
	if err != nil {
		t.Fatalf("protojson does not write: %v", err)
	}
	if required {
		return // ProtoJSON leaves zeros out, which a strict reader misses.
	}
	got, perr := ParseClientJSON(written)
	if perr != nil {
		t.Fatalf("we do not read protojson's %s: %v", written, perr)
	}
	same(t, "we read protojson's", m, got)
}

// clientAgreesInProto: what we write is protobuf to anybody, and we read it as the same.
func clientAgreesInProto(t *rapid.T, m *clientv1.ClientFrame) {
	t.Helper()
	ours, perr := ProtoCodec.AppendClient([]byte("before"), m)
	if perr != nil || !bytes.HasPrefix(ours, []byte("before")) {
		t.Fatalf("we do not write %v: %q, %v", m, ours, perr)
	}
	ours = ours[len("before"):]
	theirs := &clientv1.ClientFrame{}
	if err := proto.Unmarshal(ours, theirs); err != nil {
		t.Fatalf("proto does not read %x: %v", ours, err)
	}
	same(t, "proto reads ours", m, theirs)
	back, perr := ProtoCodec.ParseClient(ours)
	if perr != nil {
		t.Fatalf("we do not read our own %x: %v", ours, perr)
	}
	same(t, "we read ours", m, back)
}

// hasZeroRequired says whether a required number or enum of the operation is zero.
func hasZeroRequired(m *clientv1.ClientFrame) bool {
	zero := false
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() == nil {
			return true
		}
		fields := f.Message().Fields()
		for i := range fields.Len() {
			sub := fields.Get(i)
			zero = zero || mandatory(sub) && !v.Message().Has(sub)
		}
		return true
	})
	return zero
}

func TestServerFramesAgreeWithProtoJSON(t *testing.T) {
	kinds := (&clientv1.ServerFrame{}).ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields()
	for i := range kinds.Len() {
		kind := kinds.Get(i)
		t.Run(string(kind.Name()), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { serverAgrees(t, kind) })
		})
	}
}

func TestEventsAgreeWithProtoJSON(t *testing.T) {
	for i := range eventKinds.Fields().Len() {
		kind := eventKinds.Fields().Get(i)
		t.Run(string(kind.Name()), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				e := drawn(t, &clientv1.Event{})
				e.ProtoReflect().Set(kind, some(t, e.ProtoReflect(), kind, 1))
				serverFrameAgrees(t, &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Event{Event: e}})
			})
		})
	}
}

func serverAgrees(t *rapid.T, kind protoreflect.FieldDescriptor) {
	m := drawn(t, &clientv1.ServerFrame{})
	m.ProtoReflect().Set(kind, some(t, m.ProtoReflect(), kind, 0))
	serverFrameAgrees(t, m)
}

func serverFrameAgrees(t *rapid.T, m *clientv1.ServerFrame) {
	ours := AppendServerJSON(nil, m)
	theirs := &clientv1.ServerFrame{}
	if err := protojson.Unmarshal(ours, theirs); err != nil {
		t.Fatalf("protojson does not read %s: %v", ours, err)
	}
	same(t, "protojson reads ours", m, theirs)

	written, err := byName.Marshal(m)
	if err != nil {
		t.Fatalf("protojson does not write: %v", err)
	}
	for _, b := range [][]byte{ours, written} {
		got, err := ParseServerJSON(b)
		if err != nil {
			t.Fatalf("we do not read %s: %v", b, err)
		}
		same(t, "we read", m, got)
	}
	got, err := ProtoCodec.ParseServer(ProtoCodec.AppendServer(nil, m))
	if err != nil {
		t.Fatalf("we do not read our protobuf of %v: %v", m, err)
	}
	same(t, "we read in protobuf", m, got)
}
