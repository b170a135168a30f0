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

// sight is what somebody may know of a user's presence.
type sight struct{ online, seen bool }

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

// sights says of each of the users what the viewer may know. Errors are the view's, but for ErrNoSession.
func (g *Gateway) sights(ctx context.Context, v viewer, users []events.UserID) ([]sight, error) {
	all := make([]sight, len(users))
	shared := &shared{g: g, v: v}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxSights)
	for i, u := range users {
		group.Go(func() (err error) {
			all[i], err = g.sight(ctx, v, u, shared)
			return err
		})
	}
	return all, group.Wait()
}

// sight says what the viewer may know of a user. Whether they may know when the user was last seen can be less than whether they are online:
// what users say of that belongs here.
func (g *Gateway) sight(ctx context.Context, v viewer, u events.UserID, shared *shared) (sight, error) {
	if v.all || v.user == u {
		return sight{true, true}, nil
	}
	p, err := g.ports.View.Person(ctx, events.NewDirectID(v.user, u), v.user)
	switch {
	case errors.Is(err, hot.ErrNoSession):
	case err != nil:
		return sight{}, err
	case p.Head.Blocks > 0:
		return sight{}, nil // whatever else they share
	case p.Member.In() && !p.Head.Closed && p.Head.Members > 1 && p.Head.Contact == events.Contacts:
		return sight{true, true}, nil
	}
	sessions, err := shared.sessions(ctx)
	if err != nil {
		return sight{}, err
	}
	for _, s := range sessions {
		p, err := g.ports.View.Person(ctx, s, u)
		if err != nil && !errors.Is(err, hot.ErrNoSession) {
			return sight{}, err
		}
		if err == nil && p.Member.In() {
			return sight{true, true}, nil
		}
	}
	return sight{}, nil
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
