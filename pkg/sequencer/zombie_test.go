package sequencer_test

import (
	"os"
	"strconv"
	"testing"

	"annal/pkg/events"
)

// realRule is what production counts by.
func realRule() countingRule {
	r := events.NewReader(events.Start())
	return &r
}

func numberFrom(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}

// TestZombies runs two to four processes that all believe to own one partition, with
// fences, appends, stores and processes failing in every way, on the production
// Machine and Reader. SEEDS=100000 runs more; SEED=n runs that one alone.
func TestZombies(t *testing.T) {
	n := numberFrom(t, "SEEDS", 2000)
	t.Run("toy rules", func(t *testing.T) { zombies(t, toyGame, n) })
	t.Run("real rules", func(t *testing.T) { zombies(t, realGame, (n+1)/2) })
}

func zombies(t *testing.T, g game, n uint64) {
	first := uint64(0)
	if os.Getenv("SEED") != "" {
		first, n = numberFrom(t, "SEED", 0), 1
	}
	var sum struct{ commands, events, counted, fences, late, broken, refused uint64 }
	for seed := first; seed < first+n; seed++ {
		w := newWorld(seed, realRule(), g)
		if v := w.run(); v != nil {
			t.Fatalf("%v\nrun it again: SEED=%d go test -run '%s' ./pkg/sequencer", v, seed, t.Name())
		}
		sum.commands += uint64(len(w.commands))
		sum.events += uint64(len(w.events))
		sum.refused += uint64(len(w.oracle.refusing))
		for _, v := range w.oracle.verdicts {
			switch v {
			case events.Counted:
				sum.counted++
			case events.Fenced:
				sum.fences++
			case events.Late:
				sum.late++
			case events.Broken:
				sum.broken++
			case events.Poison:
			}
		}
	}
	t.Logf("%d seeds: %+v", n, sum)
	if n >= 1000 && (sum.late < 1000 || sum.broken < 1000 || sum.fences < 1000 || sum.refused < 100) {
		t.Errorf("the simulation is too tame to show anything: %+v", sum)
	}
}

// twins are the faults under which two owners' records mix most: no process dies, but
// each stands still for long, with fences and outcomes still on the way, and decides
// differently from the others. What is still on the way arrives when it does most harm.
var twins = faults{double: 50, freeze: 10, versions: 100, ambush: 100}

// TestZombiesFellWeakerRules shows that the simulation makes the logs on which weaker
// rules fail, and the real one without any of its clauses: with each, a command takes
// effect twice or on a history that never was.
func TestZombiesFellWeakerRules(t *testing.T) {
	for name, rule := range map[string]func() countingRule{
		"command above the last": func() countingRule { return &countAbove{p: events.Start()} },
		"last fence wins":        func() countingRule { return &lastFence{p: events.Start()} },
		"whoever wrote it":       func() countingRule { return &lacking{p: events.Start(), clause: "owner"} },
		"whatever came before":   func() countingRule { return &lacking{p: events.Start(), clause: "prev"} },
		"whomever it replaces":   func() countingRule { return &lacking{p: events.Start(), clause: "after"} },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(500) {
				w := newWorld(seed, rule(), quarrel)
				w.faults = twins
				v := w.run()
				if v != nil && (v.kind == "twice" || v.kind == "history") {
					t.Logf("seed %d: %.200s", seed, v)
					return
				}
			}
			t.Error("no seed shows that this rule is too weak")
		})
	}
}

// TestAfterFollowsFromN shows what a fence's n is worth: as long as the log keeps what was
// in it, a fence of a higher n comes after the owner, so that a reader who looks at n alone
// lets the same records count. TestFenceAfterALostEnd, of pkg/events, has the log on which
// it does not.
func TestAfterFollowsFromN(t *testing.T) {
	late := 0
	for seed := range uint64(300) {
		w := newWorld(seed, realRule(), quarrel)
		if seed%2 == 0 {
			w.faults = twins
		}
		if v := w.run(); v != nil {
			t.Fatal(v)
		}
		r := &lacking{p: events.Start(), clause: "after", rising: true}
		for i, rec := range w.events {
			if _, _, err := r.Read(rec.Offset, rec.Record); err != nil {
				t.Fatal(err)
			}
			if got, want := r.Progress(), w.oracle.progress[i+1]; got.Owner != want.Owner || got.Last != want.Last {
				t.Fatalf("seed %d: behind offset %d the owner is %v and the last %d, by n alone %v and %d", seed, i, want.Owner, want.Last, got.Owner, got.Last)
			}
			if _, fence := stampOf(rec.Record); fence != nil && w.oracle.verdicts[i] == events.Late {
				late++
			}
		}
	}
	if late < 500 {
		t.Errorf("%d fences came late, which shows little", late)
	}
}

// TestZombiesCatchEarlyAnswers shows that answering when an append is acknowledged
// tells clients of outcomes that readers ignore.
func TestZombiesCatchEarlyAnswers(t *testing.T) {
	for seed := range uint64(500) {
		w := newWorld(seed, realRule(), toyGame)
		w.ackAnswers = true
		if v := w.run(); v != nil && v.kind == "answer" {
			t.Logf("seed %d: %.200s", seed, v)
			return
		}
	}
	t.Error("no seed has a zombie's append acknowledged")
}
