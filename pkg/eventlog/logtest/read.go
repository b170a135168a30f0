package logtest

import (
	"context"
	"testing"

	"annal/pkg/eventlog"
)

func testNextBounded(t *testing.T, f Fixture) {
	log := f.Open(t)
	n := 3*f.MaxNext + 7
	fill(t, log, eventlog.Events, 0, n)
	cursor := open(t, log, eventlog.Events, 0, 0)
	for at := 0; at < n; {
		records, err := cursor.Next(context30(t))
		if err != nil {
			t.Fatalf("at %d: %v", at, err)
		}
		if len(records) > f.MaxNext {
			t.Fatalf("Next gave %d records, limit %d", len(records), f.MaxNext)
		}
		if records[0].Offset != int64(at) {
			t.Fatalf("Next gave offset %d, want %d", records[0].Offset, at)
		}
		at += len(records)
	}
}

func testWaitsAtEnd(t *testing.T, f Fixture) {
	log := f.Open(t)
	fill(t, log, eventlog.Events, 2, 3)
	cursor := open(t, log, eventlog.Events, 2, 3)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		_, err := cursor.Next(ctx)
		result <- err
	}()
	cancel()
	wantErr(t, "Next at the end, cancelled", <-result, context.Canceled)

	mustAppend(t, log, eventlog.Events, 2, numbered(3, 5)...)
	takeNumbered(t, cursor, 3, 5)
}

// testTwoCursors: one process reads a partition at two places at once, and others beside it.
func testTwoCursors(t *testing.T, f Fixture) {
	log := f.Open(t)
	fill(t, log, eventlog.Events, 0, 50)
	fill(t, log, eventlog.Events, 1, 10)
	fill(t, log, eventlog.Commands, 0, 20)
	ahead := open(t, log, eventlog.Events, 0, 40)
	takeNumbered(t, ahead, 40, 50)
	behind := open(t, log, eventlog.Events, 0, 5)
	takeNumbered(t, open(t, log, eventlog.Commands, 0, 0), 0, 20)
	takeNumbered(t, open(t, log, eventlog.Events, 1, 0), 0, 10)
	takeNumbered(t, behind, 5, 50)
	mustAppend(t, log, eventlog.Events, 0, numbered(50, 60)...)
	takeNumbered(t, ahead, 50, 60)
	takeNumbered(t, behind, 50, 60)
}

// testReopened: what was fetched for a closed cursor never shows in the next one.
func testReopened(t *testing.T, f Fixture) {
	log := f.Open(t)
	const n = 200
	fill(t, log, eventlog.Events, 0, n)
	for _, from := range []int64{0, 150, 3, 199, 100, 0} {
		cursor, err := log.Read(context30(t), eventlog.Events, 0, from)
		if err != nil {
			t.Fatalf("read from %d: %v", from, err)
		}
		takeNumbered(t, cursor, int(from), n)
		cursor.Close()
		_, err = cursor.Next(context30(t))
		wantErr(t, "Next of a closed cursor", err, eventlog.ErrClosed)
	}
}

func testNeverJumps(t *testing.T, f Fixture) {
	log := f.Open(t)
	wantErr(t, "above the end of an empty log", nextErr(t, log, eventlog.Events, 0, 1), eventlog.ErrBeyond)
	fill(t, log, eventlog.Events, 0, 20)
	wantErr(t, "above the end", nextErr(t, log, eventlog.Events, 0, 21), eventlog.ErrBeyond)
	wantErr(t, "below zero", nextErr(t, log, eventlog.Events, 0, -1), eventlog.ErrTrimmed)
	f.Trim(t, eventlog.Events, 0, 8)
	wantErr(t, "at 0 of a trimmed log", nextErr(t, log, eventlog.Events, 0, 0), eventlog.ErrTrimmed)
	wantErr(t, "just below the start", nextErr(t, log, eventlog.Events, 0, 7), eventlog.ErrTrimmed)
	takeNumbered(t, open(t, log, eventlog.Events, 0, 8), 8, 20)
	f.Trim(t, eventlog.Events, 0, 20)
	wantErr(t, "below the start of an emptied log", nextErr(t, log, eventlog.Events, 0, 19), eventlog.ErrTrimmed)
	cursor := open(t, log, eventlog.Events, 0, 20)
	mustAppend(t, log, eventlog.Events, 0, numbered(20, 25)...)
	takeNumbered(t, cursor, 20, 25)
}

func testCloseWakes(t *testing.T, f Fixture) {
	log := f.Open(t)
	fill(t, log, eventlog.Events, 0, 1)
	first, second := open(t, log, eventlog.Events, 0, 1), open(t, log, eventlog.Events, 1, 0)
	results := make(chan error, 2)
	next := func(c eventlog.Cursor) {
		_, err := c.Next(context.Background())
		results <- err
	}
	go next(first)
	first.Close()
	wantErr(t, "Next under Cursor.Close", <-results, eventlog.ErrClosed)
	go next(second)
	log.Close()
	wantErr(t, "Next under Log.Close", <-results, eventlog.ErrClosed)
}

func testBounds(t *testing.T, f Fixture) {
	log := f.Open(t)
	want := func(partition int32, start, end int64) {
		t.Helper()
		gotStart, gotEnd, err := log.Bounds(context30(t), eventlog.Events, partition)
		if err != nil || gotStart != start || gotEnd != end {
			t.Fatalf("bounds of partition %d: %d to %d (%v), want %d to %d", partition, gotStart, gotEnd, err, start, end)
		}
	}
	want(0, 0, 0)
	fill(t, log, eventlog.Events, 0, 12)
	want(0, 0, 12)
	want(1, 0, 0)
	f.Trim(t, eventlog.Events, 0, 5)
	want(0, 5, 12)
	if _, _, err := log.Bounds(context30(t), eventlog.Events, f.Partitions); err == nil {
		t.Fatalf("bounds of partition %d, which does not exist, gave no error", f.Partitions)
	}
	if log.Cluster() == "" || log.Cluster() != f.Open(t).Cluster() {
		t.Fatal("the cluster has no id, or each client says another")
	}
}
