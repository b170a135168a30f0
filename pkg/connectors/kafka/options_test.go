package kafka

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"annal/pkg/eventlog"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   error
	}{
		"as they are":            {func(*Options) {}, nil},
		"no seeds":               {func(o *Options) { o.Seeds = nil }, ErrNoSeeds},
		"no buffer":              {func(o *Options) { o.BufferRecords = -1 }, ErrBounds},
		"buffer under a record":  {func(o *Options) { o.BufferBytes = 1000 }, ErrBounds},
		"cursor under a record":  {func(o *Options) { o.CursorBytes = 1000 }, ErrBounds},
		"session of 10 ms":       {func(o *Options) { o.SessionTimeout = 10 * time.Millisecond }, ErrTimeouts},
		"fetch wait under 10 ms": {func(o *Options) { o.FetchWait = time.Millisecond }, ErrTimeouts},
		"gathering for a second": {func(o *Options) { o.GatherWait = time.Second }, ErrTimeouts},
		"no logger":              {func(o *Options) { o.Log = nil }, ErrNoLog},
	} {
		o := options(t, []string{"127.0.0.1:1"})
		c.change(&o)
		if err := o.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// TestKeyPartitionIsFranzGos: any Kafka client puts a key where ours do.
func TestKeyPartitionIsFranzGos(t *testing.T) {
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	for i := range 2000 {
		key := []byte(time.Duration(i * i * 7919).String())
		for _, n := range []int{1, 4, 12, 96} {
			want := partitioner.Partition(&kgo.Record{Key: key}, n)
			if got := eventlog.KeyPartition(key, int32(n)); int(got) != want {
				t.Fatalf("key %q of %d partitions: got %d, franz-go says %d", key, n, got, want)
			}
		}
	}
}

// TestGather: nothing waits when it is quiet or when appends come in answer to
// each other; the wait grows with what comes on its own.
func TestGather(t *testing.T) {
	for name, c := range map[string]struct {
		perRound int
		least    time.Duration
		most     time.Duration
	}{
		"quiet":           {0, 0, 0},
		"1,000 a second":  {1, 0, 0},
		"3,000 a second":  {3, time.Millisecond / 2, 2 * time.Millisecond},
		"10,000 a second": {10, 3 * time.Millisecond, 3 * time.Millisecond},
	} {
		g := gather{limit: 3 * time.Millisecond}
		for range 500 {
			g.flown(100, c.perRound, time.Millisecond)
		}
		if got, _ := g.wait(); got < c.least || got > c.most {
			t.Errorf("%s: waits %v, want %v to %v", name, got, c.least, c.most)
		}
	}
	g := gather{limit: 3 * time.Millisecond}
	g.flown(20, 44, time.Millisecond)
	if _, goal := g.wait(); goal != 64 {
		t.Errorf("64 were unanswered at once, the goal is %d", goal)
	}
	for range 20 {
		g.flown(63, 0, time.Millisecond)
	}
	if _, goal := g.wait(); goal != 63 {
		t.Errorf("of 64 one went for good, the goal is %d", goal)
	}
}
