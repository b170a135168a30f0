package fold

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

// ask reads how far the archive says that it is of a partition that will be read.
func (v *verifier) ask(ctx context.Context, p *part) error {
	if v.opts.Archive == nil || v.chosen != nil {
		return nil
	}
	all, err := v.opts.Archive.Progress(ctx)
	if err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	v.said = map[int32]archive.Progress{}
	for _, said := range all {
		if said.Partition == p.partition {
			v.said[p.partition] = said
			p.times[said.Archived] = 0
		}
	}
	return nil
}

// compareProgress looks at how far the archive said that it is.
func (v *verifier) compareProgress(p *part) error {
	said, ok := v.said[p.partition]
	if !ok {
		return nil
	}
	end, which := p.rule.Progress(), fmt.Sprint("partition ", p.partition)
	if said.Archived > end.Offset || said.LogEnd > end.Offset || said.LogEnd < said.Archived {
		v.report.differ("", "progress", which, fmt.Sprintf("%d of %d", said.Archived, said.LogEnd), fmt.Sprintf("%d at most", end.Offset))
		return nil
	}
	must := p.times[said.Archived]
	if said.Archived == end.Offset {
		must = end.Time
	}
	if said.Time != must {
		v.report.differ("", "progress.time", which, said.Time, must)
	}
	return nil
}

// across looks at what is not of one partition alone.
func (v *verifier) across(ctx context.Context) error {
	switch {
	case v.opts.Hot != nil:
		for _, u := range slices.Sorted(maps.Keys(v.lists)) {
			if err := v.list(ctx, u); err != nil {
				return err
			}
		}
	case v.opts.Archive != nil && v.chosen == nil:
		return v.unknown(ctx)
	}
	return nil
}

// list looks at a user's list of sessions. One that is there and was not folded is looked up: they may have come into it since. Where not all were folded it may well be one of the others.
func (v *verifier) list(ctx context.Context, u events.UserID) error {
	var seen Report
	if err := compareList(ctx, v.opts.Hot, u, v.lists[u], &seen); err != nil {
		return err
	}
	for _, d := range seen.Differences {
		if d.Must == string(none) {
			if v.chosen != nil {
				continue
			}
			person, err := v.opts.Hot.Person(ctx, d.Session, u)
			if err == nil && len(person.Member.Stays) > 0 {
				continue
			}
			if err != nil && !errors.Is(err, hot.ErrNoSession) {
				d.Got += ": " + err.Error()
			}
		}
		v.report.add(d)
	}
	return nil
}

// unknown looks for keys in the archive that the log has nothing of: neither where it was read, nor since.
func (v *verifier) unknown(ctx context.Context) error {
	unknown, err := unknownKeys(ctx, v.opts.Archive, func(key string) bool { return v.known[key] })
	if err != nil {
		return err
	}
	behind := map[int32]bool{}
	for key := range unknown {
		behind[eventlog.KeyPartition([]byte(key), v.partitions)] = true
	}
	for p := range behind {
		_, end, err := v.opts.Log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			return fmt.Errorf("fold: partition %d: %w", p, err)
		}
		if err := v.keysSince(ctx, p, end, unknown); err != nil {
			return fmt.Errorf("fold: partition %d: %w", p, err)
		}
	}
	v.report.unknown(unknown)
	return nil
}

// keysSince takes the keys of what came into a partition since it was read from the unknown ones.
func (v *verifier) keysSince(ctx context.Context, p int32, end int64, unknown map[string][]archive.Part) error {
	at := v.ends[p]
	if at >= end {
		return nil
	}
	cursor, err := v.opts.Log.Read(ctx, eventlog.Events, p, at)
	if err != nil {
		return err
	}
	defer cursor.Close()
	for at < end {
		records, err := cursor.Next(ctx)
		if err != nil {
			return err
		}
		for i := range records {
			delete(unknown, string(records[i].Key))
			at = records[i].Offset + 1
		}
	}
	return nil
}
