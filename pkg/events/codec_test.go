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
	"annal/pkg/events"
)

// The codec writes protobuf by hand. The generated types of the schema say what is right.

func texts(max int) *rapid.Generator[string] { return rapid.StringN(0, max, -1) }

func blobs() *rapid.Generator[[]byte] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 200), func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		return b
	})
}

func seqs() *rapid.Generator[events.Seq] {
	return rapid.Custom(func(t *rapid.T) events.Seq { return events.Seq(rapid.Uint64().Draw(t, "seq")) })
}

func sealeds() *rapid.Generator[*events.Sealed] {
	return rapid.Custom(func(t *rapid.T) *events.Sealed {
		return &events.Sealed{KeyID: texts(10).Draw(t, "key"), Nonce: blobs().Draw(t, "nonce"), Ciphertext: blobs().Draw(t, "ciphertext")}
	})
}

func bodies() *rapid.Generator[events.Body] {
	return rapid.Custom(func(t *rapid.T) events.Body {
		b := events.Body{MAC: blobs().Draw(t, "mac")}
		if rapid.Bool().Draw(t, "sealed") {
			b.Sealed = sealeds().Draw(t, "sealed body")
		} else {
			// Around 127 bytes the length before a message takes one byte more.
			b.Plain = events.Text(texts(300).Draw(t, "text"))
		}
		return b
	})
}

func members() *rapid.Generator[[]events.NewMember] {
	return nilIfEmpty(rapid.Custom(func(t *rapid.T) events.NewMember {
		return events.NewMember{User: events.UserID(texts(5).Draw(t, "user")), Role: events.Role(rapid.Uint8Range(0, 3).Draw(t, "role"))}
	}))
}

func nilIfEmpty[T any](g *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Map(rapid.SliceOfN(g, 0, 4), func(s []T) []T {
		if len(s) == 0 {
			return nil
		}
		return s
	})
}

func users() *rapid.Generator[[]events.UserID] {
	return nilIfEmpty(rapid.Map(texts(5), func(s string) events.UserID { return events.UserID(s) }))
}

func skippeds() *rapid.Generator[[]events.Skipped] {
	return nilIfEmpty(rapid.Custom(func(t *rapid.T) events.Skipped {
		return events.Skipped{User: events.UserID(texts(5).Draw(t, "user")), Code: events.Code(texts(5).Draw(t, "code"))}
	}))
}

func policies() *rapid.Generator[events.Policy] {
	return rapid.Custom(func(t *rapid.T) events.Policy {
		small := rapid.Uint8Range(0, 3)
		return events.Policy{
			RevokeWindow: events.Millis(rapid.Int64().Draw(t, "revoke")), OverrideWindow: events.Millis(rapid.Int64().Draw(t, "override")),
			History: events.History(small.Draw(t, "history")), MemberLimit: rapid.Uint32().Draw(t, "limit"),
			AddRole: events.Role(small.Draw(t, "add")), WriteRole: events.Role(small.Draw(t, "write")),
			Joining: events.Joining(small.Draw(t, "joining")), ReceiptsLimit: rapid.Uint32().Draw(t, "receipts"),
		}
	})
}

func contexts() *rapid.Generator[events.ClientContext] {
	return rapid.Custom(func(t *rapid.T) events.ClientContext {
		c := events.ClientContext{Device: texts(8).Draw(t, "device"), Version: texts(8).Draw(t, "version")}
		if rapid.Bool().Draw(t, "sealed") {
			c.Address.Sealed = sealeds().Draw(t, "sealed address")
		} else {
			c.Address.Plain = texts(8).Draw(t, "address")
		}
		return c
	})
}

func actors() *rapid.Generator[events.Actor] {
	return rapid.Custom(func(t *rapid.T) events.Actor {
		return events.Actor{User: events.UserID(texts(8).Draw(t, "user")), Service: texts(8).Draw(t, "service")}
	})
}

