package vault_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"annal/internal/bubble"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/eventlog/logtest"
	"annal/pkg/events"
	"annal/pkg/projections/vault"
	"annal/pkg/projections/vault/vaulttest"
)

func TestMemoryBucket(t *testing.T) {
	memory := vault.NewMemory()
	vaulttest.Run(t, "", func(*testing.T) vault.Bucket { return memory })
}

// Above an empty vault the log is what it is without.
func TestLogConforms(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Fixture {
		memory := eventlog.NewMemory(eventlog.MemoryOptions{})
		t.Cleanup(memory.Close)
		return logtest.Fixture{
			Partitions: 4, MaxRecordBytes: eventlog.MaxRecordBytes, MaxNext: 1024,
			Open: func(t *testing.T) eventlog.Log {
				log := vault.NewLog(memory.Client(), vault.NewMemory(), "", quiet)
				t.Cleanup(log.Close)
				return log
			},
			Trim: func(_ *testing.T, topic eventlog.Topic, partition int32, before int64) {
				memory.Trim(topic, partition, before)
			},
		}
	})
}

var (
	quiet    = slog.New(slog.DiscardHandler)
	owners   = []events.Owner{{}, {N: 1, Random: [16]byte{1}}, {N: 2, Random: [16]byte{2}}}
	envelope = events.Envelope{Source: "test"}
)

// world is a log of one partition, and a bucket.
type world struct {
	*testing.T
	memory *eventlog.Memory
	raw    eventlog.Log
	bucket *vault.Memory
	owner  int
	last   int64
	// counted are the offsets of outcomes that count, and by whom.
	counted  []int64
	sessions []string
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, memory: eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1, Now: func() events.Millis { return events.Millis(time.Now().UnixMilli()) }}), bucket: vault.NewMemory(), last: -1}
	w.raw = w.memory.Client()
	t.Cleanup(w.memory.Close)
	t.Cleanup(w.raw.Close)
	w.fence()
	return w
}

func (w *world) append(r events.Record, err error) (offset int64) {
	w.Helper()
	done := make(chan error, 1)
	if err == nil {
		w.raw.Append(context.Background(), eventlog.Events, 0, r, func(_ int32, o int64, err error) { offset = o; done <- err })
		err = <-done
	}
	if err != nil {
		w.Fatal(err)
	}
	return offset
}

func (w *world) fence() {
	w.owner++
	w.append(events.EncodeFence(events.Fence{Owner: owners[w.owner], After: owners[w.owner-1]}, envelope))
}

func (w *world) outcome(session string, owner events.Owner, command, prev int64) int64 {
	w.Helper()
	o := events.Outcome{Session: events.SessionID(session), Actor: events.Actor{User: "ann"}, Time: 1, Result: events.Rejected{Code: events.CodeNotAMember}}
	return w.append(events.EncodeOutcome(o, events.Stamp{Owner: owner, Command: command, Prev: prev}, envelope))
}

// say appends n outcomes that count, in seven sessions.
func (w *world) say(n int) {
	w.Helper()
	for range n {
		session := fmt.Sprintf("g_%d", w.last%7)
		w.counted = append(w.counted, w.outcome(session, owners[w.owner], w.last+1, w.last))
		w.sessions = append(w.sessions, session)
		w.last++
	}
}

// zombie appends what does not count, whatever session it speaks of.
func (w *world) zombie() {
	w.Helper()
	w.outcome("g_1", owners[w.owner], w.last+7, w.last+5)
	w.append(events.Record{Key: []byte("g_1"), Value: []byte("poison")}, nil)
}

func (w *world) options(instance string, bucket vault.Bucket) vault.Options {
	return vault.Options{
		Log: w.raw, Bucket: bucket, Instance: instance, SegmentBytes: 20_000, SealEvery: 10 * time.Second, HeldBytes: 1 << 20, Logger: quiet,
		Metrics: vault.NewMetrics(prometheus.NewRegistry()),
	}
}

