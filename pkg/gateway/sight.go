package gateway

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/projections/hot"
)

// viewer is who asks for the presence of others, and by which sessions besides direct ones.
type viewer struct {
	user     events.UserID
	sessions []events.SessionID
	// all: a service that may read what users may is told of everybody.
	all bool
}

func (c *Conn) viewer(u events.UserID, sessions []events.SessionID) viewer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return viewer{user: u, sessions: sessions, all: c.identity.May(auth.ScopeRead)}
}

// maxSights bounds the reads for one frame at once.
const maxSights = 8

// sights says of each of the users whether the viewer may know of their presence: the two have to do with each other, and the user lets the
// viewer see when they were last there. Whoever sees that somebody is online sees when they were last: so one setting is for both. Errors are
// the view's, but for ErrNoSession.
func (g *Gateway) sights(ctx context.Context, v viewer, users []events.UserID) ([]bool, error) {
	all := make([]bool, len(users))
	shared := &shared{g: g, v: v}
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(maxSights)
	for i, u := range users {
		group.Go(func() (err error) {
			all[i], err = g.sight(reading, v, u, shared)
			return err
		})
	}
	if err := group.Wait(); err != nil || v.all {
		return all, err
	}
	let, err := g.lastSeenOf(ctx, v.user, users)
	if err != nil {
		return nil, err
	}
	for i, u := range users {
		all[i] = all[i] && (let[u] || u == v.user)
	}
	return all, nil
}

// sight says whether the viewer and a user have to do with each other.
func (g *Gateway) sight(ctx context.Context, v viewer, u events.UserID, shared *shared) (bool, error) {
	if v.all || v.user == u {
		return true, nil
	}
	p, err := g.ports.View.Person(ctx, events.NewDirectID(v.user, u), v.user)
	switch {
	case errors.Is(err, hot.ErrNoSession):
	case err != nil:
		return false, err
	case p.Head.Blocks > 0:
		return false, nil // whatever else they share
	case p.Member.In() && !p.Head.Closed && p.Head.Members > 1 && p.Head.Contact == events.Contacts:
		return true, nil
	}
	sessions, err := shared.sessions(ctx)
	if err != nil {
		return false, err
	}
	for _, s := range sessions {
		p, err := g.ports.View.Person(ctx, s, u)
		if err != nil && !errors.Is(err, hot.ErrNoSession) {
			return false, err
		}
		if err == nil && p.Member.In() {
			return true, nil
		}
	}
	return false, nil
}

// shared are those of the sessions that a viewer names in which they may know who else is online. They are read when they are first asked for.
type shared struct {
	g *Gateway
	v viewer

	mu   sync.Mutex
	read bool
	in   []events.SessionID
}

func (s *shared) sessions(ctx context.Context) ([]events.SessionID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read {
		return s.in, nil
	}
	var in []events.SessionID
	for _, id := range s.v.sessions {
		p, err := s.g.ports.View.Person(ctx, id, s.v.user)
		switch {
		case errors.Is(err, hot.ErrNoSession):
		case err != nil:
			return nil, err
		// Of a direct session it was asked already, and where nobody sees who has read what, nobody sees this.
		case p.Member.In() && !p.Head.Closed && p.Head.Kind != events.KindDirect && receipts(p.Head.Policy, p.Head.Members):
			in = append(in, id)
		}
	}
	s.in, s.read = in, true
	return in, nil
}
