package protocol

import (
	"bytes"
	"testing"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/fuzzcorpus"
)

// FuzzClientJSON: nothing panics; what is refused is refused with a code; what is
// read is JSON, and is read as the same again once written.
func FuzzClientJSON(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","hello":{"token":"t","device":"d"}}`,
		`{"id":"2","send":{"session":"s","text":"\ud83d\ude00\u0000"},"client_id":"c","origin_time_ms":"1"}`,
		`{"create":{"kind":"KIND_GROUP","members":[{"user":"u","role":"ROLE_ADMIN"}],"policy":{"revoke_window_ms":5}},"client_id":"c"}`,
		`{"subscribe":{"session":"s","after":3}}`, `{"remove":{"session":"s","users":["a",null]},"client_id":"c"}`, `[[[[`, `{"id":`,
		`{"send":{"session":"s","content":{"media":{"kind":"MEDIA_KIND_IMAGE","preview":"AAEC"}},"refs":{"mentions":["u"]}},"client_id":"c"}`,
		`{"hide":{"session":"s","seqs":["1",2],"indexes":["1",2]},"client_id":"c"}`, `{"set_info":{"session":"s","info":{"custom":[{"name":"n"}],"name":""}},"client_id":"c"}`,
		`{"send":{"session":"s","content":{"forward":{"messages":[{"content":{"location":{"latitude_e7":-5}}}]}}},"client_id":"c"}`,
	} {
		f.Add([]byte(seed))
	}
	fuzzcorpus.Add(f)
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := ParseClientJSON(frame)
		if err != nil {
			if err.Code.Info().Text == "" {
				t.Fatalf("refused with %q, which is no code of the table", err.Code)
			}
			return
		}
		if !jx.Valid(frame) {
			t.Fatalf("read although it is not JSON: %q", frame)
		}
		written := AppendClientJSON(nil, m)
		again, err := ParseClientJSON(written)
		if err != nil || !proto.Equal(m, again) {
			t.Fatalf("%q was read as %v, written as %q, and read as %v (%v)", frame, m, written, again, err)
		}
	})
}

// FuzzServerJSON: the same for what servers send.
func FuzzServerJSON(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","error":{"code":"BUSY","retry":"later","retry_after_ms":"20","duplicate":true}}`,
		`{"event":{"session":"s","seq":"1","sent":{"index":"1","text":"t"}}}`,
		`{"history":{"events":[{"seq":"4","left":{"promoted":"p","closed":true}}],"hidden":[{"first":"1","last":"3"}]}}`,
		`{"event":{"policy_set":{"policy":{"history":"HISTORY_ALL"}}}}`, `{"event":{"invited":{"code_sha256":"AAEC","uses":3}}}`,
		`{"event":{"hidden":{"session":"s","seqs":["1"]},"session_set":{"settings":{"draft":"","pinned":false}}}}`,
	} {
		f.Add([]byte(seed))
	}
	fuzzcorpus.Add(f)
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := ParseServerJSON(frame)
		if err != nil {
			return
		}
		written := AppendServerJSON(nil, m)
		again, err := ParseServerJSON(written)
		if err != nil || !proto.Equal(m, again) {
			t.Fatalf("%q was read as %v, written as %q, and read as %v (%v)", frame, m, written, again, err)
		}
		if !bytes.Equal(written, AppendServerJSON(nil, again)) {
			t.Fatalf("%q is written in two ways", frame)
		}
	})
}

// FuzzClientProto: nothing panics; what is refused is refused with a code; what is read
// is what protobuf reads, and is read as the same again once written.
func FuzzClientProto(f *testing.F) {
	for _, seed := range []string{
		"\n\x011\x12\x03\n\x01t", "\xca\x01\x06\n\x01s\x12\x01t\xc2\x02\x01c", "\xa2\x01\x0c\b\x02\x12\x05\n\x01u\x10\x02\x1a\x00\xc2\x02\x01c", "\xff\xff", "\n\x011\x1a\x00",
	} {
		f.Add([]byte(seed))
	}
	for _, seed := range []*clientv1.ClientFrame{
		{Op: &clientv1.ClientFrame_Hide{Hide: &clientv1.Hide{Session: "s", Seqs: []uint64{1, 300}, Indexes: []uint64{1, 2}}}},
		{Op: &clientv1.ClientFrame_SetInfo{SetInfo: &clientv1.SetInfo{Info: &logv1.InfoChange{Name: proto.String("")}}}},
		{Op: &clientv1.ClientFrame_Send{Send: &clientv1.Send{Content: &logv1.Content{Kind: &logv1.Content_Location{Location: &logv1.Location{LatitudeE7: -5}}}}}},
	} {
		frame, _ := ProtoCodec.AppendClient(nil, seed)
		f.Add(frame)
	}
	fuzzcorpus.Add(f)
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := ProtoCodec.ParseClient(frame)
		if err != nil {
			if err.Code.Info().Text == "" {
				t.Fatalf("refused with %q, which is no code of the table", err.Code)
			}
			return
		}
		theirs := &clientv1.ClientFrame{}
		if err := proto.Unmarshal(frame, theirs); err != nil || !proto.Equal(m, theirs) {
			t.Fatalf("%x was read as %v, and by protobuf as %v (%v)", frame, m, theirs, err)
		}
		written, err := ProtoCodec.AppendClient(nil, m)
		if err != nil {
			t.Fatalf("%x was read as %v, and cannot be written: %v", frame, m, err)
		}
		again, err := ProtoCodec.ParseClient(written)
		if err != nil || !proto.Equal(m, again) {
			t.Fatalf("%x was read as %v, written as %x, and read as %v (%v)", frame, m, written, again, err)
		}
	})
}
