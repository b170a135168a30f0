// Package freshness tells how far the archive is behind the log, from the log's side: what archivers committed, and where the log
// ends. So it tells that too while the archive does not answer.
package freshness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// Partition is how far the archive is in one.
type Partition struct {
	Partition int32 `json:"partition"`
	// Archived is the offset below which all is, End the log's, and Behind the records between them.
	Archived int64 `json:"archived"`
	End      int64 `json:"end"`
	Behind   int64 `json:"behind"`
	// Seconds is how long the first record that is not archived has been in the log.
	Seconds float64 `json:"seconds"`
}

// Status is how the archive does.
type Status struct {
	Partitions []Partition `json:"partitions"`
	// Behind is the sum, and Seconds the largest, of the partitions'.
	Behind  int64   `json:"behind"`
	Seconds float64 `json:"seconds"`
	// Trouble is the last that an archiver had, At when, OfPartition where.
	Trouble     string `json:"trouble,omitempty"`
	TroubleAt   string `json:"trouble_at,omitempty"`
	OfPartition int32  `json:"trouble_partition"`
	// Rows are outcomes in the archive, by kind; Error says why they can't be counted.
	Rows  map[string]uint64 `json:"rows"`
	Total uint64            `json:"total"`
	Error string            `json:"error,omitempty"`
}

// Await waits until the archive has all that the log holds when it begins.
func Await(ctx context.Context, log eventlog.Log) error {
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return fmt.Errorf("freshness: %w", err)
	}
	ends := make([]int64, n)
	for p := range n {
		if _, ends[p], err = log.Bounds(ctx, eventlog.Events, p); err != nil {
			return fmt.Errorf("freshness: partition %d: %w", p, err)
		}
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		commits, err := log.Commits(ctx, archive.Group, eventlog.Events)
		if err != nil {
			return fmt.Errorf("freshness: %w", err)
		}
		missing := slices.Clone(ends)
		for _, c := range commits {
			if c.Partition < n {
				missing[c.Partition] -= c.Offset
			}
		}
		p := slices.IndexFunc(missing, func(records int64) bool { return records > 0 })
		if p < 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("freshness: the archive lacks %d records of partition %d still: %w", missing[p], p, ctx.Err())
		}
	}
}

// lookEvery is how often Await looks.
const lookEvery = 100 * time.Millisecond

// lookTimeout bounds the look at the archive itself.
const lookTimeout = 30 * time.Second

// Read reads how the archive does; nil stands for one that is not to be asked.
func Read(ctx context.Context, log eventlog.Log, view archive.View, now time.Time) (Status, error) {
	s := Status{Rows: map[string]uint64{}}
	n, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return s, fmt.Errorf("freshness: %w", err)
	}
	commits, err := log.Commits(ctx, archive.Group, eventlog.Events)
	if err != nil {
		return s, fmt.Errorf("freshness: %w", err)
	}
	at := make([]int64, n)
	last := follow.Trouble{}
	for _, c := range commits {
		if c.Partition >= n {
			continue
		}
		at[c.Partition] = c.Offset
		commit, err := follow.ParseCommit(c.Metadata)
		if err != nil {
			return s, fmt.Errorf("freshness: partition %d: %w", c.Partition, err)
		}
		if commit.Trouble.At > last.At {
			last, s.OfPartition = commit.Trouble, c.Partition
		}
	}
	if last.At > 0 {
		s.Trouble, s.TroubleAt = last.What, time.UnixMilli(int64(last.At)).UTC().Format(time.RFC3339)
	}
	for p := range n {
		part, err := partition(ctx, log, p, at[p], now)
		if err != nil {
			return s, fmt.Errorf("freshness: partition %d: %w", p, err)
		}
		s.Partitions = append(s.Partitions, part)
		s.Behind += part.Behind
		s.Seconds = max(s.Seconds, part.Seconds)
	}
	if view != nil {
		s.look(ctx, view)
	}
	return s, nil
}

func partition(ctx context.Context, log eventlog.Log, p int32, archived int64, now time.Time) (Partition, error) {
	_, end, err := log.Bounds(ctx, eventlog.Events, p)
	if err != nil {
		return Partition{}, err
	}
	part := Partition{Partition: p, Archived: archived, End: end, Behind: max(0, end-archived)}
	if part.Behind == 0 {
		return part, nil
	}
	cursor, err := log.Read(ctx, eventlog.Events, p, archived)
	if errors.Is(err, eventlog.ErrTrimmed) || errors.Is(err, eventlog.ErrBeyond) {
		return part, nil // the archiver stops there and says so
	}
	if err != nil {
		return part, err
	}
	defer cursor.Close()
	records, err := cursor.Next(ctx)
	if err != nil {
		return part, err
	}
	part.Seconds = max(0, now.Sub(time.UnixMilli(int64(records[0].Time))).Seconds())
	return part, nil
}

// look counts what is in the archive.
func (s *Status) look(ctx context.Context, view archive.View) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	counts, err := view.Count(ctx)
	if err != nil {
		s.Error = fmt.Sprintf("not counted within %v: %v", lookTimeout, err)
		return
	}
	for kind, n := range counts {
		s.Rows[kind.String()] = n
		s.Total += n
	}
}
