package engines

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
)

// traffic is a running stream of sends in a few sessions, and what the other side of each hears.
type traffic struct {
	*world
	sessions []*talk
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// talk is one direct session: alice sends, bob hears.
type talk struct {
	id    string
	bob   *client.Stream
	mu    sync.Mutex
	sent  int
	acks  map[int]uint64
	heard []string
	bad   error
}

const sendEvery = 5 * time.Millisecond

// flow opens n sessions and starts to send in each.
func (w *world) flow(n int) *traffic {
	w.Helper()
	f := &traffic{world: w}
	alice, bob := w.connect("alice"), w.connect("bob")
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	for i := range n {
		ack, err := alice.Create(ctx, client.Create{Kind: logv1.Kind_KIND_GROUP, Name: fmt.Sprint(i), Members: []*logv1.NewMember{{User: "bob"}}})
		w.ok(err)
		s := &talk{id: ack.GetSession(), acks: map[int]uint64{}}
		s.bob, err = bob.Subscribe(ctx, s.id, 0)
		w.ok(err)
		f.sessions = append(f.sessions, s)
	}
	sending, stop := context.WithCancel(w.Context())
	hearing, deafen := context.WithCancel(w.Context())
	f.stop = stop
	w.Cleanup(func() {
		stop()
		deafen()
		f.running.Wait()
	})
	for _, s := range f.sessions {
		f.running.Go(func() { s.hear(hearing) })
		f.running.Go(func() { s.say(sending, w.Context(), alice) })
	}
	f.goesOn(20)
	return f
}

func message(i int) string { return fmt.Sprintf("message %d", i) }

// say sends at a steady pace until sending ends. What was sent is awaited for as long as the test lasts.
func (s *talk) say(sending, test context.Context, alice *client.Client) {
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
		case <-sending.Done():
			return
		}
		s.mu.Lock()
		s.sent++
		s.mu.Unlock()
		alice.Go(test, client.Send{Session: s.id, Text: message(i)}, func(a client.Ack, err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			_, twice := s.acks[i]
			switch {
			case err != nil:
				s.bad = errors.Join(s.bad, fmt.Errorf("%s: %w", message(i), err))
			case twice:
				s.bad = errors.Join(s.bad, fmt.Errorf("%s was acked twice", message(i)))
			default:
				s.acks[i] = a.GetSeq()
			}
		})
	}
}

func (s *talk) hear(ctx context.Context) {
	for {
		item, err := s.bob.Next(ctx)
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		e, ok := item.(client.Event)
		switch {
		case err != nil:
			s.bad = errors.Join(s.bad, fmt.Errorf("bob's stream: %w", err))
		case !ok:
			s.bad = errors.Join(s.bad, fmt.Errorf("bob's stream has a gap: %+v", item))
		case e.GetSent() != nil:
			s.heard = append(s.heard, e.GetSent().GetText())
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// counts are the messages acked and heard, in all.
func (f *traffic) counts() (acked, heard int) {
	for _, s := range f.sessions {
		s.mu.Lock()
		acked, heard = acked+len(s.acks), heard+len(s.heard)
		if s.bad != nil {
			f.Fatal(s.bad)
		}
		s.mu.Unlock()
	}
	return acked, heard
}

// goesOn waits until n more messages than now are acked and heard, and gives how long that took.
func (f *traffic) goesOn(n int) time.Duration {
	f.Helper()
	began := time.Now()
	acked, heard := f.counts()
	f.until(fmt.Sprintf("%d more messages", n), func() error {
		if a, h := f.counts(); a < acked+n || h < heard+n {
			return fmt.Errorf("%d more are acked, %d more heard", a-acked, h-heard)
		}
		return nil
	})
	return time.Since(began)
}

// finish stops the sends and checks them all: each acked once and heard once, in the order it was sent, with nothing
// missing; and the view equals the log.
func (f *traffic) finish() {
	f.Helper()
	f.stop()
	total := 0
	for _, s := range f.sessions {
		f.until("all acked and heard", func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.acks) < s.sent || len(s.heard) < s.sent {
				return fmt.Errorf("of %d messages of %s, %d are acked and %d heard", s.sent, s.id, len(s.acks), len(s.heard))
			}
			return nil
		})
		s.mu.Lock()
		if s.bad != nil {
			f.Error(s.bad)
		}
		for i := range s.sent {
			if s.heard[i] != message(i) || i > 0 && s.acks[i] != s.acks[i-1]+1 {
				f.Fatalf("in the place of %s of %s, acked as %d after %d, was heard %q", message(i), s.id, s.acks[i], s.acks[i-1], s.heard[i])
			}
		}
		if len(s.heard) != s.sent {
			f.Errorf("%d messages were sent in %s, %d heard", s.sent, s.id, len(s.heard))
		}
		total += s.sent
		s.mu.Unlock()
	}
	f.Logf("%d messages: each acked once and heard once, in order", total)
	f.verify()
}
