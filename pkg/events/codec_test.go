package events_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	logv1 "annal/gen/annal/log/v1"
	"annal/internal/fuzzcorpus"
	"annal/pkg/events"
)

// The codec writes protobuf by hand. The generated types of the schema say what is right.

// schemaAgrees reads value as m, of the generated types, and writes it again: the same
// bytes must come out, without a field that the schema does not know.
func schemaAgrees(t *rapid.T, value []byte, m proto.Message) {
	t.Helper()
	if err := proto.Unmarshal(value, m); err != nil {
		t.Fatalf("the schema's types cannot read %x: %v", value, err)
	}
	known(t, m.ProtoReflect())
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil || !bytes.Equal(again, value) {
		t.Fatalf("the schema's types write it otherwise (%v)\nours   %x\ntheirs %x", err, value, again)
	}
}

func known(t *rapid.T, m protoreflect.Message) {
	t.Helper()
	if len(m.GetUnknown()) > 0 {
		t.Fatalf("%s has a field that the schema does not know: %x", m.Descriptor().FullName(), m.GetUnknown())
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Kind() != protoreflect.MessageKind || field.IsMap():
		case field.IsList():
			for i := range v.List().Len() {
				known(t, v.List().Get(i).Message())
			}
		default:
			known(t, v.Message())
		}
		return true
	})
}

