package fold

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

// Options say what is verified, and how.
type Options struct {
	Log eventlog.Log
	// Hot is compared, a window of so many events, or Archive is; with neither the log alone is looked at.
	Hot     hot.View
	Window  int
	Archive archive.View
	// Group is the consumer group whose commits say how far the view is.
	Group string
	// Session is the only one that is looked at; Sample says how many are, chosen by Dice. With neither all are.
	Session events.SessionID
	Sample  int
	Dice    *rand.Rand
	// Patience is how long a view may take to come to where the log was read to, or to be built anew.
	Patience time.Duration
	// Progress hears of how much of the whole is done, in records; nil: nobody does.
	Progress func(done, total int64)
}

// ErrNoSession says that the log has no session of that id.
var ErrNoSession = errors.New("fold: the log has no such session")

// Verify folds the log, one partition at a time, and compares, while both may go on: what differs is looked at again, and counts if
// nothing of its session came into the log from before the look until after it, and the view had come to where the log was read to.
// A session that moves on whenever it is looked at has only that told of it which differed each time alike.
//
// The report says what was found; the error is of what stood in the way of looking.
func Verify(ctx context.Context, o Options, report *Report) error {
	n, err := o.Log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	v := &verifier{opts: o, report: report, partitions: n, lists: map[events.UserID][]events.SessionID{}, known: map[string]bool{}, ends: make([]int64, n)}
	if err := v.plan(ctx); err != nil {
		return err
	}
	for p := range n {
		if v.parts[p] {
			if err := v.partition(ctx, p); err != nil {
				return err
			}
		}
	}
	if o.Session != "" && report.Sessions == 0 {
		return fmt.Errorf("%w: %s", ErrNoSession, o.Session)
	}
	return v.across(ctx)
}

// mostLooks is how often a session that moves on is looked at, and lookEvery how long it waits for a view between looks.
const (
	mostLooks = 10
	lookEvery = 100 * time.Millisecond
)

type verifier struct {
	opts       Options
	report     *Report
	partitions int32
	// parts are the partitions that are read; chosen are the sessions, nil for all.
	parts  map[int32]bool
	chosen map[events.SessionID]bool
	// ends are up to where partitions were read.
	ends []int64
	// lists are the sessions of each user, and known all keys, of what was read.
	lists map[events.UserID][]events.SessionID
	known map[string]bool
	said  map[int32]archive.Progress

	done, total int64
}

// plan chooses what is read, and says how much that is.
func (v *verifier) plan(ctx context.Context) error {
	v.parts = map[int32]bool{}
	for p := range v.partitions {
		_, end, err := v.opts.Log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			return fmt.Errorf("fold: partition %d: %w", p, err)
		}
		if s := v.opts.Session; s == "" || p == eventlog.KeyPartition([]byte(s), v.partitions) {
			v.parts[p] = true
			v.total += 2 * end
		}
	}
	switch {
	case v.opts.Session != "":
		v.chosen = map[events.SessionID]bool{v.opts.Session: true}
	case v.opts.Sample > 0:
		v.total += v.total / 2
		return v.choose(ctx)
	}
	return nil
}

// choose draws sessions: each that was opened is as likely as any other.
func (v *verifier) choose(ctx context.Context) error {
	var drawn []events.SessionID
	opened := map[events.SessionID]bool{}
	for p := range v.partitions {
		if err := eventlog.EachCounted(ctx, v.opts.Log, p, func(rec *eventlog.Record) error {
			v.tick(1)
			key := events.SessionID(rec.Key)
			if opened[key] {
				return nil
			}
			o, err := events.DecodeOutcome(rec.Record)
			a, _ := o.Result.(events.Accepted)
			if _, created := a.Event.(events.Created); err != nil || !created {
				return nil // what is wrong with it is told when it is folded
			}
			opened[key] = true
			if len(drawn) < v.opts.Sample {
				drawn = append(drawn, key)
			} else if i := v.opts.Dice.IntN(len(opened)); i < len(drawn) {
				drawn[i] = key
			}
			return nil
		}); err != nil {
			return err
		}
	}
	v.chosen, v.parts = map[events.SessionID]bool{}, map[int32]bool{}
	for _, s := range drawn {
		v.chosen[s] = true
		v.parts[eventlog.KeyPartition([]byte(s), v.partitions)] = true
	}
	return nil
}

func (v *verifier) tick(records int) {
	v.done = min(v.done+int64(records), v.total)
	if v.opts.Progress != nil {
		v.opts.Progress(v.done, v.total)
	}
}

