package engines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/internal/devstack"
	"annal/pkg/client"
)

// readers read the head of every session again and again while Redis is broken. They must be told the truth, or to come
// again; the client waits that out, so no answer at all is fine as well.
type readers struct {
	f       *traffic
	stop    context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	shown   int
	bad     error
}

// read starts to read; what was acked before must be in every answer after.
func (f *traffic) read() *readers {
	f.Helper()
	ctx, stop := context.WithCancel(f.Context())
	r := &readers{f: f, stop: stop}
	f.Cleanup(func() {
		stop()
		r.running.Wait()
	})
	for _, s := range f.sessions {
		bob := f.connect("bob")
		r.running.Go(func() {
			tick := time.NewTicker(lookEvery)
			defer tick.Stop()
			for ctx.Err() == nil {
				r.look(ctx, bob, s)
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return r
}

func (r *readers) look(ctx context.Context, bob *client.Client, s *talk) {
	s.mu.Lock()
	least := uint64(0)
	for i := len(s.acks) - 1; i >= 0 && least == 0; i-- {
		least = s.acks[i] // acks come in order
	}
	s.mu.Unlock()
	page, err := bob.History(ctx, s.id, client.Newest{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case err != nil:
		r.bad = errors.Join(r.bad, fmt.Errorf("a reader of %s was told: %w", s.id, err))
		r.stop()
	case head(page) < least:
		r.bad = errors.Join(r.bad, fmt.Errorf("a reader of %s was shown %d as the last, %d was acked before", s.id, head(page), least))
		r.stop()
	default:
		r.shown++
	}
}

func head(page *clientv1.HistoryPage) (last uint64) {
	for _, e := range page.GetEvents() {
		last = max(last, e.GetSeq())
	}
	return last
}

// finish stops the readers.
func (r *readers) finish() {
	r.f.Helper()
	r.stop()
	r.running.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bad != nil {
		r.f.Error(r.bad)
	}
	if r.shown == 0 {
		r.f.Error("no reader was shown anything")
	}
}

// TestRedisGone: Redis hangs, and then is killed and comes back empty. Nothing is answered meanwhile, readers come again.
func TestRedisGone(t *testing.T) {
	redis := annaltest.OwnRedis(t, devstack.RedisOptions{})
	w := start(t, on{kafka: kafkaCluster(t).Addrs(), redis: redis.Addr()})
	f := w.flow(2)
	r := f.read()
	said, failures := w.log.count(), w.metric("annal_hot_store_failures_total")
	w.ok(redis.Pause())
	w.rises("annal_hot_store_failures_total", failures)
	w.says(`; trying again" role=hot`) // whatever it was at
	w.rises(`annal_gateway_refusals_total{code="TRY_AGAIN"}`, 0)
	w.ok(redis.Resume())
	t.Logf("goes on %v after Redis hung", f.goesOn(50))
	w.says(`msg="could `)

	rebuilds := w.metric("annal_hot_rebuilds_total")
	redis.Kill()
	w.lasts(time.Second)
	w.ok(redis.Restart(t.Context()))
	t.Logf("goes on %v after Redis came back empty", f.goesOn(50))
	w.rises("annal_hot_rebuilds_total", rebuilds)
	w.saidLittle(said, 2*lineBudget)
	r.finish()
	f.finish()
}

// TestRedisEmptied: the view is built from the log, and no reader is shown less than was acked.
func TestRedisEmptied(t *testing.T) {
	redis := annaltest.OwnRedis(t, devstack.RedisOptions{})
	w := start(t, on{kafka: kafkaCluster(t).Addrs(), redis: redis.Addr()})
	f := w.flow(2)
	r := f.read()
	rebuilds := w.metric("annal_hot_rebuilds_total")
	w.ok(w.redis(redis.Addr()).FlushAll(t.Context()).Err())
	t.Logf("goes on %v after Redis was emptied", f.goesOn(50))
	w.rises("annal_hot_rebuilds_total", rebuilds)
	w.says("building the view")
	w.says("the view is whole")
	r.finish()
	f.finish()
}

// TestRedisFailsOver: a server with an older copy takes over; what it lacks is applied again, told to nobody twice.
func TestRedisFailsOver(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	first := annaltest.OwnRedis(t, devstack.RedisOptions{Dir: dir})
	proxy := ownProxy(t, first.Addr())
	w := start(t, on{kafka: kafkaCluster(t).Addrs(), redis: proxy.Addr()})
	f := w.flow(2)
	w.ok(w.redis(first.Addr()).Save(t.Context()).Err())
	dump, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
	w.ok(err)
	w.ok(os.WriteFile(filepath.Join(elsewhere, "dump.rdb"), dump, 0o600))
	second := annaltest.OwnRedis(t, devstack.RedisOptions{Dir: elsewhere})
	f.goesOn(50) // which the copy does not have
	r := f.read()
	replays, rebuilds := w.metric("annal_hot_replays_total"), w.metric("annal_hot_rebuilds_total")
	proxy.Redirect(second.Addr())
	t.Logf("goes on %v after an older copy took over", f.goesOn(50))
	w.rises("annal_hot_replays_total", replays)
	w.says("replaying what the store may have lost")
	if w.metric("annal_hot_rebuilds_total") != rebuilds {
		t.Error("a view was built anew although the copy was a young one")
	}
	r.finish()
	f.finish()
}

// TestRedisEvicts: single keys go, one after the other, of a session that is in use and of one that is only read.
func TestRedisEvicts(t *testing.T) {
	redis := annaltest.OwnRedis(t, devstack.RedisOptions{})
	w := start(t, on{kafka: kafkaCluster(t).Addrs(), redis: redis.Addr()})
	f := w.flow(2)
	alice := w.connect("alice")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	ack, err := alice.Create(ctx, client.Create{Kind: logv1.Kind_KIND_GROUP})
	w.ok(err)
	quiet := ack.GetSession()
	_, err = alice.Send(ctx, quiet, "the only one")
	w.ok(err)
	admin := w.redis(redis.Addr())
	evict := func(session, part string) (rebuilds float64) {
		t.Helper()
		w.until("whole views", func() error { // what goes meanwhile is there again when they are
			if building, whole := w.log.count("building the view"), w.log.count("the view is whole"); whole < building {
				return fmt.Errorf("%d views of %d that were begun are whole", whole, building)
			}
			return nil
		})
		rebuilds = w.metric("annal_hot_rebuilds_total")
		key := fmt.Sprintf("%sannal:{%s}:%s", w.target.Prefix, session, part)
		if n, err := admin.Del(t.Context(), key).Result(); err != nil || n != 1 {
			t.Fatalf("delete %s: %d, %v", key, n, err)
		}
		return rebuilds
	}
	r := f.read()
	for _, part := range []string{"head", "roster"} {
		rebuilds := evict(f.sessions[0].id, part)
		w.rises("annal_hot_rebuilds_total", rebuilds)
		f.goesOn(20)
	}
	for _, part := range []string{"window", "members"} {
		rebuilds := evict(quiet, part)
		page, err := alice.History(ctx, quiet, client.Newest{}, 1)
		if err != nil || len(page.GetEvents()) != 1 || page.GetEvents()[0].GetSent().GetText() != "the only one" {
			t.Errorf("without its %s, a reader of a quiet session was shown %v, %v", part, page, err)
		}
		w.rises("annal_hot_rebuilds_total", rebuilds)
	}
	w.says("keys of a session were lost")
	w.says("the view is not as it was left")
	r.finish()
	f.finish()
}

// TestPubSubBreaks: the connections of the subscriptions break while all else works.
func TestPubSubBreaks(t *testing.T) {
	redis := annaltest.OwnRedis(t, devstack.RedisOptions{})
	w := start(t, on{kafka: kafkaCluster(t).Addrs(), redis: redis.Addr()})
	f := w.flow(2)
	admin := w.redis(redis.Addr())
	for range 3 {
		back := w.metric("annal_gateway_resubscribed_total")
		if n, err := admin.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Result(); err != nil || n < 1 {
			t.Fatalf("%d connections of subscriptions were broken, %v", n, err)
		}
		w.rises("annal_gateway_resubscribed_total", back)
		f.goesOn(20)
	}
	w.says("subscriptions broken")
	w.says("subscriptions are back")
	if w.metric("annal_hot_rebuilds_total{reason=\"view_gone\"}")+w.metric("annal_hot_replays_total") > 0 {
		t.Error("the view was touched although only subscriptions broke")
	}
	f.finish()
}

// redis is a client past everything that is broken.
func (w *world) redis(addr string) *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: addr})
	w.Cleanup(func() {
		if err := c.Close(); err != nil {
			w.Error(err)
		}
	})
	return c
}
