package cases

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
)

var (
	walked   = flag.Int("walked", 3000, "how many messages the session of TestF13Walk has")
	walkTime = flag.Duration("walk-time", 4*time.Minute, "how long TestF13Walk may take")
)

const (
	walkPage = 50
	// windowEvents is how many events the window has: what is further from the head comes from the archive.
	windowEvents = 1000
	// walkPace is how often something is said or revoked while the walks go on.
	walkPace = 20 * time.Millisecond
	// revokedBefore is how many are revoked before the walks, when their messages are long archived.
	revokedBefore = 20
)

// hostile are texts that have to come back byte for byte: F14's, and one that no query may take for its own.
var hostile = []string{
	"👩\u200d👩\u200d👧\u200d👦 🇩🇪 👍🏽", "\u202eabc", "مرحبا hello مرحبا", strings.Repeat("語", 21845) + "x", "a\\b'c\"d\n\t%s ; DROP TABLE event_rows --",
}

// TestF13Walk
//
// Given texts that were sent at once, so that many have one log time, most of them archived and out of the window: when a client walks back
// from the newest and forward from the oldest by pages of 50, while others write and revoke, each walk gives every seq that there was at its
// beginning once, in order, with its text byte for byte or revoked; the page around any seq has it. A search finds what is said now.
//
// `make history-walk` has 200,000 messages, and shows how long pages take.
func TestF13Walk(t *testing.T) {
	d := annaltest.NewDeployment(t)
	d.Archive(t)
	d.Serve(t, "sequencer", "hot", "gateway", "archive")
	w := newWalked(t, d)
	w.fill(t, *walked)
	w.revokeSome(t)
	stop := w.keepBusy(t)
	head := w.head.Load()
	for _, from := range []client.Walk{client.Newest{}, client.After(0)} {
		w.walk(t, from, head)
	}
	w.pagesAround(t, head)
	stop()
	w.search(t)
	for _, store := range []string{"hot", "cold"} {
		n, err := d.Roles["gateway"].Metric(t.Context(), `annal_gateway_history_page_seconds_count{store="`+store+`"}`)
		if err != nil || n == 0 {
			t.Errorf("the gateway says that %v pages were %s, %v", n, store, err)
		}
		t.Logf("pages of %d, %s: %s", walkPage, store, w.took(store))
	}
}

// walkedSession is one that is walked through.
type walkedSession struct {
	ctx           context.Context
	owner, reader *client.Client
	id            string
	head          atomic.Uint64

	mu sync.Mutex
	// texts are by seq, those since revoked too.
	texts map[uint64]string
	// revoked are those revoked before the walks.
	revoked map[uint64]bool
	// times are how long pages took, by where they came from.
	times map[string][]time.Duration
}

func newWalked(t *testing.T, d *annaltest.Deployment) *walkedSession {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), *walkTime)
	t.Cleanup(cancel)
	w := &walkedSession{
		ctx: ctx, owner: annaltest.Connect(t, d.File(), d.Token(t, "ann"), ""), reader: annaltest.Connect(t, d.File(), d.Token(t, "bob"), ""),
		texts: map[uint64]string{}, revoked: map[uint64]bool{}, times: map[string][]time.Duration{},
	}
	members := []*logv1.NewMember{{User: "bob", Role: logv1.Role_ROLE_MEMBER}}
	ack, err := w.owner.Create(ctx, client.Create{Kind: logv1.Kind_KIND_GROUP, Name: "walked", Members: members})
	if err != nil {
		t.Fatal(err)
	}
	w.id = ack.GetSession()
	w.saw(ack.GetSeq())
	return w
}

// saw raises the head.
func (w *walkedSession) saw(seq uint64) {
	for had := w.head.Load(); had < seq && !w.head.CompareAndSwap(had, seq); {
		had = w.head.Load()
	}
}

// say sends a text and calls done once it is acked.
func (w *walkedSession) say(t *testing.T, text string, done func()) {
	w.owner.Go(w.ctx, client.Send{Session: w.id, Text: text}, func(a client.Ack, err error) {
		defer done()
		if err != nil {
			if w.ctx.Err() == nil {
				t.Errorf("send: %v", err)
			}
			return
		}
		w.mu.Lock()
		w.texts[a.GetSeq()] = text
		w.mu.Unlock()
		w.saw(a.GetSeq())
	})
}

// fill says n texts without waiting for one before the next, those of F14 first.
func (w *walkedSession) fill(t *testing.T, n int) {
	t.Helper()
	began := time.Now()
	var under sync.WaitGroup
	for i := range n {
		text := fmt.Sprintf("text %d, ein Wort und 今天天气", i)
		if i < len(hostile) {
			text = hostile[i]
		}
		under.Add(1)
		w.say(t, text, under.Done)
	}
	under.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Logf("%d texts sent in %v", n, time.Since(began).Round(time.Millisecond))
}

// old is the seq of a message of the older half; none of F14's.
func (w *walkedSession) old() uint64 {
	first := uint64(2 + len(hostile))
	return first + rand.Uint64N(uint64(*walked)/2)
}

// revokeSome revokes old messages.
func (w *walkedSession) revokeSome(t *testing.T) {
	t.Helper()
	for range revokedBefore {
		seq := w.old()
		a, err := w.owner.Revoke(w.ctx, w.id, seq)
		if err != nil {
			t.Fatalf("revoke %d: %v", seq, err)
		}
		w.revoked[seq] = true
		w.saw(a.GetSeq())
	}
}

