package redis

import (
	"context"
	"fmt"
	"strconv"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

var _ hot.Keeper = Reader{}

// Kept implements hot.Keeper.
func (v Reader) Kept(ctx context.Context, s events.SessionID) (hot.Kept, error) {
	got, err := v.r.ask(ctx, s, v.r.scripts.kept, []string{"head", "gone", "mentions", "reactions", "tally"})
	if err != nil {
		return hot.Kept{}, err
	}
	k := hot.Kept{Gone: texts(got[0]), Mentions: texts(got[1]), Reactions: texts(got[2])}
	if len(got) < 4 || got[3] == nil {
		return k, nil
	}
	k.Tally = map[string]int64{}
	for all := texts(got[3]); len(all) >= 2; all = all[2:] {
		if k.Tally[all[0]], err = strconv.ParseInt(all[1], 10, 64); err != nil {
			return hot.Kept{}, fmt.Errorf("redis: the tally of %s has %q as %q", s, all[1], all[0])
		}
	}
	return k, nil
}
