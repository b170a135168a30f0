package redis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/internal/devstack"
	"annal/pkg/connectors/redis"
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
	whole(b, r, "g_x")
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

// BenchmarkTally asks who has seen a message of a channel of 500,000, of whom a thousand read a bit further before each
// question, and says what those marks cost with a tally and without one.
func BenchmarkTally(b *testing.B) {
	const people, batch, messages = 500_000, 1000, 500
	for _, from := range []int{hot.TallyFrom, math.MaxInt32} {
		b.Run(fmt.Sprintf("from=%d", from), func(b *testing.B) {
			o := options(b, devstack.RedisForTest(b).Addr(), false)
			o.Window, o.TallyFrom = 1000, from
			r := open(b, o)
			whole(b, r, "g_x")
			value := messageValue(b)
			created := pair()
			apply := func(changes ...hot.Change) time.Duration {
				began := time.Now()
				if err := r.Apply(b.Context(), "1", []hot.SessionChanges{{Session: "g_x", Changes: changes}}); err != nil {
					b.Fatal(err)
				}
				return time.Since(began)
			}
			apply(hot.Change{Seq: 1, Value: value, Created: &created, In: created.Members})
			seq := events.Seq(1)
			for i := 0; i < people; i += batch {
				in := make([]events.NewMember, batch)
				for k := range in {
					in[k] = events.NewMember{User: events.UserID(fmt.Sprint("u", i+k)), Role: events.RoleMember}
				}
				seq++
				apply(hot.Change{Seq: seq, Value: value, In: in})
			}
			for k := range events.Seq(messages) {
				apply(hot.Change{Seq: seq + 1 + k, Value: value, Index: events.Index(k + 1), Sender: "ann"})
			}
			random := rand.New(rand.NewPCG(1, 1))
			var asked, marks []time.Duration
			for b.Loop() {
				changes := make([]hot.Change, batch)
				for k := range changes {
					marker := 1 + random.IntN(messages)
					changes[k] = hot.Change{Reader: events.UserID(fmt.Sprint("u", random.IntN(people))), Marker: seq + events.Seq(marker), MarkerIndex: events.Index(marker)}
				}
				marks = append(marks, apply(changes...)/batch)
				if from == math.MaxInt32 {
					continue
				}
				began := time.Now()
				t, err := r.Reader().Tally(b.Context(), "g_x", seq+events.Seq(1+random.IntN(messages)), "ann")
				if asked = append(asked, time.Since(began)); err != nil || t.Total != people+1 {
					b.Fatalf("%+v, %v", t, err)
				}
			}
			report := func(what string, took []time.Duration) {
				if len(took) > 0 {
					slices.Sort(took)
					b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, what+"-p50-µs")
					b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, what+"-p99-µs")
				}
			}
			report("asked", asked)
			report("mark", marks)
		})
	}
}

// whole opens the view of a session's partition, and declares it whole.
func whole(b *testing.B, r *redis.Redis, s events.SessionID) {
	b.Helper()
	life, err := r.Run(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, is := range []bool{false, true} {
		if err := r.SetView(b.Context(), eventlog.KeyPartition([]byte(s), 3), hot.ViewState{ID: "1", Whole: is, Run: life}); err != nil {
			b.Fatal(err)
		}
	}
}

// sessionsOfBob has bob in so many sessions.
func sessionsOfBob(b *testing.B, r *redis.Redis, n int) []events.SessionID {
	b.Helper()
	created := pair()
	changes, ids := make([]hot.SessionChanges, n), make([]events.SessionID, n)
	for i := range changes {
		ids[i] = session(i)
		changes[i] = hot.SessionChanges{Session: ids[i], Changes: []hot.Change{{Seq: 1, Time: events.Millis(i + 1), Created: &created, In: created.Members}}}
	}
	for _, s := range ids {
		whole(b, r, s)
	}
	if err := r.Apply(b.Context(), "1", changes); err != nil {
		b.Fatal(err)
	}
	return ids
}

// BenchmarkUnread reads what is unread in 200 sessions of a user, as the number at an app's icon asks for: all at once, and 16 one by one at a time.
func BenchmarkUnread(b *testing.B) {
	r := open(b, options(b, devstack.RedisForTest(b).Addr(), false))
	ids := sessionsOfBob(b, r, 200)
	b.Run("at once", func(b *testing.B) {
		for b.Loop() {
			if all, err := r.Reader().Unread(b.Context(), "bob", ids); err != nil || len(all) != len(ids) {
				b.Fatalf("%d sessions, %v", len(all), err)
			}
		}
	})
	b.Run("one by one", func(b *testing.B) {
		for b.Loop() {
			var group errgroup.Group
			group.SetLimit(16)
			for _, s := range ids {
				group.Go(func() error {
					_, err := r.Reader().Person(b.Context(), s, "bob")
					return err
				})
			}
			if err := group.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkActivity reads when something last happened in 1,000 sessions of a user, as the first page of a sync does.
func BenchmarkActivity(b *testing.B) {
	r := open(b, options(b, devstack.RedisForTest(b).Addr(), false))
	ids := sessionsOfBob(b, r, 1000)
	for b.Loop() {
		if times, err := r.Reader().Activity(b.Context(), "bob", ids); err != nil || len(times) != len(ids) || times[ids[999]] != 1000 {
			b.Fatalf("%d times, %v", len(times), err)
		}
	}
}
