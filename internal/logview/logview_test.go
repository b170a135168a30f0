package logview

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// written is a log of one partition: a fence, three outcomes, and one of a zombie.
func written(t *testing.T) eventlog.Log {
	t.Helper()
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1}).Client()
	t.Cleanup(log.Close)
	owner := events.Owner{N: 1, Random: [16]byte{1}}
	envelope := events.Envelope{Source: "test"}
	add := func(r events.Record, err error) {
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		log.Append(context.Background(), eventlog.Events, 0, r, func(_ int32, _ int64, err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	outcome := func(command, prev int64, u events.UserID, r events.Result) (events.Record, error) {
		return events.EncodeOutcome(events.Outcome{Session: "g_1", Actor: events.Actor{User: u}, Time: events.Millis(1000 + command), Result: r},
			events.Stamp{Owner: owner, Command: command, Prev: prev}, envelope)
	}
	add(events.EncodeFence(events.Fence{Owner: owner}, envelope))
	add(outcome(0, -1, "alice", events.Accepted{Seq: 1, Event: events.Created{Kind: events.KindGroup, Title: "tea", Members: []events.NewMember{{User: "alice", Role: events.RoleOwner}, {User: "bob", Role: events.RoleMember}}}}))
	add(outcome(1, 0, "alice", events.Accepted{Seq: 2, Event: events.Sent{Index: 1, Body: events.TextBody("hello\n")}}))
	add(outcome(1, 0, "alice", events.Accepted{Seq: 2, Event: events.Sent{Index: 1, Body: events.TextBody("twice")}}))
	add(outcome(2, 1, "carol", events.Rejected{Code: events.CodeNotAMember}))
	return log
}

func TestTail(t *testing.T) {
	log := written(t)
	for _, c := range []struct {
		what string
		opts Options
		want []string
	}{
		{"all", Options{}, []string{`created group "tea" with alice, bob`, `2 alice sent "hello\n"`, "rejected NOT_A_MEMBER"}},
		{"the last one", Options{Last: 1}, []string{"carol"}},
		{"a kind", Options{Filter: Filter{Kinds: []string{"sent"}}}, []string{"sent"}},
		{"who was let in", Options{Filter: Filter{User: "bob"}}, []string{"created"}},
		{"another session", Options{Filter: Filter{Session: "g_2"}}, nil},
		{"what does not count", Options{Skipped: true}, []string{"fence", "created", "hello", "does not count (broken)", "rejected"}},
	} {
		var out bytes.Buffer
		if err := Tail(context.Background(), log, &out, c.opts); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if out.Len() == 0 {
			lines = nil
		}
		if len(lines) != len(c.want) {
			t.Errorf("%s: got %q, want %d lines", c.what, lines, len(c.want))
			continue
		}
		for i, want := range c.want {
			found := false
			for _, l := range lines {
				found = found || strings.Contains(l, want)
			}
			if !found {
				t.Errorf("%s: no line %d with %q in %q", c.what, i, want, lines)
			}
		}
	}
	if err := Tail(context.Background(), log, &bytes.Buffer{}, Options{Filter: Filter{Kinds: []string{"sung"}}}); err == nil {
		t.Error("an unknown kind was taken")
	}
}
