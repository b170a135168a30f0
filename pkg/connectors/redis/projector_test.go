package redis_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/internal/fold"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// world is a projector's surroundings: a log in memory and a Redis behind a proxy.
type world struct {
	*testing.T
	ctx   context.Context
	log   *eventlog.Memory
	chat  *hottest.Chat
	store *redis.Redis
	// writes is what projectors write to: the store, or what stands before it.
	writes hot.Store
	opts   redis.Options
	proxy  *proxy
	// redis is nil on a real one.
	redis  *devstack.Miniredis
	told   *told
	recall time.Duration
}

func newWorld(t *testing.T) *world {
	t.Helper()
	m, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	w := worldOn(t, startProxy(t, m.Addr()), true)
	w.redis = m
	return w
}

func worldOn(t *testing.T, p *proxy, embedded bool) *world {
	t.Helper()
	w := worldAt(t, embedded, p.addr())
	w.proxy = p
	return w
}

func worldAt(t *testing.T, embedded bool, addrs ...string) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	o := options(t, "", embedded)
	o.Addrs, o.Timeout = addrs, time.Second
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: o.Partitions})
	t.Cleanup(log.Close)
	w := &world{T: t, ctx: ctx, log: log, chat: hottest.NewChat(t, log), store: open(t, o), opts: o, recall: time.Hour}
	w.writes, w.told = w.store, &told{view: w.store.Reader(), counts: map[string]int{}}
	return w
}

// told notes what is published, and that it can be read by then.
type told struct {
	view   hot.View
	mu     sync.Mutex
	counts map[string]int
	early  []string
}

func (n *told) Publish(ctx context.Context, r hot.Round) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for s, values := range r.Sessions {
		n.take(ctx, "session "+string(s), values)
	}
	for u, values := range r.Users {
		n.take(ctx, "user "+string(u), values)
	}
	for i, values := range r.Answers {
		n.take(ctx, "answers "+i, values)
	}
	return nil
}

func (n *told) take(ctx context.Context, to string, values [][]byte) {
	n.counts[to] += len(values)
	for _, v := range values {
		o, err := events.DecodeOutcomeValue(v)
		a, ok := o.Result.(events.Accepted)
		if err != nil || !ok {
			continue
		}
		p, err := n.view.Person(ctx, o.Session, o.Actor.User)
		if !errors.Is(err, hot.ErrRebuilding) && (err != nil || p.Head.Seq < a.Seq) {
			n.early = append(n.early, fmt.Sprintf("%s heard of seq %d of %s with the view at %d (%v)", to, a.Seq, o.Session, p.Head.Seq, err))
		}
	}
}

func (n *told) count(to string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.counts[to]
}

// run starts a projector; stop ends it in order.
func (w *world) run(log eventlog.Log, instance string) (p *hot.Projector, stop func()) {
	w.Helper()
	p, err := hot.New(w.ctx, hot.Options{
		Log: log, Store: w.writes, Notifier: w.told, Instance: instance, Source: "urn:test", NewViewID: newViewID,
		CommitEvery: 10 * time.Millisecond, Recall: w.recall, Logger: slog.New(slog.DiscardHandler), Metrics: hot.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		w.Fatalf("new projector: %v", err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				w.Errorf("projector ended with %v, want none", err)
			}
		})
	}
	w.Cleanup(stop)
	return p, stop
}

var views atomic.Int64

func newViewID(string) string { return fmt.Sprintf("%010d", views.Add(1)) }

// until waits for a condition on what other goroutines do.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.Fatalf("never came: %s; told %v", what, w.told.counts)
		}
	}
}

func (w *world) ready(p *hot.Projector) {
	w.Helper()
	w.until("a projector that is ready", func() bool { return p.Ready() == nil })
}

// matches waits until the view is a fold of the log.
func (w *world) matches() {
	w.Helper()
	w.chat.Wait()
	var report fold.Report
	sessions, err := fold.Log(w.ctx, w.log, &report)
	if err != nil {
		w.Fatalf("fold: %v", err)
	}
	if report.Found > 0 {
		w.Fatalf("the log has problems: %v", report.Problems)
	}
	w.until("a view like the log's fold", func() bool {
		var r fold.Report
		err := fold.Compare(w.ctx, w.store.Reader(), w.opts.Window, sessions, &r)
		return err == nil && r.Found == 0
	})
}

var policy = events.Policy{
	RevokeWindow: 1, OverrideWindow: 1, History: events.HistoryStay, MemberLimit: 10,
	AddRole: events.RoleAdmin, WriteRole: events.RoleMember, Joining: events.JoiningOpen, ReceiptsLimit: 100,
}

