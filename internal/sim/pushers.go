package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/app"
	"annal/pkg/events"
	"annal/pkg/presence"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/push"
)

// pushHold is how long messages wait before anybody is told.
const pushHold = 2 * time.Second

// pushTexts are those of all worlds: they are only read.
var pushTexts = sync.OnceValues(func() (*push.Texts, error) { return push.NewTexts(nil) })

func openPusher(p *process, l *life) (func(context.Context) error, error) {
	texts, err := pushTexts()
	if err != nil {
		return nil, err
	}
	logger, log := p.w.logger.With("process", l.name), l.whole(p)
	plant := &p.w.plant
	projector, err := push.New(push.Options{
		View:     planted[push.View](plant.PushView, app.PushView{View: newNetView(l.link, p.w.hot)}),
		Presence: netPresence{l.link, p.w.presence},
		Store:    planted[push.Store](plant.Notes, netNotes{l.link, l.log, p.w.notes.Load()}),
		Services: netVendors{l.link, l.log, p.w.vendors}, Forget: planted(plant.Forget, push.ForgetIn(log, l.name)), Hold: pushHold,
		Style:  push.Style{Name: "Annal", Keep: 24 * time.Hour, Texts: texts},
		Logger: logger, Metrics: push.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		return nil, err
	}
	opts := follow.Options{
		Log: log, Group: push.Group, Role: "push", Instance: p.name, CommitEvery: time.Second, Handler: planted[follow.Handler](plant.Pusher, projector),
		Begin: follow.AtEnd(), BeginAgain: true, TellTrouble: true, Logger: logger, Metrics: follow.NewMetrics(prometheus.NewRegistry(), "push"),
	}
	if opts.Group = p.w.pushGroup(); opts.Group != push.Group {
		opts.Begin, opts.BeginAgain = nil, false
	}
	f, err := follow.New(context.Background(), opts)
	if err != nil {
		projector.Close()
		return nil, err
	}
	return func(ctx context.Context) error {
		defer projector.Close()
		return f.Run(ctx)
	}, nil
}

// pushGroup is the pushers': one that lost how far it had come is another one, which begins at the log's start.
func (w *World) pushGroup() string {
	if n := w.pushLost.Load(); n > 0 {
		return fmt.Sprint(push.Group, ".", n)
	}
	return push.Group
}

// netNotes is the store of what was decided, over a link.
type netNotes struct {
	link  *link
	log   *netLog
	notes push.Store
}

var _ push.Store = netNotes{}

// call is a call with what may go wrong on its ways.
func (n netNotes) call(ctx context.Context, about string, do func() error) error {
	link := n.link.part("notes " + about)
	if err := link.toStore(ctx); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return link.fromStore()
}

// Decide implements push.Store.
func (n netNotes) Decide(ctx context.Context, entries []push.Entry) (before []*push.Entry, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	err = n.call(ctx, string(entries[0].Session), func() (err error) {
		if before, err = n.notes.Decide(ctx, entries); !n.log.has(entries[0].Session) {
			n.link.w.stray(entries, before)
		}
		return err
	})
	return before, err
}

// Open implements push.Store.
func (n netNotes) Open(ctx context.Context, about []push.Subject) (open []push.Entry, err error) {
	err = n.call(ctx, string(about[0].Session), func() (err error) { open, err = n.notes.Open(ctx, about); return err })
	return open, err
}

// Put implements push.Store.
func (n netNotes) Put(ctx context.Context, entries []push.Entry, marks []push.Mark) error {
	var about events.UserID
	if len(entries) > 0 {
		about = entries[0].User
	} else {
		about = marks[0].User
	}
	return n.call(ctx, string(about), func() error {
		n.link.w.attempted(entries)
		return n.notes.Put(ctx, entries, marks)
	})
}

// attempted notes what calls are repeats.
func (w *World) attempted(entries []push.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range entries {
		w.repeats[entries[i].ID] = max(w.repeats[entries[i].ID], entries[i].Repeats)
	}
}

// stray notes what was put by a process of which the partition was taken.
func (w *World) stray(entries []push.Entry, before []*push.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range entries {
		if before[i] == nil {
			w.strays[entries[i].ID] = true
		}
	}
}

// Settle implements push.Store.
func (n netNotes) Settle(ctx context.Context, settled []push.Settled) (contested []bool, err error) {
	err = n.call(ctx, string(settled[0].User), func() (err error) { contested, err = n.notes.Settle(ctx, settled); return err })
	return contested, err
}

// Phones implements push.Store.
func (n netNotes) Phones(ctx context.Context, queries []push.Query) (phones []push.Phone, err error) {
	err = n.call(ctx, string(queries[0].Session), func() (err error) { phones, err = n.notes.Phones(ctx, queries); return err })
	return phones, err
}

// Log implements push.Store.
func (n netNotes) Log(ctx context.Context, u events.UserID, since events.Millis, limit int) (all []push.Entry, err error) {
	err = n.call(ctx, string(u), func() (err error) { all, err = n.notes.Log(ctx, u, since, limit); return err })
	return all, err
}

// netPresence is where it is kept who is online, over a link.
type netPresence struct {
	link  *link
	store presence.Store
}

var _ presence.Store = netPresence{}

func (n netPresence) call(ctx context.Context, about string, do func() error) error {
	return netNotes{link: n.link}.call(ctx, "presence "+about, do)
}

// Write implements presence.Store.
func (n netPresence) Write(ctx context.Context, changes []presence.Change) error {
	return n.call(ctx, "write", func() error { return n.store.Write(ctx, changes) })
}

// Read implements presence.Store.
func (n netPresence) Read(ctx context.Context, users []events.UserID) (all []presence.Record, err error) {
	err = n.call(ctx, "read", func() (err error) { all, err = n.store.Read(ctx, users); return err })
	return all, err
}

// Beat implements presence.Store.
func (n netPresence) Beat(ctx context.Context, node string, floor uint64, ttl time.Duration) (life string, err error) {
	err = n.call(ctx, "beat", func() (err error) { life, err = n.store.Beat(ctx, node, floor, ttl); return err })
	return life, err
}

// Signs implements presence.Store.
func (n netPresence) Signs(ctx context.Context) (s presence.Signs, err error) {
	err = n.call(ctx, "signs", func() (err error) { s, err = n.store.Signs(ctx); return err })
	return s, err
}

// Of implements push.Presence. A lookup of its own for each question: one for all has a lock held over calls, which fake time does not pass.
func (n netPresence) Of(ctx context.Context, users ...events.UserID) ([]presence.State, error) {
	return presence.NewLookup(n, presence.Fresh).Of(ctx, users...)
}

// LosePush has the pushers forget how far they came: they begin at the log's start.
func (c *Cluster) LosePush() error {
	c.w.pushLost.Add(1)
	return c.each("pusher", func(p *process) error { p.stop(); return p.start() })
}

// EmptyPush empties the store of what was decided.
func (c *Cluster) EmptyPush() error {
	if err := c.StopProcess("pusher"); err != nil {
		return err
	}
	c.w.notes.Store(push.NewMemory())
	return c.StartProcess("pusher")
}