func replies() *rapid.Generator[events.ReplyTo] {
	return rapid.Custom(func(t *rapid.T) events.ReplyTo {
		return events.ReplyTo{Instance: texts(8).Draw(t, "instance"), Request: rapid.Uint64().Draw(t, "request")}
	})
}

func ops() *rapid.Generator[events.Op] {
	return rapid.Custom(func(t *rapid.T) events.Op {
		seq := seqs().Draw(t, "seq")
		switch rapid.SampledFrom(keys(sampleOps())).Draw(t, "op") {
		case "create":
			return events.Create{
				Kind: events.Kind(rapid.Uint8Range(0, 4).Draw(t, "kind")), Members: members().Draw(t, "members"),
				Policy: policies().Draw(t, "policy"), Base: seq, Title: texts(8).Draw(t, "title"),
			}
		case "add":
			return events.Add{Members: members().Draw(t, "members")}
		case "remove":
			return events.Remove{Users: users().Draw(t, "users")}
		case "join":
			return events.Join{}
		case "leave":
			return events.Leave{}
		case "send":
			return events.Send{Body: bodies().Draw(t, "body")}
		case "revoke":
			return events.Revoke{Seq: seq}
		case "override":
			return events.Override{Seq: seq, Body: bodies().Draw(t, "body")}
		case "delete":
			return events.Delete{Seq: seq}
		default:
			return events.MarkRead{Seq: seq}
		}
	})
}

func commands() *rapid.Generator[events.Command] {
	return rapid.Custom(func(t *rapid.T) events.Command {
		return events.Command{
			Session: events.SessionID(texts(20).Draw(t, "session")), Actor: actors().Draw(t, "actor"), ClientID: texts(20).Draw(t, "client id"),
			Client: contexts().Draw(t, "client"), ReplyTo: replies().Draw(t, "reply to"), Origin: events.Millis(rapid.Int64().Draw(t, "origin")),
			Op: ops().Draw(t, "op"),
		}
	})
}

func accepted() *rapid.Generator[events.Event] {
	return rapid.Custom(func(t *rapid.T) events.Event {
		seq, index := seqs().Draw(t, "seq"), events.Index(seqs().Draw(t, "index"))
		promoted, closed := events.UserID(texts(4).Draw(t, "promoted")), rapid.Bool().Draw(t, "closed")
		switch rapid.SampledFrom(keys(sampleEvents())).Draw(t, "event") {
		case "created":
			return events.Created{
				Kind: events.Kind(rapid.Uint8Range(0, 4).Draw(t, "kind")), Base: seq, Policy: policies().Draw(t, "policy"),
				Members: members().Draw(t, "members"), Title: texts(8).Draw(t, "title"),
			}
		case "added":
			return events.Added{Members: members().Draw(t, "members"), Skipped: skippeds().Draw(t, "skipped")}
		case "removed":
			return events.Removed{Users: users().Draw(t, "users"), Skipped: skippeds().Draw(t, "skipped"), Promoted: promoted, Closed: closed}
		case "joined":
			return events.Joined{}
		case "left":
			return events.Left{Promoted: promoted, Closed: closed}
		case "sent":
			return events.Sent{Index: index, Body: bodies().Draw(t, "body")}
		case "revoked":
			return events.Revoked{Target: seq, TargetIndex: index}
		case "overridden":
			return events.Overridden{Target: seq, TargetIndex: index, Body: bodies().Draw(t, "body")}
		case "deleted":
			return events.Deleted{Target: seq, TargetIndex: index}
		default:
			return events.Read{Marker: seq, MarkerIndex: index}
		}
	})
}

