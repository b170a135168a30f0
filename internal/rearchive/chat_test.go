package rearchive_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

const (
	partitions = 2
	rooms      = 8
)

var (
	owner    = events.Owner{N: 1, Random: [16]byte{1}}
	envelope = events.Envelope{Source: "test"}
	policy   = events.Policy{RevokeWindow: 1, OverrideWindow: 1, History: events.HistoryStay, MemberLimit: 10, AddRole: events.RoleMember, WriteRole: events.RoleMember, Joining: events.JoiningClosed}
)

// said is how much was.
type said struct{ outcomes, messages uint64 }

// room is a session as its writer knows it.
type room struct {
	id    events.SessionID
	p     int32
	seq   events.Seq
	index events.Index
	hash  events.Hash
	last  events.Seq // the last message
}

// chat writes outcomes as a sequencer would.
type chat struct {
	t   *testing.T
	log *eventlog.Memory

	mu    sync.Mutex
	rooms []*room
	last  [partitions]int64
	n     int
	// total is what was written, at by partition and offset what had been when the record there was.
	total said
	at    [partitions][]said
}

func newChat(t *testing.T) *chat {
	c := &chat{t: t, log: eventlog.NewMemory(eventlog.MemoryOptions{Partitions: partitions})}
	t.Cleanup(c.log.Close)
	for p := range int32(partitions) {
		rec, err := events.EncodeFence(events.Fence{Owner: owner}, envelope)
		c.last[p] = -1
		c.append(p, rec, err, said{})
	}
	for i := range rooms {
		id := events.SessionID(fmt.Sprint("g_", i))
		c.rooms = append(c.rooms, &room{id: id, p: eventlog.KeyPartition([]byte(id), partitions)})
	}
	return c
}

func (c *chat) sessions() (all []events.SessionID) {
	for _, r := range c.rooms {
		all = append(all, r.id)
	}
	return all
}

func (c *chat) append(p int32, rec events.Record, err error, more said) {
	if err != nil {
		c.t.Error(err)
		return
	}
	before := said{}
	if of := c.at[p]; len(of) > 0 {
		before = of[len(of)-1]
	}
	c.at[p] = append(c.at[p], said{before.outcomes + more.outcomes, before.messages + more.messages})
	c.total = said{c.total.outcomes + more.outcomes, c.total.messages + more.messages}
	done := make(chan error, 1)
	c.log.Append(context.Background(), eventlog.Events, p, rec, func(_ int32, _ int64, err error) { done <- err })
	if err := <-done; err != nil {
		c.t.Error(err)
	}
}

func (c *chat) say(n int) {
	for range n {
		c.next()
	}
}

// next says the next thing: mostly messages.
func (c *chat) next() {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[c.n%rooms]
	c.n++
	o := events.Outcome{
		ID: events.NewID(events.Millis(c.n), "test", r.p, c.last[r.p]+1), Session: r.id, Actor: events.Actor{User: "ann"}, ClientID: fmt.Sprint(c.n),
		Time: 1_773_000_000_000 + events.Millis(c.n), PrevHash: r.hash,
	}
	var e events.Event
	more, marker := said{outcomes: 1}, false
	switch k := c.n / rooms % 10; {
	case r.seq == 0:
		e = events.Created{Kind: events.KindGroup, Policy: policy, Title: "Tea", Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}, {User: "bob", Role: events.RoleMember}}}
	case k == 3:
		e = events.Overridden{Target: r.last, TargetIndex: r.index, Body: events.TextBody("rather this")}
	case k == 5:
		o.Actor.User, e, marker = "bob", events.Read{Marker: r.seq, MarkerIndex: r.index}, true
	default:
		r.index++
		r.last = r.seq + 1
		more.messages++
		e = events.Sent{Index: r.index, Body: events.TextBody(fmt.Sprint("message ", c.n))}
	}
	a := events.Accepted{Event: e}
	if !marker {
		r.seq++
		a.Seq = r.seq
	}
	o.Result = a
	rec, err := events.EncodeOutcome(o, events.Stamp{Owner: owner, Command: c.last[r.p] + 1, Prev: c.last[r.p]}, envelope)
	r.hash = sha256.Sum256(rec.Value)
	c.last[r.p]++
	c.append(r.p, rec, err, more)
}

// flow says so much a second until it is stopped.
func (c *chat) flow(perSecond int) (stop func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	var gone sync.WaitGroup
	gone.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.next()
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		gone.Wait()
	}
}

func (c *chat) written() said {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// committed is what archivers committed.
func (c *chat) committed(ctx context.Context) (sum said) {
	commits, err := c.log.Commits(ctx, archive.Group, eventlog.Events)
	if err != nil && ctx.Err() == nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, claim := range commits {
		if claim.Offset > 0 {
			at := c.at[claim.Partition][claim.Offset-1]
			sum = said{sum.outcomes + at.outcomes, sum.messages + at.messages}
		}
	}
	return sum
}

// archive runs an archiver until the test ends.
func (c *chat) archive(store archive.Store) {
	registry, log := prometheus.NewRegistry(), c.log.Client()
	projector := archive.New(archive.Options{
		Log: log, Store: store, Source: "test", ReportEvery: 500 * time.Millisecond, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Metrics: archive.NewMetrics(registry),
	})
	f, err := follow.New(c.t.Context(), follow.Options{
		Log: log, Group: archive.Group, Role: "archive", CommitEvery: 200 * time.Millisecond, Handler: projector, Gather: follow.Gather{Wait: 100 * time.Millisecond, Bytes: 1 << 20},
		Logger: slog.New(slog.DiscardHandler), Metrics: follow.NewMetrics(registry, "archive"),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var gone sync.WaitGroup
	gone.Go(func() {
		if err := f.Run(ctx); err != nil {
			c.t.Error(err)
		}
	})
	gone.Go(func() { projector.Run(ctx) })
	c.t.Cleanup(func() {
		cancel()
		gone.Wait()
		log.Close()
	})
}