// keepBusy says and revokes something all the time, until stop is called.
func (w *walkedSession) keepBusy(t *testing.T) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(walkPace)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-over:
				return
			}
			if i%3 > 0 {
				said := make(chan struct{})
				w.say(t, fmt.Sprint("meanwhile ", i), func() { close(said) })
				<-said
				continue
			}
			a, err := w.owner.Revoke(w.ctx, w.id, w.old())
			if err != nil && w.ctx.Err() == nil {
				t.Errorf("revoke: %v", err)
			}
			w.saw(a.GetSeq())
		}
	}()
	return func() {
		close(over)
		<-done
	}
}

// walk goes through all there was up to a head.
func (w *walkedSession) walk(t *testing.T, from client.Walk, head uint64) {
	t.Helper()
	_, up := from.(client.After)
	seen, next, began, asked := uint64(0), head, time.Now(), time.Now()
	if up {
		next = 1
	}
	gone := map[uint64]bool{}
	for page, err := range w.reader.Pages(w.ctx, w.id, from, walkPage, nil) {
		if err != nil {
			t.Fatalf("after %d seqs: %v", seen, err)
		}
		w.note(page, time.Since(asked))
		got := slices.Clone(page.GetEvents())
		if !up {
			slices.Reverse(got)
		}
		for _, e := range got {
			switch {
			case e.GetSeq() > head:
				continue
			case e.GetSeq() != next:
				t.Fatalf("walking %T: seq %d comes where %d should", from, e.GetSeq(), next)
			}
			w.check(t, e)
			gone[e.GetSeq()] = e.GetSent().GetRevoked() > 0
			if seen++; up {
				next++
			} else {
				next--
			}
		}
		if seen == head {
			break
		}
		asked = time.Now()
	}
	if seen != head {
		t.Errorf("walking %T: %d seqs of %d", from, seen, head)
	}
	for seq := range w.revoked {
		if !gone[seq] {
			t.Errorf("walking %T: %d was revoked before, and is shown", from, seq)
		}
	}
	t.Logf("walking %T: %d seqs, each once, in %v", from, seen, time.Since(began).Round(time.Millisecond))
}

// check holds an event against what was sent.
func (w *walkedSession) check(t *testing.T, e *clientv1.Event) {
	t.Helper()
	m := e.GetSent()
	if m == nil {
		return
	}
	w.mu.Lock()
	want := w.texts[e.GetSeq()]
	w.mu.Unlock()
	if m.GetRevoked() > 0 {
		want = ""
	}
	if m.GetText() != want {
		t.Fatalf("the text of %d is %.80q, want %.80q", e.GetSeq(), m.GetText(), want)
	}
}

// note takes down how long a page took, and where it came from; not of those on the border.
func (w *walkedSession) note(page *clientv1.HistoryPage, took time.Duration) {
	if len(page.GetEvents()) == 0 {
		return
	}
	first, last, head := page.GetEvents()[0].GetSeq(), page.GetEvents()[len(page.GetEvents())-1].GetSeq(), w.head.Load()
	switch {
	case last+windowEvents < head:
		w.times["cold"] = append(w.times["cold"], took)
	case first+windowEvents > head+walkPage:
		w.times["hot"] = append(w.times["hot"], took)
	}
}

func (w *walkedSession) took(store string) string {
	all := slices.Sorted(slices.Values(w.times[store]))
	if len(all) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, p50 %v, p99 %v, longest %v", len(all), all[len(all)/2], all[len(all)*99/100], all[len(all)-1])
}

// pagesAround asks around seqs on both sides of the border and on it.
func (w *walkedSession) pagesAround(t *testing.T, head uint64) {
	t.Helper()
	for _, seq := range []uint64{1, 30, head / 3, w.head.Load() - windowEvents, w.head.Load() - windowEvents + 5, head} {
		page, err := w.reader.History(w.ctx, w.id, client.Around(seq), walkPage)
		if err != nil {
			t.Fatalf("around %d: %v", seq, err)
		}
		has := false
		for i, e := range page.GetEvents() {
			has = has || e.GetSeq() == seq
			if i > 0 && e.GetSeq() != page.GetEvents()[i-1].GetSeq()+1 {
				t.Errorf("around %d: after %d comes %d", seq, page.GetEvents()[i-1].GetSeq(), e.GetSeq())
			}
		}
		if !has {
			t.Errorf("the page around %d has not got it", seq)
		}
	}
}

// search looks for a word of two characters, and for what no pattern may be made of.
func (w *walkedSession) search(t *testing.T) {
	t.Helper()
	for text, want := range map[string]bool{"天气": true, "EIN WORT": true, "drop table": true, "' OR 1=1 --": false, "(a+)+$": false, "%w": false} {
		began := time.Now()
		page, err := w.reader.Search(w.ctx, w.id, text, "", 10)
		if err != nil {
			t.Errorf("search %q: %v", text, err)
			continue
		}
		if got := len(page.GetHits()) > 0; got != want {
			t.Errorf("search %q: %v", text, page.GetHits())
		}
		t.Logf("search %q: %d hits in %v", text, len(page.GetHits()), time.Since(began).Round(time.Millisecond))
	}
}
