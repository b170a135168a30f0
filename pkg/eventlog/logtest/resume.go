package logtest

import (
	"fmt"
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// testResume stops a reader of fences and outcomes at every point, goes on from
// its progress with a cursor of its own, and wants the same verdicts as without
// the stop.
func testResume(t *testing.T, f Fixture) {
	log := f.Open(t)
	mustAppend(t, log, eventlog.Events, 1, duel(t)...)
	reader := events.NewReader(events.Start())
	whole := verdicts(t, log, &reader, len(duel(t)))
	want := []string{"fenced", "counted 3 after -1", "counted 5 after 3", "fenced", "late", "counted 6 after 5",
		"broken", "broken", "late", "poison", "counted 9 after 6", "poison", "fenced", "counted 11 after 9"}
	if fmt.Sprint(whole) != fmt.Sprint(want) {
		t.Fatalf("verdicts are %q, want %q", whole, want)
	}
	for stop := range whole {
		first := events.NewReader(events.Start())
		verdicts(t, log, &first, stop)
		second := events.NewReader(first.Progress())
		if rest := verdicts(t, log, &second, len(whole)-stop); fmt.Sprint(rest) != fmt.Sprint(whole[stop:]) {
			t.Fatalf("resumed at %d: verdicts are %q, without the stop %q", stop, rest, whole[stop:])
		}
	}
}

// verdicts reads n records from the reader's progress on.
func verdicts(t *testing.T, log eventlog.Log, reader *events.Reader, n int) []string {
	t.Helper()
	if n == 0 {
		return nil
	}
	cursor := open(t, log, eventlog.Events, 1, reader.Progress().Offset)
	defer cursor.Close()
	var all []string
	for _, r := range takeAtLeast(t, cursor, n)[:n] {
		v, s, err := reader.Read(r.Offset, r.Record)
		if err != nil && v != events.Poison {
			t.Fatalf("offset %d: %v", r.Offset, err)
		}
		said := v.String()
		if v == events.Counted {
			said = fmt.Sprintf("counted %d after %d", s.Command, s.Prev)
		}
		all = append(all, said)
	}
	return all
}

// duel is a partition as zombies, repeats and lost records leave it.
func duel(t *testing.T) []events.Record {
	t.Helper()
	one, two, three := owner(1), owner(2), owner(3)
	return []events.Record{
		fence(t, one, events.Owner{}),
		outcome(t, one, 3, -1),
		outcome(t, one, 5, 3),
		fence(t, two, one),
		outcome(t, one, 6, 5), // a zombie's
		outcome(t, two, 6, 5),
		outcome(t, two, 6, 5),         // a repeat
		outcome(t, two, 8, 7),         // behind a lost one
		fence(t, owner(2), owner(1)),  // a repeat
		outcome(t, owner(7), 9, 6),    // of an owner that never fenced
		outcome(t, two, 9, 6),         //
		record("k", "not an outcome"), // without headers
		fence(t, three, two),          //
		outcome(t, three, 11, 9),      //
	}
}

func owner(n uint64) events.Owner { return events.Owner{N: n, Random: [16]byte{byte(n)}} }

func fence(t *testing.T, o, after events.Owner) events.Record {
	t.Helper()
	r, err := events.EncodeFence(events.Fence{Owner: o, After: after}, events.Envelope{Source: "/logtest"})
	if err != nil {
		t.Fatalf("encode fence: %v", err)
	}
	return r
}

func outcome(t *testing.T, o events.Owner, command, prev int64) events.Record {
	t.Helper()
	out := events.Outcome{
		ID: events.NewID(events.Millis(1000+command), "c", 1, command), Session: "g_x", Actor: events.Actor{User: "u"}, ClientID: "c",
		Time: events.Millis(1000 + command), Result: events.Answered{Code: events.CodeAlreadyRead},
	}
	r, err := events.EncodeOutcome(out, events.Stamp{Owner: o, Command: command, Prev: prev}, events.Envelope{Source: "/logtest"})
	if err != nil {
		t.Fatalf("encode outcome: %v", err)
	}
	return r
}