func pair() events.Created {
	return events.Created{Kind: events.KindGroup, Policy: policy, Members: []events.NewMember{
		{User: "ann", Role: events.RoleOwner}, {User: "bob", Role: events.RoleMember},
	}}
}

// converse writes n sessions of m messages, each awaited by gateway gw.
func (w *world) converse(n, m int) {
	w.Helper()
	for i := range n {
		s := session(i)
		if w.chat.Seq(s) == 0 {
			w.chat.Ask(s, "ann", pair(), events.ReplyTo{Instance: "gw", Request: 1})
		}
		for range m {
			w.chat.Ask(s, "ann", events.Sent{Body: events.TextBody("hello")}, events.ReplyTo{Instance: "gw", Request: 1})
		}
	}
	w.chat.Wait()
}

func session(i int) events.SessionID { return events.SessionID(fmt.Sprintf("g_%d", i)) }

func (w *world) wantTold(to string, want int) {
	w.Helper()
	w.until(fmt.Sprintf("%d outcomes told to %s", want, to), func() bool { return w.told.count(to) >= want })
	if got := w.told.count(to); got != want {
		w.Errorf("%s was told %d outcomes, want %d", to, got, want)
	}
	w.told.mu.Lock()
	defer w.told.mu.Unlock()
	for _, e := range w.told.early {
		w.Errorf("told before it could be read: %s", e)
	}
	w.told.early = nil
}

func TestProjectorTellsOnceWhatCanBeRead(t *testing.T) {
	w := newWorld(t)
	p, stop := w.run(w.log.Client(), "")
	w.ready(p)
	w.converse(10, 20)
	w.chat.Reject(session(0), "eve", events.CodeNotAMember, events.ReplyTo{Instance: "gw", Request: 9})
	w.chat.Accept(session(0), "bob", events.Left{})
	w.wantTold("answers gw", 10*21+1)
	w.wantTold("session g_0", 22)
	w.wantTold("user bob", 11)
	w.matches()
	stop()

	p, _ = w.run(w.log.Client(), "")
	w.ready(p)
	w.converse(1, 1)
	w.wantTold("answers gw", 10*21+2)
	w.matches()
}

func TestProjectorRebuildsInSilence(t *testing.T) {
	w := newWorld(t)
	p, stop := w.run(w.log.Client(), "")
	w.ready(p)
	w.converse(10, 30)
	w.wantTold("answers gw", 310)

	// Emptied while it runs, and idle.
	w.redis.FlushAll()
	w.matches()
	w.converse(10, 1)
	w.wantTold("answers gw", 320)
	w.matches()
	stop()

	// Emptied while it is away, with something new in the log.
	w.redis.FlushAll()
	w.converse(10, 1)
	if _, err := w.store.Reader().Sessions(w.ctx, "ann", "", 10); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("sessions in an emptied store: got error %v, want %v", err, hot.ErrRebuilding)
	}
	p, _ = w.run(w.log.Client(), "")
	w.ready(p)
	w.matches()
	w.wantTold("answers gw", 330)
}

func TestProjectorMakesLostKeysGood(t *testing.T) {
	w := newWorld(t)
	p, _ := w.run(w.log.Client(), "")
	w.ready(p)
	w.converse(3, 5)
	w.wantTold("answers gw", 18)
	admin := goredis.NewClient(&goredis.Options{Addr: w.redis.Addr()})
	t.Cleanup(func() { _ = admin.Close() })
	for _, part := range []string{"head", "window", "members", "roster"} {
		key := w.opts.Prefix + "annal:{" + string(session(1)) + "}:" + part
		if n, err := admin.Del(w.ctx, key).Result(); err != nil || n != 1 {
			t.Fatalf("delete %s: %d, %v", key, n, err)
		}
		// Nothing is written: readers alone find out.
		w.matches()
	}
	w.wantTold("answers gw", 18)
}

