package gateway

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
	"annal/pkg/projections/hot"
)

// totals adds up what is unread in all sessions that the user is in.
func (c *Conn) totals(ctx context.Context, u events.UserID) (*clientv1.ServerFrame, *events.Error) {
	own, err := c.settings(ctx, u)
	if err != nil {
		return nil, err
	}
	total := &clientv1.UnreadTotals{}
	for cursor := ""; ; {
		ids, next, err := c.sessionIDs(ctx, u, cursor, protocol.MaxPage)
		if err != nil {
			return nil, err
		}
		for some := range slices.Chunk(ids, syncAtOnce) {
			if err := c.addUp(ctx, u, some, &own, total); err != nil {
				return nil, c.gw.readError(err)
			}
		}
		if cursor = next; cursor == "" {
			return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Totals{Totals: total}}, nil
		}
	}
}

func (c *Conn) addUp(
	ctx context.Context, u events.UserID, ids []events.SessionID, own *hot.Facts, total *clientv1.UnreadTotals,
) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	now := events.Millis(c.gw.ports.Now().UnixMilli())
	for _, id := range ids {
		group.Go(func() error {
			p, err := c.gw.listed(ctx, id, u, own.Hides[id])
			if err != nil || !p.Member.In() || own.Settings[id].Hidden {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			addSession(total, &p, own.Settings[id], now)
			return nil
		})
	}
	return group.Wait()
}

func addSession(total *clientv1.UnreadTotals, p *hot.Person, s events.Settings, now events.Millis) {
	unread, mentions, sessions := &total.Unread, &total.Mentions, &total.Sessions
	if s.MuteUntil > now {
		unread, mentions, sessions = &total.MutedUnread, &total.MutedMentions, &total.MutedSessions
	}
	*unread += p.Unread
	*mentions += p.Mentions
	if p.Unread > 0 || s.Unread {
		*sessions++
	}
}
