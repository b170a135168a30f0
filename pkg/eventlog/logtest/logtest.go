// Package logtest is the conformance suite of eventlog.Log: every implementation
// passes all of it.
package logtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Fixture is a cluster of one implementation. Topics and groups are empty.
type Fixture struct {
	// Partitions of commands and events; at least 4.
	Partitions int32
	// MaxRecordBytes is the greatest eventlog.Size that is taken.
	MaxRecordBytes int
	// MaxNext is the most that a cursor's Next gives.
	MaxNext int
	// Open opens a Log as a process of its own would, whose clock stands in 2020.
	// It is closed with the test, if not before.
	Open func(t *testing.T) eventlog.Log
	// Trim removes a partition's records below before.
	Trim func(t *testing.T, topic eventlog.Topic, partition int32, before int64)
	// Faulty is like Open, with a network to break; nil where there is none.
	Faulty func(t *testing.T) (eventlog.Log, Network)
}

// Network is one Log's way to its cluster.
type Network interface {
	// Cut breaks all connections; new ones can be made.
	Cut()
	// LoseAnswers breaks the connection of each of the next n writes to the log once
	// the cluster has done it and before the answer is seen.
	LoseAnswers(n int)
	// Isolate breaks all connections and lets none be made until Heal.
	Isolate()
	Heal()
}

// Run runs the suite. fixture is called once for every test in it.
func Run(t *testing.T, fixture func(t *testing.T) Fixture) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, f Fixture)
	}{
		{"append/order", testOrder},
		{"append/callbacks", testCallbacks},
		{"append/key chooses partition", testKeyPartition},
		{"append/time is the broker's", testBrokerTime},
		{"append/oversized", testOversized},
		{"append/no such partition", testNoSuchPartition},
		{"append/context ended", testContextEnded},
		{"append/after close", testAppendAfterClose},
		{"append/contents", testContents},
		{"read/bounded", testNextBounded},
		{"read/waits at the end", testWaitsAtEnd},
		{"read/two cursors", testTwoCursors},
		{"read/reopened", testReopened},
		{"read/never jumps", testNeverJumps},
		{"read/close wakes", testCloseWakes},
		{"read/bounds", testBounds},
		{"read/resume", testResume},
		{"group/fresh", testFreshGroup},
		{"group/commits", testCommits},
		{"group/two members", testTwoMembers},
		{"group/static restart", testStaticRestart},
		{"group/fenced", testFenced},
		{"group/close", testGroupClose},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, fixture(t)) })
	}
	if fixture(t).Faulty == nil {
		return
	}
	t.Run("faults/cut connections", func(t *testing.T) { testCutConnections(t, fixture(t)) })
	t.Run("faults/lost answers", func(t *testing.T) { testLostAnswers(t, fixture(t)) })
	t.Run("faults/append while isolated", func(t *testing.T) { testAppendIsolated(t, fixture(t)) })
	t.Run("faults/member isolated", func(t *testing.T) { testMemberIsolated(t, fixture(t)) })
}

// patience bounds every wait; nothing here takes so long unless it hangs.
const patience = 30 * time.Second

func context30(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func record(key, value string) events.Record {
	return events.Record{Key: []byte(key), Value: []byte(value)}
}

// placed is what an append came to.
type placed struct {
	partition int32
	offset    int64
	err       error
}

// appendAll appends all records in pipelining and waits for them.
func appendAll(t *testing.T, log eventlog.Log, topic eventlog.Topic, partition int32, records ...events.Record) []placed {
	t.Helper()
	type numbered struct {
		i int
		placed
	}
	answers := make(chan numbered, len(records))
	ctx := context30(t)
	for i, r := range records {
		log.Append(ctx, topic, partition, r, func(p int32, offset int64, err error) {
			answers <- numbered{i, placed{p, offset, err}}
		})
	}
	all := make([]placed, len(records))
	for range records {
		select {
		case a := <-answers:
			all[a.i] = a.placed
		case <-ctx.Done():
			t.Fatalf("after %v not all of %d appends were answered", patience, len(records))
		}
	}
	return all
}

// mustAppend appends all records and fails the test when one isn't written.
func mustAppend(t *testing.T, log eventlog.Log, topic eventlog.Topic, partition int32, records ...events.Record) []placed {
	t.Helper()
	all := appendAll(t, log, topic, partition, records...)
	for i, p := range all {
		if p.err != nil {
			t.Fatalf("append %d of %d: %v", i, len(records), p.err)
		}
	}
	return all
}

// fill appends n records whose values are "0" to n-1.
func fill(t *testing.T, log eventlog.Log, topic eventlog.Topic, partition int32, n int) {
	t.Helper()
	mustAppend(t, log, topic, partition, numbered(0, n)...)
}

func numbered(from, to int) []events.Record {
	records := make([]events.Record, 0, to-from)
	for i := from; i < to; i++ {
		records = append(records, record("k", fmt.Sprint(i)))
	}
	return records
}

func open(t *testing.T, log eventlog.Log, topic eventlog.Topic, partition int32, from int64) eventlog.Cursor {
	t.Helper()
	cursor, err := log.Read(context30(t), topic, partition, from)
	if err != nil {
		t.Fatalf("read %s/%d from %d: %v", topic, partition, from, err)
	}
	t.Cleanup(cursor.Close)
	return cursor
}

// take reads the next n records, which are all there are, and checks that they
// stand where they say.
func take(t *testing.T, cursor eventlog.Cursor, n int) []eventlog.Record {
	t.Helper()
	got := takeAtLeast(t, cursor, n)
	if len(got) != n {
		t.Fatalf("got %d records, want %d", len(got), n)
	}
	return got
}

func takeAtLeast(t *testing.T, cursor eventlog.Cursor, n int) []eventlog.Record {
	t.Helper()
	var got []eventlog.Record
	for len(got) < n {
		more, err := cursor.Next(context30(t))
		if err != nil {
			t.Fatalf("after %d of %d records: %v", len(got), n, err)
		}
		if len(more) == 0 {
			t.Fatalf("after %d of %d records: Next gave none and no error", len(got), n)
		}
		got = append(got, more...)
	}
	for i, r := range got {
		if r.Offset != got[0].Offset+int64(i) || r.Topic != got[0].Topic || r.Partition != got[0].Partition {
			t.Fatalf("record %d stands at %s/%d/%d, the first at %s/%d/%d", i, r.Topic, r.Partition, r.Offset, got[0].Topic, got[0].Partition, got[0].Offset)
		}
	}
	return got
}

// takeNumbered reads records from to to-1 as fill wrote them.
func takeNumbered(t *testing.T, cursor eventlog.Cursor, from, to int) {
	t.Helper()
	for i, r := range take(t, cursor, to-from) {
		if want := fmt.Sprint(from + i); string(r.Value) != want || r.Offset != int64(from+i) {
			t.Fatalf("got %q at offset %d, want %q at %d", r.Value, r.Offset, want, from+i)
		}
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got error %v, want %v", what, got, want)
	}
}

// nextErr gives the error of opening a cursor or of its first Next.
func nextErr(t *testing.T, log eventlog.Log, topic eventlog.Topic, partition int32, from int64) error {
	t.Helper()
	cursor, err := log.Read(context30(t), topic, partition, from)
	if err != nil {
		return err
	}
	defer cursor.Close()
	records, err := cursor.Next(context30(t))
	if len(records) > 0 {
		t.Fatalf("from %d: got %d records, the first at %d", from, len(records), records[0].Offset)
	}
	return err
}
