package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// limited is a log on kfake with small bounds and topics of its own.
func limited(t *testing.T, change func(*Options)) *Log {
	t.Helper()
	o := options(t, kfake(t))
	change(&o)
	log := openLog(t, o)
	if err := log.CreateTopics(t.Context(), EmbeddedSpec()); err != nil {
		t.Fatal(err)
	}
	return log
}

func value(i int) events.Record { return events.Record{Value: fmt.Append(nil, i)} }

// TestCursorHoldsLittle: a cursor that nobody reads pauses its partition, and only
// that; once it is read everything comes, in order.
func TestCursorHoldsLittle(t *testing.T) {
	const bound, n = 100, 6000
	log := limited(t, func(o *Options) { o.CursorRecords = bound })
	slow := openCursor(t, log, 0)
	quick := openCursor(t, log, 1)
	write := func(partition int32, from, to int) {
		t.Helper()
		written := make(chan error, to-from)
		for i := from; i < to; i++ {
			log.Append(t.Context(), eventlog.Events, partition, value(i), func(_ int32, _ int64, err error) { written <- err })
		}
		for range to - from {
			if err := <-written; err != nil {
				t.Fatal(err)
			}
		}
	}
	// The other one goes on meanwhile, poll by poll.
	goOn := func(i int) {
		t.Helper()
		write(1, i, i+1)
		if records, err := quick.Next(within(t)); err != nil || string(records[0].Value) != fmt.Sprint(i) {
			t.Fatalf("got %q (%v), want %d", records[0].Value, err, i)
		}
	}
	isPaused := func() bool {
		slow.mu.Lock()
		defer slow.mu.Unlock()
		return slow.paused
	}
	// All that is there may come in one fetch: so the second half is written once the
	// first has made it pause.
	write(0, 0, n/2)
	polls := 0
	for ; !isPaused() && polls < 1000; polls++ {
		goOn(polls)
	}
	write(0, n/2, n)
	for i := range 50 {
		goOn(polls + i)
	}
	slow.mu.Lock()
	held, paused := len(slow.records), slow.paused
	slow.mu.Unlock()
	if !paused || held < bound || held >= n {
		t.Errorf("the cursor nobody reads holds %d of %d records, paused: %v; want it paused from %d on", held, n, paused, bound)
	}
	for at := 0; at < n; {
		records, err := slow.Next(within(t))
		if err != nil {
			t.Fatalf("at %d: %v", at, err)
		}
		for _, r := range records {
			if string(r.Value) != fmt.Sprint(at) {
				t.Fatalf("got %q, want %d", r.Value, at)
			}
			at++
		}
	}
}

// TestLanes: cursors share clients as far as they can, and closing gives a place back.
func TestLanes(t *testing.T) {
	log := limited(t, func(*Options) {})
	wantLanes := func(n int, when string) {
		t.Helper()
		if len(log.lanes) != n {
			t.Fatalf("%s: %d clients fetch, want %d", when, len(log.lanes), n)
		}
	}
	for p := range EmbeddedSpec().Partitions {
		openCursor(t, log, p)
		cursor, err := log.Read(within(t), eventlog.Commands, p, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer cursor.Close()
	}
	wantLanes(1, "every partition read once")
	second := openCursor(t, log, 0)
	wantLanes(2, "one partition read twice")
	for range 20 {
		second.Close()
		second = openCursor(t, log, 0)
	}
	wantLanes(2, "after opening anew")
	for range maxLanes - 2 {
		openCursor(t, log, 0)
	}
	if _, err := log.Read(within(t), eventlog.Events, 0, 0); err == nil {
		t.Fatalf("one partition is read at %d places, no error", maxLanes+1)
	}
}

// TestAppendBlocksWhenFull: a full buffer holds callers up, and lets them go when
// their context ends or there is room.
func TestAppendBlocksWhenFull(t *testing.T) {
	n := &network{conns: map[net.Conn]struct{}{}}
	log := limited(t, func(o *Options) { o.Dial, o.BufferRecords = n.dial, 10 })
	n.Isolate()
	answers := make(chan error, 20)
	appendOne := func(ctx context.Context) {
		log.Append(ctx, eventlog.Commands, 0, value(0), func(_ int32, _ int64, err error) { answers <- err })
	}
	for range 10 {
		appendOne(context.Background())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	appendOne(ctx)
	if ctx.Err() == nil {
		t.Fatal("the 11th append did not wait for room")
	}
	if err := <-answers; !errors.Is(err, eventlog.ErrUnknown) {
		t.Fatalf("the append whose context ended while it waited: got %v, want ErrUnknown", err)
	}
	n.Heal()
	appendOne(within(t))
	for i := range 11 {
		select {
		case err := <-answers:
			if err != nil {
				t.Fatal(err)
			}
		case <-within(t).Done():
			t.Fatalf("%d of 11 appends were answered once the broker was back", i)
		}
	}
}

// TestMissingTopic: appends wait for a topic, and no other topic waits with it.
func TestMissingTopic(t *testing.T) {
	log := limited(t, func(*Options) {})
	name := log.opts.topic(eventlog.Quarantine)
	if _, err := log.admin.DeleteTopics(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	waiting, written := make(chan error, 1), make(chan error, 1)
	log.Append(t.Context(), eventlog.Quarantine, eventlog.ByKey, value(0), func(_ int32, _ int64, err error) { waiting <- err })
	log.Append(t.Context(), eventlog.Events, 0, value(0), func(_ int32, _ int64, err error) { written <- err })
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-waiting:
		t.Fatalf("an append to a topic that is not there was answered: %v", err)
	default:
	}
	if err := log.CreateTopics(t.Context(), EmbeddedSpec()); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil {
		t.Fatalf("the append once the topic is there: %v", err)
	}
}

// TestTrimmedUnderneath: what is trimmed between Read and the first fetch is an
// error, never a jump.
func TestTrimmedUnderneath(t *testing.T) {
	log := limited(t, func(*Options) {})
	for name, next := range map[string]int64{"below the start": 0, "beyond the end": 99} {
		c := &cursor{
			log: log, topic: eventlog.Events, place: place{log.opts.topic(eventlog.Events), 2}, next: next, fetched: next,
			gone: make(chan struct{}), ready: make(chan struct{}, 1),
		}
		for range 10 {
			written := make(chan error, 1)
			log.Append(t.Context(), eventlog.Events, 2, value(0), func(_ int32, _ int64, err error) { written <- err })
			if err := <-written; err != nil {
				t.Fatal(err)
			}
		}
		_, end, err := log.Bounds(within(t), eventlog.Events, 2)
		if err != nil {
			t.Fatal(err)
		}
		trim(t, log, eventlog.Events, 2, end)
		if _, err := log.openInLane(c); err != nil { // as Read does once the bounds were right
			t.Fatal(err)
		}
		records, err := c.Next(within(t))
		want := eventlog.ErrTrimmed
		if next > end {
			want = eventlog.ErrBeyond
		}
		if !errors.Is(err, want) || len(records) > 0 {
			t.Errorf("%s: got %d records (%v), want %v", name, len(records), err, want)
		}
		c.Close()
		<-c.gone
	}
}

func openCursor(t *testing.T, log *Log, partition int32) *cursor {
	t.Helper()
	c, err := log.Read(within(t), eventlog.Events, partition, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.(*cursor)
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
