package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// ErrDiffers says that what the log has is not what was sealed: it was made anew, or lost its end and grew again.
var ErrDiffers = errors.New("vault: the log is not the one that was sealed")

func differs(partition int32, offset int64, why string) error {
	return fmt.Errorf("%w: of %s/%d, at %d %s", ErrDiffers, eventlog.Events, partition, offset, why)
}

// same says whether two records are one.
func same(a, b *eventlog.Record) bool {
	return a.Offset == b.Offset && a.Time == b.Time && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) &&
		slices.EqualFunc(a.Headers, b.Headers, func(a, b events.Header) bool { return a.Name == b.Name && bytes.Equal(a.Value, b.Value) })
}

// compare holds what the log itself has of a partition, from an offset on and below another, against what is sealed of that: the
// same records have to count. Both have all of it. Errors: ErrDiffers, ErrDamaged; outages.
func (l *Log) compare(ctx context.Context, partition int32, from, below int64) error {
	g, err := l.shelf.covers(ctx, partition, from)
	if err != nil {
		return err
	}
	start, _ := g.progress()
	sealed := eventlog.NewReading(l.Sealed(), partition, start)
	defer sealed.Close()
	for ok := true; ok; {
		if _, ok, err = sealed.Next(ctx, from); err != nil {
			return err
		}
	}
	at := sealed.Progress()
	at.Offset = from // what lies between does not count
	own := eventlog.NewReading(l.Log, partition, at)
	defer own.Close()
	for {
		want, err := nextCounting(ctx, sealed, below)
		if err != nil {
			return err
		}
		got, err := nextCounting(ctx, own, below)
		switch {
		case err != nil:
			return err
		case want == nil && got == nil:
			return nil
		case want == nil:
			return differs(partition, got.Offset, "it has a record that is not sealed")
		case got == nil || !same(want, got):
			return differs(partition, want.Offset, "it has not the record that is sealed")
		}
	}
}

// nextCounting gives the next record that counts, or fences; nil when there is none below an offset.
func nextCounting(ctx context.Context, r *eventlog.Reading, below int64) (*eventlog.Record, error) {
	for {
		j, ok, err := r.Next(ctx, below)
		switch {
		case err != nil || !ok:
			return nil, err
		case j.Verdict == events.Counted || j.Verdict == events.Fenced:
			return j.Record, nil
		}
	}
}

// fits holds a vault's mark against where the log begins and ends, and against what was committed.
func (l *Log) fits(ctx context.Context, partition int32, mark int64, commits []eventlog.Claim) error {
	start, end, err := l.Log.Bounds(ctx, eventlog.Events, partition)
	if err != nil {
		return err
	}
	for _, c := range commits {
		if c.Partition == partition && c.Offset > mark {
			return fmt.Errorf("%w: segments of partition %d are missing: they ended at %d, and end at %d", ErrDamaged, partition, c.Offset, mark)
		}
	}
	switch {
	case mark < start:
		return fmt.Errorf("%w: of %s/%d the vault ends at %d and the log begins at %d", ErrGap, eventlog.Events, partition, mark, start)
	case mark > end:
		return differs(partition, mark, fmt.Sprintf("the vault ends, and the log at %d", end))
	case mark == start:
		return nil // there is nothing that both have
	}
	return l.shelf.meets(ctx, l.Log, partition, mark)
}

// meets checks that the last record that is sealed is what the log has at its place, as it must have.
func (s *Shelf) meets(ctx context.Context, log eventlog.Log, partition int32, mark int64) error {
	g, err := s.covers(ctx, partition, mark-1)
	if err != nil {
		return err
	}
	records, err := s.block(ctx, g, len(g.Blocks)-1)
	if err != nil {
		return err
	}
	own, err := firstFrom(ctx, log, partition, mark-1)
	if errors.Is(err, eventlog.ErrTrimmed) {
		return nil // meanwhile: there is nothing any longer that both have
	}
	if err != nil {
		return err
	}
	if !same(&records[len(records)-1], own) {
		return differs(partition, mark-1, "it has not the record that is sealed")
	}
	return nil
}

func firstFrom(ctx context.Context, log eventlog.Log, partition int32, offset int64) (*eventlog.Record, error) {
	cursor, err := log.Read(ctx, eventlog.Events, partition, offset)
	if err != nil {
		return nil, err
	}
	defer cursor.Close()
	records, err := cursor.Next(ctx)
	if err != nil {
		return nil, err
	}
	return &records[0], nil
}

// covers gives the segment that covers an offset below the mark.
func (s *Shelf) covers(ctx context.Context, partition int32, offset int64) (segment, error) {
	g, ok, err := s.covering(ctx, partition, offset)
	if err == nil && !ok {
		err = fmt.Errorf("%w: no segment of partition %d covers %d any longer", ErrDamaged, partition, offset)
	}
	return g, err
}

// Check is the shelf's, of all segments, held against where the log begins and ends as well, and against what was committed.
func (l *Log) Check(ctx context.Context, partition int32, told func(Checked)) (Checked, error) {
	checked, err := l.shelf.Check(ctx, partition, 0, told)
	if err != nil {
		return checked, err
	}
	commits, err := l.Commits(ctx, Group, eventlog.Events)
	if err != nil {
		return checked, err
	}
	return checked, l.fits(ctx, partition, checked.Next, commits)
}
