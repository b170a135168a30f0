package pushkill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/internal/pushkill/check"
	"annal/pkg/client"
)

// listen has somebody hear of all their sessions, and read what comes.
func (w *world) listen(ctx context.Context, one *person, c *client.Client) error {
	for _, s := range one.sessions {
		stream, err := c.SubscribeFromHead(ctx, s.id)
		if err != nil {
			return fmt.Errorf("%s listens to %s: %w", one.name, s.id, err)
		}
		w.listening.Go(func() { w.hear(one, c, stream) })
	}
	return nil
}

// mostDawdling is after how long who dawdles has read.
const mostDawdling = 3 * time.Second

// hear reads what others send: at once, or when one comes to it.
func (w *world) hear(one *person, c *client.Client, stream *client.Stream) {
	for {
		item, err := stream.Next(w.living)
		if err != nil {
			w.fail(fmt.Errorf("%s hears nothing more: %w", one.name, err))
			return
		}
		e, is := item.(client.Event)
		if !is || e.GetSent() == nil || e.GetUser() == one.name {
			continue
		}
		if one.habit == dawdles && pause(w.living, rand.N(mostDawdling)) != nil {
			return
		}
		r := check.Read{User: one.name, Session: stream.Session(), UpTo: e.GetSeq(), Asked: time.Now()}
		if _, err := c.MarkRead(w.living, r.Session, r.UpTo); err != nil {
			w.fail(fmt.Errorf("%s reads %s: %w", one.name, r.Session, err))
			return
		}
		r.Acked = time.Now()
		w.read(r)
	}
}

func (w *world) read(r check.Read) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads = append(w.reads, r)
}

func (w *world) fail(err error) {
	if w.living.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = errors.Join(w.failed, err)
}

// pause waits, and says why not.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// talk sends all messages at an even pace, and returns once each was answered, and what is revoked as well.
func (w *world) talk() {
	var talking sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(*rate))
	defer tick.Stop()
	for range *messages {
		select {
		case <-tick.C:
			w.say(&talking)
		case <-w.living.Done():
			return
		}
	}
	talking.Wait()
}

// say has somebody say something somewhere.
func (w *world) say(talking *sync.WaitGroup) {
	s := w.pick()
	from := s.members[w.dice.IntN(len(s.members))]
	m := &check.Message{Session: s.id, Direct: s.direct()}
	for _, one := range s.members {
		if one != from {
			m.To = append(m.To, one.name)
		}
	}
	refs := &logv1.Refs{}
	switch {
	case s.direct():
	case from == s.members[0] && w.dice.IntN(10) == 0: // the owner may call all
		refs.MentionAll, m.Mentions = true, m.To
	case w.dice.IntN(10) == 0:
		m.Mentions = m.To[:1+w.dice.IntN(2)]
		refs.Mentions = m.Mentions
	}
	after := time.Duration(0)
	switch n := w.dice.IntN(100); {
	case n < 5:
		after = time.Second
	case n < 10:
		after = 2500*time.Millisecond + time.Duration(w.dice.Int64N(int64(4*time.Second)))
	}
	asked := time.Now()
	talking.Add(1)
	w.service.Go(w.living, client.Send{Session: s.id, Text: "something"}, func(a client.Ack, err error) {
		defer talking.Done()
		if err != nil {
			w.fail(fmt.Errorf("%s sends: %w", from.name, err))
			return
		}
		m.Seq, m.At = a.GetSeq(), time.UnixMilli(a.GetTimeMs())
		w.mu.Lock()
		defer w.mu.Unlock()
		w.messages = append(w.messages, m)
		// Who answers has read what was before.
		w.reads = append(w.reads, check.Read{User: from.name, Session: s.id, UpTo: m.Seq, Asked: asked, Acked: time.Now()})
		if after > 0 {
			talking.Go(func() { w.revoke(from, m, after) })
		}
	}, client.AsUser(from.name), client.WithRefs(refs))
}

// pick chooses where something is said: in two of five cases to one alone.
func (w *world) pick() *session {
	for direct := w.dice.IntN(5) < 2; ; {
		if s := w.sessions[w.dice.IntN(len(w.sessions))]; s.direct() == direct {
			return s
		}
	}
}

func (w *world) revoke(from *person, m *check.Message, after time.Duration) {
	if pause(w.living, after) != nil {
		return
	}
	asked := time.Now()
	_, err := w.service.Revoke(w.living, m.Session, m.Seq, client.AsUser(from.name))
	if err != nil {
		w.fail(fmt.Errorf("%s revokes: %w", from.name, err))
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m.RevokeAsked, m.RevokeAcked = asked, time.Now()
}
