package events_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
)

var update = flag.Bool("update", false, "write schemas/golden again: only for types that no log holds yet")

var sampleEnvelope = events.Envelope{
	Source:      "annal/test",
	TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}

// goldens are the stored bytes of every type, by file name.
func goldens(t *testing.T) map[string]events.Record {
	t.Helper()
	out := map[string]events.Record{}
	add := func(name string, r events.Record, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = r
	}
	for name, op := range sampleOps() {
		r, err := events.EncodeCommand(sampleCommand(op), sampleEnvelope)
		add("command."+name, r, err)
	}
	for name, e := range sampleEvents() {
		r, err := events.EncodeOutcome(sampleOutcome(events.Accepted{Seq: 12, Event: e}), sampleStamp, sampleEnvelope)
		add("event."+name, r, err)
	}
	for name, content := range sampleContents() {
		e := events.Sent{Index: 5, Body: events.Body{Plain: content}, Refs: sampleRefs}
		r, err := events.EncodeOutcome(sampleOutcome(events.Accepted{Seq: 12, Event: e}), sampleStamp, sampleEnvelope)
		add("event.sent."+name, r, err)
	}
	c := sampleCommand(sampleOps()["send"])
	r, err := events.EncodeOutcome(sampleOutcome(events.Rejected{Code: events.CodeNotAMember, Detail: "why", Seq: 12, Command: &c}), sampleStamp, sampleEnvelope)
	add("rejected", r, err)
	c = sampleCommand(sampleOps()["add"])
	c.Wishes = []events.Wish{{User: "bob", Lets: events.AudienceContacts, Contact: true}, {User: "carol", Lets: events.AudienceNobody}}
	r, err = events.EncodeCommand(c, sampleEnvelope)
	add("command.add.wishes", r, err)
	r, err = events.EncodeOutcome(sampleOutcome(events.Answered{
		Code:    events.CodeDuplicate,
		Earlier: events.Earlier{Code: events.CodeSessionFull, Seq: 8, Index: 3, ID: events.NewID(5, "c", 1, 2), Time: 5},
	}), sampleStamp, sampleEnvelope)
	add("answered", r, err)
	r, err = events.EncodeFence(events.Fence{Owner: sampleOwner, After: events.Owner{N: 6, Random: [16]byte{1}}}, sampleEnvelope)
	add("fence", r, err)
	r, err = events.EncodeQuarantined(events.Quarantined{
		Topic: "annal.events", Partition: 2, Offset: 77, Reason: events.PoisonValue, Detail: "bad",
		Record: events.Record{Key: []byte("k"), Value: []byte{0xFF}, Headers: []events.Header{{Name: "h", Value: []byte("v")}}},
	}, sampleEnvelope)
	add("quarantined", r, err)
	r, err = events.EncodeSnapshot(sampleSnapshot, sampleEnvelope)
	add("snapshot", r, err)
	r, err = events.EncodeChunk("g_session", 70, 1, sampleSnapshot.Rows, sampleEnvelope)
	add("snapshot.chunk", r, err)
	r, err = events.EncodeCheckpoint(sampleCheckpoint, sampleEnvelope)
	add("checkpoint", r, err)
	add("mark", events.EncodeMark(sampleEnvelope), nil)
	for k, row := range sampleRows() {
		b, err := events.EncodeRow(row)
		add("row."+strings.ToLower(reflect.TypeOf(row).Name()), events.Record{Key: []byte(k), Value: b}, err)
	}
	return out
}

func render(r events.Record) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "key %q\n", r.Key)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "header %s %q\n", h.Name, h.Value)
	}
	for v := range slices.Chunk(r.Value, 32) {
		fmt.Fprintf(&b, "value %x\n", v)
	}
	return b.Bytes()
}

// The log is kept for ever: what was once written must be written and read alike.
func TestGoldenBytes(t *testing.T) {
	dir := filepath.Join("..", "..", "schemas", "golden", "v1")
	records := goldens(t)
	if *update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, r := range records {
			if err := os.WriteFile(filepath.Join(dir, name+".txt"), render(r), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) != len(records) {
		t.Fatalf("%s has %d files, there are %d types (%v)", dir, len(files), len(records), err)
	}
	for name, r := range records {
		want, err := os.ReadFile(filepath.Join(dir, name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		if got := render(r); !bytes.Equal(got, want) {
			t.Errorf("%s: bytes changed\ngot:\n%swant:\n%s", name, got, want)
		}
	}
}

// Every operation and event of the schema has a sample, so that none goes unproven.
func TestGoldenCoversSchema(t *testing.T) {
	for _, c := range []struct {
		message protoreflect.ProtoMessage
		oneof   protoreflect.Name
		have    []string
	}{
		{&logv1.Command{}, "op", keys(sampleOps())},
		{&logv1.Accepted{}, "event", keys(sampleEvents())},
	} {
		var want []string
		fields := c.message.ProtoReflect().Descriptor().Oneofs().ByName(c.oneof).Fields()
		for i := range fields.Len() {
			want = append(want, string(fields.Get(i).Name()))
		}
		sort.Strings(want)
		if !reflect.DeepEqual(c.have, want) {
			t.Errorf("samples %v, schema %v", c.have, want)
		}
	}
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func TestDecodeGivesBackWhatWasEncoded(t *testing.T) {
	for name, op := range sampleOps() {
		want := sampleCommand(op)
		r, err := events.EncodeCommand(want, sampleEnvelope)
		if err != nil {
			t.Fatal(err)
		}
		got, err := events.DecodeCommand(r)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("command %s: %v\ngot  %+v\nwant %+v", name, err, got, want)
		}
	}
	for name, e := range sampleEvents() {
		want := sampleOutcome(events.Accepted{Seq: 12, Event: e})
		r, err := events.EncodeOutcome(want, sampleStamp, sampleEnvelope)
		if err != nil {
			t.Fatal(err)
		}
		got, err := events.DecodeOutcome(r)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("event %s: %v\ngot  %+v\nwant %+v", name, err, got, want)
		}
	}
	for k, want := range sampleRows() {
		b, err := events.EncodeRow(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := events.DecodeRow(k, b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("row %q: %v\ngot  %+v\nwant %+v", k, err, got, want)
		}
	}
}
