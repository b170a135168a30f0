package redis

import (
	"context"
	"fmt"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

var _ hot.Notifier = (*Redis)(nil)

// Publish implements hot.Notifier: one message per session, user and gateway, all in
// one pipeline.
func (r *Redis) Publish(ctx context.Context, round hot.Round) error {
	pipe := r.client.Pipeline()
	publish := func(channel string, values [][]byte) error {
		payload, err := events.EncodeBatch(values)
		if err != nil {
			return fmt.Errorf("redis: %w", err)
		}
		if r.opts.Embedded {
			pipe.Publish(ctx, channel, payload)
		} else {
			pipe.SPublish(ctx, channel, payload)
		}
		return nil
	}
	for s, values := range round.Sessions {
		if err := publish(r.sessionChannel(s), values); err != nil {
			return err
		}
	}
	for u, values := range round.Users {
		if err := publish(r.userChannel(u), values); err != nil {
			return err
		}
	}
	// Answers last: who is answered finds the event told.
	for instance, values := range round.Answers {
		if err := publish(r.answerChannel(instance), values); err != nil {
			return err
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("redis: publish: %w", err)
	}
	return nil
}
