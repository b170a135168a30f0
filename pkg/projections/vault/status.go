package vault

import (
	"context"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/projections/follow"
)

// Status is how far a partition is in the vault, and what the log itself has.
type Status struct {
	Partition int32 `json:"partition"`
	// Sealed is the first offset that is not in the vault.
	Sealed   int64 `json:"sealed"`
	Segments int   `json:"segments"`
	// Bytes are those of all the partition's objects.
	Bytes    int64 `json:"bytes"`
	LogStart int64 `json:"log_start"`
	LogEnd   int64 `json:"log_end"`
	Behind   int64 `json:"behind"`
	// BehindSeconds is how old the first record is that is not in the vault; 0 when all are.
	BehindSeconds float64 `json:"behind_seconds"`
	// Problem is what does not fit: between the vault's end and the log's bounds, or what was committed.
	Problem string `json:"problem,omitempty"`
	// Trouble is the last that its vaulter told of, TroubleAt when.
	Trouble   string `json:"trouble,omitempty"`
	TroubleAt string `json:"trouble_at,omitempty"`
}

// Status reads how the first n partitions are.
func (l *Log) Status(ctx context.Context, n int32, now time.Time) ([]Status, error) {
	commits, err := l.Commits(ctx, Group, eventlog.Events)
	if err != nil {
		return nil, err
	}
	all := make([]Status, n)
	for p := range n {
		var err error
		if all[p], err = l.status(ctx, p, now); err != nil {
			return nil, err
		}
		if err := l.fits(ctx, p, all[p].Sealed, commits); lasting(err) {
			all[p].Problem = err.Error()
		} else if err != nil {
			return nil, err
		}
	}
	for _, c := range commits {
		commit, err := follow.ParseCommit(c.Metadata)
		if err != nil || c.Partition >= n || commit.Trouble.At == 0 {
			continue // what the bucket says counts
		}
		all[c.Partition].Trouble = commit.Trouble.What
		all[c.Partition].TroubleAt = time.UnixMilli(int64(commit.Trouble.At)).UTC().Format(time.RFC3339)
	}
	return all, nil
}

func (l *Log) status(ctx context.Context, p int32, now time.Time) (Status, error) {
	mark, err := l.shelf.Tail(ctx, p)
	if err != nil {
		return Status{}, err
	}
	s := Status{Partition: p, Sealed: mark.Progress.Offset, Segments: mark.Segments}
	if s.Bytes, err = l.shelf.bytes(ctx, p); err != nil {
		return s, err
	}
	if s.LogStart, s.LogEnd, err = l.Log.Bounds(ctx, eventlog.Events, p); err != nil {
		return s, err
	}
	first := max(s.Sealed, s.LogStart)
	if s.Behind = max(0, s.LogEnd-s.Sealed); first >= s.LogEnd {
		return s, nil
	}
	cursor, err := l.Log.Read(ctx, eventlog.Events, p, first)
	if err != nil {
		return s, err
	}
	defer cursor.Close()
	records, err := cursor.Next(ctx)
	if err != nil {
		return s, err
	}
	s.BehindSeconds = max(0, now.Sub(time.UnixMilli(int64(records[0].Time))).Seconds())
	return s, nil
}
