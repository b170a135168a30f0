package logview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"golang.org/x/sync/errgroup"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Options say what to show.
type Options struct {
	Filter Filter
	// Last is how many of the newest chosen outcomes to begin with; 0 shows all.
	Last int
	// Follow goes on as the log grows, until ctx ends.
	Follow bool
	// Skipped shows what the reader's rule leaves out, and fences.
	Skipped bool
}

// Tail writes the chosen records of all partitions as lines, those there are in the
// order of log time, then those to come as they come.
func Tail(ctx context.Context, log eventlog.Log, w io.Writer, opts Options) error {
	if err := opts.Filter.Validate(); err != nil {
		return err
	}
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return fmt.Errorf("logview: %w", err)
	}
	readers := make([]*reader, n)
	var group errgroup.Group
	for p := range n {
		readers[p] = &reader{partition: p, rule: events.NewReader(events.Start()), opts: opts}
		group.Go(func() error { return readers[p].toEnd(ctx, log) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var lines []line
	for _, r := range readers {
		lines = append(lines, r.lines...)
	}
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].at < lines[j].at })
	if opts.Last > 0 && len(lines) > opts.Last {
		lines = lines[len(lines)-opts.Last:]
	}
	out := &output{w: w}
	for _, l := range lines {
		if err := out.write(l); err != nil {
			return err
		}
	}
	if !opts.Follow {
		return nil
	}
	following, ctx := errgroup.WithContext(ctx)
	for _, r := range readers {
		following.Go(func() error { return r.follow(ctx, log, out) })
	}
	if err := following.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

type line struct {
	at   events.Millis
	text string
}

type output struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *output) write(l line) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := fmt.Fprintf(o.w, "%s %s\n", l.at, l.text); err != nil {
		return fmt.Errorf("logview: %w", err)
	}
	return nil
}

// reader follows one partition.
type reader struct {
	partition int32
	rule      events.Reader
	opts      Options
	lines     []line
}

func (r *reader) toEnd(ctx context.Context, log eventlog.Log) error {
	start, end, err := log.Bounds(ctx, eventlog.Events, r.partition)
	if err != nil {
		return fmt.Errorf("logview: partition %d: %w", r.partition, err)
	}
	if start > 0 {
		return fmt.Errorf("logview: partition %d begins at %d, not at its beginning: %w", r.partition, start, eventlog.ErrTrimmed)
	}
	if end == 0 {
		return nil
	}
	return r.read(ctx, log, func(l line) error {
		r.lines = append(r.lines, l)
		if keep := r.opts.Last; keep > 0 && len(r.lines) > 2*keep {
			r.lines = append(r.lines[:0], r.lines[len(r.lines)-keep:]...)
		}
		return nil
	}, func(next int64) bool { return next >= end })
}

func (r *reader) follow(ctx context.Context, log eventlog.Log, out *output) error {
	return r.read(ctx, log, out.write, func(int64) bool { return false })
}

func (r *reader) read(ctx context.Context, log eventlog.Log, show func(line) error, done func(next int64) bool) error {
	cursor, err := log.Read(ctx, eventlog.Events, r.partition, r.rule.Progress().Offset)
	if err != nil {
		return fmt.Errorf("logview: partition %d: %w", r.partition, err)
	}
	defer cursor.Close()
	for !done(r.rule.Progress().Offset) {
		records, err := cursor.Next(ctx)
		if err != nil {
			return fmt.Errorf("logview: partition %d: %w", r.partition, err)
		}
		for _, rec := range records {
			l, ok, err := r.line(rec)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if err := show(l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) line(rec eventlog.Record) (line, bool, error) {
	verdict, stamp, ruleErr := r.rule.Read(rec.Offset, rec.Record)
	place := fmt.Sprintf("%d/%d", rec.Partition, rec.Offset)
	switch verdict {
	case events.Counted:
		o, err := events.DecodeOutcome(rec.Record)
		if err != nil {
			return line{rec.Time, fmt.Sprintf("%s cannot be shown: %v", place, err)}, true, nil
		}
		return line{o.Time, place + " " + Line(&o)}, r.opts.Filter.Match(&o), nil
	case events.Fenced:
		return line{rec.Time, fmt.Sprintf("%s fence: owner %v", place, stamp.Owner)}, r.opts.Skipped, nil
	case events.Late, events.Broken:
		return line{rec.Time, fmt.Sprintf("%s does not count (%v): owner %v, command %d", place, verdict, stamp.Owner, stamp.Command)}, r.opts.Skipped, nil
	case events.Poison:
		return line{rec.Time, fmt.Sprintf("%s %v", place, ruleErr)}, r.opts.Skipped, nil
	}
	return line{}, false, fmt.Errorf("logview: partition %d: %w", r.partition, ruleErr)
}