// partition folds one, and looks at its sessions.
func (v *verifier) partition(ctx context.Context, n int32) error {
	p := newPart(v.opts.Log, n, v.report)
	defer p.close()
	p.keep, p.tick = v.opts.Archive != nil, v.tick
	if v.chosen != nil {
		p.wanted = func(s events.SessionID) bool { return v.chosen[s] }
	}
	if err := v.ask(ctx, p); err != nil {
		return err
	}
	if err := p.forward(ctx); err != nil {
		return err
	}
	for _, all := range []map[events.SessionID]*Session{p.sessions, p.strays} {
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if err := v.judge(ctx, p, all[id]); err != nil {
				return err
			}
			v.note(all[id])
			v.tick(all[id].moves)
		}
	}
	v.report.faults(p.sessions)
	v.report.Sessions += len(p.sessions)
	v.ends[n] = p.rule.Progress().Offset
	_, commands, err := v.opts.Log.Bounds(ctx, eventlog.Commands, n)
	v.report.Undecided += max(0, commands-p.rule.Progress().Last-1)
	if err != nil {
		return fmt.Errorf("fold: partition %d: %w", n, err)
	}
	return v.compareProgress(p)
}

// note keeps of a session what is looked at once all are folded.
func (v *verifier) note(s *Session) {
	if v.opts.Archive != nil {
		v.known[string(s.ID)] = true
		return
	}
	for u := range s.Members {
		v.lists[u] = append(v.lists[u], s.ID)
	}
}

// look compares a session as it is folded now.
func (v *verifier) look(ctx context.Context, s *Session) (Report, error) {
	var seen Report
	switch {
	case v.opts.Archive != nil:
		return seen, compareArchived(ctx, v.opts.Archive, s, &seen)
	case v.opts.Hot != nil:
		return seen, compareHot(ctx, v.opts.Hot, v.opts.Window, s, &seen)
	}
	return seen, nil
}

// feed brings sessions up to where the log ends.
type feed interface {
	forward(ctx context.Context) error
	// reached is the offset of the partition below which all was read.
	reached() (partition int32, offset int64)
}

// judge looks at a session until it can be said what differs.
func (v *verifier) judge(ctx context.Context, p feed, s *Session) error {
	seen, err := v.look(ctx, s)
	if err != nil {
		return err
	}
	v.report.Compared += seen.Compared
	if seen.Found == 0 {
		return nil
	}
	lasting := seen.Differences
	for looks, until := 0, time.Now().Add(v.opts.Patience); looks < mostLooks; looks++ {
		if err := p.forward(ctx); err != nil {
			return err
		}
		if err := v.await(ctx, p); err != nil {
			return err
		}
		moves := s.moves
		if seen, err = v.look(ctx, s); err != nil {
			return err
		}
		if err := p.forward(ctx); err != nil {
			return err
		}
		switch {
		case seen.Found == 0:
			return nil
		case unread(&seen) && time.Now().Before(until):
			looks--
			if err := pause(ctx, lookEvery); err != nil {
				return err
			}
			continue
		case s.moves == moves:
			v.report.merge(&seen)
			return nil
		}
		lasting = slices.DeleteFunc(lasting, func(d Difference) bool { return !slices.Contains(seen.Differences, d) })
	}
	v.report.Restless++
	v.report.merge(&Report{Differences: lasting, Found: len(lasting)})
	return nil
}

// unread says that something could not be read, as while a view is built anew.
func unread(r *Report) bool {
	return slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.What == "reading" })
}

func (r *Report) merge(more *Report) {
	for _, d := range more.Differences {
		r.add(d)
	}
	r.Found += more.Found - len(more.Differences)
}

// await waits until the view's projectors have committed all that was read of the partition.
func (v *verifier) await(ctx context.Context, p feed) error {
	partition, offset := p.reached()
	return awaitCommit(ctx, v.opts.Log, v.opts.Group, partition, offset, v.opts.Patience)
}

func awaitCommit(ctx context.Context, log eventlog.Log, group string, partition int32, offset int64, patience time.Duration) error {
	if group == "" {
		return nil
	}
	for until := time.Now().Add(patience); ; {
		commits, err := log.Commits(ctx, group, eventlog.Events)
		if err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		at := int64(0)
		for _, c := range commits {
			if c.Partition == partition {
				at = c.Offset
			}
		}
		switch {
		case at >= offset:
			return nil
		case time.Now().After(until):
			return fmt.Errorf("%w: it lacks %d records of partition %d after %v", ErrBehind, offset-at, partition, patience)
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
