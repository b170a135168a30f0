package vault

import (
	"context"
	"log/slog"

	"annal/pkg/eventlog"
)

// Sealed is what the vault alone has of a log: its events begin at 0 and end at the vault's mark, and all are read from segments,
// whatever Kafka still has. It is closed with the log itself.
func (l *Log) Sealed() eventlog.Log {
	return &Log{Log: trimmed{l.Log, l.shelf}, shelf: l.shelf, logger: slog.New(slog.DiscardHandler), covered: map[int32]int64{}}
}

// trimmed is a log whose events are trimmed up to the vault's mark, and end there.
type trimmed struct {
	eventlog.Log
	shelf *Shelf
}

// Bounds is eventlog.Log's.
func (s trimmed) Bounds(ctx context.Context, t eventlog.Topic, partition int32) (start, end int64, err error) {
	if t != eventlog.Events {
		return s.Log.Bounds(ctx, t, partition)
	}
	mark, err := s.shelf.Tail(ctx, partition)
	return mark.Progress.Offset, mark.Progress.Offset, err
}

// Read is eventlog.Log's.
func (s trimmed) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	if t != eventlog.Events {
		return s.Log.Read(ctx, t, partition, from)
	}
	mark, err := s.shelf.Tail(ctx, partition)
	switch {
	case err != nil:
		return nil, err
	case from < mark.Progress.Offset:
		return nil, eventlog.ErrTrimmed
	case from > mark.Progress.Offset:
		return nil, eventlog.ErrBeyond
	}
	return s.Log.Read(ctx, t, partition, from)
}
