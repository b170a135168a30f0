package cases

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/annaltest"
	"annal/internal/devstack"
	"annal/pkg/client"
	"annal/pkg/events"
)

// TestF24RedisFlushed
//
// Given a session with last seq 120, when Redis is flushed during sends, three times: numbers go on without a hole or a
// repeat, window and unread come back as they were, and until then reads answer rightly or TRY_AGAIN, never with an empty
// session.
func TestF24RedisFlushed(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	f := w.FlowEvery(t, pace)
	for range 3 {
		f.GoesOn(t, 20)
		w.readsRightly(t)
		flush(t, w.redis)
		w.readsRightly(t)
		f.GoesOn(t, 20)
	}
	f.Finish(t)
	w.readsRightly(t)
	annaltest.Verify(t, w.d.File())
}

// TestF24KeysEvicted
//
// The same session, when single keys of it, of its partition's view and of its reader are evicted, one after the other.
func TestF24KeysEvicted(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	keys := w.keys(t)
	for _, kind := range []string{":head", ":window", ":states", ":members", ":roster", ":gone", "{view:", ":sessions", ":count"} {
		if !slices.ContainsFunc(keys, func(key string) bool { return strings.Contains(key, kind) }) {
			t.Errorf("no key like %s is among %q", kind, keys)
		}
	}
	for _, key := range keys {
		if n, err := w.client(t).Del(t.Context(), key).Result(); err != nil || n != 1 {
			t.Fatalf("evict %s: %d, %v", key, n, err)
		}
		w.what = key
		w.readsRightly(t)
		w.send(t)
		w.readsRightly(t)
	}
	annaltest.Verify(t, w.d.File())
}

// window is a session whose view is lost and comes back.
type window struct {
	*annaltest.Pair
	d     *annaltest.Deployment
	redis *devstack.Redis
	// tablet is the reader's, apart from the client that hears.
	tablet *socket
	// seq and index are the last that were seen; less must never be shown again.
	seq, index uint64
	// what was lost.
	what string
}

const (
	// pace is so slow that the window, of 1,000 events, holds all to the end.
	pace = 50 * time.Millisecond
	// windowTexts is how many there are at first: seq 1 opened the session, two are edits and two revokes.
	windowTexts = 115
	windowSeq   = 120
	// wholeTime is how long a view may take to come back: a projector that lost one often waits up to 30 s.
	wholeTime = 60 * time.Second
	// readUpTo is the index of the newest message that was read.
	readUpTo = 60
)

// revokedAndUnread are the seqs of messages that were revoked, both after the marker.
var revokedAndUnread = []uint64{100, 101}

