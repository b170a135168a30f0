package client

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// expect takes items and compares them: seqs as numbers, gaps as "first-last".
func expect(t *testing.T, s *Stream, want ...string) {
	t.Helper()
	for i, w := range want {
		item, err := s.Next(within(t))
		if err != nil {
			t.Fatalf("item %d: %v; want %s", i, err, w)
		}
		var got string
		switch item := item.(type) {
		case Event:
			got = fmt.Sprint(item.GetSeq())
		case Gap:
			got = fmt.Sprintf("%d-%d", item.First, item.Last)
		case Typing:
			got = item.User + " types"
		}
		if got != w {
			t.Fatalf("item %d is %s, want %s", i, got, w)
		}
	}
}

func seqs(first, last int) []string {
	var all []string
	for i := first; i <= last; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func (f *fake) sayMany(session string, n int) {
	for i := range n {
		f.say(session, fmt.Sprint(i))
	}
}

func TestStreamHasNeitherGapsNorRepeats(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			each(t, func(t *testing.T, f *fake) {
				r := rand.New(rand.NewPCG(seed, 1))
				// Lost, doubled; and cut off now and then.
				f.publish = func(*clientv1.Event) int { return r.IntN(3) }
				c := f.dial(nil)
				s, err := c.Subscribe(within(t), "s", 0)
				if err != nil {
					t.Fatal(err)
				}
				const n = 150
				go func() {
					for i := range n {
						if r.IntN(25) == 0 {
							f.dropAll()
						}
						f.say("s", fmt.Sprint(i))
					}
					// The last one must come, or nothing tells that others were lost.
					f.mu.Lock()
					f.publish = nil
					f.append("s", "last")
					f.mu.Unlock()
				}()
				expect(t, s, seqs(1, n+1)...)
			})
		})
	}
}

func TestEventsOutOfOrder(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		c := f.dial(nil)
		s, err := c.Subscribe(within(t), "s", 0)
		if err != nil {
			t.Fatal(err)
		}
		f.mu.Lock()
		f.publish = func(*clientv1.Event) int { return 0 }
		for range 4 {
			f.append("s", "x")
		}
		for n := range f.conns {
			for _, i := range []int{2, 0, 3, 1, 0} {
				n.say(&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Event{Event: f.log["s"][i]}})
			}
		}
		f.publish = nil
		f.mu.Unlock()
		f.say("s", "five")
		expect(t, s, seqs(1, 5)...)
	})
}

func TestSlowConsumerMissesNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		c := f.dial(func(o *Options) { o.Buffer = 4 })
		s, err := c.Subscribe(within(t), "s", 0)
		if err != nil {
			t.Fatal(err)
		}
		f.sayMany("s", 450)
		expect(t, s, seqs(1, 450)...)
		f.say("s", "one more")
		expect(t, s, "451")
	})
}

func TestResumeAboveTheWindowSaysSo(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.window = 50
		f.sayMany("s", 60)
		c := f.dial(nil)
		s, err := c.Subscribe(within(t), "s", 10)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, s, append([]string{"11-49"}, seqs(50, 60)...)...)
	})
}

func TestWhatLiesOutsideStaysIsNoGap(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.hidden = []*clientv1.Range{{First: 3, Last: 5}, {First: 8, Last: 9}}
		f.publish = func(*clientv1.Event) int { return 0 }
		c := f.dial(nil)
		s, err := c.Subscribe(within(t), "s", 0)
		if err != nil {
			t.Fatal(err)
		}
		f.sayMany("s", 9)
		f.mu.Lock()
		f.publish = nil
		f.mu.Unlock()
		f.say("s", "ten")
		expect(t, s, "1", "2", "6", "7", "10")
	})
}

func TestPageItems(t *testing.T) {
	event := func(seq uint64) *clientv1.Event { return &clientv1.Event{Seq: seq} }
	page := &clientv1.HistoryPage{
		Events: []*clientv1.Event{event(5), event(9), event(10)},
		Hidden: []*clientv1.Range{{First: 2, Last: 3}, {First: 11, Last: 20}},
	}
	items, reached := pageItems(page, 1)
	got := ""
	for _, item := range items {
		switch item := item.(type) {
		case Event:
			got += fmt.Sprintf("%d ", item.GetSeq())
		case Gap:
			got += fmt.Sprintf("%d-%d ", item.First, item.Last)
		case Typing:
			t.Errorf("%s types in a page", item.User)
		}
	}
	if want := "4-4 5 6-8 9 10 "; got != want || reached != 20 {
		t.Errorf("items %sup to %d, want %sup to 20", got, reached, want)
	}
}

func TestStreamFromHead(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.sayMany("s", 7)
		c := f.dial(nil)
		s, err := c.SubscribeFromHead(within(t), "s")
		if err != nil {
			t.Fatal(err)
		}
		f.dropAll()
		f.sayMany("s", 2)
		expect(t, s, "8", "9")
	})
}

func TestStreamsEnd(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		c := f.dial(nil)
		var e *Error
		if _, err := c.Subscribe(within(t), "secret", 0); !errors.As(err, &e) || e.Code != events.CodeNotAMember {
			t.Errorf("subscribe: %v; want NOT_A_MEMBER", err)
		}
		s, err := c.Subscribe(within(t), "s", 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Subscribe(within(t), "s", 0); !errors.Is(err, ErrSubscribed) {
			t.Errorf("a second stream: %v; want ErrSubscribed", err)
		}
		f.say("s", "last words")
		f.mu.Lock()
		for n := range f.conns {
			n.say(&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Unsubscribed{Unsubscribed: &clientv1.Unsubscribed{Session: "s"}}})
		}
		f.mu.Unlock()
		expect(t, s, "1")
		if _, err := s.Next(within(t)); !errors.Is(err, io.EOF) {
			t.Errorf("after leaving: %v; want io.EOF", err)
		}
		again, err := c.Subscribe(within(t), "s", 0)
		if err != nil {
			t.Fatalf("subscribe again: %v", err)
		}
		expect(t, again, "1")
		again.Close()
		if _, err := again.Next(within(t)); !errors.Is(err, io.EOF) {
			t.Errorf("after Close: %v; want io.EOF", err)
		}
		f.until("unsubscribe", func() bool {
			for n := range f.conns {
				if len(n.subs) > 0 {
					return false
				}
			}
			return true
		})
	})
}

func TestNoticesAndResync(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		c := f.dial(nil)
		f.mu.Lock()
		for n := range f.conns {
			n.say(&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Notice{Notice: &clientv1.Notice{Session: "g", Seq: 3, Member: true}}})
		}
		f.mu.Unlock()
		if n, err := c.NextNotice(within(t)); err != nil || n != (Notice{Session: "g", Seq: 3, Member: true}) {
			t.Errorf("got %v, %v; want the notice of g", n, err)
		}
		f.mu.Lock()
		for n := range f.conns {
			n.say(&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Notice{Notice: &clientv1.Notice{}}})
		}
		f.mu.Unlock()
		if n, err := c.NextNotice(within(t)); err != nil || n != (Notice{Resync: true}) {
			t.Errorf("got %v, %v; want a resync when the gateway may have missed notices", n, err)
		}
		f.dropAll()
		if n, err := c.NextNotice(within(t)); err != nil || n != (Notice{Resync: true}) {
			t.Errorf("got %v, %v; want a resync after the connection was lost", n, err)
		}
	})
}
