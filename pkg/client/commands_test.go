package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// pipeline sends n texts at once and gives their acks in the order of asking.
func pipeline(t *testing.T, c *Client, session string, n int) []Ack {
	t.Helper()
	acks := make([]Ack, n)
	errs := make(chan error, n)
	ctx := within(t)
	for i := range n {
		c.Go(ctx, Send{Session: session, Text: fmt.Sprint(i)}, func(a Ack, err error) {
			acks[i] = a
			errs <- err
		}, ClientID(fmt.Sprintf("c%d", i)))
	}
	for range n {
		if err := <-errs; err != nil {
			t.Fatalf("send: %v", err)
		}
	}
	return acks
}

func numbers(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestSendsTakeEffectOnceAndInOrder(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			each(t, func(t *testing.T, f *fake) {
				r := rand.New(rand.NewPCG(seed, 0))
				f.fates = func(*clientv1.ClientFrame) fate {
					switch r.IntN(40) {
					case 0:
						return dropBefore
					case 1:
						return dropAfter
					}
					return serve
				}
				c := f.dial(nil)
				const n = 120
				acks := pipeline(t, c, "s", n)
				if got := f.texts("s"); !slices.Equal(got, numbers(n)) {
					t.Errorf("the log has %v; want 0 to %d once each, in order", got, n-1)
				}
				resent := 0
				for i, a := range acks {
					if a.GetSeq() != uint64(i+1) {
						t.Errorf("ack %d has seq %d, want %d", i, a.GetSeq(), i+1)
					}
					if a.GetAnswered() != "" && !a.Resent {
						t.Errorf("ack %d is answered %s, but was not sent again", i, a.GetAnswered())
					}
					if a.Resent {
						resent++
					}
				}
				if resent == 0 {
					t.Error("nothing was sent again, so this run proves nothing")
				}
			})
		})
	}
}

func TestBusyIsWaitedOutInOrder(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		// Like a gateway with no room: what follows a refused command is refused as well.
		asked := 0
		f.fates = func(m *clientv1.ClientFrame) fate {
			if m.GetClientId() == "c0" {
				asked++
			}
			if asked < 3 {
				return refuse
			}
			return serve
		}
		c := f.dial(func(o *Options) { o.InFlight = 4 })
		pipeline(t, c, "s", 30)
		if got := f.texts("s"); !slices.Equal(got, numbers(30)) {
			t.Errorf("the log has %v; want 0 to 29 once each, in order", got)
		}
	})
}

func TestRefusedOneOvertakenOnlyByThoseUnderWay(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		first := true
		f.fates = func(m *clientv1.ClientFrame) fate {
			if m.GetClientId() == "c0" && first {
				first = false
				return refuse
			}
			return serve
		}
		c := f.dial(func(o *Options) { o.InFlight = 2 })
		pipeline(t, c, "s", 20)
		got := f.texts("s")
		slices.Sort(got[:2])
		if !slices.Equal(got, numbers(20)) {
			t.Errorf("the log has %v; want all in order but for the one that was under way with the first", got)
		}
	})
}

func TestRejectionsAreTyped(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		c := f.dial(nil)
		_, err := c.Send(within(t), "s", "forbidden")
		var e *Error
		if !errors.As(err, &e) || e.Code != events.CodeNotAMember || e.Retry != events.RetryNever || !e.Duplicate || e.Seq != 9 || e.Resent {
			t.Errorf("got %#v; want NOT_A_MEMBER, never, a duplicate, seq 9", err)
		}
		if errors.Is(err, ErrOutcomeUnknown) {
			t.Error("a rejection is an outcome, not an unknown one")
		}
	})
}

