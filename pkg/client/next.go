package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

const (
	// healPage is how many events are fetched at a time.
	healPage = 200
	// healTries is how often a page that brings nothing is asked for before what is
	// missing is given up as a gap.
	healTries = 8
)

// resumeLater subscribes again after a wait, if the connection still stands. The
// lock is held.
func (c *Client) resumeLater(s *Stream, refusal *Error) {
	n := c.conn
	time.AfterFunc(max(refusal.RetryAfter, c.backoff(0)), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.conn == n && n != nil && c.err == nil && c.streams[s.session] == s {
			c.resume(s)
		}
	})
}

// Next waits for the next item. It gives io.EOF when the stream was closed or the
// user is no longer a member, and a refusal when the session can't be read any more.
func (s *Stream) Next(ctx context.Context) (Item, error) {
	for {
		if item := s.fromPage(); item != nil {
			return item, nil
		}
		item, target, err := s.fromBuffer()
		switch {
		case item != nil:
			return item, nil
		case target > 0:
			if err := s.heal(ctx, target); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// fromBuffer takes what came in: the next item, or the seq up to which something is
// missing, or why there will be nothing more.
func (s *Stream) fromBuffer() (Item, uint64, error) {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	for len(s.buffer) > 0 {
		e := s.buffer[0]
		switch seq := e.GetSeq(); {
		case seq == 0:
		case seq <= s.last:
			s.pop()
			continue
		case seq > s.last+1:
			return nil, seq - 1, nil
		default:
			s.last = seq
		}
		s.pop()
		return Event{e}, 0, nil
	}
	if s.healTo > s.last && s.err == nil {
		return nil, s.healTo, nil
	}
	if len(s.typing) > 0 && s.err == nil {
		user := s.typing[0]
		s.typing = s.typing[1:]
		return Typing{user}, 0, nil
	}
	return nil, 0, s.err
}

func (s *Stream) pop() {
	s.buffer[0] = nil
	s.buffer = s.buffer[1:]
}

// fromPage takes what healing fetched.
func (s *Stream) fromPage() Item {
	if len(s.page) == 0 {
		return nil
	}
	item := s.page[0]
	s.page = s.page[1:]
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	switch item := item.(type) {
	case Event:
		s.last = max(s.last, item.GetSeq())
	case Gap:
		s.last = max(s.last, item.Last)
	case Typing: // is in no page
	}
	return item
}

// heal fetches what is missing up to target.
func (s *Stream) heal(ctx context.Context, target uint64) error {
	last := s.Last()
	page, err := s.client.History(ctx, s.session, After(last), healPage)
	if err != nil {
		var refusal *Error
		if errors.As(err, &refusal) && refusal.Retry != events.RetryLater {
			s.end(err)
		}
		return fmt.Errorf("client: heal %s above %d: %w", s.session, last, err)
	}
	items, reached := pageItems(page, last)
	if reached == last {
		// Nothing: the view is behind what was published, or the window is past.
		if s.tries++; s.tries < healTries && !page.GetWindowEnd() {
			if !wait(ctx, s.client.backoff(s.tries-1)) {
				return ctx.Err()
			}
			return nil
		}
		items, reached = []Item{Gap{First: last + 1, Last: target}}, target
	}
	s.tries = 0
	s.page = items
	if len(items) == 0 {
		s.client.mu.Lock()
		s.last = max(s.last, reached)
		s.client.mu.Unlock()
	}
	return nil
}

// pageItems turns a page walked forward from last into items. Seqs outside the
// user's stays are no gaps; others that the page jumps over are. reached is the seq
// up to which the page accounts for everything.
func pageItems(page *clientv1.HistoryPage, last uint64) (items []Item, reached uint64) {
	reached = last
	hidden := page.GetHidden()
	skipHidden := func() {
		for len(hidden) > 0 && hidden[0].GetFirst() <= reached+1 {
			reached = max(reached, hidden[0].GetLast())
			hidden = hidden[1:]
		}
	}
	for _, e := range page.GetEvents() {
		seq := e.GetSeq()
		for skipHidden(); seq > reached+1; skipHidden() {
			upTo := seq - 1
			if len(hidden) > 0 {
				upTo = min(upTo, hidden[0].GetFirst()-1)
			}
			items = append(items, Gap{First: reached + 1, Last: upTo})
			reached = upTo
		}
		if seq <= reached {
			continue
		}
		items = append(items, Event{e})
		reached = seq
	}
	skipHidden()
	return items, reached
}
