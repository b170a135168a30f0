package redis_test

import (
	"fmt"
	"testing"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// BenchmarkApply applies 300-byte messages to a real Redis, a poll's worth at a time.
func BenchmarkApply(b *testing.B) {
	for _, c := range []struct{ sessions, each int }{{2000, 1}, {500, 4}, {100, 20}, {1, 1000}, {1, 1}} {
		b.Run(fmt.Sprintf("sessions=%d/each=%d", c.sessions, c.each), func(b *testing.B) {
			o := options(b, devstack.RedisForTest(b).Addr(), false)
			o.Window, o.Connections = 1000, 4
			r := open(b, o)
			value := messageValue(b)
			created := pair()
			next := make([]hot.SessionChanges, c.sessions)
			for i := range next {
				next[i] = hot.SessionChanges{Session: session(i), Changes: []hot.Change{{Seq: 1, Value: value, Created: &created, In: created.Members}}}
			}
			if err := r.Apply(b.Context(), "1", next); err != nil {
				b.Fatal(err)
			}
			seq, done := events.Seq(1), 0
			for b.Loop() {
				for i := range next {
					next[i].Changes = next[i].Changes[:0]
					for k := range events.Seq(c.each) {
						s := seq + 1 + k
						next[i].Changes = append(next[i].Changes, hot.Change{Seq: s, Value: value, Index: events.Index(s - 1), Sender: "ann"})
					}
				}
				if err := r.Apply(b.Context(), "1", next); err != nil {
					b.Fatal(err)
				}
				seq += events.Seq(c.each)
				done += c.sessions * c.each
			}
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// messageValue is a stored message with 300 bytes of text.
func messageValue(b *testing.B) []byte {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	chat := hottest.NewChat(b, log)
	chat.Accept("g_0", "ann", pair())
	said := chat.Accept("g_0", "ann", events.Sent{Body: events.TextBody(fmt.Sprintf("%0300d", 0))})
	chat.Wait()
	return said.Value
}

// BenchmarkPerson reads head, membership and unread in one round trip.
func BenchmarkPerson(b *testing.B) {
	o := options(b, devstack.RedisForTest(b).Addr(), false)
	r := open(b, o)
	p := eventlog.KeyPartition([]byte("g_x"), o.Partitions)
	life, err := r.Run(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, whole := range []bool{false, true} {
		if err := r.SetView(b.Context(), p, hot.ViewState{ID: "1", Whole: whole, Run: life}); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Apply(b.Context(), "1", one(b, 100)); err != nil {
		b.Fatal(err)
	}
	v := r.Reader()
	for b.Loop() {
		if _, err := v.Person(b.Context(), "g_x", "bob"); err != nil {
			b.Fatal(err)
		}
	}
}
