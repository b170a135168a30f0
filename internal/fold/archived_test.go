package fold_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"annal/internal/fold"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// archived is an archive of the log's outcomes, put in by any order and some of them twice.
func archived(t testing.TB, log eventlog.Log, seed uint64) *archive.Memory {
	t.Helper()
	a := archive.NewMemory()
	dice := rand.New(rand.NewPCG(seed, 0))
	for p := range int32(partitions) {
		var all []follow.Outcome
		if err := eventlog.EachCounted(t.Context(), log, p, func(rec *eventlog.Record) error {
			o, err := events.DecodeOutcome(rec.Record)
			all = append(all, follow.Outcome{Outcome: o, Err: err, Offset: rec.Offset, Record: rec.Record, Stamp: events.Stamp{Owner: owner, Command: rec.Offset - 1, Prev: rec.Offset - 2}})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		all = append(all, all[:len(all)/3]...)
		dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for batch := range slices.Chunk(all, 1+dice.IntN(20)) {
			rows := archive.Plan(p, batch)
			if err := a.Insert(t.Context(), &rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	return a
}

// TestRulesFoldAndArchiveAgree: whatever people do, the archive, fed in any order with repeats, says what the fold of the log does.
func TestRulesFoldAndArchiveAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := newAuthor(t)
		for range rapid.IntRange(1, 200).Draw(rt, "commands") {
			a.act(rt)
		}
		log := logOf(t, a.said)
		defer log.Close()
		var report fold.Report
		sessions := folded(t, log, &report)
		if err := fold.CompareArchive(t.Context(), archived(t, log, rapid.Uint64().Draw(rt, "seed")), sessions, &report); err != nil {
			rt.Fatal(err)
		}
		if report.Found != 0 {
			rt.Fatalf("the archive has %d problems: %v", report.Found, report.Problems)
		}
	})
}
