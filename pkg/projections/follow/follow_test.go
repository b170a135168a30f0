package follow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"annal/internal/bubble"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// world is a log in memory with one partition, a follower of it, and what its handler was handed.
type world struct {
	*testing.T
	log     *eventlog.Memory
	client  eventlog.Log
	last    int64
	metrics *Metrics

	mu sync.Mutex
	// handed are the offsets handed over, call by call.
	handed [][]int64
	// unread are the outcomes handed over that can't be read.
	unread []Outcome
	// fail is asked before each call.
	fail func([]int64) error
	// gather is how its followers gather.
	gather Gather
	// begin and again are where its followers begin.
	begin Begin
	again bool
	// work is what each call takes, unless nil.
	work func(context.Context) error
	// handler is the followers'; nil: the world itself.
	handler Handler
}

func (w *world) handlerOf() Handler {
	if w.handler != nil {
		return w.handler
	}
	return w
}

const instance = "a"

var (
	owner    = events.Owner{N: 1, Random: [16]byte{1}}
	envelope = events.Envelope{Source: "test"}
)

func newWorld(t *testing.T) *world {
	w := &world{T: t, log: eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1}), last: -1}
	w.client = w.log.Client()
	t.Cleanup(w.client.Close)
	t.Cleanup(w.log.Close)
	r, err := events.EncodeFence(events.Fence{Owner: owner}, envelope)
	w.append(r, err)
	return w
}

func (w *world) append(r events.Record, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	done := make(chan error, 1)
	w.client.Append(context.Background(), eventlog.Events, 0, r, func(_ int32, _ int64, err error) { done <- err })
	if err := <-done; err != nil {
		w.Fatal(err)
	}
}

// outcome appends one of the owner's, after the command prev.
func (w *world) outcome(command, prev int64) {
	w.Helper()
	o := events.Outcome{Session: "g_1", Actor: events.Actor{User: "ann"}, Time: 1, Result: events.Rejected{Code: events.CodeNotAMember}}
	r, err := events.EncodeOutcome(o, events.Stamp{Owner: owner, Command: command, Prev: prev}, envelope)
	w.append(r, err)
}

// say appends n outcomes that count.
func (w *world) say(n int) {
	w.Helper()
	for range n {
		w.outcome(w.last+1, w.last)
		w.last++
	}
}

// Handle implements Handler.
func (w *world) Handle(ctx context.Context, partition int32, outcomes []Outcome) error {
	if err := w.take(partition, outcomes); err != nil || w.work == nil {
		return err
	}
	return w.work(ctx)
}

