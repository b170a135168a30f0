package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Bounds of a partition's changes: 32 MiB at most.
const (
	maxEntryBytes = 32 << 10
	maxEntries    = 1000
	// entriesPage is how many one read takes.
	entriesPage = 16
)

// changesKey is in the view's slot.
func (r *Redis) changesKey(partition int32) string { return r.viewKey(partition) + ":changes" }

// Note implements hot.Store.
func (r *Redis) Note(ctx context.Context, partition int32, c hot.Changed) error {
	entries := encodeChanged(c)
	if len(entries) == 0 {
		return nil
	}
	args := []any{hot.KeepChanged.Milliseconds(), maxEntries}
	for _, entry := range entries {
		args = append(args, entry)
	}
	if err := r.scripts.note.Run(ctx, r.client, []string{r.changesKey(partition)}, args...).Err(); err != nil {
		return fmt.Errorf("redis: note changes: %w", err)
	}
	return nil
}

// changedAll is the line of Changed.All.
const changedAll = "a"

// encodeChanged gives entries, a line for each change. Names that no client can use are
// left out: they might not be read as they were written.
func encodeChanged(c hot.Changed) []string {
	var entries []string
	var b strings.Builder
	line := func(p hot.Part, kind string, rest ...any) {
		if !events.ValidName(string(p.Session)) || p.User != "" && !events.ValidName(string(p.User)) {
			return
		}
		if b.Len() >= maxEntryBytes {
			entries = append(entries, b.String())
			b.Reset()
		}
		b.WriteString(kind + " " + string(p.Session))
		for _, field := range rest {
			fmt.Fprintf(&b, " %v", field)
		}
		b.WriteByte('\n')
	}
	if c.All {
		b.WriteString(changedAll + "\n")
	}
	for s, seq := range c.Heads {
		line(hot.Part{Session: s}, "h", seq)
	}
	for p, m := range c.Markers {
		line(p, "m", p.User, m.Marker, m.MarkerIndex)
	}
	for p, seq := range c.Parts {
		line(p, "p", p.User, seq)
	}
	if b.Len() > 0 {
		entries = append(entries, b.String())
	}
	return entries
}

// decodeChanged adds an entry's changes.
func decodeChanged(into *hot.Changed, entry string) error {
	for line := range strings.Lines(entry) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		var f fields
		switch {
		case parts[0] == changedAll && len(parts) == 1:
			into.All = true
		case parts[0] == "h" && len(parts) == 3:
			into.Merge(hot.Changed{Heads: map[events.SessionID]events.Seq{events.SessionID(parts[1]): events.Seq(f.number(parts[2]))}})
		case parts[0] == "m" && len(parts) == 5:
			p := hot.Part{Session: events.SessionID(parts[1]), User: events.UserID(parts[2])}
			m := events.Read{Marker: events.Seq(f.number(parts[3])), MarkerIndex: events.Index(f.number(parts[4]))}
			into.Merge(hot.Changed{Markers: map[hot.Part]events.Read{p: m}})
		case parts[0] == "p" && len(parts) == 4:
			p := hot.Part{Session: events.SessionID(parts[1]), User: events.UserID(parts[2])}
			into.Merge(hot.Changed{Parts: map[hot.Part]events.Seq{p: events.Seq(f.number(parts[3]))}})
		default:
			return fmt.Errorf("redis: %q is no change", line)
		}
		if f.err != nil {
			return f.err
		}
	}
	return nil
}

// beginning is the place before everything.
const beginning = "0-0"

// Changed implements hot.View.
func (v Reader) Changed(ctx context.Context, partition int32, after string) (hot.Changed, string, error) {
	changed, key := hot.NewChanged(), v.r.changesKey(partition)
	if after == "" {
		last, err := v.r.client.XRevRangeN(ctx, key, "+", "-", 1).Result()
		if err != nil {
			return changed, "", fmt.Errorf("redis: changes: %w", err)
		}
		if len(last) == 0 {
			return changed, beginning, nil
		}
		return changed, last[0].ID, nil
	}
	entries, err := v.r.client.XRangeN(ctx, key, after, "+", entriesPage+1).Result()
	switch {
	case err != nil:
		return changed, "", fmt.Errorf("redis: changes: %w", err)
	case len(entries) == 0 && after == beginning:
		return changed, after, nil
	case len(entries) == 0, entries[0].ID != after && (after != beginning || entries[0].Values["c"] != ""):
		return changed, "", hot.ErrPassed
	}
	for _, e := range entries[1:] {
		text, _ := e.Values["c"].(string)
		if err := decodeChanged(&changed, text); err != nil {
			return hot.Changed{}, "", err
		}
	}
	return changed, entries[len(entries)-1].ID, nil
}

// Heads implements hot.View.
func (v Reader) Heads(ctx context.Context, sessions []events.SessionID) (map[events.SessionID]events.Seq, error) {
	return each[events.Seq](ctx, v, sessions, v.r.scripts.head, []string{"head"})
}

// Activity implements hot.View.
func (v Reader) Activity(ctx context.Context, u events.UserID, sessions []events.SessionID) (map[events.SessionID]events.Millis, error) {
	return each[events.Millis](ctx, v, sessions, v.r.scripts.activity, []string{"head", "members"}, string(u))
}

// each asks for a number of each session, all at once. What can't be told now is left out.
func each[N ~uint64 | ~int64](
	ctx context.Context, v Reader, sessions []events.SessionID, script *redis.Script, parts []string, args ...any,
) (map[events.SessionID]N, error) {
	for try := 0; ; try++ {
		pipe := v.r.client.Pipeline()
		from, views, answers := make([]glance, len(sessions)), make([]*redis.SliceCmd, len(sessions)), make([]*redis.Cmd, len(sessions))
		for i, s := range sessions {
			from[i] = v.r.glance(s)
			views[i] = pipe.HMGet(ctx, v.r.viewKeyOf(s), viewFields...)
			answers[i] = script.EvalSha(ctx, pipe, v.r.partKeys(from[i].side, s, parts), args...)
		}
		_, err := pipe.Exec(ctx)
		if isUnknownScript(err) && try == 0 {
			if err := v.r.loadScripts(ctx); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("redis: read sessions: %w", err)
		}
		found, swapped := make(map[events.SessionID]N, len(sessions)), false
		for i, s := range sessions {
			n, there, err := v.number(ctx, s, from[i], views[i], answers[i])
			if errors.Is(err, errSwapped) {
				swapped = true
				continue
			}
			if err != nil {
				return nil, err
			}
			if there {
				found[s] = N(n)
			}
		}
		if !swapped || try >= maxTries {
			return found, nil
		}
	}
}

// number is what a script answered of a session; false when that can't be told now.
func (v Reader) number(ctx context.Context, s events.SessionID, from glance, view *redis.SliceCmd, answer *redis.Cmd) (n uint64, there bool, err error) {
	state, err := viewState(view.Val())
	if err != nil {
		return 0, false, err
	}
	got, err := answer.Slice()
	if err != nil {
		return 0, false, fmt.Errorf("redis: read %s: %w", s, err)
	}
	if len(got) < 3 {
		if v.r.elsewhere(s, from.side, state) {
			return 0, false, errSwapped
		}
		return 0, false, nil
	}
	if err := v.r.judge(ctx, s, from, state, got); err != nil {
		if errors.Is(err, hot.ErrRebuilding) {
			return 0, false, nil
		}
		return 0, false, err
	}
	text, _ := got[2].(string)
	var f fields
	n = f.number(text)
	return n, f.err == nil, f.err
}