func TestCancelledSendSaysThatItsOutcomeIsUnknown(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.fates = func(m *clientv1.ClientFrame) fate {
			if m.GetClientId() == "lost" {
				return mute
			}
			return serve
		}
		c := f.dial(nil)
		ctx, cancel := context.WithCancel(within(t))
		done := make(chan error, 1)
		c.Go(ctx, Send{Session: "s", Text: "hello"}, func(_ Ack, err error) { done <- err }, ClientID("lost"))
		f.until("the frame comes in", func() bool { return len(f.frames) == 1 })
		cancel()
		err := <-done
		if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("got %v; want context.Canceled and ErrOutcomeUnknown", err)
		}
		f.dropAll()
		if _, err := c.Send(within(t), "s", "after"); err != nil {
			t.Fatal(err)
		}
		if n := f.count("lost"); n != 1 {
			t.Errorf("the abandoned command came in %d times, want 1", n)
		}
	})
}

func TestCancelledBeforeItIsSent(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		c := f.dial(nil)
		ctx, cancel := context.WithCancel(within(t))
		cancel()
		_, err := c.Send(ctx, "s", "never")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v; want context.Canceled", err)
		}
	})
}

func TestInFlightIsBounded(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.fates = func(*clientv1.ClientFrame) fate { return mute }
		c := f.dial(func(o *Options) { o.InFlight = 3 })
		results := make(chan error, 3)
		for range 3 {
			c.Go(context.Background(), Send{Session: "s", Text: "x"}, func(_ Ack, err error) { results <- err })
		}
		ctx, cancel := context.WithCancel(within(t))
		blocked := make(chan error, 1)
		go c.Go(ctx, Send{Session: "s", Text: "too much"}, func(_ Ack, err error) { blocked <- err }, ClientID("fourth"))
		f.until("the first comes in", func() bool { return len(f.frames) > 0 })
		select {
		case err := <-blocked:
			t.Fatalf("the fourth call is through (%v) while three have no answer", err)
		default:
		}
		cancel()
		if err := <-blocked; !errors.Is(err, context.Canceled) || errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("got %v; want context.Canceled and no doubt about the outcome", err)
		}
		c.Close()
		for range 3 {
			if err := <-results; !errors.Is(err, ErrClosed) {
				t.Errorf("got %v; want ErrClosed", err)
			}
		}
		if n := f.count("fourth"); n != 0 {
			t.Errorf("the fourth came in %d times, want 0", n)
		}
	})
}

func TestCommandsStayWithinTheGatewaysBound(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.most = 3
		var held []string
		// Answers none until the bound is reached, and then would refuse what is above it.
		f.fates = func(m *clientv1.ClientFrame) fate {
			if m.GetSend() == nil {
				return serve
			}
			held = append(held, m.GetId())
			return hold
		}
		c := f.dial(nil)
		done := make(chan error, 9)
		for i := range 9 {
			c.Go(within(t), Send{Session: "s", Text: fmt.Sprint(i)}, func(_ Ack, err error) { done <- err })
		}
		for round := range 3 {
			f.until("three commands come in", func() bool { return len(held) == 3 })
			// This goes behind them, so what came before it is all there is.
			if _, err := c.Sync(within(t), "", 0); err == nil {
				t.Fatal("the fake has no sync")
			}
			f.mu.Lock()
			if len(held) != 3 {
				t.Errorf("round %d: %d commands are in flight, want 3", round, len(held))
			}
			for n := range f.conns {
				for _, id := range held {
					n.say(&clientv1.ServerFrame{Id: id, Kind: &clientv1.ServerFrame_Ack{Ack: &clientv1.Ack{Seq: 1}}})
				}
			}
			held = nil
			f.mu.Unlock()
		}
		for range 9 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWhatNoGatewayTakesIsRefusedHere(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		c := f.dial(nil)
		for _, x := range []struct {
			text string
			code events.Code
		}{{"\xff", events.CodeInvalidUTF8}, {string(make([]byte, 1<<20)), events.CodeFrameTooLarge}} {
			_, err := c.Send(within(t), "s", x.text)
			var e *Error
			if !errors.As(err, &e) || e.Code != x.code {
				t.Errorf("%.10q…: got %v; want %s", x.text, err, x.code)
			}
		}
		if _, err := c.Send(within(t), "s", "fine"); err != nil {
			t.Errorf("the connection does not survive: %v", err)
		}
	})
}
