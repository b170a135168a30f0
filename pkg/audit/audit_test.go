package audit_test

import (
	"context"
	"crypto/sha256"
	"slices"
	"testing"

	"annal/pkg/audit"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

const (
	group = events.SessionID("g_1")
	start = events.Millis(1_764_000_000_000)
)

var (
	owner    = events.Owner{N: 1, Random: [16]byte{7}}
	envelope = events.Envelope{Source: "test"}
)

// story is what is said in a group: a refusal before there is one, events with a seq and without, and refusals within.
func story(t *testing.T) []events.Outcome {
	t.Helper()
	say := func(result events.Result) events.Outcome {
		return events.Outcome{Session: group, Actor: events.Actor{User: "ann"}, Result: result}
	}
	accept := func(seq events.Seq, e events.Event) events.Outcome { return say(events.Accepted{Seq: seq, Event: e}) }
	all := []events.Outcome{
		say(events.Rejected{Code: events.CodeNoSuchSession}),
		accept(1, events.Created{Kind: events.KindGroup, Title: "tea", Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}, {User: "bob", Role: events.RoleMember}}}),
		accept(2, events.Sent{Index: 1, Body: events.TextBody("hello")}),
		accept(3, events.Sent{Index: 2, Body: events.TextBody("wörld")}),
		accept(0, events.Read{Marker: 3, MarkerIndex: 2}),
		accept(4, events.Overridden{Target: 3, TargetIndex: 2, Body: events.TextBody("world")}),
		say(events.Rejected{Code: events.CodeNotAllowed}),
		accept(5, events.Revoked{Target: 2, TargetIndex: 1}),
		accept(0, events.Audited{What: "at", Seq: 5, Reason: "case 7"}),
		accept(6, events.Sent{Index: 3, Body: events.TextBody("bye")}),
	}
	for i := range all {
		o := &all[i]
		o.Time = start + events.Millis(1000*i)
		o.ID = events.NewID(o.Time, "test", 0, int64(i))
	}
	return chained(t, all)
}

// chained gives each the hash of the one before it.
func chained(t *testing.T, all []events.Outcome) []events.Outcome {
	t.Helper()
	var prev events.Hash
	for i := range all {
		o := &all[i]
		o.PrevHash = prev
		if i > 0 { // the first comes before there is a session
			prev = sha256.Sum256(encode(t, *o, events.Stamp{}).Value)
		}
	}
	return all
}

func encode(t *testing.T, o events.Outcome, s events.Stamp) events.Record {
	t.Helper()
	rec, err := events.EncodeOutcome(o, s, envelope)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// listed is a source of these records.
type listed []audit.Record

func (l listed) Session(_ context.Context, s events.SessionID, each func(*audit.Record) error) error {
	return l.All(context.Background(), func(r *audit.Record) error {
		if r.Session != s {
			return nil
		}
		return each(r)
	})
}

func (l listed) All(_ context.Context, each func(*audit.Record) error) error {
	for i := range l {
		r := l[i]
		if err := each(&r); err != nil {
			return err
		}
	}
	return nil
}

func recordsOf(t *testing.T, all []events.Outcome) listed {
	t.Helper()
	var l listed
	for i, o := range all {
		l = append(l, audit.Record{Offset: int64(i), Session: o.Session, Value: encode(t, o, events.Stamp{}).Value})
	}
	return l
}

// logOf is a log of these, of one partition, each the outcome of the command of its place.
func logOf(t *testing.T, all []events.Outcome, leaveOut ...int) *eventlog.Memory {
	t.Helper()
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	t.Cleanup(log.Close)
	fence, err := events.EncodeFence(events.Fence{Owner: owner}, envelope)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eventlog.Put(t.Context(), log, eventlog.Events, fence); err != nil {
		t.Fatal(err)
	}
	for i, o := range all {
		if slices.Contains(leaveOut, i) {
			continue
		}
		if _, err := eventlog.Put(t.Context(), log, eventlog.Events, encode(t, o, events.Stamp{Owner: owner, Command: int64(i), Prev: int64(i) - 1})); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func archiveOf(t *testing.T, log eventlog.Log) *archive.Memory {
	t.Helper()
	a := archive.NewMemory()
	var all []follow.Outcome
	err := eventlog.EachCounted(t.Context(), log, 0, func(rec *eventlog.Record) error {
		o, err := events.DecodeOutcome(rec.Record)
		all = append(all, follow.Outcome{Outcome: o, Err: err, Offset: rec.Offset, Record: rec.Record})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := archive.Plan(0, all)
	if err := a.Insert(t.Context(), &rows); err != nil {
		t.Fatal(err)
	}
	return a
}
