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
	messages := r.messages(round)
	sent := make([]*redis.IntCmd, len(messages))
	err := r.publishes.exec(ctx, func(pipe redis.Pipeliner) {
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

func (r *Redis) messages(round hot.Round) []message {
	out := make([]message, 0, len(round.Sessions)+len(round.Users)+len(round.Answers))
	for s, values := range round.Sessions {
		out = append(out, message{r.sessionChannel(s), events.EncodeBatch(values)})
	}
	for u, values := range round.Users {
		out = append(out, message{r.userChannel(u), events.EncodeBatch(values)})
	}
	for instance, values := range round.Answers {
		out = append(out, message{r.answerChannel(instance), events.EncodeBatch(values)})
	}
	return out
}
