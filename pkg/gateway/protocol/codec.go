package protocol

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// Codec reads and writes frames as a subprotocol has them.
type Codec uint8

// The codecs.
const (
	JSONCodec Codec = iota
	ProtoCodec
	// Codecs is how many there are.
	Codecs
)

var codecNames = [Codecs]string{JSON, Proto}

// Names are the subprotocols there are, by codec.
func Names() []string { return codecNames[:] }

// ByName is the codec of a subprotocol; false when there is none of that name.
func ByName(name string) (Codec, bool) {
	for c, n := range codecNames {
		if n == name {
			return Codec(c), true
		}
	}
	return 0, false
}

// String is the subprotocol's name.
func (c Codec) String() string { return codecNames[c] }

// Binary says whether frames are binary messages; they are text otherwise.
func (c Codec) Binary() bool { return c == ProtoCodec }

// ParseClient reads a client's frame. On an error the frame has the id alone, where one
// could be read, so that the refusal can be sent to it. Codes: MALFORMED_FRAME,
// UNKNOWN_OP, MISSING_FIELD, INVALID_FIELD, and INVALID_UTF8, which ends the connection.
func (c Codec) ParseClient(b []byte) (*clientv1.ClientFrame, *events.Error) {
	switch {
	case c == ProtoCodec:
		return parseClientProto(b)
	case !utf8.Valid(b):
		return &clientv1.ClientFrame{}, &events.Error{Code: events.CodeInvalidUTF8}
	}
	return ParseClientJSON(b)
}

// AppendClient appends a client's frame. Fields that the operation requires are written
// even when they are zero. The one error is INVALID_UTF8.
func (c Codec) AppendClient(b []byte, m *clientv1.ClientFrame) ([]byte, *events.Error) {
	if c == ProtoCodec {
		return appendClientProto(b, m)
	}
	out := AppendClientJSON(b, m)
	if !utf8.Valid(out[len(b):]) {
		return b, &events.Error{Code: events.CodeInvalidUTF8}
	}
	return out, nil
}

// ParseServer reads a server's frame. Fields and kinds of frame that this program does
// not know are passed over; the frame then has no kind.
func (c Codec) ParseServer(b []byte) (*clientv1.ServerFrame, error) {
	if c == JSONCodec {
		return ParseServerJSON(b)
	}
	m := &clientv1.ServerFrame{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("protocol: server frame: %w", err)
	}
	return m, nil
}

// AppendServer appends a server's frame.
func (c Codec) AppendServer(b []byte, m *clientv1.ServerFrame) []byte {
	if c == JSONCodec {
		return AppendServerJSON(b, m)
	}
	out, err := proto.MarshalOptions{}.MarshalAppend(b, m)
	if err != nil {
		// A string is not UTF-8, which protobuf can't have. JSON is bytes, which can be mended.
		text := bytes.ToValidUTF8(AppendServerJSON(nil, m), []byte("\uFFFD"))
		mended, _ := ParseServerJSON(text) // our own JSON is read
		out, _ = proto.MarshalOptions{}.MarshalAppend(b, mended)
	}
	return out
}
