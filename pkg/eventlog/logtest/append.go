package logtest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

func testOrder(t *testing.T, f Fixture) {
	log := f.Open(t)
	const n = 4000
	for i, p := range mustAppend(t, log, eventlog.Events, 1, numbered(0, n)...) {
		if p.partition != 1 || p.offset != int64(i) {
			t.Fatalf("append %d stands at %d/%d, want 1/%d", i, p.partition, p.offset, i)
		}
	}
	takeNumbered(t, open(t, log, eventlog.Events, 1, 0), 0, n)
	if _, end, err := log.Bounds(context30(t), eventlog.Events, 1); err != nil || end != n {
		t.Fatalf("end is %d (%v), want %d: nothing may be written twice", end, err, n)
	}
}

// testCallbacks: done is called once, never before Append could return.
func testCallbacks(t *testing.T, f Fixture) {
	log := f.Open(t)
	var mu sync.Mutex
	calls := make([]int, 300)
	all := make(chan struct{})
	left := len(calls)
	mu.Lock()
	for i := range calls {
		r := record("k", "v")
		if i%10 == 0 {
			r.Value = make([]byte, f.MaxRecordBytes)
		}
		log.Append(context30(t), eventlog.Commands, 0, r, func(int32, int64, error) {
			mu.Lock() // held by the appending goroutine: a call from Append itself would hang
			defer mu.Unlock()
			calls[i]++
			if left--; left == 0 {
				close(all)
			}
		})
	}
	mu.Unlock()
	select {
	case <-all:
	case <-context30(t).Done():
		t.Fatal("not every append was answered")
	}
	fill(t, log, eventlog.Commands, 1, 1)
	mu.Lock()
	defer mu.Unlock()
	for i, n := range calls {
		if n != 1 {
			t.Fatalf("done of append %d was called %d times", i, n)
		}
	}
}

func testKeyPartition(t *testing.T, f Fixture) {
	log := f.Open(t)
	n, err := log.Partitions(context30(t), eventlog.Commands)
	if err != nil || n != f.Partitions {
		t.Fatalf("got %d partitions (%v), want %d", n, err, f.Partitions)
	}
	// From Apache Kafka's UtilsTest, hash by hash.
	for key, hash := range map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107} {
		want := hash & 0x7fffffff % n
		if got := mustAppend(t, log, eventlog.Commands, eventlog.ByKey, record(key, "v"))[0]; got.partition != want {
			t.Errorf("key %q went to partition %d, Kafka's default partitioner says %d", key, got.partition, want)
		}
	}
	for i := range 40 {
		key := fmt.Sprintf("g_session%d", i)
		p := mustAppend(t, log, eventlog.Commands, eventlog.ByKey, record(key, "v"))[0]
		if want := eventlog.KeyPartition([]byte(key), n); p.partition != want {
			t.Fatalf("key %q went to partition %d, want %d", key, p.partition, want)
		}
		if got := take(t, open(t, log, eventlog.Commands, p.partition, p.offset), 1)[0]; string(got.Key) != key {
			t.Fatalf("at %d/%d stands key %q, want %q", p.partition, p.offset, got.Key, key)
		}
	}
}

func testBrokerTime(t *testing.T, f Fixture) {
	log := f.Open(t)
	before := events.Millis(time.Now().UnixMilli())
	fill(t, log, eventlog.Commands, 2, 3)
	after := events.Millis(time.Now().UnixMilli())
	const slack = 2000 // ms between two clocks of one machine, and more
	for _, r := range take(t, open(t, log, eventlog.Commands, 2, 0), 3) {
		if r.Time < before-slack || r.Time > after+slack {
			t.Fatalf("offset %d has time %v; it was appended between %v and %v", r.Offset, r.Time, before, after)
		}
	}
}

func testOversized(t *testing.T, f Fixture) {
	log := f.Open(t)
	fits := record("k", "")
	fits.Headers = []events.Header{{Name: "h", Value: []byte("v")}}
	fits.Value = bytes.Repeat([]byte("x"), f.MaxRecordBytes-eventlog.Size(fits))
	over := fits
	over.Value = append(bytes.Clone(fits.Value), 'x')
	huge := record("k", "")
	huge.Value = make([]byte, 3*f.MaxRecordBytes)

	got := appendAll(t, log, eventlog.Events, 0, record("k", "a"), over, record("k", "b"), huge, fits, record("k", "c"))
	wantErr(t, "one byte over the limit", got[1].err, eventlog.ErrRefused)
	wantErr(t, "three times the limit", got[3].err, eventlog.ErrRefused)
	for i, offset := range map[int]int64{0: 0, 2: 1, 4: 2, 5: 3} {
		if got[i].err != nil || got[i].offset != offset {
			t.Errorf("neighbour %d: offset %d (%v), want %d", i, got[i].offset, got[i].err, offset)
		}
	}
	values := take(t, open(t, log, eventlog.Events, 0, 0), 4)
	if string(values[1].Value) != "b" || !bytes.Equal(values[2].Value, fits.Value) || string(values[3].Value) != "c" {
		t.Errorf("the neighbours stand in the log as %.9q, %.9q (%d bytes), %.9q", values[1].Value, values[2].Value, len(values[2].Value), values[3].Value)
	}
}

func testNoSuchPartition(t *testing.T, f Fixture) {
	log := f.Open(t)
	got := appendAll(t, log, eventlog.Events, f.Partitions, record("k", "v"))
	wantErr(t, "append to a partition above the last", got[0].err, eventlog.ErrRefused)
}

func testContextEnded(t *testing.T, f Fixture) {
	log := f.Open(t)
	fill(t, log, eventlog.Events, 0, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	answer := make(chan error, 1)
	log.Append(ctx, eventlog.Events, 0, record("k", "v"), func(_ int32, _ int64, err error) { answer <- err })
	select {
	case err := <-answer:
		wantErr(t, "append in an ended context", err, eventlog.ErrUnknown)
	case <-context30(t).Done():
		t.Fatal("append in an ended context was never answered")
	}
}

func testAppendAfterClose(t *testing.T, f Fixture) {
	log := f.Open(t)
	fill(t, log, eventlog.Events, 0, 1)
	log.Close()
	got := appendAll(t, log, eventlog.Events, 0, record("k", "v"))
	wantErr(t, "append after Close", got[0].err, eventlog.ErrUnknown)
	if _, err := log.Read(context30(t), eventlog.Events, 0, 0); err == nil {
		t.Fatal("Read after Close succeeded")
	}
}

func testContents(t *testing.T, f Fixture) {
	log := f.Open(t)
	in := events.Record{
		Key:     []byte("d_é\x00"),
		Value:   []byte{0, 1, 2, 255},
		Headers: []events.Header{{Name: "ce_type", Value: []byte("annal.event.sent")}, {Name: "prev", Value: []byte("-1")}, {Name: "prev", Value: []byte{}}},
	}
	mustAppend(t, log, eventlog.Quarantine, 0, in, events.Record{Value: []byte("no key")})
	got := take(t, open(t, log, eventlog.Quarantine, 0, 0), 2)
	if fmt.Sprintf("%x", got[0].Record) != fmt.Sprintf("%x", in) || got[0].Topic != eventlog.Quarantine || got[0].Partition != 0 {
		t.Errorf("got %q on %s/%d, wrote %q", got[0].Record, got[0].Topic, got[0].Partition, in)
	}
	if string(got[1].Value) != "no key" || len(got[1].Key) != 0 || len(got[1].Headers) != 0 {
		t.Errorf("got %q, wrote a value alone", got[1].Record)
	}
}
