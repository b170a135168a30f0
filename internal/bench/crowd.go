package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/gateway/protocol"
)

// crowd is idlers on one gateway.
type crowd struct {
	all   []*idler
	beats atomic.Int64
	// listening ends with the first that ends.
	listening *errgroup.Group
	ended     context.Context
}

// crowdAtOnce bounds how many come at a time.
const crowdAtOnce = 32

// gather has the first n people of the stack come to a gateway.
func gather(ctx context.Context, s *stack, gateway *server, subprotocol string, n int) (*crowd, error) {
	codec, ok := protocol.ByName(subprotocol)
	if !ok {
		return nil, fmt.Errorf("bench: no protocol %q", subprotocol)
	}
	c := &crowd{all: make([]*idler, n)}
	c.listening, c.ended = errgroup.WithContext(context.WithoutCancel(ctx))
	coming, comingCtx := errgroup.WithContext(ctx)
	coming.SetLimit(crowdAtOnce)
	for i := range n {
		coming.Go(func() error {
			token, err := s.token(person(i))
			if err != nil {
				return err
			}
			id, err := come(comingCtx, gateway.at.WS, codec, i, token, crowdSessions, &c.beats)
			if err != nil {
				return err
			}
			c.all[i] = id
			// At once: until the last has come, the first may be asked whether they live.
			c.listening.Go(id.listen)
			return nil
		})
	}
	if err := coming.Wait(); err != nil {
		c.leave()
		return nil, err
	}
	return c, nil
}

// leave has all go.
func (c *crowd) leave() {
	for _, id := range c.all {
		if id != nil {
			id.ws.Close()
		}
	}
	_ = c.listening.Wait() // they end because they were closed
}

// allThere checks that the gateway has them all, and all their subscriptions.
func (c *crowd) allThere(ctx context.Context, gateway *server) error {
	m, err := scrape(ctx, gateway.at.HTTP)
	if err != nil {
		return err
	}
	n := len(c.all)
	if m["annal_gateway_connections"] != float64(n) || m["annal_gateway_subscriptions"] != float64(n*crowdSessions) {
		return fmt.Errorf("bench: the gateway has %v connections and %v subscriptions, want %d and %d",
			m["annal_gateway_connections"], m["annal_gateway_subscriptions"], n, n*crowdSessions)
	}
	return nil
}

// live lets them live for span and tells what it cost the gateway.
func (c *crowd) live(ctx context.Context, gateway *server, kind string, heartbeat, span time.Duration) (Beat, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ended, func() { cancel(context.Cause(c.ended)) })()
	pid := gateway.cmd.Process.Pid
	began, beats := time.Now(), c.beats.Load()
	cpu, err := cpuSeconds(pid)
	if err != nil {
		return Beat{}, err
	}
	if kind == beatSaid {
		err = c.sayAll(ctx, heartbeat/2, span)
	} else {
		err = pauseUntil(ctx, began.Add(span))
	}
	if err != nil {
		return Beat{}, err
	}
	after, err := cpuSeconds(pid)
	if err != nil {
		return Beat{}, err
	}
	b := Beat{Kind: kind, Seconds: time.Since(began).Seconds(), Beats: c.beats.Load() - beats}
	b.CPU = (after - cpu) / b.Seconds
	// Every connection is heard once an interval; how the intervals lie is chance.
	if least := int64(len(c.all)) * (int64(span/heartbeat) - 1); b.Beats < least {
		return b, fmt.Errorf("bench: %s: %d beats in %.0f s, want %d at least", kind, b.Beats, b.Seconds, least)
	}
	return b, nil
}

// sayAll has each speak once in every interval, evenly, for span.
func (c *crowd) sayAll(ctx context.Context, every, span time.Duration) error {
	began := time.Now()
	for i := 0; ; i++ {
		due := time.Duration(float64(i) / float64(len(c.all)) * float64(every))
		if due >= span {
			return pauseUntil(ctx, began.Add(span))
		}
		if err := pauseUntil(ctx, began.Add(due)); err != nil {
			return err
		}
		if err := c.all[i%len(c.all)].beat(); err != nil {
			return fmt.Errorf("bench: an idle connection: %w", err)
		}
	}
}

// pauseUntil waits until a moment, unless ctx ends first.
func pauseUntil(ctx context.Context, moment time.Time) error {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
