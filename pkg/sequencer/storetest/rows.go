package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"annal/pkg/events"
	"annal/pkg/sequencer"
)

// list gives all rows of a moment as text.
func list(t *testing.T, rows sequencer.StoredRows) string {
	t.Helper()
	var all []string
	err := rows.Sessions(func(s events.SessionID) error {
		return rows.Session(s, func(k events.Key, v []byte) error {
			all = append(all, fmt.Sprintf("%s/%s=%s", s, k, v))
			return nil
		})
	})
	if err != nil {
		t.Fatalf("rows: %v", err)
	}
	return strings.Join(all, " ")
}

func moment(t *testing.T, s sequencer.Store) sequencer.StoredRows {
	t.Helper()
	rows, err := s.Rows()
	if err != nil {
		t.Fatalf("Rows: %v", err)
	}
	t.Cleanup(func() {
		if err := rows.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return rows
}

func wantRows(t *testing.T, rows sequencer.StoredRows, want string) {
	t.Helper()
	if got := list(t, rows); got != want {
		t.Errorf("rows are %q, want %q", got, want)
	}
}

func rowsOfAMoment(t *testing.T, open func(int32) sequencer.Store) {
	s, other := open(1), open(2)
	t.Cleanup(func() { closeStore(t, s); closeStore(t, other) })
	none := moment(t, s)
	wantRows(t, none, "")
	if p := none.Progress(); p != events.Start() {
		t.Errorf("progress of an empty store is %v, want the start", p)
	}
	apply(t, s, progress(5), row("b", "h", "1"), row("a", "x", "2"), row("a", "h", "3"), row("ab", "h", "4"))
	apply(t, other, progress(9), row("c", "h", "not of this partition"))
	then := moment(t, s)
	apply(t, s, progress(6), row("a", "h", "5"), sequencer.StoredRow{Session: "b", Key: "h"}, row("c", "h", "6"))
	const were = "a/h=3 a/x=2 b/h=1 ab/h=4"
	const are = "a/h=5 a/x=2 c/h=6 ab/h=4"
	// Sessions ascend by length first, or plainly: either is an order.
	wantOneOf(t, then, were, "a/h=3 a/x=2 ab/h=4 b/h=1")
	wantOneOf(t, moment(t, s), are, "a/h=5 a/x=2 ab/h=4 c/h=6")
	if p := then.Progress(); p != progress(5) {
		t.Errorf("progress is %v, want that of the moment, %v", p, progress(5))
	}
	stop := errors.New("stop")
	if err := then.Sessions(func(events.SessionID) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Sessions = %v, want the caller's error", err)
	}
	if err := then.Session("a", func(events.Key, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Session = %v, want the caller's error", err)
	}
}

func wantOneOf(t *testing.T, rows sequencer.StoredRows, want ...string) {
	t.Helper()
	got := list(t, rows)
	for _, w := range want {
		if got == w {
			return
		}
	}
	t.Errorf("rows are %q, want %q", got, want)
}

func filling(t *testing.T, open func(int32) sequencer.Store) {
	s := open(0)
	for _, rows := range [][]sequencer.StoredRow{{row("a", "h", "1"), row("a", "x", "2"), row("ab", "h", "3")}, {row("a", "h", "4")}} {
		if err := s.Fill(rows); err != nil {
			t.Fatalf("Fill: %v", err)
		}
	}
	wantProgress(t, s, events.Progress{}, false)
	wantRow(t, s, "a", "h", []byte("4"))
	if err := s.Forget("a"); err != nil {
		t.Fatalf("Forget: %v", err)
	}
	wantRows(t, moment(t, s), "ab/h=3")
	apply(t, s, progress(3))
	wantProgress(t, s, progress(3), true)
	wantRow(t, s, "ab", "h", []byte("3"))
	t.Cleanup(func() { closeStore(t, s) })
}

func notes(t *testing.T, open func(int32) sequencer.Store) {
	s, other := open(0), open(1)
	defer closeStore(t, other)
	set := func(s sequencer.Store, notes map[string][]byte) {
		t.Helper()
		if err := s.SetNotes(notes); err != nil {
			t.Fatalf("SetNotes: %v", err)
		}
	}
	set(s, map[string][]byte{"a1": []byte("1"), "a2": []byte("2"), "b": []byte("3"), "a3": []byte("4")})
	set(other, map[string][]byte{"a0": []byte("not of this partition")})
	set(s, map[string][]byte{"a2": nil, "a3": []byte("5")})
	all := func(prefix string) (got string) {
		t.Helper()
		if err := s.EachNote(prefix, func(name string, v []byte) error { got += name + "=" + string(v) + " "; return nil }); err != nil {
			t.Fatalf("EachNote: %v", err)
		}
		return got
	}
	if got, want := all("a"), "a1=1 a3=5 "; got != want {
		t.Errorf("notes are %q, want %q", got, want)
	}
	closeStore(t, s)
	s = open(0)
	defer closeStore(t, s)
	if v, err := s.Note("b"); err != nil || string(v) != "3" {
		t.Errorf("Note = %q, %v, want 3", v, err)
	}
	if v, err := s.Note("a2"); err != nil || v != nil {
		t.Errorf("a removed note = %q, %v, want none", v, err)
	}
	wantProgress(t, s, events.Progress{}, false)
	if err := s.Reset(); err != nil {
		t.Fatalf("Reset: %v", err)
	}
	if got := all(""); got != "" {
		t.Errorf("after Reset there are notes: %q", got)
	}
}
