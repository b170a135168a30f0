package quarantine

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

// Line says in one line what an entry is.
func Line(e Entry) string {
	return fmt.Sprintf("%s %s %s key=%s: %s", e.Time, e.Place, e.Reason, readable(e.Record.Key), cut(e.Detail))
}

// shownDetail is how many bytes of a detail a line holds.
const shownDetail = 200

func cut(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\n", " "), "\uFFFD")
	if len(s) > shownDetail {
		return strings.ToValidUTF8(s[:shownDetail], "") + "…"
	}
	return s
}

// readable gives a text as it is and other bytes in hex.
func readable(b []byte) string {
	if utf8.Valid(b) {
		return strconv.Quote(string(b))
	}
	return "0x" + hex.EncodeToString(b)
}

// form is an entry as JSON.
type form struct {
	Place     string            `json:"place"`
	Topic     string            `json:"topic"`
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset,string"`
	Time      string            `json:"time"`
	Reason    string            `json:"reason"`
	Detail    string            `json:"detail"`
	Key       string            `json:"key"`
	Headers   map[string]string `json:"headers,omitempty"`
	// Value is as far as it can be decoded; otherwise ValueHex has it.
	Value    json.RawMessage `json:"value,omitempty"`
	ValueHex string          `json:"value_hex,omitempty"`
}

// WriteJSON writes an entry as one line of JSON, the whole record only if asked.
func WriteJSON(w io.Writer, e Entry, whole bool) error {
	f := form{
		Place: e.Place.String(), Topic: string(e.Place.Topic), Partition: e.Place.Partition, Offset: e.Place.Offset,
		Time: e.Time.String(), Reason: string(e.Reason), Detail: e.Detail, Key: readable(e.Record.Key),
	}
	if whole {
		f.Headers = map[string]string{}
		for _, h := range e.Record.Headers {
			f.Headers[h.Name] = readable(h.Value)
		}
		if text, ok := decoded(e.Record); ok {
			f.Value = json.RawMessage(text)
		} else {
			f.ValueHex = hex.EncodeToString(e.Record.Value)
		}
	}
	if err := json.NewEncoder(w).Encode(f); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// shownValue is how many bytes of an undecodable value are shown.
const shownValue = 4096

// Show writes an entry for people: the value decoded as far as possible, otherwise in hex.
func Show(w io.Writer, e Entry) error {
	var b strings.Builder
	fmt.Fprintf(&b, "place    %s\nput aside %s\nreason   %s\ndetail   %s\nkey      %s\n", e.Place, e.Time, e.Reason, e.Detail, readable(e.Record.Key))
	for _, h := range e.Record.Headers {
		fmt.Fprintf(&b, "header   %s = %s\n", h.Name, readable(h.Value))
	}
	value := e.Record.Value
	fmt.Fprintf(&b, "value    %d bytes\n", len(value))
	if text, ok := decoded(e.Record); ok {
		fmt.Fprintln(&b, text)
	} else {
		b.WriteString(hex.Dump(value[:min(len(value), shownValue)]))
		if more := len(value) - shownValue; more > 0 {
			fmt.Fprintf(&b, "… and %d bytes more; --json has them\n", more)
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// decoded gives a value as JSON by the type that the headers name. Unlike the reader it
// takes newer versions and records that say more than this program knows: whoever looks
// wants what can be seen. What is not known to this program is left out.
func decoded(rec events.Record) (string, bool) {
	typ, _ := rec.Header(events.HeaderType)
	var m proto.Message
	switch {
	case strings.HasPrefix(typ, events.TypeCommandPrefix):
		m = &logv1.Command{}
	case strings.HasPrefix(typ, events.TypeEventPrefix), typ == events.TypeRejected, typ == events.TypeAnswered:
		m = &logv1.Outcome{}
	case typ == events.TypeFence:
		m = &logv1.Fence{}
	default:
		return "", false
	}
	if len(rec.Value) == 0 || proto.Unmarshal(rec.Value, m) != nil || len(m.ProtoReflect().GetUnknown()) == len(rec.Value) {
		return "", false
	}
	text, err := protojson.MarshalOptions{Multiline: true, Indent: "  "}.Marshal(m)
	return string(text), err == nil
}
