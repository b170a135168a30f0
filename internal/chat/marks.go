package chat

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"annal/pkg/client"
)

// peopleShown is how many members /who and read marks look at.
const peopleShown = 100

// mark shows how far somebody else has read.
func (c *Chat) mark(ctx context.Context, user string, seq uint64) {
	if user == c.me {
		return
	}
	c.mu.Lock()
	further := seq > c.marks[user]
	if further {
		c.marks[user] = seq
	}
	c.mu.Unlock()
	if further {
		c.screen.Print(fmt.Sprintf("  ✓ read by %s up to #%d", name(user, c.know(ctx, user)), seq))
	}
}

// markRead marks what is shown as read; while a mark is under way, further ones are
// gathered into the next.
func (c *Chat) markRead(ctx context.Context, seq uint64) {
	c.mu.Lock()
	if seq <= c.marked {
		c.mu.Unlock()
		return
	}
	c.marked = seq
	busy := c.marking
	c.marking = true
	c.mu.Unlock()
	if !busy {
		c.sendMark(ctx, seq)
	}
}

func (c *Chat) sendMark(ctx context.Context, seq uint64) {
	// Go may block when too much is in flight, which a stream's goroutine must not.
	go c.conn.Go(ctx, client.MarkRead{Session: c.session, Seq: seq}, func(_ client.Ack, err error) {
		if err != nil && ctx.Err() == nil {
			c.screen.Print(fmt.Sprintf("! #%d is not marked as read: %v", seq, err))
		}
		c.mu.Lock()
		next := c.marked
		c.marking = next > seq
		c.mu.Unlock()
		if next > seq {
			c.sendMark(ctx, next)
		}
	})
}

// readAll marks all that is shown as read, and shows who has read how far.
func (c *Chat) readAll(ctx context.Context) {
	c.mu.Lock()
	shown := c.shown
	c.mu.Unlock()
	if shown > 0 {
		c.send(ctx, client.MarkRead{Session: c.session, Seq: shown}, "not marked as read")
	}
	c.showMarks(ctx)
	c.mu.Lock()
	marks := maps.Clone(c.marks)
	c.mu.Unlock()
	users := slices.Sorted(maps.Keys(marks))
	k := c.know(ctx, users...)
	for _, user := range users {
		c.screen.Print(fmt.Sprintf("  %s has read up to #%d", name(user, k), marks[user]))
	}
}

// showMarks asks how far others have read, and shows what is new.
func (c *Chat) showMarks(ctx context.Context) {
	page, err := c.conn.Members(ctx, c.session, "", peopleShown)
	if err != nil {
		c.screen.Print(fmt.Sprintf("! who has read what is not known: %v", err))
		return
	}
	for _, m := range page.GetMembers() {
		if m.GetMarker() > 0 {
			c.mark(ctx, m.GetUser(), m.GetMarker())
		}
	}
}

// who shows the members.
func (c *Chat) who(ctx context.Context) {
	page, err := c.conn.Members(ctx, c.session, "", peopleShown)
	if err != nil {
		c.screen.Print(fmt.Sprintf("! who is here is not known: %v", err))
		return
	}
	users := make([]string, len(page.GetMembers()))
	for i, m := range page.GetMembers() {
		users[i] = m.GetUser()
	}
	k := c.know(ctx, users...)
	for _, m := range page.GetMembers() {
		role := word(m.GetRole().String(), "ROLE_")
		c.screen.Print(fmt.Sprintf("  %s, %s since #%d", whole(m.GetUser(), k), role, m.GetJoined()))
	}
	if more := int(page.GetTotal()) - len(page.GetMembers()); more > 0 {
		c.screen.Print(fmt.Sprintf("  and %d more", more))
	}
}

// State shows what becomes of the connection; it must not be called by two at once.
// After an outage the read marks are asked for again, since nobody repeats them.
func (c *Chat) State(ctx context.Context, s client.State) {
	c.mu.Lock()
	lost := c.lost
	c.lost = !s.Connected
	c.mu.Unlock()
	switch {
	case !s.Connected && !lost:
		c.screen.Print(fmt.Sprintf("* reconnecting… (%v)", s.Err))
	case s.Connected && lost:
		c.screen.Print("* connected again")
		c.showMarks(ctx)
	}
}
