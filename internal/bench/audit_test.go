package bench

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"annal/internal/devstack"
	"annal/pkg/audit"
	"annal/pkg/connectors/clickhouse"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

const (
	pastEvents  = 1_000_000
	pastMembers = 200
	pastSession = events.SessionID("g_past")
)

// BenchmarkAuditAt measures how long a session of a million events takes to be shown as it stood, with its newest hundred texts, from
// ClickHouse's engine: at ten instants from its beginning to its end.
//
//	go test ./internal/bench -run xxx -bench AuditAt -benchtime 1x
func BenchmarkAuditAt(b *testing.B) {
	ch, err := devstack.StartClickHouse(b.Context(), devstack.ClickHouseOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := ch.Stop(); err != nil {
			b.Error(err)
		}
	})
	w := &archiveWorld{B: b, ch: ch}
	store := w.store("past")
	fillPast(b, store)
	for range b.N {
		worst := time.Duration(0)
		for i := 1; i <= 10; i++ {
			start := time.Now()
			state, err := audit.AtPast(b.Context(), store, pastSession, audit.Instant{Time: events.Millis(i * pastEvents / 10)}, audit.Page{Limit: 100})
			took := time.Since(start)
			if err != nil || len(state.Texts) != 100 || len(state.Members) != pastMembers {
				b.Fatalf("instant %d: %v", i, err)
			}
			b.Logf("instant %d, seq %d: %d ms", i, state.Seq, took.Milliseconds())
			worst = max(worst, took)
		}
		b.ReportMetric(float64(worst.Milliseconds()), "worst_ms")
	}
}

// fillPast stores a talk of a million events, one a millisecond: of ten six are sent, and one each marks, overrides, reacts and revokes.
func fillPast(b *testing.B, store *clickhouse.ClickHouse) {
	b.Helper()
	var seq events.Seq
	var index events.Index
	var prev events.Hash
	var batch []follow.Outcome
	for i := range pastEvents {
		a := events.Accepted{}
		target := max(seq, 3) - 1
		switch {
		case i == 0:
			created := events.Created{Kind: events.KindGroup, Policy: events.Policy{History: events.HistoryAll}, Title: "a long talk"}
			for u := range pastMembers {
				created.Members = append(created.Members, events.NewMember{User: events.UserID(fmt.Sprint("user", u)), Role: events.RoleMember})
			}
			a.Event = created
		case i%10 == 6:
			a.Event = events.Read{Marker: seq, MarkerIndex: index}
		case i%10 == 7:
			a.Event = events.Overridden{Target: target, TargetIndex: index, Body: events.TextBody(fmt.Sprintf("what was meant is %d, and nothing else at all", i))}
		case i%10 == 8:
			a.Event = events.Reacted{Target: target, TargetIndex: index, Emoji: "👍"}
		case i%10 == 9:
			a.Event = events.Revoked{Target: target - 1, TargetIndex: index}
		default:
			index++
			a.Event = events.Sent{Index: index, Body: events.TextBody(fmt.Sprintf("this is message %d of a long talk about nothing in particular", index))}
		}
		if i%10 != 6 || i == 0 {
			seq++
			a.Seq = seq
		}
		o := events.Outcome{
			ID: events.NewID(events.Millis(i+1), "bench", 0, int64(i)), Session: pastSession, Actor: events.Actor{User: events.UserID(fmt.Sprint("user", i*7%pastMembers))},
			ClientID: fmt.Sprint("client", i), Time: events.Millis(i + 1), PrevHash: prev, Result: a,
		}
		stamp := events.Stamp{Owner: events.Owner{N: 1}, Command: int64(i), Prev: int64(i) - 1}
		rec, err := events.EncodeOutcome(o, stamp, events.Envelope{Source: "bench"})
		if err != nil {
			b.Fatal(err)
		}
		prev = sha256.Sum256(rec.Value)
		batch = append(batch, follow.Outcome{Outcome: o, Offset: int64(i), Stamp: stamp, Record: rec})
		if len(batch) < archiveInsertion && i < pastEvents-1 {
			continue
		}
		rows := archive.Plan(0, batch)
		if err := store.Insert(b.Context(), &rows); err != nil {
			b.Fatal(err)
		}
		batch = batch[:0]
	}
}
