package events_test

import (
	"errors"
	"testing"

	"annal/pkg/events"
)

func owner(n uint64, random byte) events.Owner {
	return events.Owner{N: n, Random: [16]byte{random}}
}

func fence(t *testing.T, o, after events.Owner) events.Record {
	t.Helper()
	r, err := events.EncodeFence(events.Fence{Owner: o, After: after}, events.Envelope{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func outcome(t *testing.T, o events.Owner, command, prev int64, at events.Millis) events.Record {
	t.Helper()
	out := sampleOutcome(events.Answered{Code: events.CodeDuplicate})
	out.Time = at
	r, err := events.EncodeOutcome(out, events.Stamp{Owner: o, Command: command, Prev: prev}, events.Envelope{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReadersRule(t *testing.T) {
	none, a, b, c := events.Owner{}, owner(1, 'a'), owner(2, 'b'), owner(2, 'c')
	noStamp := outcome(t, a, 0, -1, 5)
	noStamp.Headers = noStamp.Headers[:4]
	steps := []struct {
		what string
		rec  events.Record
		want events.Verdict
		last int64
		own  events.Owner
	}{
		{"an outcome before any fence was written by nobody", outcome(t, a, 0, -1, 5), events.Poison, -1, none},
		{"the first fence", fence(t, a, none), events.Fenced, -1, a},
		{"the same fence again", fence(t, a, none), events.Late, -1, a},
		{"the first outcome", outcome(t, a, 3, -1, 5), events.Counted, 3, a},
		{"its repeat", outcome(t, a, 3, -1, 5), events.Broken, 3, a},
		{"one behind a lost record", outcome(t, a, 5, 4, 6), events.Broken, 3, a},
		{"the next", outcome(t, a, 4, 3, 6), events.Counted, 4, a},
		{"a command not above its prev", outcome(t, a, 4, 4, 6), events.Poison, 4, a},
		{"a takeover", fence(t, b, a), events.Fenced, 4, b},
		{"its twin, too late", fence(t, c, a), events.Late, 4, b},
		{"the twin's outcome", outcome(t, c, 5, 4, 7), events.Late, 4, b},
		{"the zombie's outcome", outcome(t, a, 5, 4, 7), events.Late, 4, b},
		{"the owner's", outcome(t, b, 5, 4, 7), events.Counted, 5, b},
		{"an owner that never fenced", outcome(t, owner(9, 'x'), 6, 5, 8), events.Poison, 5, b},
		{"a fence of nowhere", fence(t, owner(9, 'x'), owner(8, 'y')), events.Poison, 5, b},
		{"a fence that skips a number", fence(t, owner(4, 'x'), b), events.Poison, 5, b},
		{"a record without stamp", noStamp, events.Poison, 5, b},
		{"random bytes", events.Record{Value: []byte{1, 2, 3}}, events.Poison, 5, b},
		{"and the next again", outcome(t, b, 9, 5, 7), events.Counted, 9, b},
	}
	r := events.NewReader(events.Start())
	for i, s := range steps {
		got, _, err := r.Read(int64(i), s.rec)
		var poison *events.PoisonError
		if got != s.want || errors.As(err, &poison) != (got == events.Poison) {
			t.Fatalf("%s: %v, want %v (%v)", s.what, got, s.want, err)
		}
		if p := r.Progress(); p.Last != s.last || p.Owner != s.own || p.Offset != int64(i)+1 {
			t.Fatalf("%s: progress %+v, want last %d, owner %v", s.what, p, s.last, s.own)
		}
		// Whoever stops here and goes on from the progress sees the rest alike.
		r = events.NewReader(r.Progress())
	}
	if _, _, err := r.Read(3, steps[3].rec); err == nil {
		t.Error("a record read a second time was judged again")
	}
}

// anyFence is a weaker rule: the last fence wins, whomever it was to come after. It keeps
// what outcomes need.
type anyFence struct {
	// rising: but only one of a higher n.
	rising bool
	owner  events.Owner
	last   int64
}

func (r *anyFence) fence(o events.Owner) bool {
	if r.rising && o.N <= r.owner.N {
		return false
	}
	r.owner = o
	return true
}

func (r *anyFence) outcome(o events.Owner, command, prev int64) bool {
	if o != r.owner || prev != r.last {
		return false
	}
	r.last = command
	return true
}

// written is a record of a log: a fence after another owner, or an outcome of a command
// after another. want is what the reader must say of it, and weak whether the weaker rule
// lets it count.
type written struct {
	what          string
	fence         bool
	owner, after  events.Owner
	command, prev int64
	want          events.Verdict
	weak          bool
}

func wantVerdicts(t *testing.T, weak *anyFence, log []written) {
	t.Helper()
	r := events.NewReader(events.Start())
	for i, w := range log {
		rec, counts := outcome(t, w.owner, w.command, w.prev, 5), false
		if w.fence {
			rec, counts = fence(t, w.owner, w.after), weak.fence(w.owner)
		} else {
			counts = weak.outcome(w.owner, w.command, w.prev)
		}
		if got, _, _ := r.Read(int64(i), rec); got != w.want {
			t.Errorf("%s: %v, want %v", w.what, got, w.want)
		}
		if counts != w.weak {
			t.Errorf("%s: by the weaker rule it counts: %t, want %t", w.what, counts, w.weak)
		}
	}
}

// TestLastFenceWouldWin: five records on which the last fence must not win. a decided 0
// and 1 before b took over and decided 0 otherwise; a's fence stands in the log once more,
// as after an append of unknown outcome. Then a's 1 seems to follow on b's 0.
func TestLastFenceWouldWin(t *testing.T) {
	none, a, b := events.Owner{}, owner(1, 'a'), owner(2, 'b')
	wantVerdicts(t, &anyFence{last: -1}, []written{
		{what: "a's fence", fence: true, owner: a, after: none, want: events.Fenced, weak: true},
		{what: "b's fence", fence: true, owner: b, after: a, want: events.Fenced, weak: true},
		{what: "b's 0", owner: b, command: 0, prev: -1, want: events.Counted, weak: true},
		{what: "a's fence again", fence: true, owner: a, after: none, want: events.Late, weak: true},
		{what: "a's 1, decided behind a's own 0", owner: a, command: 1, prev: 0, want: events.Late, weak: true},
	})
}

// TestFenceAfterALostEnd: where a higher n is not enough. The log lost its end, b's fence
// and b's 0, which d had read before it fenced; c took b's place meanwhile and decided 0
// otherwise. d's 1 must not follow on that.
func TestFenceAfterALostEnd(t *testing.T) {
	none, a, b, c, d := events.Owner{}, owner(1, 'a'), owner(2, 'b'), owner(2, 'c'), owner(3, 'd')
	wantVerdicts(t, &anyFence{rising: true, last: -1}, []written{
		{what: "a's fence", fence: true, owner: a, after: none, want: events.Fenced, weak: true},
		{what: "c's fence", fence: true, owner: c, after: a, want: events.Fenced, weak: true},
		{what: "c's 0", owner: c, command: 0, prev: -1, want: events.Counted, weak: true},
		{what: "d's fence", fence: true, owner: d, after: b, want: events.Late, weak: true},
		{what: "d's 1, decided behind b's 0", owner: d, command: 1, prev: 0, want: events.Poison, weak: true},
	})
}

func TestTypedErrors(t *testing.T) {
	rec, err := events.EncodeCommand(sampleCommand(events.Join{}), sampleEnvelope)
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, value string) events.Record {
		r := rec
		r.Headers = nil
		for _, h := range rec.Headers {
			if h.Name == name {
				h.Value = []byte(value)
			}
			r.Headers = append(r.Headers, h)
		}
		return r
	}
	var version *events.VersionError
	if _, err := events.DecodeCommand(with(events.HeaderSchemaVersion, "2")); !errors.As(err, &version) || version.Version != 2 {
		t.Errorf("version 2: %v, want a VersionError", err)
	}
	var typ *events.TypeError
	if _, err := events.DecodeCommand(with(events.HeaderType, "annal.poem")); !errors.As(err, &typ) {
		t.Errorf("unknown type: %v, want a TypeError", err)
	}
	var decode *events.DecodeError
	if _, err := events.DecodeCommand(with(events.HeaderSchemaVersion, "one")); !errors.As(err, &decode) {
		t.Errorf("version that is no number: %v, want a DecodeError", err)
	}
	rec.Value = []byte{0xFF, 0xFF}
	if _, err := events.DecodeCommand(rec); !errors.As(err, &decode) {
		t.Errorf("random bytes: %v, want a DecodeError", err)
	}
}

func TestIDsFollowFromThePosition(t *testing.T) {
	a := events.NewID(1_764_000_000_123, "cluster", 3, 41)
	if b := events.NewID(1_764_000_000_123, "cluster", 3, 41); a != b {
		t.Errorf("the same position gives %v and %v", a, b)
	}
	for _, b := range []events.ID{
		events.NewID(1_764_000_000_123, "cluster", 3, 42), events.NewID(1_764_000_000_123, "cluster", 4, 41),
		events.NewID(1_764_000_000_123, "other", 3, 41),
	} {
		if a == b {
			t.Errorf("two positions give %v", a)
		}
	}
	if s := a.String(); s[14] != '7' || !(s[19] == '8' || s[19] == '9' || s[19] == 'a' || s[19] == 'b') {
		t.Errorf("%s is no UUIDv7", s)
	}
	if events.NewDirectID("a", "b") != events.NewDirectID("b", "a") {
		t.Error("a direct session depends on who opens it")
	}
	if events.NewDirectID("ab", "c") == events.NewDirectID("a", "bc") {
		t.Error("two pairs share a direct session")
	}
}
