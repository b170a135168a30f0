package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// startTimeout bounds how long an engine may take to answer: many times what it takes on an idle machine, as tests
// start engines while compilers run.
const startTimeout = 90 * time.Second

// errOrderly stands for the exit status 0, for which os/exec has no error.
var errOrderly = errors.New("exit status 0")

// waitReady asks until ready returns nil. When that does not happen, because the process exits, ctx ends or
// startTimeout passes, it kills the process and returns an error with the reason and the tail of the log.
func waitReady(ctx context.Context, proc *child, every time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := ready(ctx)
		// Somebody else may answer on the port while our process is failing to bind it.
		select {
		case <-proc.done:
			return fmt.Errorf("devstack: %s: %w: %w%s", proc.name, errExited, cmp.Or(proc.waitErr, errOrderly), proc.tail())
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-proc.done:
		case <-tick.C:
		case <-ctx.Done():
			proc.kill()
			return fmt.Errorf("devstack: %s is not ready: %w (last: %w)%s", proc.name, ctx.Err(), err, proc.tail())
		}
	}
}

// withFreePorts calls start, and again when the engine exited although its ports were chosen by us: the likely reason
// is that another process took one between our look and its bind.
func withFreePorts(ctx context.Context, fixed bool, start func() error) error {
	const attempts = 3
	var err error
	for range attempts {
		err = start()
		if err == nil || fixed || !errors.Is(err, errExited) || ctx.Err() != nil {
			return err
		}
	}
	return err
}