func TestProjectorPassesPoison(t *testing.T) {
	w := newWorld(t)
	p, stop := w.run(w.log.Client(), "")
	w.ready(p)
	const s = "g_poison"
	w.chat.Accept(s, "ann", pair())
	w.chat.Raw(s, events.Record{Key: []byte(s), Value: []byte{0xff, 0x00, 0x13}})
	w.chat.Unreadable(s, "ann", events.Sent{Body: events.TextBody("from the future")})
	w.chat.Unreadable(s, "bob", events.Read{Marker: 2})
	w.chat.Accept(s, "ann", events.Sent{Body: events.TextBody("plain")})
	w.chat.Unreadable("g_unborn", "ann", pair())
	w.chat.Accept("g_unborn", "ann", events.Sent{Body: events.TextBody("to a session nobody can read")})
	w.converse(3, 3)
	w.wantTold("answers gw", 12)
	w.wantTold("session g_poison", 2)

	check := func(when string) {
		t.Helper()
		items, err := w.store.Reader().Forward(w.ctx, s, 1, 9, 9)
		if err != nil || len(items) != 3 || len(items[1].Value) != 0 || len(items[2].Value) == 0 {
			t.Errorf("%s: got %d items, %v; want 3, the second unreadable", when, len(items), err)
		}
		if _, err := w.store.Reader().Person(w.ctx, "g_unborn", "ann"); !errors.Is(err, hot.ErrRebuilding) {
			t.Errorf("%s: a session whose beginning nobody can read: got error %v, want %v", when, err, hot.ErrRebuilding)
		}
	}
	check("live")
	reasons := w.quarantined()
	if want := "map[headers:1 version:3]"; fmt.Sprint(reasons) != want {
		t.Errorf("quarantine has %v, want %s", reasons, want)
	}
	stop()
	w.redis.FlushAll()
	p, _ = w.run(w.log.Client(), "")
	w.ready(p)
	check("rebuilt")
	if got := w.quarantined(); fmt.Sprint(got) != fmt.Sprint(reasons) {
		t.Errorf("quarantine after a rebuilding has %v, want %v still", got, reasons)
	}
}

// quarantined counts the quarantine's records by reason.
func (w *world) quarantined() map[string]int {
	w.Helper()
	reasons := map[string]int{}
	for p := range w.opts.Partitions {
		_, end, err := w.log.Bounds(w.ctx, eventlog.Quarantine, p)
		if err != nil {
			w.Fatal(err)
		}
		if end == 0 {
			continue
		}
		cursor, err := w.log.Read(w.ctx, eventlog.Quarantine, p, 0)
		if err != nil {
			w.Fatal(err)
		}
		records, err := cursor.Next(w.ctx)
		cursor.Close()
		if err != nil {
			w.Fatal(err)
		}
		for _, r := range records {
			reason, _ := r.Header(events.HeaderSubject)
			reasons[reason]++
		}
	}
	return reasons
}

func TestProjectorWaitsOutAnOutage(t *testing.T) {
	w := newWorld(t)
	p, _ := w.run(w.log.Client(), "")
	w.ready(p)
	w.converse(5, 5)
	w.wantTold("answers gw", 30)
	w.proxy.outage(true)
	w.converse(5, 5)
	w.proxy.outage(false)
	w.wantTold("answers gw", 55)
	w.matches()
	if got := w.quarantined(); len(got) != 0 {
		t.Errorf("an outage quarantined %v, want nothing", got)
	}
}

// flakyLog refuses every second commit.
type flakyLog struct{ eventlog.Log }

type flakyMember struct {
	eventlog.Membership
	commits atomic.Int64
}

func (l flakyLog) Join(ctx context.Context, group string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	m, err := l.Log.Join(ctx, group, t, instance)
	return &flakyMember{Membership: m}, err
}

func (m *flakyMember) Commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	switch m.commits.Add(1) % 3 {
	case 0:
		return eventlog.ErrNotAssigned
	case 1:
		return errors.New("the coordinator is loading")
	}
	return m.Membership.Commit(ctx, partition, offset, metadata)
}

func TestProjectorOutlivesFailedCommits(t *testing.T) {
	w := newWorld(t)
	p, _ := w.run(flakyLog{w.log.Client()}, "")
	w.ready(p)
	w.converse(5, 5)
	w.wantTold("answers gw", 30)
	w.redis.FlushAll()
	w.matches()
	w.converse(5, 1)
	w.wantTold("answers gw", 35)
}

// TestProjectorsTakeTurns: members come and go while outcomes are written (F21).
func TestProjectorsTakeTurns(t *testing.T) {
	w := newWorld(t)
	_, stop := w.run(w.log.Client(), "")
	for range 10 {
		w.converse(6, 5)
		_, next := w.run(w.log.Client(), "")
		w.converse(6, 5)
		stop()
		stop = next
	}
	w.matches()
	if got, least := w.told.count("answers gw"), 6+10*60; got < least {
		t.Errorf("%d answers told, want %d at least", got, least)
	}
}
