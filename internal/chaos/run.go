package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"annal/internal/chaos/check"
	"annal/internal/chaos/load"
	"annal/pkg/eventlog"
)

// Options say what is run, and for how long.
type Options struct {
	// Binary is the annal under test.
	Binary string
	// For is how long the run may take in all. The load ends early enough for quiet and checking.
	For  time.Duration
	Seed uint64
	// Rate is how many operations a second are tried; 0: 300, of which the probes are a part.
	Rate int
	// Out gets what happens, line by line.
	Out io.Writer
	// Keep leaves the directory with all logs there; without it a run without problems removes it.
	Keep bool
}

const (
	people = 24
	// overtime is how long after For a run is given up.
	overtime = 2 * time.Minute
	// warmUp is how long nothing is done to anybody at first.
	warmUp = 5 * time.Second
	// quietWait is how long the last answers, and what clients missed, may take once nothing is done to anybody.
	quietWait = time.Minute
	// aftermath is what the end of a fault, and what comes of it, may take of the load's time.
	aftermath = 12 * time.Second
	// probeRate is what the probes do a second.
	probeRate = partitions * 10
)

// reserve is how long before the end of the run the load ends.
func (o Options) reserve() time.Duration { return 15*time.Second + o.For/30 }

// Run starts everything, has people chat while faults happen, and judges. The error says why there is no verdict; a report
// with problems is none.
func Run(ctx context.Context, o Options) (r *Report, err error) {
	if o.Rate == 0 {
		o.Rate = 300
	}
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, o.For+overtime, fmt.Errorf("chaos: not done %v after its time", overtime))
	defer cancel()
	dir, err := os.MkdirTemp("", "annal-chaos-")
	if err != nil {
		return nil, fmt.Errorf("chaos: %w", err)
	}
	defer func() {
		if err == nil && r.OK() && !o.Keep {
			err = os.RemoveAll(dir)
			return
		}
		fmt.Fprintf(o.Out, "logs are in %s\n", dir)
	}()
	c, err := startCluster(ctx, o.Binary, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	r = &Report{Seed: o.Seed, Began: began}
	r.say(o.Out, "%d brokers, %d gateways, %d sequencers, %d hot, %d partitions are up; seed %d", len(c.kafka.Nodes), gateways, sequencers, hots, partitions, o.Seed)
	return r, c.session(ctx, o, r)
}

// session is load, faults, quiet and judgement.
func (c *cluster) session(ctx context.Context, o Options, r *Report) error {
	l, err := load.Start(ctx, load.Options{
		Gateways: c.where(), Token: c.token, Seed: o.Seed, People: people, Rate: max(people, o.Rate-probeRate), Partitions: partitions,
		PartitionOf: func(session string) int32 { return eventlog.KeyPartition([]byte(session), partitions) },
	})
	if err != nil {
		return err
	}
	defer l.Close()
	r.LoadFrom = time.Now()
	if err := c.torment(ctx, o, r); err != nil {
		return err
	}
	r.LoadUntil = time.Now()
	r.say(o.Out, "quiet: waiting for the last answers")
	views, err := settle(ctx, l)
	if err != nil {
		r.Stuck = err.Error() // which is judged, with all there is
	}
	l.Close()
	r.say(o.Out, "checking")
	log, err := readLog(ctx, c.kafka.Addrs())
	if err != nil {
		return err
	}
	r.judge(log, l, views)
	r.Deaths = c.endings()
	r.Took = time.Since(r.Began)
	return nil
}

// settle waits until everybody has everything, and reads the views.
func settle(ctx context.Context, l *load.Load) (views []*check.View, err error) {
	ctx, cancel := context.WithTimeout(ctx, quietWait)
	defer cancel()
	if err := l.Rest(ctx); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	err = l.Views(ctx, func(v *check.View) {
		mu.Lock()
		defer mu.Unlock()
		views = append(views, v)
	})
	return views, err
}

// torment does fault after fault until the load is to end.
func (c *cluster) torment(ctx context.Context, o Options, r *Report) error {
	until := r.Began.Add(o.For - o.reserve())
	faults := newPlanner(o.Seed)
	for rest := warmUp; ; rest = apart {
		next := faults.next()
		// The last fault is over, and what it did seen, before the load ends.
		if time.Now().Add(rest + next.pause + aftermath).After(until) {
			return pause(ctx, time.Until(until))
		}
		if err := pause(ctx, rest); err != nil {
			return err
		}
		f, err := c.do(ctx, next)
		r.Faults = append(r.Faults, f)
		r.say(o.Out, "%s, %.1f s", f, f.Until.Sub(f.From).Seconds())
		if err != nil {
			return err
		}
	}
}
