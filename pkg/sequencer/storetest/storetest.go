// Package storetest is the suite that every implementation of sequencer.Store passes.
package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"annal/pkg/events"
	"annal/pkg/sequencer"
)

// Run runs the suite. open gives a partition's store of one fresh place per test; the
// same partition opened again holds what its last store held.
func Run(t *testing.T, place func(t *testing.T) (open func(partition int32) sequencer.Store)) {
	for name, test := range map[string]func(*testing.T, func(int32) sequencer.Store){
		"empty": empty, "rows and progress": rowsAndProgress, "removal": removal, "ranges": ranges,
		"neighbours": neighbours, "reset": reset, "reopened": reopened, "against a map": againstMap,
		"values are its own": ownValues, "rows of a moment": rowsOfAMoment, "filling": filling, "notes": notes,
	} {
		t.Run(name, func(t *testing.T) { test(t, place(t)) })
	}
}

func progress(n int64) events.Progress {
	return events.Progress{Offset: n, Owner: events.Owner{N: uint64(n), Random: [16]byte{1, 2}}, Last: n - 1, Time: events.Millis(n)}
}

func row(s string, k events.Key, v string) sequencer.StoredRow {
	return sequencer.StoredRow{Session: events.SessionID(s), Key: k, Value: []byte(v)}
}

func apply(t *testing.T, s sequencer.Store, p events.Progress, rows ...sequencer.StoredRow) {
	t.Helper()
	if err := s.Apply(p, rows); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

func wantRow(t *testing.T, s sequencer.Store, session string, k events.Key, want []byte) {
	t.Helper()
	got, err := s.Get(events.SessionID(session), []events.Key{"\xff", k, "", k})
	if err != nil || len(got) != 4 || got[0] != nil || got[2] != nil || !bytes.Equal(got[1], want) || (got[1] == nil) != (want == nil) || !bytes.Equal(got[3], got[1]) {
		t.Errorf("Get(%q) of an absent row, %q, another, and it again = %q, %v; want %q", session, k, got, err, want)
	}
}

func wantFirst(t *testing.T, s sequencer.Store, session string, prefix events.Key, n int, want ...events.Key) {
	t.Helper()
	got, err := s.First(events.SessionID(session), prefix, n)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("First(%q, %q, %d) = %q, %v; want %q", session, prefix, n, got, err, want)
	}
}

func wantProgress(t *testing.T, s sequencer.Store, want events.Progress, filled bool) {
	t.Helper()
	got, ok, err := s.Progress()
	if err != nil || ok != filled || ok && got != want {
		t.Errorf("Progress() = %v, %v, %v; want %v, %v", got, ok, err, want, filled)
	}
}

