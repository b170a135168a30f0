package protocol

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cockroachdb/datadriven"
)

// judged is what comes of a frame: the code it is refused with, or what was read.
func judged(c Codec, frame []byte) string {
	m, err := c.ParseClient(frame)
	if err != nil {
		return fmt.Sprintf("%s (id %q)\n", err, m.GetId())
	}
	return string(AppendClientJSON(nil, m)) + "\n"
}

func input(d *datadriven.TestData) string {
	return strings.ReplaceAll(d.Input, "<64>", strings.Repeat("i", 64))
}

// TestRefusals runs testdata/both: a frame, and the code it is refused with, in either
// notation. The texts may differ, the codes and what is read may not.
func TestRefusals(t *testing.T) {
	datadriven.RunTest(t, "testdata/both", func(t *testing.T, d *datadriven.TestData) string {
		asJSON, asProto := judged(JSONCodec, []byte(input(d))), judged(ProtoCodec, transcoded(t, input(d)))
		if asJSON == asProto {
			return asJSON
		}
		if refusal(asJSON) == "" || refusal(asJSON) != refusal(asProto) {
			t.Errorf("%s: %s, in protobuf %s", d.Input, asJSON, asProto)
		}
		return asJSON + asProto
	})
}

// refusal is the code and the id of a refusal, without the text; "" for a frame.
func refusal(judged string) string {
	if strings.HasPrefix(judged, "{") {
		return ""
	}
	code, _, _ := strings.Cut(judged, ":")
	return code + judged[strings.LastIndex(judged, "("):]
}

// TestRefusalsOfJSON runs testdata/json: what can only be said, or done wrong, in JSON.
func TestRefusalsOfJSON(t *testing.T) {
	datadriven.RunTest(t, "testdata/json", func(_ *testing.T, d *datadriven.TestData) string {
		return judged(JSONCodec, []byte(input(d)))
	})
}

func TestStringsStayByteForByte(t *testing.T) {
	want := "NUL \x00, not UTF-8 \xff\xc0\x80, \u2028"
	frame := []byte("{\"client_id\":\"c\",\"send\":{\"session\":\"s\",\"text\":\"NUL \\u0000, not UTF-8 \xff\xc0\x80, \u2028\"}}")
	m, err := ParseClientJSON(frame)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.GetSend().GetText(); got != want {
		t.Errorf("text is %q, want %q", got, want)
	}
	again, err := ParseClientJSON(AppendClientJSON(nil, m))
	if err != nil || again.GetSend().GetText() != want {
		t.Errorf("text is %q after writing and reading (%v), want %q", again.GetSend().GetText(), err, want)
	}
}

func TestDetailsAreShortUTF8(t *testing.T) {
	for _, frame := range []string{"{\"\xff\xfe\":{}}", `{"` + strings.Repeat("k", 1<<20) + `":{}}`, `{"ping":{"` + strings.Repeat("é", 1000) + `":1}}`} {
		_, err := ParseClientJSON([]byte(frame))
		if err == nil || !utf8.ValidString(err.Detail) || len(err.Detail) > maxDetail+2 {
			t.Errorf("%.40q is refused with %.300q; want a detail of %d bytes at most, and UTF-8", frame, err, maxDetail)
		}
	}
}

func TestServerFramesOfTheFuture(t *testing.T) {
	m, err := ParseServerJSON([]byte(`{"id":"1","ack":{"seq":"7","mood":{"a":[1,{}]}},"extra":[null]}`))
	if err != nil || m.GetAck().GetSeq() != 7 {
		t.Errorf("got %v, %v; want the ack with seq 7, unknown fields passed over", m, err)
	}
	m, err = ParseServerJSON([]byte(`{"id":"1","poem":{"lines":3}}`))
	if err != nil || m.GetKind() != nil || m.GetId() != "1" {
		t.Errorf("got %v, %v; want a frame without kind", m, err)
	}
	m, err = ParseServerJSON([]byte(`{"sync":{"sessions":[{"kind":"KIND_LATER","role":9}]}}`))
	if err != nil || m.GetSync().GetSessions()[0].GetKind() != 0 {
		t.Errorf("got %v, %v; want an unknown name read as unspecified", m, err)
	}
	for _, bad := range []string{``, `{`, `[]`, `{"ack":{"seq":"x"}}`, `{"ack":{}}{}`, `{"id":"\ud800"}`} {
		if m, err := ParseServerJSON([]byte(bad)); err == nil {
			t.Errorf("%q is read as %v, want an error", bad, m)
		}
	}
}