// start runs a vaulter until stop.
func (w *world) start(o vault.Options) (stop func() error) {
	w.Helper()
	v, err := vault.New(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- v.Run(ctx) }()
	return func() error { cancel(); return <-ran }
}

// seal has all that is there sealed.
func (w *world) seal() {
	w.Helper()
	stop := w.start(w.options("a", w.bucket))
	<-time.After(15 * time.Second)
	if err := stop(); err != nil {
		w.Error(err)
	}
}

func (w *world) log() *vault.Log { return vault.NewLog(w.raw, w.bucket, "", quiet) }

func (w *world) shelf() *vault.Shelf { return vault.NewShelf(w.bucket, "", "memory") }

func (w *world) names(suffix string) (names []string) {
	w.Helper()
	err := w.bucket.List(context.Background(), "", "", func(o vault.Object) error {
		if strings.HasSuffix(o.Name, suffix) {
			names = append(names, o.Name)
		}
		return nil
	})
	if err != nil {
		w.Error(err)
	}
	return names
}

// wantAll checks that readers find every outcome that counts, and a session's own.
func (w *world) wantAll() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var got []int64
	log := w.log()
	err := eventlog.EachCounted(ctx, log, 0, func(r *eventlog.Record) error { got = append(got, r.Offset); return nil })
	if err != nil || !slices.Equal(got, w.counted) {
		w.Errorf("counted %d (%v), want %d", len(got), err, len(w.counted))
	}
	got = nil
	if err := log.Session(ctx, 0, "g_1", func(r *eventlog.Record) error { got = append(got, r.Offset); return nil }); err != nil {
		w.Error(err)
	}
	var want []int64
	for i, session := range w.sessions {
		if session == "g_1" {
			want = append(want, w.counted[i])
		}
	}
	if !slices.Equal(got, want) {
		w.Errorf("session g_1 has %v, want %v", got, want)
	}
	if err := w.check(0); err != nil {
		w.Errorf("check: %v", err)
	}
}

func (w *world) check(from int64) error {
	_, err := w.shelf().Check(context.Background(), 0, from, nil)
	if from == 0 && err == nil {
		_, err = w.log().Check(context.Background(), 0, nil)
	}
	return err
}

// Whatever is trimmed, readers see the same, from every offset on.
func TestReadersSeeTheSame(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(300)
		w.zombie()
		w.say(20)
		w.fence()
		w.say(5)
		w.zombie()
		w.seal()
		if n := len(w.names(".json")); n < 3 {
			t.Fatalf("%d segments, want several", n)
		}
		w.wantAll()
		_, end, err := w.raw.Bounds(t.Context(), eventlog.Events, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, before := range []int64{1, 150, 302, end - 1, end} {
			w.memory.Trim(eventlog.Events, 0, before)
			w.wantAll()
			if start, got, err := w.log().Bounds(t.Context(), eventlog.Events, 0); start != 0 || got != end || err != nil {
				t.Errorf("trimmed below %d, its bounds are %d to %d (%v)", before, start, got, err)
			}
		}
		for from := range end {
			w.wantFrom(from, end)
		}
		w.say(3) // Kafka's own again
		w.wantAll()
		w.seal()
		w.memory.Trim(eventlog.Events, 0, end+3)
		w.wantAll()
	})
}

// wantFrom reads to the end from an offset on.
func (w *world) wantFrom(from, end int64) {
	w.Helper()
	cursor, err := w.log().Read(context.Background(), eventlog.Events, 0, from)
	if err != nil {
		w.Fatal(err)
	}
	defer cursor.Close()
	for last := from - 1; last < end-1; {
		records, err := cursor.Next(context.Background())
		if err != nil {
			w.Fatalf("from %d, after %d: %v", from, last, err)
		}
		for _, r := range records {
			if r.Offset <= last {
				w.Fatalf("from %d: %d follows %d", from, r.Offset, last)
			}
			last = r.Offset
		}
	}
}

