package vault_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"annal/internal/bubble"

	"annal/pkg/eventlog"
	"annal/pkg/projections/vault"
)

// A cursor whose place Kafka trims while it waits goes on in the vault, and back in Kafka.
func TestTrimmedUnderACursor(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(2000)
		cursor, err := w.log().Read(t.Context(), eventlog.Events, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer cursor.Close()
		first, err := cursor.Next(t.Context())
		if err != nil || len(first) > 1500 {
			t.Fatalf("%d records at first (%v)", len(first), err)
		}
		w.seal()
		w.memory.Trim(eventlog.Events, 0, 2001)
		w.say(10)
		last := first[len(first)-1].Offset
		readOn(t, cursor, &last, 2010)
	})
}

// readOn reads on after an offset up to another: each record comes once.
func readOn(t *testing.T, cursor eventlog.Cursor, last *int64, to int64) {
	t.Helper()
	for *last < to {
		records, err := cursor.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if *last++; r.Offset != *last {
				t.Fatalf("%d follows %d", r.Offset, *last-1)
			}
		}
	}
}

// A cursor that came from a segment to Kafka, and is thrown back into a later one, asks nothing of what lay between.
func TestThrownBackIntoTheVault(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(100)
		w.seal()
		w.memory.Trim(eventlog.Events, 0, 101)
		cursor, err := w.log().Read(t.Context(), eventlog.Events, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer cursor.Close()
		last := int64(-1)
		readOn(t, cursor, &last, 100)
		w.say(100)
		readOn(t, cursor, &last, 200)
		for range 2 {
			w.seal()
			w.say(100)
		}
		w.seal()
		w.memory.Trim(eventlog.Events, 0, 401)
		readOn(t, cursor, &last, 400)
	})
}

// heldUp is the log of a vaulter that comes to read only once it is let go.
type heldUp struct {
	aside
	free chan struct{}
}

func (h heldUp) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	<-h.free
	return h.aside.Read(ctx, t, partition, from)
}

// A vaulter that was held up until others had sealed, and the log was trimmed, goes on behind them.
func TestHeldUpAndTrimmed(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(50)
		late, free := w.options("b", w.bucket), make(chan struct{})
		late.Log = heldUp{aside{w.raw}, free}
		stop := w.start(late)
		<-time.After(time.Minute)
		w.seal()
		w.memory.Trim(eventlog.Events, 0, 51)
		w.say(50)
		close(free)
		<-time.After(time.Minute)
		if err := stop(); err != nil {
			t.Errorf("it ended with %v", err)
		}
		w.memory.Trim(eventlog.Events, 0, 101)
		w.wantAll()
	})
}

// What neither has is named, and nobody goes on.
func TestGap(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(50)
		w.seal()
		w.say(50)
		w.memory.Trim(eventlog.Events, 0, 70)
		err := eventlog.EachCounted(t.Context(), w.log(), 0, func(*eventlog.Record) error { return nil })
		if !errors.Is(err, eventlog.ErrTrimmed) {
			t.Errorf("readers get %v", err)
		}
		cursor, err := w.log().Read(t.Context(), eventlog.Events, 0, 51)
		if err == nil {
			_, err = cursor.Next(t.Context())
		}
		if !errors.Is(err, vault.ErrGap) || !errors.Is(err, eventlog.ErrTrimmed) || !strings.Contains(err.Error(), "51") || !strings.Contains(err.Error(), "70") {
			t.Errorf("a cursor in the gap gets %v", err)
		}
		stop := w.start(w.options("a", w.bucket))
		<-time.After(5 * time.Second)
		if err := stop(); !errors.Is(err, vault.ErrGap) {
			t.Errorf("a vaulter ends with %v", err)
		}
	})
}