func newWindow(t *testing.T) *window {
	t.Helper()
	redis := annaltest.OwnRedis(t, devstack.RedisOptions{})
	w := &window{d: annaltest.NewDeploymentOn(t, redis.Addr()), redis: redis, what: "a flush"}
	w.d.Serve(t, "sequencer", "hot", "gateway")
	w.Pair = annaltest.Meet(t, annaltest.Connect(t, w.d.File(), w.d.Token(t, "u1"), ""), annaltest.Connect(t, w.d.File(), w.d.Token(t, "u2"), ""))
	sent := make(chan error, windowTexts)
	for i := range windowTexts {
		w.Alice.Go(t.Context(), client.Send{Session: w.Session, Text: fmt.Sprint("text ", i)}, func(_ client.Ack, err error) { sent <- err })
	}
	for range windowTexts {
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	var errs []error
	for _, seq := range revokedAndUnread {
		_, err := w.Alice.Revoke(t.Context(), w.Session, seq)
		errs = append(errs, err)
	}
	for _, seq := range []uint64{2, 50} {
		ack, err := w.Alice.Override(t.Context(), w.Session, seq, "edited")
		errs = append(errs, err)
		w.seq = ack.GetSeq()
	}
	_, err := w.Bob.MarkRead(t.Context(), w.Session, readUpTo+1)
	if err := errors.Join(append(errs, err)...); err != nil || w.seq != windowSeq {
		t.Fatalf("the last seq is %d, %v; want %d", w.seq, err, windowSeq)
	}
	for w.AtBob.Last() < windowSeq {
		annaltest.Next(t, w.AtBob)
	}
	w.index = windowTexts
	w.tablet = dial(t, w.d.Roles["gateway"].At.WS).hello(w.d.Token(t, "u2"), "tablet")
	w.readsRightly(t)
	return w
}

// send says one more text, which takes the next seq.
func (w *window) send(t *testing.T) {
	t.Helper()
	ack, err := w.Alice.Send(t.Context(), w.Session, "one more")
	if err != nil || ack.GetSeq() != w.seq+1 {
		t.Fatalf("after %s was lost: a send is acked as %v, %v; want seq %d", w.what, ack, err, w.seq+1)
	}
	w.seq, w.index = w.seq+1, w.index+1
}

// readsRightly reads again and again until all is answered, and holds every answer to what is known.
func (w *window) readsRightly(t *testing.T) {
	t.Helper()
	began := time.Now()
	for again := 0; ; again++ {
		if w.read(t) {
			if took := time.Since(began); again > 0 {
				t.Logf("after %s was lost: right again after %d tries, %v", w.what, again, took.Round(time.Millisecond))
			}
			return
		}
		if time.Since(began) > wholeTime {
			t.Fatalf("after %s was lost: TRY_AGAIN for %v", w.what, wholeTime)
		}
	}
}

// read is false when something was answered with TRY_AGAIN.
func (w *window) read(t *testing.T) bool {
	t.Helper()
	ask := func(m *clientv1.ClientFrame) *clientv1.ServerFrame {
		t.Helper()
		reply := w.tablet.ask(m)
		if e := reply.GetError(); e != nil && e.GetCode() != string(events.CodeTryAgain) {
			t.Fatalf("after %s was lost: reading is answered with %v", w.what, e)
		}
		return reply
	}
	list := ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sync{Sync: &clientv1.Sync{}}}).GetSync()
	if list != nil {
		w.checkState(t, list)
	}
	var all []*clientv1.Event
	for after := uint64(0); ; after = all[len(all)-1].GetSeq() {
		page := ask(history(w.Session, after)).GetHistory()
		if page == nil {
			return false
		}
		if all = append(all, page.GetEvents()...); len(page.GetEvents()) == 0 || !page.GetMore() {
			break
		}
	}
	w.checkHistory(t, all)
	members := ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Members{Members: &clientv1.Members{Session: w.Session}}}).GetMembers()
	if members != nil && len(members.GetMembers()) != 2 {
		t.Fatalf("after %s was lost: there are %d members", w.what, len(members.GetMembers()))
	}
	return list != nil && members != nil
}

func (w *window) checkState(t *testing.T, list *clientv1.SyncPage) {
	t.Helper()
	for _, s := range list.GetSessions() {
		if s.GetSession() != w.Session {
			continue
		}
		unread := s.GetIndex() - readUpTo - uint64(len(revokedAndUnread))
		if s.GetSeq() < w.seq || s.GetIndex() < w.index || s.GetMarker() != readUpTo+1 || s.GetUnread() != unread || s.GetPreview() == nil {
			t.Fatalf("after %s was lost: the session stands as %v; want seq %d, index %d or more, %d unread", w.what, s, w.seq, w.index, unread)
		}
		w.seq, w.index = s.GetSeq(), s.GetIndex()
		return
	}
	t.Fatalf("after %s was lost: the session is not in the list: %v", w.what, list)
}

func (w *window) checkHistory(t *testing.T, all []*clientv1.Event) {
	t.Helper()
	for i, e := range all {
		seq := uint64(i) + 1
		gone, edited := slices.Contains(revokedAndUnread, seq), seq == 2 || seq == 50
		sent := e.GetSent()
		if e.GetSeq() != seq || sent != nil && ((sent.GetRevoked() > 0) != gone || (sent.GetText() == "") != gone || (sent.GetText() == "edited") != edited) {
			t.Fatalf("after %s was lost: event %d is %v", w.what, seq, e)
		}
	}
	if n := uint64(len(all)); n < w.seq {
		t.Fatalf("after %s was lost: the window has %d events, want %d", w.what, n, w.seq)
	}
	w.seq = uint64(len(all))
}

// history asks for a page of events above after.
func history(session string, after uint64) *clientv1.ClientFrame {
	return &clientv1.ClientFrame{Op: &clientv1.ClientFrame_History{History: &clientv1.History{Session: session, After: &after, Limit: 200}}}
}

// client speaks to Redis itself.
func (w *window) client(t *testing.T) *goredis.Client { return engine(t, w.redis) }

func engine(t *testing.T, r *devstack.Redis) *goredis.Client {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: r.Addr()})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func flush(t *testing.T, r *devstack.Redis) {
	t.Helper()
	if err := engine(t, r).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

// keys are those of the session, of the views, and of the reader.
func (w *window) keys(t *testing.T) []string {
	t.Helper()
	all, err := w.client(t).Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return slices.DeleteFunc(all, func(key string) bool {
		return !strings.Contains(key, w.Session) && !strings.Contains(key, "view") && !strings.Contains(key, "{u:u2}") || strings.HasSuffix(key, ":changes")
	})
}
