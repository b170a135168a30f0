package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

func clusterFixture(t testing.TB, addrs []string) hottest.Fixture {
	o := options(t, "", false)
	o.Addrs = addrs
	admin := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { _ = admin.Close() })
	each := func(t testing.TB, f func(context.Context, *goredis.Client) error) {
		t.Helper()
		if err := admin.ForEachMaster(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	f := fixtureOf(t, o, o, admin)
	f.Break = func(t testing.TB) {
		each(t, func(ctx context.Context, master *goredis.Client) error {
			return master.ClientKillByFilter(ctx, "TYPE", "pubsub").Err()
		})
	}
	f.Flush = func(t testing.TB) {
		each(t, func(_ context.Context, master *goredis.Client) error {
			flush(t, master, o.Prefix)
			return nil
		})
	}
	return f
}

// mover moves slots between the nodes of a cluster, as redis-cli would.
type mover struct {
	t     *testing.T
	nodes []*goredis.Client
	ids   []string
}

func newMover(t *testing.T, addrs []string) *mover {
	m := &mover{t: t}
	for _, addr := range addrs {
		node := goredis.NewClient(&goredis.Options{Addr: addr})
		t.Cleanup(func() { _ = node.Close() })
		id, err := node.Do(t.Context(), "CLUSTER", "MYID").Text()
		if err != nil {
			t.Fatal(err)
		}
		m.nodes, m.ids = append(m.nodes, node), append(m.ids, id)
	}
	return m
}

func (m *mover) do(node int, args ...any) {
	m.t.Helper()
	if err := m.nodes[node].Do(m.t.Context(), args...).Err(); err != nil {
		m.t.Fatalf("%v: %v", args, err)
	}
}

// owner is the node that has the slot.
func (m *mover) owner(slot int64) int {
	m.t.Helper()
	shards, err := m.nodes[0].ClusterShards(m.t.Context()).Result()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, shard := range shards {
		for _, r := range shard.Slots {
			if n := slices.Index(m.ids, shard.Nodes[0].ID); r.Start <= slot && slot <= r.End && n >= 0 {
				return n
			}
		}
	}
	m.t.Fatalf("nobody has slot %d", slot)
	return 0
}

// move moves a slot to a node, key by key.
func (m *mover) move(slot int64, to int) {
	m.t.Helper()
	from := m.owner(slot)
	m.do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", m.ids[from])
	m.do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", m.ids[to])
	host, port, err := net.SplitHostPort(m.nodes[to].Options().Addr)
	if err != nil {
		m.t.Fatal(err)
	}
	for {
		keys, err := m.nodes[from].ClusterGetKeysInSlot(m.t.Context(), int(slot), 1).Result()
		if err != nil {
			m.t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		m.do(from, "MIGRATE", host, port, keys[0], 0, 5000)
	}
	for _, n := range []int{to, from, 0, 1, 2} {
		m.do(n, "CLUSTER", "SETSLOT", slot, "NODE", m.ids[to])
	}
}

// TestSlotMovesWhileWritten: a session whose slot moves to another node while it is
// written, read and heard loses nothing, and stays in order.
func TestSlotMovesWhileWritten(t *testing.T) {
	addrs := devstack.RedisClusterForTest(t).Addrs()
	f := clusterFixture(t, addrs)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	const s = "g_moving"
	for p := range f.Partitions {
		run, err := f.Store.Run(ctx)
		if err == nil {
			err = errors.Join(f.Store.SetView(ctx, p, hot.ViewState{ID: "1"}), f.Store.SetView(ctx, p, hot.ViewState{ID: "1", Whole: true, Run: run}))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: f.Partitions})
	defer log.Close()
	chat := hottest.NewChat(t, log)
	said := []hottest.Said{chat.Accept(s, "ann", pair())}
	const messages = 1500
	for range messages {
		said = append(said, chat.Accept(s, "ann", events.Sent{Body: events.TextBody("hello")}))
	}
	chat.Wait()
	apply := func(some ...hottest.Said) error {
		for {
			err := f.Store.Apply(ctx, "1", hottest.Changes(some...))
			if err == nil || errors.Is(err, hot.ErrGap) || ctx.Err() != nil {
				return err
			}
		}
	}
	if err := apply(said[0]); err != nil {
		t.Fatal(err)
	}
	feed := f.Feed(t, "gw")
	ear := &counter{seen: map[string]bool{}}
	running := make(chan error, 1)
	feedCtx, endFeed := context.WithCancel(ctx)
	go func() { running <- feed.Run(feedCtx, ear) }()
	if err := feed.SubscribeSession(ctx, s); err != nil {
		t.Fatal(err)
	}

	m := newMover(t, addrs)
	slot, err := m.nodes[0].ClusterKeySlot(ctx, "{"+s+"}").Result()
	if err != nil {
		t.Fatal(err)
	}
	home := m.owner(slot)
	var writing sync.WaitGroup
	progress := make(chan int, messages)
	writing.Go(func() {
		defer close(progress)
		for i := 1; i < len(said); i++ {
			if err := apply(said[i]); err != nil {
				t.Errorf("seq %d: %v", i+1, err)
				return
			}
			if err := f.Notifier.Publish(ctx, hot.Round{Sessions: map[events.SessionID][][]byte{s: {said[i].Value}}}); err != nil {
				t.Logf("seq %d is told to nobody: %v", i+1, err)
			}
			progress <- i
			// Readers are shown what is there, or nothing.
			p, err := f.View.Person(ctx, s, "ann")
			if err == nil && int(p.Head.Seq) != i+1 || errors.Is(err, hot.ErrNoSession) {
				t.Errorf("after seq %d a reader is shown %d, %v", i+1, p.Head.Seq, err)
			}
		}
	})
	for i := range 4 {
		for range 150 {
			<-progress
		}
		m.move(slot, (home+1+i)%3)
	}
	m.move(slot, home)
	writing.Wait()
	items, err := f.View.Forward(ctx, s, 1, messages+1, messages)
	if err != nil || len(items) != f.Window || items[len(items)-1].Seq != messages+1 {
		t.Errorf("the window has %d items, %v; want %d up to %d", len(items), err, f.Window, messages+1)
	}
	// Where it moved to it is heard again, and gateways were told to compare.
	ear.until(ctx, t, "a subscription that is back", func() bool { return ear.again > 0 })
	ear.until(ctx, t, "a message after the moves", func() bool {
		last := fmt.Sprint("last ", len(ear.seen))
		_ = f.Notifier.Publish(ctx, hot.Round{Sessions: map[events.SessionID][][]byte{s: {[]byte(last)}}})
		return ear.lasts > 0
	})
	endFeed()
	if err := <-running; err != nil {
		t.Errorf("the feed ended with %v, want none", err)
	}
}

// counter counts what a feed delivers.
type counter struct {
	mu    sync.Mutex
	seen  map[string]bool
	again int
	lasts int
}

func (c *counter) Session(_ events.SessionID, values [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range values {
		c.seen[string(v)] = true
		if len(v) > 4 && string(v[:4]) == "last" {
			c.lasts++
		}
	}
}
func (c *counter) User(events.UserID, [][]byte) {}
func (c *counter) Answers([][]byte)             {}
func (c *counter) Resubscribed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.again++
}

func (c *counter) until(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		c.mu.Lock()
		done := ok()
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never came: %s", what)
		}
	}
}

