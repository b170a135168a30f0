package protocol

import (
	"bytes"
	"testing"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/proto"
)

// FuzzClientJSON: nothing panics; what is refused is refused with a code; what is
// read is JSON, and is read as the same again once written.
func FuzzClientJSON(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","hello":{"token":"t","device":"d"}}`,
		`{"id":"2","send":{"session":"s","text":"\ud83d\ude00\u0000"},"client_id":"c","origin_time_ms":"1"}`,
		`{"create":{"kind":"KIND_GROUP","members":[{"user":"u","role":"ROLE_ADMIN"}],"policy":{"revoke_window_ms":5}},"client_id":"c"}`,
		`{"subscribe":{"session":"s","after":3}}`, `{"remove":{"session":"s","users":["a",null]},"client_id":"c"}`, `[[[[`, `{"id":`,
	} {
		f.Add([]byte(seed))
	}
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
	} {
		f.Add([]byte(seed))
	}
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
