package protocol

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

var clientOps = clientFrameDescriptor.Oneofs().ByName("op")

// appendClientProto appends a client's frame: what proto.Marshal writes, and the zeros
// of the operation too, which that leaves out and a strict reader would miss.
func appendClientProto(b []byte, m *clientv1.ClientFrame) ([]byte, *events.Error) {
	out, err := proto.MarshalOptions{}.MarshalAppend(b, &clientv1.ClientFrame{
		Id: m.GetId(), ClientId: m.GetClientId(), AsUser: m.GetAsUser(), OriginTimeMs: m.GetOriginTimeMs(),
	})
	if err == nil && m.GetClientId() == "" && isCommand(m) {
		out = appendZero(out, clientFrameDescriptor.Fields().ByName("client_id"))
	}
	r := m.ProtoReflect()
	if f := r.WhichOneof(clientOps); err == nil && f != nil {
		op := r.Get(f).Message()
		var args []byte
		args, err = proto.Marshal(op.Interface())
		out = protowire.AppendTag(out, f.Number(), protowire.BytesType)
		out = protowire.AppendBytes(out, appendZeros(args, op))
	}
	if err != nil {
		// Nothing else can be wrong with a message that has no required fields.
		return b, &events.Error{Code: events.CodeInvalidUTF8}
	}
	return out, nil
}

// appendZeros appends the fields that are zero and cannot be told from missing ones
// otherwise. An empty list cannot be written at all.
func appendZeros(b []byte, m protoreflect.Message) []byte {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !f.IsList() && !f.HasPresence() && !m.Has(f) {
			b = appendZero(b, f)
		}
	}
	return b
}

// appendZero appends an empty string, no bytes or the number 0.
func appendZero(b []byte, f protoreflect.FieldDescriptor) []byte {
	kind := protowire.VarintType
	if f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind {
		kind = protowire.BytesType
	}
	return append(protowire.AppendTag(b, f.Number(), kind), 0)
}
