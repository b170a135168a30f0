package accounts

import (
	"context"
	"errors"
	"testing"
	"time"

	"annal/pkg/eventlog"
)

// late is a log whose readers hear of nothing while the gate is shut.
type late struct {
	eventlog.Log
	gate chan struct{}
}

func (l late) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	c, err := l.Log.Read(ctx, t, partition, from)
	return lateCursor{c, l.gate}, err
}

type lateCursor struct {
	eventlog.Cursor
	gate chan struct{}
}

func (c lateCursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	records, err := c.Cursor.Next(ctx)
	select {
	case c.gate <- struct{}{}: // as many may be read as somebody lets through
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return records, err
}

// TestSync: who has synced has what others had written before, and who can't says so.
func TestSync(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{})
	a := follow(t, log, time.Now)
	slow := late{log.Client(), make(chan struct{})}
	open, shut := context.WithCancel(t.Context())
	let := func(ctx context.Context) {
		for ctx.Err() == nil {
			select {
			case <-slow.gate:
			case <-ctx.Done():
			}
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); let(open) }()
	b := follow(t, slow, time.Now)
	shut()
	<-done
	if err := a.Change(t.Context(), KindAccount, "ann", setPassword("one")); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Get(KindAccount, "ann"); ok {
		t.Fatal("the late table is not late")
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := b.Sync(soon); !errors.Is(err, ErrUnknown) {
		t.Errorf("a table that hears of nothing is in sync: %v", err)
	}
	go let(t.Context())
	if err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, ok := b.Get(KindAccount, "ann"); !ok || e.GetAccount().GetPassword() != "one" {
		t.Errorf("in sync, it has %v", e)
	}
	if err := b.Sync(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
}
