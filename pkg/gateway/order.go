package gateway

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"annal/pkg/events"
	"annal/pkg/gateway/protocol"
)

// A sync gives the sessions in which something happened last first. What happens while a client pages would move
// sessions from where it has yet to come to where it has been, and they would never be told of. So the order is made
// once, and the connection keeps what is left of it; each page has the sessions as they then stand.

const (
	// keptOrders is how many syncs a connection goes on with at a time: one for a client, some for a service that
	// acts for many users.
	keptOrders = 4
	// maxOrdered is how many sessions a sync puts in order.
	maxOrdered = 100_000
)

// order is what is left of a sync.
type order struct {
	user events.UserID
	id   uint64
	rest []events.SessionID
}

// cursor names the order and the place in it, by how many sessions are left.
func (o *order) cursor() string {
	return strconv.FormatUint(o.id, 10) + "-" + strconv.Itoa(len(o.rest))
}

// begin puts the user's sessions in order.
func (c *Conn) begin(ctx context.Context, u events.UserID) (*order, *events.Error) {
	o := &order{user: u}
	times := map[events.SessionID]events.Millis{}
	for after := events.SessionID(""); ; {
		ids, err := c.gw.ports.View.Sessions(ctx, u, after, protocol.MaxPage)
		if err != nil {
			return nil, c.gw.readError(err)
		}
		if len(o.rest)+len(ids) > maxOrdered {
			return nil, events.Errorf(events.CodeLimitReached, "more than %d sessions are not put in order; sessions lists them by id", maxOrdered)
		}
		some, err := c.gw.ports.View.Activity(ctx, u, ids)
		if err != nil {
			return nil, c.gw.readError(err)
		}
		for _, id := range ids {
			times[id] = some[id]
		}
		o.rest = append(o.rest, ids...)
		if len(ids) < protocol.MaxPage {
			break
		}
		after = ids[len(ids)-1]
	}
	slices.SortFunc(o.rest, func(a, b events.SessionID) int {
		return cmp.Or(cmp.Compare(times[b], times[a]), cmp.Compare(a, b))
	})
	return o, nil
}

// resume takes the order that a cursor names.
func (c *Conn) resume(u events.UserID, cursor string) (*order, *events.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, o := range c.orders {
		if o.user == u && o.cursor() == cursor {
			c.orders = slices.Delete(c.orders, i, i+1)
			return o, nil
		}
	}
	return nil, events.Errorf(events.CodeInvalidField, "cursor is of no sync that goes on on this connection: begin again")
}

// keep keeps an order of which n more sessions were given, and gives the cursor that goes on; empty when nothing is left.
func (c *Conn) keep(o *order, n int) (cursor string) {
	if o.rest = o.rest[n:]; len(o.rest) == 0 {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.id == 0 {
		c.lastOrder++
		o.id = c.lastOrder
	}
	if len(c.orders) == keptOrders {
		c.orders = slices.Delete(c.orders, 0, 1)
	}
	c.orders = append(c.orders, o)
	return o.cursor()
}
