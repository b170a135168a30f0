package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Worker works on one partition.
type Worker interface {
	// Run works until the worker has drained, is stopped, or cannot go on: then it tells Crew.Fail.
	Run()
	// Drain has it finish what it began and give up the partition. When ctx ends before that, it is stopped.
	Drain(ctx context.Context)
	// Stop returns when it has ended, which it does as soon as it can.
	Stop()
}

// Crew has a worker for each partition that a group gives its member: it is the Handler of the roles that work so.
type Crew[W Worker] struct {
	hire func(Claim) W

	mu      sync.Mutex
	workers map[int32]W
	joined  bool
	fatal   chan error
}

// NewCrew makes one without workers; hire makes one for a partition, which does nothing before its Run.
func NewCrew[W Worker](hire func(Claim) W) *Crew[W] {
	return &Crew[W]{hire: hire, workers: map[int32]W{}, fatal: make(chan error, 1)}
}

// Run takes part in the group until ctx ends, and has all workers drain and stop then. It returns an error when the membership or
// a worker failed.
func (c *Crew[W]) Run(ctx context.Context, m Membership) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	left := make(chan error, 1)
	go func() { left <- m.Run(ctx, c) }()
	var err error
	select {
	case err = <-c.fatal:
		cancel()
		err = errors.Join(err, <-left)
	case err = <-left:
	}
	c.mu.Lock()
	workers := c.workers
	c.workers = map[int32]W{}
	c.mu.Unlock()
	for _, w := range workers {
		w.Stop()
	}
	select {
	case late := <-c.fatal:
		err = errors.Join(err, late)
	default:
	}
	return err
}

// Fail ends Run with a worker's error. Only the first is kept.
func (c *Crew[W]) Fail(partition int32, err error) {
	select {
	case c.fatal <- fmt.Errorf("partition %d: %w", partition, err):
	default:
	}
}

// Ready is nil once the group gave partitions, if only none, and check is nil for each of their workers; check may be nil.
func (c *Crew[W]) Ready(check func(partition int32, w W) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.joined {
		return errors.New("has no partitions yet")
	}
	if check == nil {
		return nil
	}
	for p, w := range c.workers {
		if err := check(p, w); err != nil {
			return err
		}
	}
	return nil
}

// Partitions are those that the group gives now, ascending.
func (c *Crew[W]) Partitions() []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.workers))
}

// Size is how many these are.
func (c *Crew[W]) Size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.workers)
}

// Claimed implements Handler.
func (c *Crew[W]) Claimed(claim Claim) {
	w := c.hire(claim)
	c.mu.Lock()
	old, twice := c.workers[claim.Partition]
	c.workers[claim.Partition] = w
	c.joined = true
	c.mu.Unlock()
	if twice {
		old.Stop()
	}
	go w.Run()
}

// Released implements Handler.
func (c *Crew[W]) Released(ctx context.Context, partition int32) {
	if w, ok := c.take(partition); ok {
		w.Drain(ctx)
	}
}

// Lost implements Handler.
func (c *Crew[W]) Lost(partition int32) {
	if w, ok := c.take(partition); ok {
		w.Stop()
	}
}

func (c *Crew[W]) take(partition int32) (W, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.workers[partition]
	delete(c.workers, partition)
	return w, ok
}
