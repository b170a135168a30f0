package gateway

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

// Errors of reading what is older than the window. All pass.
var (
	// errColdAway: the archive failed, or did a moment ago.
	errColdAway = errors.New("the archive does not answer; what is newer can be read")
	// errColdBusy: as many read it as may.
	errColdBusy = errors.New("too many read what is old; try again")
	// errColdBehind: what is asked for has left the window and is not archived yet, or what became of it is not.
	errColdBehind = errors.New("the archive is behind; what is newer can be read")
)

const (
	// mostColdFailures is how many readings fail in a row before nothing is asked for a moment: one that fails may be wrong itself, and
	// the others' go well.
	mostColdFailures = 3
	// coldPause is how long that moment is.
	coldPause = time.Second
)

// cold reads the archive: so many at once, each for a bounded time, and none for a moment after failures, so that readers of
// what is hot do not wait for it.
type cold struct {
	from  Cold
	slots chan struct{}
	// searches are under way.
	searches chan struct{}
	timeout  time.Duration
	now      func() time.Time
	gw       *Gateway

	mu sync.Mutex
	// failures is how many readings failed since one went well, and closed until when nothing is asked.
	failures int
	closed   time.Time
	// reached are sessions' reaches that were read a moment ago.
	reached map[events.SessionID]reached
}

// reached is up to where a session was archived at some time: it is at least that now, unless the session is archived anew.
type reached struct {
	seq events.Seq
	at  time.Time
}

const (
	// reachAge is for how long a reach is believed: what came since is read in the window instead.
	reachAge = 2 * time.Second
	// maxReached bounds how many are kept.
	maxReached = 4096
)

func newCold(g *Gateway) *cold {
	return &cold{
		from: g.ports.Cold, slots: make(chan struct{}, g.config.MaxCold), searches: make(chan struct{}, g.config.MaxSearches), timeout: g.config.ColdTimeout, now: g.ports.Now, gw: g,
		reached: map[events.SessionID]reached{},
	}
}

// enter lets a reader in, who tells done how it went.
func (c *cold) enter(ctx context.Context) (_ context.Context, done func(*error), err error) {
	if !c.open() {
		c.gw.ports.Metrics.coldFailures.WithLabelValues("paused").Inc()
		return nil, nil, errColdAway
	}
	waiting, enough := context.WithTimeout(ctx, c.timeout)
	defer enough()
	select {
	case c.slots <- struct{}{}:
	case <-waiting.Done():
		c.gw.ports.Metrics.coldFailures.WithLabelValues("busy").Inc()
		return nil, nil, errColdBusy
	}
	// Its time begins here: who waited long for others is no slow archive.
	within, cancel := context.WithTimeout(ctx, c.timeout)
	return within, func(err *error) {
		cancel()
		<-c.slots
		switch {
		case *err == nil:
			c.succeed()
		case ctx.Err() == nil && !errors.Is(*err, archive.ErrTooMuch):
			c.fail(*err)
			*err = errColdAway
		}
	}, nil
}

// open says whether the archive may be asked.
func (c *cold) open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.now().Before(c.closed)
}

func (c *cold) succeed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = 0
}

func (c *cold) fail(err error) {
	c.gw.ports.Metrics.coldFailures.WithLabelValues("failed").Inc()
	c.gw.log.Warn("cannot read the archive; history ends with the window", "error", err)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures++; c.failures >= mostColdFailures {
		c.closed = c.now().Add(coldPause)
	}
}

func (c *cold) reach(ctx context.Context, s events.SessionID) (reach events.Seq, err error) {
	ctx, done, err := c.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer done(&err)
	if reach, err = c.from.Reach(ctx, s); err == nil {
		c.keep(s, reach)
	}
	return reach, err
}

func (c *cold) keep(s events.SessionID, reach events.Seq) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.reached) >= maxReached {
		maps.DeleteFunc(c.reached, func(_ events.SessionID, r reached) bool { return now.Sub(r.at) > reachAge })
	}
	if len(c.reached) >= maxReached {
		clear(c.reached)
	}
	c.reached[s] = reached{reach, now}
}

