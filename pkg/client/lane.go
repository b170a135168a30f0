package client

import (
	"time"
)

// lane keeps a session's commands in order when one of them is refused for now: it
// holds back those not yet sent, waits until those under way are answered, and then
// sends what is left in the order it was asked.
type lane struct {
	// calls counts the session's commands without an answer.
	calls int
	// underway counts those of them that are queued or written.
	underway int
	held     bool
	// after is how long to wait once nothing is under way.
	after time.Duration
}

func (c *Client) lane(session string) *lane {
	l, ok := c.lanes[session]
	if !ok {
		l = &lane{}
		c.lanes[session] = l
	}
	return l
}

// enqueue puts a call on its way, or lets it wait. The lock is held.
func (c *Client) enqueue(k *call) {
	k.state = waiting
	if c.conn == nil {
		return
	}
	if k.session != "" {
		l := c.lane(k.session)
		if l.held {
			return
		}
		l.underway++
	}
	k.state = queued
	c.conn.push(k)
}

// leaveLane takes an ended command out of its lane. The lock is held.
func (c *Client) leaveLane(k *call) {
	l := c.lane(k.session)
	l.calls--
	if k.state == queued {
		l.underway--
		k.state = waiting
	}
	if l.calls == 0 {
		delete(c.lanes, k.session)
		return
	}
	c.goOn(k.session, l)
}

// hold stops a lane after one of its commands was refused for now. The lock is held.
func (c *Client) hold(k *call, after time.Duration) {
	l := c.lane(k.session)
	l.underway--
	k.state = waiting
	l.held = true
	l.after = max(l.after, after)
	c.goOn(k.session, l)
}

// goOn lets a held lane go on after its wait, once nothing of it is under way. The
// lock is held.
func (c *Client) goOn(session string, l *lane) {
	if !l.held || l.underway > 0 || l.after == 0 {
		return
	}
	after := l.after
	l.after = 0 // the timer runs
	time.AfterFunc(after, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.lanes[session] != l {
			return // another connection, where all went out again
		}
		l.held = false
		for e := c.pending.Front(); e != nil; e = e.Next() {
			if k := e.Value.(*call); k.session == session && k.state == waiting {
				c.enqueue(k)
			}
		}
	})
}