func (w *world) take(partition int32, outcomes []Outcome) error {
	offsets := make([]int64, len(outcomes))
	for i, o := range outcomes {
		offsets[i] = o.Offset
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range outcomes {
		if o.Err != nil {
			w.unread = append(w.unread, o)
		}
	}
	w.handed = append(w.handed, offsets)
	if partition != 0 {
		return fmt.Errorf("partition %d", partition)
	}
	if w.fail != nil {
		return w.fail(offsets)
	}
	return nil
}

// follow starts a follower; stop ends it orderly and gives what Run gave.
func (w *world) follow(log eventlog.Log) (stop func() error) {
	w.Helper()
	return w.followAs(instance, log)
}

// followAs is follow, as another member of the group.
func (w *world) followAs(instance string, log eventlog.Log) (stop func() error) {
	w.Helper()
	w.metrics = NewMetrics(prometheus.NewRegistry(), "test")
	f, err := New(w.Context(), Options{
		Log: log, Group: "test", Instance: instance, Role: "test", Handler: w.handlerOf(), CommitEvery: time.Second, Gather: w.gather, Begin: w.begin, BeginAgain: w.again, TellTrouble: true, Logger: slog.New(slog.DiscardHandler), Metrics: w.metrics,
	})
	if err != nil {
		w.Fatal(err)
	}
	if f.Ready() == nil {
		w.Error("ready before it has partitions")
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- f.Run(ctx) }()
	synctest.Wait()
	return func() error {
		cancel()
		return <-ran
	}
}

// all are the offsets handed over so far, in order, and then none.
func (w *world) all() []int64 {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Concat(w.handed...)
	w.handed = nil
	return all
}

func (w *world) wantHanded(when string, want ...int64) {
	w.Helper()
	if got := w.all(); !slices.Equal(got, want) {
		w.Errorf("%s: handed over %v, want %v", when, got, want)
	}
}

// value is a metric's now.
func value(m prometheus.Metric) float64 {
	var now dto.Metric
	if m.Write(&now) != nil {
		return -1
	}
	return now.GetCounter().GetValue() + now.GetGauge().GetValue()
}

func (w *world) wantMetric(what string, got prometheus.Metric, want float64) {
	w.Helper()
	if v := value(got); v != want {
		w.Errorf("%s: %v, want %v", what, v, want)
	}
}

// What counts is handed over in log order, once; what does not is counted and passed over.
func TestOnlyWhatCounts(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(2)                                                                    // 1, 2
		w.outcome(1, 0)                                                             // 3: a repeat
		w.say(1)                                                                    // 4
		w.append(events.Record{Key: []byte("g_1"), Value: []byte("no stamp")}, nil) // 5
		w.say(2)                                                                    // 6, 7
		stop := w.follow(w.client)
		w.wantHanded("from the beginning", 1, 2, 4, 6, 7)
		w.say(1)
		w.wantHanded("as the log grows", 8)
		for verdict, want := range map[string]float64{"counted": 6, "fenced": 1, "broken": 1, "poison": 1} {
			w.wantMetric(verdict, w.metrics.records.WithLabelValues(verdict), want)
		}
		if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// What fails is handed over again, whole, and nothing behind it before it worked: commits and lag say so.
func TestAFailureHoldsBackWhatIsBehind(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var broken = true
		w.fail = func([]int64) error {
			if broken {
				return errors.New("away")
			}
			return nil
		}
		w.say(2)
		stop := w.follow(w.client)
		<-time.After(10 * time.Second)
		w.say(3)
		<-time.After(10 * time.Second)
		tries := w.all()
		for len(tries) >= 2 && slices.Equal(tries[:2], []int64{1, 2}) {
			tries = tries[2:]
		}
		if len(tries) != 0 {
			t.Errorf("while it failed also %v was handed over, want 1 and 2 alone, again and again", tries)
		}
		w.wantMetric("lag", w.metrics.behind.WithLabelValues("0"), 6) // the fence and all five
		if n := value(w.metrics.retries); n < 15 || n > 40 {
			t.Errorf("%v retries in 20 s, want about one a second", n)
		}
		w.mu.Lock()
		broken = false
		w.mu.Unlock()
		<-time.After(2 * time.Second)
		w.wantHanded("once it works", 1, 2, 3, 4, 5)
		<-time.After(2 * time.Second)
		w.wantMetric("lag after that", w.metrics.behind.WithLabelValues("0"), 0)
		if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Who stops orderly goes on behind what was handed over; of who loses the partition some comes again, and nothing is left out.
func TestWhereItGoesOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(3)
		stop := w.follow(w.client)
		w.wantHanded("at first", 1, 2, 3)
		if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		w.say(1)
		stop = w.follow(w.client)
		w.wantHanded("after an orderly stop", 4)
		<-time.After(3500 * time.Millisecond) // committed, and not about to be
		w.say(2)
		w.wantHanded("before it is lost", 5, 6)
		w.log.Expel("test", eventlog.Events, instance) // nothing more is committed
		<-time.After(time.Minute)                      // until the group has it back
		w.wantHanded("after it was lost", 5, 6)
		if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Below the log's start nothing is skipped: the follower stops.
func TestATrimmedLog(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(5)
		w.log.Trim(eventlog.Events, 0, 3)
		stop := w.follow(w.client)
		<-time.After(time.Second)
		w.wantHanded("from a log whose beginning is gone")
		if err := stop(); !errors.Is(err, eventlog.ErrTrimmed) {
			t.Errorf("it ended with %v, want ErrTrimmed", err)
		}
	})
}
