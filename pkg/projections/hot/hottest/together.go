package hottest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// testTogether has partitions write and publish at once, as they do: each can read what
// it wrote when Apply returns, and one that meets a gap, again and again, is alone with it.
func testTogether(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const writers, rounds = 8, 25
	// All there is to apply is said beforehand: the chat is for one goroutine.
	said := make([][]Said, writers)
	for w := range said {
		s := events.SessionID(fmt.Sprintf("g_together_%d", w))
		said[w] = append(said[w], b.Accept(s, "ann", group(0, "ann")))
		said[w] = append(said[w], b.send(s, "ann", 2*rounds)...)
	}
	torn := []Said{b.Accept("g_torn", "ann", group(0, "ann")), b.Accept("g_torn", "ann", text("the first")), b.Accept("g_torn", "ann", text("the second"))}
	b.apply(torn[0])
	write := func(w int) error {
		s := events.SessionID(fmt.Sprintf("g_together_%d", w))
		for n := 0; n < len(said[w]); n += 2 {
			some := said[w][n:min(n+2, len(said[w]))]
			if err := b.Store.Apply(b.ctx, whole, Changes(some...)); err != nil {
				return fmt.Errorf("apply: %w", err)
			}
			want := events.Seq(n + len(some))
			switch p, err := b.View.Person(b.ctx, s, "ann"); {
			case err != nil:
				return fmt.Errorf("after seq %d was applied: %w", want, err)
			case p.Head.Seq != want:
				return fmt.Errorf("after seq %d was applied the head is at %d", want, p.Head.Seq)
			}
			if err := b.Notifier.Publish(b.ctx, hot.Round{Sessions: map[events.SessionID][][]byte{s: {some[0].Value}}}); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
		return nil
	}
	var running sync.WaitGroup
	for w := range writers {
		running.Go(func() {
			if err := write(w); err != nil {
				b.Errorf("writer %d: %v", w, err)
			}
		})
	}
	running.Go(func() {
		for range rounds {
			if err := b.Store.Apply(b.ctx, whole, Changes(torn[2])); !errors.Is(err, hot.ErrGap) {
				b.Errorf("a gap: got error %v, want %v", err, hot.ErrGap)
			}
		}
	})
	running.Wait()
}
