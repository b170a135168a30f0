package gateway

import (
	"context"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/limits"
)

// classOf is what a frame counts as, empty for what costs nothing or is counted elsewhere.
func classOf(frame *clientv1.ClientFrame) limits.Class {
	switch frame.GetOp().(type) {
	case *clientv1.ClientFrame_Hello, *clientv1.ClientFrame_Ping, *clientv1.ClientFrame_Unsubscribe:
		return ""
	case *clientv1.ClientFrame_Typing, *clientv1.ClientFrame_SetAway:
		return limits.Light
	case *clientv1.ClientFrame_Subscribe, *clientv1.ClientFrame_Sync, *clientv1.ClientFrame_History, *clientv1.ClientFrame_Search, *clientv1.ClientFrame_Changes,
		*clientv1.ClientFrame_Info, *clientv1.ClientFrame_Totals, *clientv1.ClientFrame_Receipts, *clientv1.ClientFrame_Members, *clientv1.ClientFrame_Sessions,
		*clientv1.ClientFrame_Logins, *clientv1.ClientFrame_Profiles,
		*clientv1.ClientFrame_Presence, *clientv1.ClientFrame_WatchPresence:
		return limits.Read
	}
	return limits.Write
}

func (c *Conn) who() limits.Who {
	c.mu.Lock()
	defer c.mu.Unlock()
	return limits.Who{User: string(c.user), Device: c.device, Service: c.identity.Service}
}

// mostHold is for how long a frame is held that comes too early, and those of its connection behind it: whoever is a little too fast is slowed, and
// what they say stays in its order. Who would have to wait longer is refused.
const mostHold = time.Second

// allowed says whether a frame may be handled; else it is answered.
func (c *Conn) allowed(frame *clientv1.ClientFrame, class limits.Class, w limits.Who) bool {
	if c.gw.ports.Limits == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.gw.config.ReadTimeout)
	defer cancel()
	w.Address = c.transport.RemoteAddress()
	for until := c.gw.ports.Now().Add(mostHold); ; {
		wait, ok := c.gw.ports.Limits.Allow(ctx, class, w)
		switch {
		case ok:
			return true
		case c.gw.ports.Now().Add(wait).After(until):
			c.refuseFor(frame.GetId(), &events.Error{Code: events.CodeRateLimited}, wait)
			return false
		case c.hold(wait) != nil:
			return false
		}
	}
}

// hold waits, unless the connection ends before.
func (c *Conn) hold(wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// refuseFor refuses what may be sent again after a time.
func (c *Conn) refuseFor(id string, err *events.Error, wait time.Duration) {
	c.gw.ports.Metrics.refused.WithLabelValues(string(err.Code)).Inc()
	f := errorFrame(id, err, false)
	f.GetError().RetryAfterMs = max(1, (wait + time.Millisecond - 1).Milliseconds())
	c.send(f)
}
