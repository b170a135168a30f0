package redis

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

var _ hot.Notifier = (*Redis)(nil)

// Publish implements hot.Notifier: one message per session, user and gateway, all in
// one pipeline, in this order. Answers come last: who is answered finds the event told.
func (r *Redis) Publish(ctx context.Context, round hot.Round) error {
	messages, err := r.messages(round)
	if err != nil {
		return err
	}
	sent := make([]*redis.IntCmd, len(messages))
	err = r.publishes.exec(ctx, func(pipe redis.Pipeliner) {
		for i, m := range messages {
			if r.opts.Embedded {
				sent[i] = pipe.Publish(ctx, m.channel, m.payload)
			} else {
				sent[i] = pipe.SPublish(ctx, m.channel, m.payload)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("redis: publish: %w", err)
	}
	for _, s := range sent {
		if err := s.Err(); err != nil {
			return fmt.Errorf("redis: publish: %w", err)
		}
	}
	return nil
}

// message is a batch of outcomes to publish.
type message struct {
	channel string
	payload []byte
}

func (r *Redis) messages(round hot.Round) ([]message, error) {
	out := make([]message, 0, len(round.Sessions)+len(round.Users)+len(round.Answers))
	add := func(channel string, values [][]byte) error {
		payload, err := events.EncodeBatch(values)
		if err != nil {
			return fmt.Errorf("redis: %w", err)
		}
		out = append(out, message{channel, payload})
		return nil
	}
	for s, values := range round.Sessions {
		if err := add(r.sessionChannel(s), values); err != nil {
			return nil, err
		}
	}
	for u, values := range round.Users {
		if err := add(r.userChannel(u), values); err != nil {
			return nil, err
		}
	}
	for instance, values := range round.Answers {
		if err := add(r.answerChannel(instance), values); err != nil {
			return nil, err
		}
	}
	return out, nil
}
