package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/chaos/check"
)

// Options say who chats, and where.
type Options struct {
	Gateways []Where
	// Token is a service's, good for any user.
	Token string
	Seed  uint64
	// People is how many clients there are, one a user; Rate is how many operations they try a second, all together.
	People int
	Rate   int
	// Partitions of the log, each of which has a probe.
	Partitions int32
	// PartitionOf says to which partition a session belongs.
	PartitionOf func(session string) int32
}

// Load is running clients and probes.
type Load struct {
	opts    Options
	clients []*client
	probes  []*probe

	mu       sync.Mutex
	channels []string

	running sync.WaitGroup // connections
	working sync.WaitGroup // what makes new operations
	hangUp  context.CancelFunc
	rest    context.CancelFunc
}

// every is the pace of looking whether something has come about.
const every = 20 * time.Millisecond

// Start connects everybody, opens the first sessions and lets the load run.
func Start(ctx context.Context, o Options) (*Load, error) {
	l := &Load{opts: o}
	conns, hangUp := context.WithCancel(ctx)
	work, rest := context.WithCancel(ctx)
	l.hangUp, l.rest = hangUp, rest
	for i := range o.People {
		c := &client{load: l, rng: rand.New(rand.NewPCG(o.Seed, uint64(i+1))), rooms: map[string]*room{}}
		c.asker = newAsker(o, fmt.Sprintf("user%02d", i), "d", i)
		c.onEvent, c.onUp = c.event, c.up
		l.clients = append(l.clients, c)
		l.running.Go(func() { c.run(conns) })
	}
	l.probes = newProbes(o)
	for _, p := range l.probes {
		l.running.Go(func() { p.run(conns) })
	}
	if err := l.open(ctx); err != nil {
		l.Close()
		return nil, err
	}
	for _, c := range l.clients {
		l.working.Go(func() { c.work(work, time.Duration(o.People)*time.Second/time.Duration(o.Rate)) })
	}
	for _, p := range l.probes {
		l.working.Go(func() { p.work(work) })
	}
	return l, nil
}

// open has some of each kind of session created, and the probes' own, and waits until all are there.
func (l *Load) open(ctx context.Context) error {
	for i, c := range l.clients {
		other := l.clients[(i+1)%len(l.clients)].user
		c.open(&clientv1.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: other}}})
		var members []*logv1.NewMember
		for n := 2; n < 6; n++ {
			members = append(members, &logv1.NewMember{User: l.clients[(i*n+n)%len(l.clients)].user, Role: logv1.Role_ROLE_ADMIN})
		}
		c.open(&clientv1.Create{Kind: logv1.Kind_KIND_GROUP, Members: members, Name: "group"})
		if i%3 == 0 {
			c.open(&clientv1.Create{Kind: logv1.Kind_KIND_CHANNEL, Members: members, Name: "channel"})
		}
	}
	for _, p := range l.probes {
		p.open()
	}
	return l.await(ctx, func() string {
		for _, p := range l.probes {
			if !p.opened() {
				return "sessions of " + p.user
			}
		}
		return l.missing()
	})
}

// await looks until waiting names nothing more, and has everybody send again what is due meanwhile.
func (l *Load) await(ctx context.Context, waiting func() string) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for _, a := range l.askers() {
			a.flush()
		}
		what := waiting()
		if what == "" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("load: still waiting for %s", what), context.Cause(ctx))
		}
	}
}

func (l *Load) askers() []*asker {
	var out []*asker
	for _, c := range l.clients {
		out = append(out, &c.asker)
	}
	for _, p := range l.probes {
		out = append(out, &p.asker)
	}
	return out
}

// Rest ends new operations and waits until all have their answers, and every client what it missed. The error names what
// does not come.
func (l *Load) Rest(ctx context.Context) error {
	l.rest()
	l.working.Wait()
	err := l.await(ctx, func() string {
		for _, a := range l.askers() {
			if n := a.unsettled(); n > 0 {
				return fmt.Sprintf("answers to %d commands of %s", n, a.user)
			}
		}
		return ""
	})
	if err != nil {
		return err
	}
	for _, c := range l.clients {
		c.list("") // what was added and not noticed yet
	}
	if err := l.await(ctx, l.missing); err != nil {
		return err
	}
	if err := l.caughtUp(ctx); err != nil {
		return err
	}
	for _, c := range l.clients {
		c.complete()
	}
	return l.await(ctx, l.missing)
}

// missing names what a client waits for.
func (l *Load) missing() string {
	for _, c := range l.clients {
		if what := c.missing(); what != "" {
			return what
		}
	}
	return ""
}

// Close hangs up. Nothing is recorded after it.
func (l *Load) Close() {
	l.rest()
	l.working.Wait()
	l.hangUp()
	l.running.Wait()
}

// Commands are the records of all that was asked; after Close.
func (l *Load) Commands() []*check.Command {
	var out []*check.Command
	for _, c := range l.clients {
		out = append(out, c.commands...)
	}
	for _, p := range l.probes {
		out = append(out, p.commands...)
	}
	return out
}

// Heard are the records of all that was given; after Close.
func (l *Load) Heard() []*check.Heard {
	var out []*check.Heard
	for _, c := range l.clients {
		for _, r := range c.rooms {
			out = append(out, r.heard)
		}
	}
	return out
}

// Codes counts the errors clients were told; after Close.
func (l *Load) Codes() (codes map[string]int, connects int) {
	codes = map[string]int{}
	for _, a := range l.askers() {
		for code, n := range a.codes {
			codes[code] += n
		}
		connects += a.connects
	}
	return codes, connects
}

func (l *Load) anybody(rng *rand.Rand) string { return l.clients[rng.IntN(len(l.clients))].user }

func (l *Load) addChannel(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.channels = append(l.channels, id)
}

func (l *Load) channel(rng *rand.Rand) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.channels) == 0 {
		return ""
	}
	return l.channels[rng.IntN(len(l.channels))]
}
