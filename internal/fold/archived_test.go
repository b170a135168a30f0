package fold_test

import (
	"context"
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
			all = append(all, follow.Outcome{Outcome: o, Err: err, Offset: rec.Offset, Record: rec.Record})
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

// lying is an archive that tells what a test makes of the truth.
type lying struct {
	archive.View
	count    func(map[archive.Kind]uint64)
	outcomes func([]archive.Outcome) []archive.Outcome
	messages func([]archive.MessageNow) []archive.MessageNow
	markers  func([]archive.MarkersNow) []archive.MarkersNow
	stays    func([]archive.Stay) []archive.Stay
	sessions func([]archive.SessionNow) []archive.SessionNow
}

func told[T any](all []T, err error, change func([]T) []T) ([]T, error) {
	if change != nil && len(all) > 0 {
		all = change(all)
	}
	return all, err
}

func (l lying) Count(ctx context.Context) (map[archive.Kind]uint64, error) {
	counts, err := l.View.Count(ctx)
	if l.count != nil {
		l.count(counts)
	}
	return counts, err
}

func (l lying) Outcomes(ctx context.Context, s events.SessionID, after int64, limit int) ([]archive.Outcome, error) {
	all, err := l.View.Outcomes(ctx, s, after, limit)
	return told(all, err, l.outcomes)
}

func (l lying) Messages(ctx context.Context, s events.SessionID, after events.Seq, limit int) ([]archive.MessageNow, error) {
	all, err := l.View.Messages(ctx, s, after, limit)
	return told(all, err, l.messages)
}

func (l lying) Markers(ctx context.Context, s events.SessionID) ([]archive.MarkersNow, error) {
	all, err := l.View.Markers(ctx, s)
	return told(all, err, l.markers)
}

func (l lying) Stays(ctx context.Context, s events.SessionID) ([]archive.Stay, error) {
	all, err := l.View.Stays(ctx, s)
	return told(all, err, l.stays)
}

func (l lying) Sessions(ctx context.Context, after events.SessionID, limit int) ([]archive.SessionNow, error) {
	all, err := l.View.Sessions(ctx, after, limit)
	return told(all, err, l.sessions)
}

// first changes the first of a list.
func first[T any](change func(*T)) func([]T) []T {
	return func(all []T) []T {
		change(&all[0])
		return all
	}
}

func without[T any](all []T) []T { return all[1:] }

func doubled[T any](all []T) []T { return append(all[:1:1], all...) }

// TestPlantedInTheArchive: a field of every kind altered, a row dropped, a row doubled: each is named.
func TestPlantedInTheArchive(t *testing.T) {
	_, said := talk(t)
	log := logOf(t, said)
	defer log.Close()
	truth := archived(t, log, 1)
	for name, c := range map[string]struct {
		want string
		lie  lying
	}{
		"nothing":              {"", lying{}},
		"an outcome too few":   {"outcomes, must have", lying{count: func(m map[archive.Kind]uint64) { m[archive.KindAccepted]-- }}},
		"a refusal too many":   {"outcomes, must have", lying{count: func(m map[archive.Kind]uint64) { m[archive.KindRejected]++ }}},
		"an event dropped":     {"events of the timeline, must have", lying{outcomes: without[archive.Outcome]}},
		"an event doubled":     {"twice", lying{outcomes: doubled[archive.Outcome]}},
		"a byte of an event":   {"byte for byte", lying{outcomes: first(func(o *archive.Outcome) { o.Bytes += "x" })}},
		"a message dropped":    {"messages, must have", lying{messages: without[archive.MessageNow]}},
		"a message doubled":    {"messages, must have", lying{messages: doubled[archive.MessageNow]}},
		"a message of nobody":  {"that is none", lying{messages: first(func(m *archive.MessageNow) { m.Seq = 1 })}},
		"a text":               {"is archived as", lying{messages: first(func(m *archive.MessageNow) { m.Text = "hello" })}},
		"an index":             {"is archived as", lying{messages: first(func(m *archive.MessageNow) { m.Index++ })}},
		"a time":               {"is archived as", lying{messages: first(func(m *archive.MessageNow) { m.Time++ })}},
		"an origin":            {"is archived as", lying{messages: first(func(m *archive.MessageNow) { m.Origin++ })}},
		"a sender":             {"is archived as", lying{messages: first(func(m *archive.MessageNow) { m.Sender = "bob" })}},
		"a version":            {"is archived as", lying{messages: first(func(m *archive.MessageNow) { m.Versions-- })}},
		"a revoke":             {"is archived as", lying{messages: first(func(m *archive.MessageNow) { m.Revoked = true })}},
		"a deletion":           {"is archived as", lying{messages: first(func(m *archive.MessageNow) { m.Deleted = true })}},
		"a pin":                {"is archived as", lying{messages: first(func(m *archive.MessageNow) { m.Pinned = true })}},
		"a reaction":           {"with the reactions", lying{messages: first(func(m *archive.MessageNow) { m.Reactions = map[string]uint64{"x": 1} })}},
		"a marker":             {"markers are archived as", lying{markers: first(func(m *archive.MarkersNow) { m.Read++ })}},
		"a delivery":           {"markers are archived as", lying{markers: first(func(m *archive.MarkersNow) { m.Delivered++ })}},
		"a marker dropped":     {"people are archived, must be", lying{markers: without[archive.MarkersNow]}},
		"a stay's end":         {"stays of ann", lying{stays: first(func(s *archive.Stay) { s.To = 5 })}},
		"a stay dropped":       {"stays of ann", lying{stays: without[archive.Stay]}},
		"a stay of a stranger": {"was never in", lying{stays: func(all []archive.Stay) []archive.Stay { return append(all, archive.Stay{User: "eve", From: 2}) }}},
		"a title":              {"archived as", lying{sessions: first(func(s *archive.SessionNow) { s.Title += "x" })}},
		"a head":               {"archived as", lying{sessions: first(func(s *archive.SessionNow) { s.Head++ })}},
		"a session closed":     {"archived as", lying{sessions: first(func(s *archive.SessionNow) { s.Closed = true })}},
		"a number of messages": {"archived as", lying{sessions: first(func(s *archive.SessionNow) { s.Messages++ })}},
		"a field of a session": {"archived with the fields", lying{sessions: first(func(s *archive.SessionNow) { s.Custom = map[string]string{"a": "b"} })}},
		"a session dropped":    {"not archived", lying{sessions: without[archive.SessionNow]}},
		"a session of nobody's": {"not in the log", lying{sessions: func(all []archive.SessionNow) []archive.SessionNow {
			return append(all, archive.SessionNow{Session: "z"})
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.lie.View = truth
			var report fold.Report
			sessions := folded(t, log, &report)
			if err := fold.CompareArchive(t.Context(), c.lie, sessions, &report); err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if report.Found > 0 {
					t.Errorf("problems in the truth: %v", report.Problems)
				}
				return
			}
			wantProblem(t, &report, c.want)
		})
	}
}