func TestCodecIsTheSchema(t *testing.T) {
	t.Run("command", rapid.MakeCheck(func(t *rapid.T) {
		want := commands().Draw(t, "command")
		rec, err := events.EncodeCommand(want, sampleEnvelope)
		if err != nil {
			t.Fatal(err)
		}
		schemaAgrees(t, rec.Value, &logv1.Command{})
		if got, err := events.DecodeCommand(rec); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
	}))
	t.Run("outcome", rapid.MakeCheck(func(t *rapid.T) {
		want := outcomes().Draw(t, "outcome")
		rec, err := events.EncodeOutcome(want, sampleStamp, sampleEnvelope)
		if err != nil {
			t.Fatal(err)
		}
		schemaAgrees(t, rec.Value, &logv1.Outcome{})
		if got, err := events.DecodeOutcome(rec); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
	}))
	t.Run("batch", rapid.MakeCheck(func(t *rapid.T) {
		want := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "values")
		b := events.EncodeBatch(want)
		schemaAgrees(t, b, &logv1.Batch{})
		got, err := events.DecodeBatch(b)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%v\ngot  %x\nwant %x", err, got, want)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("value %d: got %x, want %x", i, got[i], want[i])
			}
		}
	}))
	t.Run("snapshot", rapid.MakeCheck(func(t *rapid.T) {
		n := func(what string) int64 { return rapid.Int64Range(0, 1<<62).Draw(t, what) }
		rows := nilIfEmpty(rapid.Custom(func(t *rapid.T) events.StoredRow {
			return events.StoredRow{
				Key:   events.Key(rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "key")),
				Value: append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "value")...),
			}
		})).Draw(t, "rows")
		chunks := nilIfEmpty(rapid.Custom(func(t *rapid.T) events.ChunkRef {
			return events.ChunkRef{
				Offset: rapid.Int64Range(0, 1<<62).Draw(t, "offset"), Number: rapid.Uint32().Draw(t, "number"),
				SHA256: events.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash")), Lasting: rapid.Bool().Draw(t, "lasting"),
			}
		})).Draw(t, "chunks")
		want := events.Snapshot{
			Session: events.SessionID(texts(20).Draw(t, "session")), Offset: n("offset"), Hash: events.Hash{1}, Chunks: chunks, Rows: rows,
			LastingSeq: seqs().Draw(t, "seq"), LastingTime: events.Millis(n("time")),
		}
		rec, err := events.EncodeSnapshot(want, sampleEnvelope)
		if err != nil {
			t.Fatal(err)
		}
		schemaAgrees(t, rec.Value, &logv1.Snapshot{})
		if got, err := events.DecodeSnapshot(rec); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
		chunk, err := events.EncodeChunk(want.Session, want.Offset, 1, rows, sampleEnvelope)
		if err != nil {
			t.Fatal(err)
		}
		schemaAgrees(t, chunk.Value, &logv1.SnapshotChunk{})
		ref := events.ChunkRef{SHA256: sha256.Sum256(chunk.Value)}
		if got, err := events.DecodeChunk(chunk.Value, ref); err != nil || !reflect.DeepEqual(got, rows) {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, rows)
		}
		if _, err := events.DecodeChunk(append(chunk.Value, 0), ref); err == nil {
			t.Fatal("a chunk with another hash was read")
		}
		check := events.Checkpoint{
			Progress: events.Progress{Offset: n("at"), Owner: sampleOwner, Last: n("last") - 1, Time: events.Millis(n("log time"))},
			Census:   events.Census{Sessions: rapid.Uint64().Draw(t, "sessions"), Sum: rapid.Uint64().Draw(t, "sum")},
		}
		if rec, err = events.EncodeCheckpoint(check, sampleEnvelope); err != nil {
			t.Fatal(err)
		}
		schemaAgrees(t, rec.Value, &logv1.Checkpoint{})
		if got, err := events.DecodeCheckpoint(rec); err != nil || got != check {
			t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, check)
		}
		if got, err := events.ParseCheckpoint(check.String()); err != nil || got != check {
			t.Fatalf("%q: %v, got %+v", check, err, got)
		}
	}))
	t.Run("rows", rapid.MakeCheck(func(t *rapid.T) {
		for key, c := range map[events.Key]struct {
			row events.Row
			m   proto.Message
		}{
			events.HeadKey:        {made[events.Head](t), &logv1.HeadRow{}},
			events.InfoKey:        {made[events.Info](t), &logv1.InfoRow{}},
			events.MemberKey("a"): {made[events.Member](t), &logv1.MemberRow{}},
			events.StandingKey(events.RoleAdmin, 1, "a"): {events.Standing{}, &logv1.StandingRow{}},
			events.MessageKey(1):                         {made[events.Message](t), &logv1.MessageRow{}},
			events.PlaceKey(1):                           {made[events.Place](t), &logv1.PlaceRow{}},
			events.ClientIDKey("a", "b"):                 {made[events.ClientID](t), &logv1.ClientIdRow{}},
			events.AskKey("a"):                           {made[events.AskRow](t), &logv1.AskRow{}},
			events.InviteKey(events.Hash{1}):             {made[events.InviteRow](t), &logv1.InviteRow{}},
			events.ReactionKey(1, "a", "+1"):             {events.Noted{}, &logv1.NotedRow{}},
			events.EmojiKey(1, "+1"):                     {made[events.EmojiRow](t), &logv1.EmojiRow{}},
			events.ReportKey(1, "a"):                     {events.Noted{}, &logv1.NotedRow{}},
			events.HiddenKey("s", 1):                     {events.Noted{}, &logv1.NotedRow{}},
			events.SettingsKey("s"):                      {made[events.SettingsRow](t), &logv1.SettingsRow{}},
			events.ProfileKey:                            {made[events.Profile](t), &logv1.ProfileRow{}},
			events.PrivacyKey:                            {made[events.Privacy](t), &logv1.PrivacyRow{}},
			events.NotificationsKey:                      {made[events.Notifications](t), &logv1.NotificationsRow{}},
			events.DeviceKey("phone"):                    {made[events.DeviceRow](t), &logv1.DeviceRow{}},
		} {
			b, err := events.EncodeRow(c.row)
			if err != nil {
				t.Fatal(err)
			}
			schemaAgrees(t, b, c.m)
			if got, err := events.DecodeRow(key, b); err != nil || !reflect.DeepEqual(got, c.row) {
				t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, c.row)
			}
		}
	}))
}

