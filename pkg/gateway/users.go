package gateway

import (
	"slices"
	"sync"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// audience is a user's connections here.
type audience struct {
	user events.UserID

	mu sync.Mutex
	// conns are few: a person's devices.
	conns []*Conn
	// heard has the last membership event heard of, by session.
	heard map[events.SessionID]events.Seq
}

func newUsers(g *Gateway) *channels[events.UserID, *audience] {
	return newChannels(func(u events.UserID) *audience {
		return &audience{user: u}
	}, g.ports.Feed.SubscribeUser, g.ports.Feed.UnsubscribeUser)
}

func (a *audience) add(c *Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns = append(a.conns, c)
}

func (a *audience) remove(c *Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(a.conns, c); i >= 0 {
		a.conns = slices.Delete(a.conns, i, i+1)
	}
}

// tell sends all connections a notice that may read: notices are reads too.
func (a *audience) tell(n *clientv1.Notice) {
	e := encoded{frame: &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Notice{Notice: n}}}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.conns {
		if c.token().Lets(auth.ScopeRead) {
			c.sendEncoded(kindNotice, &e)
		}
	}
}

// User implements hot.Delivery: the user's devices hear that the list of sessions changed, and go if their login ended.
func (g *Gateway) User(u events.UserID, values [][]byte) {
	a, ok := g.users.get(u)
	if !ok {
		return
	}
	for _, v := range values {
		if isEphemeral(v) {
			if g.online != nil {
				g.online.watching.look(u)
			}
			continue
		}
		o, err := events.DecodeOutcomeValue(v)
		if err != nil {
			g.unreadable(err)
			continue
		}
		accepted, ok := o.Result.(events.Accepted)
		if ok && isOfAccounts(accepted.Event) {
			a.missed(o.Session, accepted.Seq)
			a.end(func(t *auth.Identity) events.Code { return endsBy(accepted.Event, t) })
			continue
		}
		if _, refused := accepted.Event.(events.Refused); refused {
			// Nothing more of the session is theirs to know.
			a.tell(&clientv1.Notice{Session: string(o.Session), Refused: true})
		} else if ok {
			a.missed(o.Session, accepted.Seq)
			a.tell(&clientv1.Notice{Session: string(o.Session), Seq: uint64(accepted.Seq), Member: !goes(&o, accepted.Event, u)})
		}
	}
}

// tellUsers has everybody told that notices may have been missed: sync again.
func (g *Gateway) tellUsers() {
	select {
	case g.missed <- struct{}{}:
	default: // everybody is to be told already
	}
}

// tellEach tells users to sync again, one by one, whenever tellUsers asks for it: a sync reads all
// of a user's sessions.
func (g *Gateway) tellEach() {
	for {
		select {
		case <-g.missed:
			oneByOne(g.ctx, g.users.all(), func(a *audience) {
				g.rechecks.add(a.user)
				a.tell(&clientv1.Notice{})
			})
		case <-g.ctx.Done():
			return
		}
	}
}

// goes says whether the event ends the user's stay.
func goes(o *events.Outcome, e events.Event, u events.UserID) bool {
	switch e := e.(type) {
	case events.Left:
		return o.Actor.User == u
	case events.Removed:
		return slices.Contains(e.Users, u)
	case events.Created, events.Added, events.Joined, events.Sent, events.Revoked, events.Overridden, events.Deleted, events.Read,
		events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited,
		events.Uninvited, events.Reacted, events.Pinned, events.Delivered, events.ContactChanged, events.Reported, events.Hidden, events.SessionSet,
		events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
	return false
}