// What is sealed can be read alone, whatever Kafka has.
func TestSealed(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		want := func(n int) {
			t.Helper()
			got := 0
			if err := eventlog.EachCounted(t.Context(), w.log().Sealed(), 0, func(*eventlog.Record) error { got++; return nil }); err != nil || got != n {
				t.Errorf("%d outcomes are sealed (%v), want %d", got, err, n)
			}
		}
		w.say(5)
		want(0)
		w.seal()
		w.say(7)
		want(5)
		w.seal()
		want(12)
		for _, name := range w.names(".seg") {
			w.bucket.Damage(name, []byte("nonsense"))
			break
		}
		if err := eventlog.EachCounted(t.Context(), w.log().Sealed(), 0, func(*eventlog.Record) error { return nil }); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("a segment that was altered, while Kafka has all: got %v, want %v", err, vault.ErrDamaged)
		}
	})
}

// Every object that is altered, cut or missing is named by who reads it.
func TestDamage(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(300)
		w.seal()
		w.memory.Trim(eventlog.Events, 0, 301)
		names := w.names("")
		for _, name := range names {
			content, err := w.bucket.Get(t.Context(), name, 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			flipped := slices.Clone(content)
			flipped[len(flipped)/2] ^= 1
			for what, altered := range map[string][]byte{"flipped": flipped, "cut": content[:len(content)-1], "missing": nil} {
				w.bucket.Damage(name, altered)
				last := name == names[len(names)-1] || name == names[len(names)-2]
				if what == "missing" && last && strings.HasSuffix(name, ".json") {
					continue // a vault that ends earlier is a vault
				}
				key := strings.TrimSuffix(name, ".json")
				if err := w.check(0); !errors.Is(err, vault.ErrDamaged) || !strings.Contains(err.Error(), key[:30]) {
					t.Errorf("%s %s: check says %v", name, what, err)
				}
				if last && what == "flipped" && strings.HasSuffix(name, ".json") {
					continue // no later manifest vouches for it: the check reads what it says
				}
				err := eventlog.EachCounted(t.Context(), w.log(), 0, func(*eventlog.Record) error { return nil })
				if !errors.Is(err, vault.ErrDamaged) {
					t.Errorf("%s %s: a reader gets %v", name, what, err)
				}
			}
			w.bucket.Damage(name, content)
		}
		w.wantAll()
	})
}

// flaky loses answers and fails, as a store may.
type flaky struct {
	vault.Bucket
	mu    sync.Mutex
	calls int
	until time.Time
}

var errAway = errors.New("away")

func (f *flaky) Put(ctx context.Context, name string, content []byte) error {
	f.mu.Lock()
	f.calls++
	n, away := f.calls, time.Now().Before(f.until)
	f.mu.Unlock()
	switch {
	case away || n%5 == 1:
		return errAway
	case n%3 == 0:
		return errors.Join(errAway, f.Bucket.Put(ctx, name, content))
	}
	return f.Bucket.Put(ctx, name, content)
}

// Two vaulters of one partition at once, answers lost, and an outage of an hour.
func TestTwoVaultersAndAnOutage(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		store := &flaky{Bucket: w.bucket, until: time.Now().Add(time.Hour)}
		other := w.options("b", store)
		other.Log = aside{w.raw} // who thinks that it has the partition still
		other.SegmentBytes = 7_000
		stops := []func() error{w.start(w.options("a", store)), w.start(other)}
		for range 40 {
			w.say(20)
			<-time.After(100 * time.Second)
		}
		<-time.After(time.Minute)
		for _, stop := range stops {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
		mark, err := w.shelf().Tail(t.Context(), 0)
		if err != nil || mark.Progress.Offset != 801 {
			t.Errorf("the vault ends at %d (%v), want 801", mark.Progress.Offset, err)
		}
		w.memory.Trim(eventlog.Events, 0, 801)
		w.wantAll()
	})
}

// aside gives its member every partition, whoever has it.
type aside struct{ eventlog.Log }

func (a aside) Join(ctx context.Context, _ string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	return a.Log.Join(ctx, "aside", t, instance)
}