// Whatever is read can be written, and is then read as the same; and what the schema's
// types refuse is refused.
func FuzzDecodeOutcome(f *testing.F) {
	for _, e := range sampleEvents() {
		r, err := events.EncodeOutcome(sampleOutcome(events.Accepted{Seq: 12, Event: e}), sampleStamp, sampleEnvelope)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.Value)
	}
	for _, op := range sampleOps() {
		c := sampleCommand(op)
		r, err := events.EncodeOutcome(sampleOutcome(events.Rejected{Code: "CODE", Command: &c}), sampleStamp, sampleEnvelope)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.Value)
	}
	fuzzcorpus.Add(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		o, err := events.DecodeOutcomeValue(value)
		if err != nil {
			var decode *events.DecodeError
			var unknown *events.TypeError
			if !errors.As(err, &decode) && !errors.As(err, &unknown) {
				t.Fatalf("error of type %T: %v", err, err)
			}
			return
		}
		if err := proto.Unmarshal(value, &logv1.Outcome{}); err != nil {
			t.Fatalf("read %+v from %x, which the schema's types refuse: %v", o, value, err)
		}
		if r, ok := o.Result.(events.Rejected); ok && r.Command != nil && r.Command.Op == nil {
			return // an operation not known here: read for what else it says
		}
		r, err := events.EncodeOutcome(o, sampleStamp, sampleEnvelope)
		if err != nil {
			t.Fatalf("read %+v from %x, and cannot write it: %v", o, value, err)
		}
		if again, err := events.DecodeOutcomeValue(r.Value); err != nil || !reflect.DeepEqual(again, o) {
			t.Fatalf("%v\nread  %+v\nagain %+v", err, o, again)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	whole, err := events.EncodeOutcome(sampleOutcome(events.Accepted{Seq: 12, Event: sampleEvents()["sent"]}), sampleStamp, sampleEnvelope)
	if err != nil {
		t.Fatal(err)
	}
	marshal := func(change func(*logv1.Outcome)) []byte {
		var m logv1.Outcome
		if err := proto.Unmarshal(whole.Value, &m); err != nil {
			t.Fatal(err)
		}
		change(&m)
		b, err := proto.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	unknown := []byte{0xF8, 0x3F, 1} // field 1023
	for name, c := range map[string]struct {
		value []byte
		err   any
	}{
		"cut short":    {whole.Value[:len(whole.Value)-1], new(*events.DecodeError)},
		"no id":        {marshal(func(m *logv1.Outcome) { m.Id = nil }), new(*events.DecodeError)},
		"short digest": {marshal(func(m *logv1.Outcome) { m.Digest = m.Digest[1:] }), new(*events.DecodeError)},
		"no prev hash": {marshal(func(m *logv1.Outcome) { m.PrevHash = nil }), new(*events.DecodeError)},
		"not UTF-8":    {bytes.Replace(whole.Value, []byte("alice"), []byte("al\xFFce"), 1), new(*events.DecodeError)},
		"no result":    {marshal(func(m *logv1.Outcome) { m.Result = nil }), new(*events.TypeError)},
		"no event":     {marshal(func(m *logv1.Outcome) { m.GetAccepted().Event = nil }), new(*events.TypeError)},
		"unknown event": {marshal(func(m *logv1.Outcome) {
			m.GetAccepted().Event = nil
			m.GetAccepted().ProtoReflect().SetUnknown(unknown)
		}), new(*events.TypeError)},
		"no body":                 {marshal(func(m *logv1.Outcome) { m.GetAccepted().GetSent().Body = nil }), new(*events.TypeError)},
		"unknown content":         {marshal(func(m *logv1.Outcome) { m.GetAccepted().GetSent().GetBody().GetPlain().Kind = nil }), new(*events.TypeError)},
		"unknown address":         {marshal(func(m *logv1.Outcome) { m.Client.Address = &logv1.Address{} }), new(*events.TypeError)},
		"field over the greatest": {append(bytes.Clone(whole.Value), 0x80, 0x80, 0x80, 0x80, 0x10, 1), new(*events.DecodeError)},
	} {
		if o, err := events.DecodeOutcomeValue(c.value); !errors.As(err, c.err) {
			t.Errorf("%s: %+v, %v, want a %T", name, o, err, c.err)
		}
	}
	if _, err := events.DecodeOutcomeValue(marshal(func(m *logv1.Outcome) { m.ProtoReflect().SetUnknown(unknown) })); err != nil {
		t.Errorf("a field of a later version: %v, want it passed over", err)
	}
	bad := sampleCommand(events.Send{Body: events.TextBody(strings.Repeat("x", 300) + "\xFF")})
	if _, err := events.EncodeCommand(bad, sampleEnvelope); err == nil {
		t.Error("text that is not UTF-8 was written")
	}
}