func results() *rapid.Generator[events.Result] {
	return rapid.Custom(func(t *rapid.T) events.Result {
		code, seq := events.Code(texts(8).Draw(t, "code")), seqs().Draw(t, "seq")
		switch rapid.IntRange(0, 2).Draw(t, "result") {
		case 0:
			return events.Accepted{Seq: seq, Event: accepted().Draw(t, "event")}
		case 1:
			r := events.Rejected{Code: code, Detail: texts(300).Draw(t, "detail"), Seq: seq, Skipped: skippeds().Draw(t, "skipped")}
			if rapid.Bool().Draw(t, "with command") {
				c := commands().Draw(t, "command")
				r.Command = &c
			}
			return r
		default:
			return events.Answered{Code: code, Earlier: events.Earlier{
				Code: events.Code(texts(4).Draw(t, "earlier code")), Seq: seq, Index: events.Index(seqs().Draw(t, "index")),
				ID: events.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), Time: events.Millis(rapid.Int64().Draw(t, "time")),
			}}
		}
	})
}

func outcomes() *rapid.Generator[events.Outcome] {
	return rapid.Custom(func(t *rapid.T) events.Outcome {
		return events.Outcome{
			ID: events.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), Session: events.SessionID(texts(20).Draw(t, "session")),
			Actor: actors().Draw(t, "actor"), ClientID: texts(20).Draw(t, "client id"),
			Digest: events.Digest(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "digest")), Client: contexts().Draw(t, "client"),
			ReplyTo: replies().Draw(t, "reply to"), Origin: events.Millis(rapid.Int64().Draw(t, "origin")),
			Time: events.Millis(rapid.Int64Range(0, 1<<45).Draw(t, "time")), PrevHash: events.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "prev")),
			Result: results().Draw(t, "result"),
		}
	})
}

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
		n := func(what string) uint64 { return rapid.Uint64().Draw(t, what) }
		id := events.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		stays := nilIfEmpty(rapid.Custom(func(t *rapid.T) events.Stay {
			return events.Stay{From: seqs().Draw(t, "from"), FromIndex: 1, To: seqs().Draw(t, "to"), ToIndex: 300}
		})).Draw(t, "stays")
		for key, c := range map[events.Key]struct {
			row events.Row
			m   proto.Message
		}{
			events.HeadKey: {events.Head{
				Kind: events.KindGroup, Base: events.Seq(n("base")), Seq: events.Seq(n("seq")), Index: events.Index(n("index")),
				Members: uint32(n("members")), Policy: policies().Draw(t, "policy"), Closed: rapid.Bool().Draw(t, "closed"),
				Title: texts(9).Draw(t, "title"), Hash: events.Hash{1}, Created: events.Millis(n("created")),
			}, &logv1.HeadRow{}},
			events.MemberKey("a"): {events.Member{
				Role: events.RoleAdmin, Stays: stays, Marker: events.Seq(n("marker")), MarkerIndex: events.Index(n("marker index")),
			}, &logv1.MemberRow{}},
			events.StandingKey(events.RoleAdmin, 1, "a"): {events.Standing{}, &logv1.StandingRow{}},
			events.MessageKey(1): {events.Message{
				Index: events.Index(n("index")), ID: id, Sender: events.UserID(texts(9).Draw(t, "sender")), Time: events.Millis(n("time")),
				Revoked: events.Seq(n("revoked")), Deleted: events.Seq(n("deleted")), Overridden: events.Seq(n("overridden")),
			}, &logv1.MessageRow{}},
			events.PlaceKey(1): {events.Place{Index: events.Index(n("place"))}, &logv1.PlaceRow{}},
			events.ClientIDKey("a", "b"): {events.ClientID{
				Digest: events.Digest{2}, Code: events.Code(texts(9).Draw(t, "code")), Seq: events.Seq(n("seq")),
				Index: events.Index(n("index")), ID: id, Time: events.Millis(n("time")),
			}, &logv1.ClientIdRow{}},
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
		"no body":         {marshal(func(m *logv1.Outcome) { m.GetAccepted().GetSent().Body = nil }), new(*events.TypeError)},
		"unknown content": {marshal(func(m *logv1.Outcome) { m.GetAccepted().GetSent().GetBody().GetPlain().Kind = nil }), new(*events.TypeError)},
		"unknown address": {marshal(func(m *logv1.Outcome) { m.Client.Address = &logv1.Address{} }), new(*events.TypeError)},
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
