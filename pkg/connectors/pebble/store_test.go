package pebble_test

import (
	"log/slog"
	"testing"

	"annal/pkg/connectors/pebble"
	"annal/pkg/events"
	"annal/pkg/sequencer"
	"annal/pkg/sequencer/storetest"
)

func open(t *testing.T, dir, cluster string) *pebble.DB {
	t.Helper()
	db, err := pebble.Open(dir, cluster, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return db
}

func store(t *testing.T, db *pebble.DB, partition int32) sequencer.Store {
	t.Helper()
	s, err := db.Store(partition)
	if err != nil {
		t.Fatalf("Store(%d): %v", partition, err)
	}
	return s
}

func closeAll(t *testing.T, closers ...interface{ Close() error }) {
	t.Helper()
	for _, c := range closers {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestStoreConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func(int32) sequencer.Store {
		db := open(t, t.TempDir(), "c")
		t.Cleanup(func() { closeAll(t, db) })
		return func(p int32) sequencer.Store { return store(t, db, p) }
	})
}

func TestRowsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	want := events.Progress{Offset: 5, Owner: events.Owner{N: 2}, Last: 3, Time: 7}
	db := open(t, dir, "c")
	s := store(t, db, 2)
	if err := s.Apply(want, []sequencer.StoredRow{{Session: "a", Key: "h", Value: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	closeAll(t, s, db)

	db = open(t, dir, "c")
	s = store(t, db, 2)
	p, ok, err := s.Progress()
	if err != nil || !ok || p != want {
		t.Errorf("Progress() = %v, %v, %v; want %v", p, ok, err, want)
	}
	if v, err := s.Get("a", []events.Key{"h"}); err != nil || string(v[0]) != "x" {
		t.Errorf("Get = %q, %v; want x", v, err)
	}
	closeAll(t, s, db)
}

func TestRowsOfAnotherClusterAreEmptied(t *testing.T) {
	dir := t.TempDir()
	for i, cluster := range []string{"one", "two", "one"} {
		db := open(t, dir, cluster)
		for _, partition := range []int32{0, 95} {
			s := store(t, db, partition)
			if p, ok, err := s.Progress(); ok || err != nil {
				t.Errorf("opening %d, for cluster %s: partition %d has progress %v (%v), want none", i, cluster, partition, p, err)
			}
			if err := s.Apply(events.Progress{Offset: 1}, []sequencer.StoredRow{{Session: "a", Key: "h", Value: []byte("x")}}); err != nil {
				t.Fatal(err)
			}
			closeAll(t, s)
		}
		closeAll(t, db)
	}
}

func TestStoreIsOpenOnce(t *testing.T) {
	db := open(t, t.TempDir(), "c")
	s := store(t, db, 0)
	if _, err := db.Store(0); err == nil {
		t.Error("a partition's store was opened twice, want an error")
	}
	closeAll(t, s)
	closeAll(t, store(t, db, 0), db)
}
