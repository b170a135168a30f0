package gateway

import (
	"context"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
	"annal/pkg/projections/hot"
)

// totals adds up what is unread in all sessions that the user is in.
func (c *Conn) totals(ctx context.Context, u events.UserID) (*clientv1.ServerFrame, *events.Error) {
	heard, muted, err := hot.CountUnread(ctx, c.gw.ports.View, u, hot.Counting{
		Now: events.Millis(c.gw.ports.Now().UnixMilli()), Muted: true, Page: protocol.MaxPage, AtOnce: syncAtOnce,
		Person: func(ctx context.Context, s events.SessionID, hides bool) (hot.Person, error) {
			return c.gw.listed(ctx, s, u, hides)
		},
	})
	if err != nil {
		return nil, c.gw.readError(err)
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Totals{Totals: &clientv1.UnreadTotals{
		Unread: heard.Messages, Mentions: heard.Mentions, Sessions: heard.Sessions,
		MutedUnread: muted.Messages, MutedMentions: muted.Mentions, MutedSessions: muted.Sessions,
	}}}, nil
}
