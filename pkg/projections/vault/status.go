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
	LogStart int64 `json:"log_start"`
	LogEnd   int64 `json:"log_end"`
	Behind   int64 `json:"behind"`
	// Trouble is the last that its vaulter told of, TroubleAt when.
	Trouble   string `json:"trouble,omitempty"`
	TroubleAt string `json:"trouble_at,omitempty"`
}

// Status reads how the first n partitions are.
func (l *Log) Status(ctx context.Context, n int32) ([]Status, error) {
	commits, err := l.Commits(ctx, Group, eventlog.Events)
	if err != nil {
		return nil, err
	}
	all := make([]Status, n)
	for p := range n {
		mark, err := l.shelf.Tail(ctx, p)
		if err != nil {
			return nil, err
		}
		start, end, err := l.Log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			return nil, err
		}
		sealed := mark.Progress.Offset
		all[p] = Status{Partition: p, Sealed: sealed, Segments: mark.Segments, LogStart: start, LogEnd: end, Behind: max(0, end-sealed)}
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
