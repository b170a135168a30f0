package session

import (
	"maps"
	"testing"

	"annal/internal/fuzzcorpus"
	"annal/pkg/events"
)

// fuzzGround is a world with a session of each kind and something in it.
func fuzzGround(f *testing.F) (*world, []events.Command) {
	f.Helper()
	s := &script{world: newWorld(), labels: map[string]events.SessionID{}}
	for _, line := range []string{
		"u1 create direct D u2",
		"u1 send hello",
		"u1 create self M",
		"u1 create channel C u2 write=admin",
		"u2 send hello",
		"u1 create group G u2 u3:admin id=a",
		"u2 send hello id=b",
		"u1 send hello",
		"u2 override 2 again",
		"u1 revoke 3",
		"u2 leave",
		"u2 join",
	} {
		if _, err := s.line(line); err != nil {
			f.Fatalf("%s: %v", line, err)
		}
	}
	command := func(op events.Op) events.Command {
		return events.Command{
			Session: s.labels["G"], Actor: events.Actor{User: "u1"}, ClientID: "c", Op: op,
			Client: events.ClientContext{Device: "phone", Version: "1", Address: events.Address{Plain: "::1"}},
		}
	}
	seeds := []events.Command{
		command(events.Add{Members: []events.NewMember{{User: "u2", Role: events.RoleMember}, {User: "u9", Role: events.RoleAdmin}}}),
		command(events.Remove{Users: []events.UserID{"u3", "u9"}}), command(events.Join{}), command(events.Leave{}),
		command(events.Send{Body: events.TextBody("hi")}), command(events.Revoke{Seq: 2}), command(events.Delete{Seq: 3}),
		command(events.Override{Seq: 2, Body: events.TextBody("hi")}), command(events.MarkRead{Seq: 5}),
		command(parseBodyOp("sealed:mac*9")),
		command(events.Join{Invite: events.Hash{1}}), command(events.Mute{Users: []events.UserID{"u2"}, Until: 1 << 50}),
		command(events.SetRole{User: "u3", Role: events.RoleOwner}), command(events.React{Seq: 2, Emoji: "+"}), command(events.Pin{Seq: 2}),
		command(events.SetInfo{Info: events.InfoChange{Title: new("a"), Custom: []events.CustomField{{Name: "b", Value: "c"}}}}),
		command(events.SetPolicy{Policy: events.PolicyChange{Joining: events.JoiningApproval}}), command(events.Ask{Text: "d"}),
		command(events.Send{Body: events.TextBody("hi"), Refs: events.Refs{ReplyTo: 2, Thread: 2, Mentions: []events.UserID{"u3"}, MentionAll: true}}),
	}
	create := events.Create{Kind: events.KindGroup, Members: []events.NewMember{{User: "u2", Role: events.RoleMember}}, Policy: testPolicy()}
	seeds = append(seeds, command(create))
	seeds[len(seeds)-1].Session = events.NewSessionID(create, "u1", "c")
	return s.world, seeds
}

func parseBodyOp(body string) events.Op { return events.Send{Body: parseBody(body)} }

// FuzzDecide: whatever stands in a record of annal.commands, there comes exactly one
// outcome of it, without a panic: of its code's kind, under its place's id and time,
// chained to the head, within the size limit, the same from its stored bytes, and
// harmless unless accepted (world.run and world.take check it). What cannot be
// decoded is rejected MALFORMED under the record's key, whatever the key.
func FuzzDecide(f *testing.F) {
	ground, seeds := fuzzGround(f)
	typ := ""
	for _, c := range seeds {
		rec, err := events.EncodeCommand(c, events.Envelope{})
		if err != nil {
			f.Fatal(err)
		}
		typ, _ = rec.Header(events.HeaderType)
		f.Add(rec.Key, rec.Value)
	}
	f.Add([]byte("\xff"), []byte{0xff})
	fuzzcorpus.Add(f)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		w := newWorld()
		w.log = append(w.log, ground.log...)
		for s, rows := range ground.tables {
			w.tables[s] = maps.Clone(rows)
		}
		c, err := events.DecodeCommand(events.Record{Key: key, Value: value, Headers: []events.Header{
			{Name: events.HeaderType, Value: []byte(typ)}, {Name: events.HeaderSchemaVersion, Value: []byte("1")},
		}})
		if err != nil {
			if err := w.malformed(events.SessionID(key), err.Error()); err != nil {
				t.Fatal(err)
			}
			return
		}
		if _, err := w.run(c); err != nil {
			t.Fatal(err)
		}
		if got := len(w.log) - len(ground.log); got != 1 {
			t.Fatalf("%d outcomes of one command", got)
		}
	})
}