func closeStore(t *testing.T, s sequencer.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func empty(t *testing.T, open func(int32) sequencer.Store) {
	s := open(0)
	defer closeStore(t, s)
	wantProgress(t, s, events.Progress{}, false)
	wantRow(t, s, "a", "h", nil)
	wantFirst(t, s, "a", "", 5)
}

func rowsAndProgress(t *testing.T, open func(int32) sequencer.Store) {
	s := open(0)
	defer closeStore(t, s)
	apply(t, s, progress(1), row("a", "h", "1"), row("b", "h", "2"), row("a", "empty", ""))
	apply(t, s, progress(2), row("a", "h", "2"), row("a", "h", "3")) // the later one stands
	apply(t, s, progress(3))                                         // no rows, progress only
	wantProgress(t, s, progress(3), true)
	wantRow(t, s, "a", "h", []byte("3"))
	wantRow(t, s, "b", "h", []byte("2"))
	wantRow(t, s, "a", "empty", []byte{})
}

func removal(t *testing.T, open func(int32) sequencer.Store) {
	s := open(0)
	defer closeStore(t, s)
	apply(t, s, progress(1), row("a", "k", "1"), row("a", "l", "2"))
	apply(t, s, progress(2), sequencer.StoredRow{Session: "a", Key: "k"}, sequencer.StoredRow{Session: "a", Key: "never there"})
	wantRow(t, s, "a", "k", nil)
	wantFirst(t, s, "a", "", 5, "l")
}

func ranges(t *testing.T, open func(int32) sequencer.Store) {
	s := open(0)
	defer closeStore(t, s)
	apply(t, s, progress(1), row("a", "s\x02\x00z", ""), row("a", "s\x01\xff\xff", ""), row("a", "s\x01\x00", ""), row("a", "t", ""),
		row("a", "s\x01", ""), row("b", "s\x01\x01", ""), row("a", "r", ""), row("a", "\xff\xff", ""))
	wantFirst(t, s, "a", "s\x01", 9, "s\x01", "s\x01\x00", "s\x01\xff\xff")
	wantFirst(t, s, "a", "s\x01", 2, "s\x01", "s\x01\x00")
	wantFirst(t, s, "a", "s\x01\xff", 9, "s\x01\xff\xff")
	wantFirst(t, s, "a", "\xff", 9, "\xff\xff")
	wantFirst(t, s, "a", "x", 9)
	wantFirst(t, s, "a", "", 2, "r", "s\x01")
}

// neighbours: no session or partition sees another's, whatever the names.
func neighbours(t *testing.T, open func(int32) sequencer.Store) {
	s, other := open(0), open(1)
	defer closeStore(t, s)
	defer closeStore(t, other)
	long := strings.Repeat("a", 70_000) // over two bytes of length
	apply(t, s, progress(1), row("a", "bh", "1"), row("ab", "h", "2"), row("", "abh", "3"), row(long, "h", "4"))
	apply(t, other, progress(9), row("a", "bh", "5"))
	wantRow(t, s, "a", "bh", []byte("1"))
	wantRow(t, s, "ab", "h", []byte("2"))
	wantRow(t, s, "", "abh", []byte("3"))
	wantRow(t, s, long, "h", []byte("4"))
	wantFirst(t, s, "a", "", 9, "bh")
	wantFirst(t, s, "ab", "", 9, "h")
	wantFirst(t, s, long[:70_000-65_536], "", 9)
	wantRow(t, other, "a", "bh", []byte("5"))
	wantProgress(t, s, progress(1), true)
	wantProgress(t, other, progress(9), true)
}

func reset(t *testing.T, open func(int32) sequencer.Store) {
	s, other := open(0), open(1)
	defer closeStore(t, s)
	defer closeStore(t, other)
	apply(t, s, progress(1), row("a", "h", "1"), row("\xff", "\xff", "1"))
	apply(t, other, progress(1), row("a", "h", "2"))
	if err := s.Reset(); err != nil {
		t.Fatalf("Reset: %v", err)
	}
	wantProgress(t, s, events.Progress{}, false)
	wantRow(t, s, "a", "h", nil)
	wantFirst(t, s, "\xff", "", 9)
	wantRow(t, other, "a", "h", []byte("2"))
	apply(t, s, progress(1), row("a", "h", "3"))
	wantRow(t, s, "a", "h", []byte("3"))
}

func reopened(t *testing.T, open func(int32) sequencer.Store) {
	s := open(3)
	apply(t, s, progress(4), row("a", "h", "1"))
	closeStore(t, s)
	s = open(3)
	defer closeStore(t, s)
	wantProgress(t, s, progress(4), true)
	wantRow(t, s, "a", "h", []byte("1"))
}

func ownValues(t *testing.T, open func(int32) sequencer.Store) {
	s := open(0)
	defer closeStore(t, s)
	value := []byte("before")
	apply(t, s, progress(1), sequencer.StoredRow{Session: "a", Key: "h", Value: value})
	copy(value, "after!")
	wantRow(t, s, "a", "h", []byte("before"))
}

// againstMap applies many random batches and compares with a map.
func againstMap(t *testing.T, open func(int32) sequencer.Store) {
	s := open(0)
	defer closeStore(t, s)
	r := rand.New(rand.NewPCG(5, 6))
	model := map[string]map[events.Key]string{"a": {}, "b": {}, "ab": {}}
	names := []string{"a", "b", "ab"}
	for n := range int64(300) {
		var rows []sequencer.StoredRow
		for range r.IntN(20) {
			name, k := names[r.IntN(3)], events.Key(fmt.Sprintf("%c%d", 'g'+r.IntN(3), r.IntN(40)))
			if r.IntN(3) == 0 {
				rows = append(rows, sequencer.StoredRow{Session: events.SessionID(name), Key: k})
				delete(model[name], k)
				continue
			}
			v := fmt.Sprint(n, r.IntN(9))
			rows = append(rows, row(name, k, v))
			model[name][k] = v
		}
		apply(t, s, progress(n+1), rows...)
	}
	for name, want := range model {
		for _, prefix := range []events.Key{"", "g", "h", "i1"} {
			var keys []events.Key
			for k, v := range want {
				if strings.HasPrefix(string(k), string(prefix)) {
					keys = append(keys, k)
				}
				wantRow(t, s, name, k, []byte(v))
			}
			slices.Sort(keys)
			wantFirst(t, s, name, prefix, 1000, keys...)
			wantFirst(t, s, name, prefix, 3, keys[:min(3, len(keys))]...)
		}
	}
}
