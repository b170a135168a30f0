package vault_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"annal/internal/bubble"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/vault"
)

// trimmable is a log that can be trimmed, of which what was appended before a time is older.
type trimmable struct {
	eventlog.Log
	memory *eventlog.Memory
}

func (l trimmable) Trim(_ context.Context, t eventlog.Topic, partition int32, before int64) error {
	l.memory.Trim(t, partition, before)
	return nil
}

func (l trimmable) Since(ctx context.Context, t eventlog.Topic, partition int32, then events.Millis) (int64, error) {
	start, end, err := l.Bounds(ctx, t, partition)
	if err != nil || start == end {
		return end, err
	}
	cursor, err := l.Read(ctx, t, partition, start)
	if err != nil {
		return 0, err
	}
	defer cursor.Close()
	for {
		records, err := cursor.Next(ctx)
		if err != nil {
			return 0, err
		}
		for _, r := range records {
			if r.Time >= then {
				return r.Offset, nil
			}
		}
		if records[len(records)-1].Offset == end-1 {
			return end, nil
		}
	}
}

// TestTrim: what is sealed and old enough is deleted, but for the log's last record, and nothing where a segment is not what it was.
func TestTrim(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		log := func() *vault.Log { return vault.NewLog(trimmable{w.raw, w.memory}, w.bucket, "", quiet) }
		now := func(ago time.Duration) events.Millis { return events.Millis(time.Now().Add(-ago).UnixMilli()) }
		trim := func(what string, keep time.Duration, want vault.Trimmed, wantErr error) {
			t.Helper()
			got, err := log().Trim(t.Context(), 0, now(keep))
			if !errors.Is(err, wantErr) || err == nil && got != want {
				t.Errorf("%s: %+v, %v; want %+v, %v", what, got, err, want, wantErr)
			}
		}
		w.say(100)
		<-time.After(time.Hour)
		trim("before anything is sealed", 0, vault.Trimmed{}, nil)
		w.seal()
		trim("when nothing is old enough", 2*time.Hour, vault.Trimmed{Sealed: 101}, nil)
		trim("when all is sealed", 0, vault.Trimmed{NewStart: 100, Sealed: 101}, nil)
		w.say(50)
		trim("what is not sealed", 0, vault.Trimmed{Start: 100, NewStart: 101, Sealed: 101}, nil)
		<-time.After(time.Hour)
		w.seal()
		w.say(20)
		trim("what is old", time.Minute, vault.Trimmed{Start: 101, NewStart: 151, Sealed: 151}, nil)
		w.wantAll()
		w.say(50)
		w.seal()
		names := w.names(".seg")
		last := names[len(names)-1]
		content, err := w.bucket.Get(t.Context(), last, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		w.bucket.Damage(last, content[:len(content)-1])
		trim("where a segment was cut", 0, vault.Trimmed{}, vault.ErrDamaged)
		if start, _, err := w.raw.Bounds(t.Context(), eventlog.Events, 0); err != nil || start != 151 {
			t.Errorf("then the log begins at %d, %v", start, err)
		}
		if _, err := w.log().Trim(t.Context(), 0, now(0)); !errors.Is(err, vault.ErrCannotTrim) {
			t.Errorf("of a log that can't be: %v", err)
		}
	})
}
