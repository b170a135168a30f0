package sequencer_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"testing"

	"annal/pkg/connectors/pebble"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/sequencer"
)

// benchRows are those of groups of three, as they are stored.
type benchRows struct {
	store  sequencer.Store
	offset int64
	random *rand.Rand
	log    eventlog.Log
	rows   []sequencer.StoredRow
}

func (r *benchRows) session(i int) events.SessionID {
	return events.NewSessionID(events.Create{Kind: events.KindGroup}, events.UserID(fmt.Sprint("a", i)), "open")
}

func (r *benchRows) add(b *testing.B, s events.SessionID, k events.Key, row events.Row) {
	b.Helper()
	value, err := events.EncodeRow(row)
	if err != nil {
		b.Fatal(err)
	}
	if value == nil {
		value = []byte{}
	}
	r.rows = append(r.rows, sequencer.StoredRow{Session: s, Key: k, Value: value})
}

// change lays the rows that session i's creation, or its first message, writes.
func (r *benchRows) change(b *testing.B, i, messages int) {
	b.Helper()
	s := r.session(i)
	h := events.Head{Kind: events.KindGroup, Seq: events.Seq(1 + messages), Index: events.Index(messages), Members: 3, Policy: events.Policy{
		RevokeWindow: 120_000, OverrideWindow: 900_000, History: events.HistoryStay, MemberLimit: 10_000,
		AddRole: events.RoleAdmin, WriteRole: events.RoleMember, Joining: events.JoiningClosed, ReceiptsLimit: 100,
	}, Created: 1_700_000_000_000}
	for j := range h.Hash {
		h.Hash[j] = byte(r.random.Uint32())
	}
	r.add(b, s, events.HeadKey, h)
	owner := events.UserID(fmt.Sprint("a", i))
	if messages == 0 {
		for _, u := range []events.UserID{owner, events.UserID(fmt.Sprint("b", i)), events.UserID(fmt.Sprint("c", i))} {
			r.add(b, s, events.MemberKey(u), events.Member{Role: events.RoleMember, Stays: []events.Stay{{From: 1}}, Marker: 1})
			r.add(b, s, events.StandingKey(events.RoleMember, 1, u), events.Standing{})
		}
		r.add(b, s, events.PlaceKey(1), events.Place{})
		r.add(b, s, events.ClientIDKey(owner, "open"), events.ClientID{Digest: events.Digest(h.Hash[:16]), Seq: 1, Time: h.Created})
	} else {
		r.add(b, s, events.MemberKey(owner), events.Member{Role: events.RoleMember, Stays: []events.Stay{{From: 1}}, Marker: h.Seq, MarkerIndex: h.Index})
		r.add(b, s, events.MessageKey(h.Seq), events.Message{Index: h.Index, Sender: owner, Time: h.Created})
		r.add(b, s, events.ClientIDKey(owner, fmt.Sprint("send-", r.offset)), events.ClientID{Digest: events.Digest(h.Hash[:16]), Seq: h.Seq, Index: h.Index, Time: h.Created})
	}
	r.offset++
	r.log.Append(b.Context(), eventlog.Events, 0, events.Record{Key: []byte(s)}, func(int32, int64, error) {})
	if len(r.rows) > 2000 {
		r.flush(b)
	}
}

func (r *benchRows) flush(b *testing.B) {
	b.Helper()
	if err := r.store.Apply(events.Progress{Offset: r.offset, Time: 1_700_000_000_000}, r.rows); err != nil {
		b.Fatal(err)
	}
	r.rows = r.rows[:0]
}

func openPebble(b *testing.B) sequencer.Store {
	b.Helper()
	db, err := pebble.Open(b.TempDir(), "c", slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	s, err := db.Store(0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// processorMicros is the processor time of this process so far.
func processorMicros(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e3
}

// BenchmarkSnapshots takes a checkpoint of b.N sessions, another after each of them has
// a message, and restores them on an empty disk; in processor time per session, the
// log's and the database's included.
func BenchmarkSnapshots(b *testing.B) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	client := log.Client()
	defer client.Close()
	r := &benchRows{store: openPebble(b), random: rand.New(rand.NewPCG(1, 1)), log: client}
	spent := func(what string, do func()) {
		before := processorMicros(b)
		do()
		b.ReportMetric((processorMicros(b)-before)/float64(b.N), what+"-µs/session")
	}
	checkpoint := func() {
		if err := sequencer.TakeCheckpoint(b.Context(), client, r.store); err != nil {
			b.Fatal(err)
		}
	}
	spent("fill", func() {
		for i := range b.N {
			r.change(b, i, 0)
		}
		r.flush(b)
	})
	spent("whole", checkpoint)
	for i := range b.N {
		r.change(b, i, 1)
	}
	r.flush(b)
	spent("changed", checkpoint)
	fresh := openPebble(b)
	spent("restore", func() {
		if ok, err := sequencer.Restore(b.Context(), client, fresh, r.offset); !ok || err != nil {
			b.Fatal(ok, err)
		}
	})
}