// kept gives a reach that was read a moment ago, if one was.
func (c *cold) kept(s events.SessionID) (reach events.Seq, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.reached[s]
	return r.seq, ok && c.now().Sub(r.at) <= reachAge
}

func (c *cold) timeline(ctx context.Context, s events.SessionID, span archive.Span) (entries []archive.Entry, err error) {
	ctx, done, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done(&err)
	return c.from.Timeline(ctx, s, span)
}

func (c *cold) entries(ctx context.Context, s events.SessionID, seqs []events.Seq) (entries []archive.Entry, err error) {
	ctx, done, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done(&err)
	return c.from.Entries(ctx, s, seqs)
}

func (c *cold) missing(ctx context.Context, s events.SessionID, seq events.Seq) (why archive.Missing, err error) {
	ctx, done, err := c.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer done(&err)
	return c.from.Missing(ctx, s, seq)
}

// archived is a session's archived part, as one question reads it: with all that happened up to the head.
//
// What became of an old message may not be archived yet. So first it is read up to where the session is archived, then the
// messages, and then what the window has above: whatever is acked is in the one or the other.
type archived struct {
	cold    *cold
	view    hot.View
	session events.SessionID
	user    events.UserID
	// reach is up to where the session is archived; 0 before it is read. To is up to where tail tells what came after.
	reach, to events.Seq
	tail      tail
	// fresh: the reach was read for this question, and is not one of a moment ago.
	fresh bool
}

// begin reads how far the archive is, which must be up to at.
func (p *archived) begin(ctx context.Context, head, at events.Seq) error {
	if p.reach >= at && (p.reach > 0 || p.fresh) {
		return nil
	}
	if reach, ok := p.cold.kept(p.session); ok && p.reach == 0 && reach >= at {
		p.reach, p.to = reach, reach
		if err := p.follow(ctx, head); !errors.Is(err, errColdBehind) {
			return err
		}
	}
	if p.fresh {
		return errColdBehind
	}
	if err := p.refresh(ctx, head); err != nil {
		return err
	}
	if p.reach < at {
		return errColdBehind
	}
	return nil
}

// refresh reads how far the archive is now.
func (p *archived) refresh(ctx context.Context, head events.Seq) (err error) {
	if p.reach, err = p.cold.reach(ctx, p.session); err != nil {
		return err
	}
	p.to, p.tail, p.fresh = p.reach, tail{}, true
	return p.follow(ctx, head)
}

// maxTail is how many events the archive may be behind for its messages to be shown.
const maxTail = 4096

// follow reads what came after what is archived, up to a seq.
func (p *archived) follow(ctx context.Context, to events.Seq) error {
	for p.to < to {
		if to-p.reach > maxTail {
			return errColdBehind
		}
		items, err := p.view.Forward(ctx, p.session, p.to+1, to, tailPage)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return errColdBehind
		}
		for _, item := range items {
			if item.Seq != p.to+1 {
				return errColdBehind // it left the window, and is not archived
			}
			p.tail.add(item)
			p.to++
		}
	}
	return nil
}

// tailPage is how many events of the tail are read at once.
const tailPage = 256

// items gives archived events of the span as the window would.
func (p *archived) items(ctx context.Context, span archive.Span) ([]hot.Item, error) {
	entries, err := p.cold.timeline(ctx, p.session, span)
	if err != nil {
		return nil, err
	}
	return p.present(ctx, entries)
}

// at gives the archived events of those seqs.
func (p *archived) at(ctx context.Context, seqs []events.Seq) ([]hot.Item, error) {
	entries, err := p.cold.entries(ctx, p.session, seqs)
	if err != nil {
		return nil, err
	}
	return p.present(ctx, entries)
}

// present gives entries with what became of them up to now.
func (p *archived) present(ctx context.Context, entries []archive.Entry) (items []hot.Item, err error) {
	// Some of what is newer than the reach may have been archived since: then all is shown as of that.
	newest := events.Seq(0)
	for i := range entries {
		newest = max(newest, newestOf(entries[i].Now))
	}
	if err := p.follow(ctx, newest); err != nil {
		return nil, err
	}
	items = make([]hot.Item, len(entries))
	for i := range entries {
		if items[i], err = p.item(&entries[i]); err != nil {
			return nil, err
		}
	}
	return items, nil
}
