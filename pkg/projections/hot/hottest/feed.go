package hottest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// ear notes what a feed delivers, as one line each.
type ear struct{ heard chan string }

func (e ear) note(kind, to string, values [][]byte) {
	line := kind + " " + to + ":"
	for _, v := range values {
		line += " " + string(v)
	}
	e.heard <- line
}

func (e ear) Session(s events.SessionID, values [][]byte) { e.note("session", string(s), values) }
func (e ear) User(u events.UserID, values [][]byte)       { e.note("user", string(u), values) }
func (e ear) Answers(values [][]byte)                     { e.note("answers", "", values) }
func (e ear) Resubscribed()                               { e.note("resubscribed", "", nil) }

// listen runs a feed until the test ends.
func (b *bench) listen(instance string) (hot.Feed, ear) {
	b.Helper()
	feed, e := b.Feed(b.T, instance), ear{make(chan string, 10_000)}
	ctx, cancel := context.WithCancel(b.ctx)
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx, e) }()
	b.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				b.Errorf("a feed ended with %v, want none", err)
			}
		case <-time.After(limit):
			b.Errorf("a feed does not end")
		}
	})
	return feed, e
}

func (b *bench) hears(e ear, want string) {
	b.Helper()
	wantEqual(b, "what the feed delivers", b.next(e, want), want)
}

// next waits for what the feed delivers next, within the test's time.
func (b *bench) next(e ear, want string) string {
	b.Helper()
	select {
	case got := <-e.heard:
		return got
	case <-b.ctx.Done():
		b.Fatalf("the feed delivers nothing, want %s", want)
		return ""
	}
}

func (b *bench) publish(r hot.Round) {
	b.Helper()
	if err := b.Notifier.Publish(b.ctx, r); err != nil {
		b.Fatalf("publish: %v", err)
	}
}

func (b *bench) subscribe(feed hot.Feed, s events.SessionID) {
	b.Helper()
	if err := feed.SubscribeSession(b.ctx, s); err != nil {
		b.Fatalf("subscribe %s: %v", s, err)
	}
}

func values(texts ...string) [][]byte {
	out := make([][]byte, len(texts))
	for i, s := range texts {
		out[i] = []byte(s)
	}
	return out
}

func toSession(s events.SessionID, texts ...string) hot.Round {
	return hot.Round{Sessions: map[events.SessionID][][]byte{s: values(texts...)}}
}

// testFeed: once confirmed everything is heard, once, by those it is for.
func testFeed(t *testing.T, f Fixture) {
	b := newBench(t, f)
	one, ear1 := b.listen("gw1")
	two, ear2 := b.listen("gw2")
	b.subscribe(one, "g_a")
	b.subscribe(two, "g_a")
	b.subscribe(two, "g_b")
	if err := one.SubscribeUser(b.ctx, "ann"); err != nil {
		t.Fatalf("subscribe a user: %v", err)
	}
	b.publish(hot.Round{
		Sessions: map[events.SessionID][][]byte{"g_a": values("1", "2"), "g_none": values("9")},
		Users:    map[events.UserID][][]byte{"ann": values("3"), "bob": values("4")},
	})
	const both = "the session's batch as one message and the user's"
	got := map[string]bool{b.next(ear1, both): true, b.next(ear1, both): true}
	if !got["session g_a: 1 2"] || !got["user ann: 3"] {
		t.Errorf("gw1 hears %v, want %s", got, both)
	}
	b.hears(ear2, "session g_a: 1 2")
	b.publish(hot.Round{Answers: map[string][][]byte{"gw2": values("5", "6"), "gw3": values("7")}})
	b.hears(ear2, "answers : 5 6")
	// Values are bytes, whatever a gateway tells the others.
	b.publish(toSession("g_a", "\x00\xff"))
	b.hears(ear1, "session g_a: \x00\xff")
	b.hears(ear2, "session g_a: \x00\xff")

	two.UnsubscribeSession("g_a")
	b.publish(toSession("g_a", "8"))
	b.publish(toSession("g_b", "9"))
	b.hears(ear1, "session g_a: 8")
	b.hears(ear2, "session g_b: 9")
	// Off and on again, many times: the last word counts.
	for i := range 50 {
		two.UnsubscribeSession("g_b")
		b.subscribe(two, "g_b")
		b.publish(toSession("g_b", fmt.Sprint(i)))
		b.hears(ear2, fmt.Sprintf("session g_b: %d", i))
	}
}

// testBroken: a feed whose connection breaks subscribes everything again, says so, and
// hears what is published from then on.
func testBroken(t *testing.T, f Fixture) {
	b := newBench(t, f)
	feed, e := b.listen("gw1")
	const n = 300
	for i := range n {
		b.subscribe(feed, events.SessionID(fmt.Sprintf("g_%d", i)))
	}
	for round := range 3 {
		f.Break(t)
		b.hears(e, "resubscribed :")
		for i := range n {
			s := events.SessionID(fmt.Sprintf("g_%d", i))
			text := fmt.Sprintf("%d-%d", round, i)
			b.publish(toSession(s, text))
			b.hears(e, fmt.Sprintf("session %s: %s", s, text))
		}
		b.publish(hot.Round{Answers: map[string][][]byte{"gw1": values("answer")}})
		b.hears(e, "answers : answer")
	}
}
