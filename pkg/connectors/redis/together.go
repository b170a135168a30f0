package redis

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/redis/go-redis/v9"
)

// together sends the commands of several callers in one pipeline, with one under way:
// who comes meanwhile goes with the next. Each partition writes a handful of commands at
// a time, and a pipeline costs more than the commands in it. Nobody waits when it is quiet.
type together struct {
	client redis.UniversalClient

	mu    sync.Mutex
	busy  bool
	queue []*passenger
}

type passenger struct {
	fill func(redis.Pipeliner)
	done chan error
	// drive has a token when it is for this passenger to execute all that is queued.
	drive chan struct{}
}

// exec returns once the commands that fill gives were answered, each with its own error,
// or with an error when they may not have been executed. They may go under the context
// of another caller.
func (t *together) exec(ctx context.Context, fill func(redis.Pipeliner)) error {
	p := &passenger{fill: fill, done: make(chan error, 1), drive: make(chan struct{}, 1)}
	t.mu.Lock()
	t.queue = append(t.queue, p)
	drive := !t.busy
	t.busy = true
	t.mu.Unlock()
	if !drive {
		select {
		case err := <-p.done:
			return err
		case <-p.drive:
		}
	}
	// Partitions get their records from the same fetch: those about to come go along.
	runtime.Gosched()
	t.mu.Lock()
	round := t.queue
	t.queue = nil
	t.mu.Unlock()
	pipe := t.client.Pipeline()
	for _, other := range round {
		other.fill(pipe)
	}
	err := execute(ctx, pipe)
	t.mu.Lock()
	if t.busy = len(t.queue) > 0; t.busy {
		t.queue[0].drive <- struct{}{}
	}
	t.mu.Unlock()
	for _, other := range round {
		other.done <- err
	}
	return <-p.done
}

// execute executes a pipeline. What Redis answers to a command is that command's alone;
// an error means that there may be no answers.
func execute(ctx context.Context, pipe redis.Pipeliner) error {
	_, err := pipe.Exec(ctx)
	if _, answered := errors.AsType[redis.Error](err); answered {
		return nil
	}
	return err
}
