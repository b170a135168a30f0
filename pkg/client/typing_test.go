package client

import (
	"fmt"
	"testing"

	clientv1 "annal/gen/annal/client/v1"
)

// types says to all connections that a user types.
func (f *fake) types(session, user string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.conns {
		n.say(&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Typing{Typing: &clientv1.SomeoneTyping{Session: session, User: user}}})
	}
}

func TestTypingComesBetweenEvents(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		c := f.dial(nil)
		s, err := c.Subscribe(within(t), "s", 0)
		if err != nil {
			t.Fatal(err)
		}
		f.types("another session", "bob")
		f.types("s", "bob")
		expect(t, s, "bob types")
		f.types("s", "bob")
		f.types("s", "bob")
		f.types("s", "carol")
		f.say("s", "hello")
		// Events that are there come first, and nobody types twice at a time.
		f.untilBuffered(c, s)
		expect(t, s, "1", "bob types", "carol types")
		for i := range 2 * maxTyping {
			f.types("s", fmt.Sprint("user ", i))
		}
		f.say("s", "again")
		f.untilBuffered(c, s)
		c.mu.Lock()
		waiting := len(s.typing)
		c.mu.Unlock()
		if waiting != maxTyping {
			t.Errorf("%d who type wait to be taken, want %d", waiting, maxTyping)
		}
		expect(t, s, "2", "user 0 types")
	})
}

// untilBuffered waits until an event has come in, and with it everything before.
func (f *fake) untilBuffered(c *Client, s *Stream) {
	f.t.Helper()
	f.until("an event comes in", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(s.buffer) == 1
	})
}

func TestTypingIsSentOneAtATime(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.fates = func(m *clientv1.ClientFrame) fate {
			if m.GetTyping() != nil {
				return hold
			}
			return serve
		}
		c := f.dial(nil)
		for range 10 {
			c.Typing("s")
		}
		if _, err := c.Ping(within(t)); err != nil {
			t.Fatal(err)
		}
		if n := f.count("Typing"); n != 1 {
			t.Errorf("%d were sent without an answer, want 1", n)
		}
		f.mu.Lock()
		f.fates = nil
		f.mu.Unlock()
		f.dropAll()
		if _, err := c.Send(within(t), "s", "x"); err != nil {
			t.Fatal(err)
		}
		if n := f.count("Typing"); n != 1 {
			t.Errorf("typing was sent again: %d frames, want 1", n)
		}
		// The fake refuses it, which nobody is told; it has an answer, and more may follow.
		c.Typing("s")
		f.until("an answer", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return !c.conn.typing
		})
		c.Typing("s")
		if _, err := c.Ping(within(t)); err != nil {
			t.Fatal(err)
		}
		if n := f.count("Typing"); n != 3 {
			t.Errorf("%d were sent in all, want 3", n)
		}
		c.Close()
		c.Typing("s")
	})
}
