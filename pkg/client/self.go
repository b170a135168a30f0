package client

import (
	"context"
	"errors"

	"annal/pkg/events"
)

// SelfSession is the id of the user's own session, which has what they keep for themselves: how
// sessions are shown (SetSession), what is hidden (Hide), and their devices (SetDevice). Sync has
// it among the others, of kind SELF, and the settings of each session as they stand.
func (c *Client) SelfSession() string {
	return string(events.NewSelfID(events.UserID(c.User())))
}

// SubscribeSelf opens the stream of the user's own session above after, as Subscribe does: it
// brings what was changed on any of their devices. A gateway opens the session at the user's
// first connection; until that is through, SubscribeSelf waits.
func (c *Client) SubscribeSelf(ctx context.Context, after uint64) (*Stream, error) {
	for tries := 0; ; tries++ {
		s, err := c.Subscribe(ctx, c.SelfSession(), after)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Code != events.CodeNoSuchSession {
			return s, err
		}
		if !wait(ctx, c.backoff(tries)) {
			return nil, ctx.Err()
		}
	}
}
