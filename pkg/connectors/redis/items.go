package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Forward implements hot.View.
func (v Reader) Forward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) ([]hot.Item, error) {
	return v.items(ctx, s, "f", first, last, limit, reader)
}

// Backward implements hot.View.
func (v Reader) Backward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) ([]hot.Item, error) {
	return v.items(ctx, s, "b", first, last, limit, reader)
}

func (v Reader) items(
	ctx context.Context, s events.SessionID, way string, first, last events.Seq, limit int, reader []events.UserID,
) ([]hot.Item, error) {
	args := []any{way, decimal(first), decimal(last), limit}
	for _, u := range reader {
		args = append(args, string(u))
	}
	got, err := v.r.ask(ctx, s, v.r.scripts.items, []string{"head", "window", "states", "reactions", "emojis"}, args...)
	if err != nil {
		return nil, err
	}
	all := texts(got)
	if len(all) == 0 {
		return nil, fmt.Errorf("redis: items of %s come without a last seq", s)
	}
	var f fields
	head := events.Seq(f.number(all[0]))
	var items []hot.Item
	for rest := all[1:]; len(rest) >= 6; rest = rest[6:] {
		item := hot.Item{Seq: events.Seq(f.number(rest[0])), Value: []byte(rest[1])}
		if item.State, err = decodeState(rest[2], rest[3]); err != nil {
			return nil, err
		}
		if item.State.Reactions = f.reactions(rest[4], rest[5]); len(item.State.Reactions) > 0 {
			item.State.ReactionsTo = head
		}
		items = append(items, item)
	}
	return items, f.err
}

// reactions reads "count emoji NUL…", and '1' for each that is the reader's.
func (f *fields) reactions(all, mine string) []hot.Reaction {
	var out []hot.Reaction
	for i := 0; all != ""; i++ {
		var one string
		one, all, _ = strings.Cut(all, "\x00")
		count, emoji, _ := strings.Cut(one, " ")
		out = append(out, hot.Reaction{Emoji: emoji, Count: uint32(f.number(count)), Mine: i < len(mine) && mine[i] == '1'})
	}
	slices.SortFunc(out, hot.CompareReactions)
	return out
}