// TestProjectorBringsUpOneMaster: of a cluster, one master that comes back with what it
// saved earlier is an older copy like any other; the rest is read meanwhile.
func TestProjectorBringsUpOneMaster(t *testing.T) {
	cluster, err := devstack.StartRedisCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := worldAt(t, false, cluster.Addrs()...)
	p, stop := w.run(w.log.Client(), "")
	w.ready(p)
	w.converse(8, 20)
	w.matches()
	for node := range 3 {
		admin := goredis.NewClient(&goredis.Options{Addr: cluster.Addrs()[node]})
		err := admin.Save(w.ctx).Err()
		_ = admin.Close()
		if err != nil {
			t.Fatal(err)
		}
		// Lost to that master, and to it alone: messages, sessions and markers.
		w.converse(10, 5)
		for i := range 10 {
			w.chat.Accept(session(i), "bob", events.Read{Marker: 2, MarkerIndex: 1})
		}
		w.matches()
		told, ids := w.told.count("answers gw"), w.ids()
		done := w.watch(10)
		if err := cluster.Restart(w.ctx, node); err != nil {
			t.Fatal(err)
		}
		w.matches()
		if again := done(); again == 0 {
			t.Errorf("node %d: no reader was told to come again", node)
		}
		wantEqual(t, "views", w.ids(), ids)
		w.wantTold("answers gw", told)
	}
	stop()
}
