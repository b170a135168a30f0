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
			b.Plain = contents(true).Draw(t, "content")
		}
		return b
	})
}

func contents(mayForward bool) *rapid.Generator[events.Content] {
	return rapid.Custom(func(t *rapid.T) events.Content {
		switch n := rapid.IntRange(0, 6).Draw(t, "content"); {
		case n == 0:
			return made[events.Media](t)
		case n == 1:
			return made[events.Location](t)
		case n == 2:
			return made[events.Card](t)
		case n == 3:
			return made[events.Custom](t)
		case n == 4 && mayForward:
			return events.Forward{Title: texts(5).Draw(t, "title"), Messages: nilIfEmpty(rapid.Custom(func(t *rapid.T) events.Forwarded {
				return events.Forwarded{
					User: events.UserID(texts(5).Draw(t, "user")), Name: texts(5).Draw(t, "name"), Time: events.Millis(rapid.Int64().Draw(t, "time")),
					Content: contents(false).Draw(t, "forwarded"),
				}
			})).Draw(t, "messages")}
		default:
			// Around 127 bytes the length before a message takes one byte more.
			return events.Text(texts(300).Draw(t, "text"))
		}
	})
}

// made draws any value of a type, without slices that are empty and not nil: they are read
// as nil.
func made[T any](t *rapid.T) T {
	v := rapid.Make[T]().Draw(t, reflect.TypeFor[T]().Name())
	emptyToNil(reflect.ValueOf(&v).Elem())
	return v
}

func emptyToNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			emptyToNil(v.Field(i))
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		}
		for i := range v.Len() {
			emptyToNil(v.Index(i))
		}
	}
}

func nilIfEmpty[T any](g *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Map(rapid.SliceOfN(g, 0, 4), func(s []T) []T {
		if len(s) == 0 {
			return nil
		}
		return s
	})
}

func skippeds() *rapid.Generator[[]events.Skipped] {
	return nilIfEmpty(rapid.Custom(func(t *rapid.T) events.Skipped {
		return events.Skipped{User: events.UserID(texts(5).Draw(t, "user")), Code: events.Code(texts(5).Draw(t, "code"))}
	}))
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
		switch op := rapid.SampledFrom(keys(sampleOps())).Draw(t, "op"); op {
		case "send":
			return events.Send{Body: bodies().Draw(t, "body"), Refs: made[events.Refs](t)}
		case "override":
			return events.Override{Seq: seqs().Draw(t, "seq"), Body: bodies().Draw(t, "body")}
		case "add":
			return made[events.Add](t)
		case "ask":
			return made[events.Ask](t)
		case "close_account":
			return made[events.CloseAccount](t)
		case "contact":
			return made[events.Contact](t)
		case "create":
			return made[events.Create](t)
		case "delete":
			return made[events.Delete](t)
		case "dismiss":
			return made[events.Dismiss](t)
		case "hide":
			return made[events.Hide](t)
		case "invite":
			return made[events.Invite](t)
		case "join":
			return made[events.Join](t)
		case "leave":
			return made[events.Leave](t)
		case "mark_delivered":
			return made[events.MarkDelivered](t)
		case "mark_read":
			return made[events.MarkRead](t)
		case "mute":
			return made[events.Mute](t)
		case "pin":
			return made[events.Pin](t)
		case "react":
			return made[events.React](t)
		case "refuse":
			return made[events.Refuse](t)
		case "remove":
			return made[events.Remove](t)
		case "report":
			return made[events.Report](t)
		case "revoke":
			return made[events.Revoke](t)
		case "set_device":
			return made[events.SetDevice](t)
		case "set_info":
			return made[events.SetInfo](t)
		case "set_policy":
			return made[events.SetPolicy](t)
		case "set_role":
			return made[events.SetRole](t)
		case "set_session":
			return made[events.SetSession](t)
		case "uninvite":
			return made[events.Uninvite](t)
		default:
			panic("nothing draws " + op)
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
		switch event := rapid.SampledFrom(keys(sampleEvents())).Draw(t, "event"); event {
		case "sent":
			return events.Sent{Index: index, Body: bodies().Draw(t, "body"), Refs: made[events.Refs](t)}
		case "overridden":
			return events.Overridden{Target: seq, TargetIndex: index, Body: bodies().Draw(t, "body")}
		case "account_closed":
			return made[events.AccountClosed](t)
		case "added":
			return made[events.Added](t)
		case "asked":
			return made[events.Asked](t)
		case "contact_changed":
			return made[events.ContactChanged](t)
		case "created":
			return made[events.Created](t)
		case "deleted":
			return made[events.Deleted](t)
		case "delivered":
			return made[events.Delivered](t)
		case "device_set":
			return made[events.DeviceSet](t)
		case "dismissed":
			return made[events.Dismissed](t)
		case "hidden":
			return made[events.Hidden](t)
		case "info_set":
			return made[events.InfoSet](t)
		case "invited":
			return made[events.Invited](t)
		case "joined":
			return made[events.Joined](t)
		case "left":
			return made[events.Left](t)
		case "muted":
			return made[events.Muted](t)
		case "pinned":
			return made[events.Pinned](t)
		case "policy_set":
			return made[events.PolicySet](t)
		case "reacted":
			return made[events.Reacted](t)
		case "read":
			return made[events.Read](t)
		case "refused":
			return made[events.Refused](t)
		case "removed":
			return made[events.Removed](t)
		case "reported":
			return made[events.Reported](t)
		case "revoked":
			return made[events.Revoked](t)
		case "role_set":
			return made[events.RoleSet](t)
		case "session_set":
			return made[events.SessionSet](t)
		case "uninvited":
			return made[events.Uninvited](t)
		default:
			panic("nothing draws " + event)
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
			events.ReportKey(1, "a"):                     {events.Noted{}, &logv1.NotedRow{}},
			events.HiddenKey("s", 1):                     {events.Noted{}, &logv1.NotedRow{}},
			events.SettingsKey("s"):                      {made[events.SettingsRow](t), &logv1.SettingsRow{}},
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
