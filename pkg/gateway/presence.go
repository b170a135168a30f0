package gateway

import (
	"context"
	"slices"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/presence"
)

// Bounds of what is asked of presence at once, and of what is watched on a connection.
const (
	maxPresence       = 100
	maxSharedSessions = 8
)

// presence tells whether users are online, as far as the user may know.
func (c *Conn) presence(ctx context.Context, u events.UserID, op *clientv1.Presence) (*clientv1.ServerFrame, *events.Error) {
	users, v, err := c.asked(u, op.GetUsers(), op.GetSessions())
	if err != nil {
		return nil, err
	}
	sights, failure := c.gw.sights(ctx, v, users)
	if failure != nil {
		return nil, c.gw.readError(failure)
	}
	states, failure := c.gw.states(ctx, v, users, sights)
	if failure != nil {
		return nil, c.gw.presenceError(failure)
	}
	return presencePage(states), nil
}

// asked is whom somebody asks for, and who does.
func (c *Conn) asked(u events.UserID, users, sessions []string) ([]events.UserID, viewer, *events.Error) {
	if len(users) > maxPresence || len(sessions) > maxSharedSessions {
		return nil, viewer{}, events.Errorf(events.CodeInvalidField, "at most %d users and %d sessions at once", maxPresence, maxSharedSessions)
	}
	all := make([]events.UserID, len(users))
	for i, name := range users {
		if !events.ValidName(name) {
			return nil, viewer{}, events.Errorf(events.CodeInvalidField, "users has what is not a user id")
		}
		if all[i] = events.UserID(name); slices.Contains(all[:i], all[i]) {
			return nil, viewer{}, events.Errorf(events.CodeInvalidField, "users has one twice")
		}
	}
	ids := make([]events.SessionID, len(sessions))
	for i, s := range sessions {
		id, err := sessionOf(s)
		if err != nil {
			return nil, viewer{}, err
		}
		ids[i] = id
	}
	return all, c.viewer(u, ids), nil
}

// presenceError is what a client is told when it cannot be read who is online.
func (g *Gateway) presenceError(err error) *events.Error {
	g.log.Warn("cannot read who is online", "error", err)
	return events.Errorf(events.CodeTryAgain, "who is online cannot be read now")
}

// states are what the viewer is told of users.
func (g *Gateway) states(ctx context.Context, v viewer, users []events.UserID, sights []bool) ([]*clientv1.PresenceState, error) {
	told := make([]*clientv1.PresenceState, len(users))
	var known []events.UserID
	for i, u := range users {
		told[i] = stateOf(v, u, presence.State{}, false)
		if sights[i] && g.online != nil {
			known = append(known, u)
		}
	}
	if len(known) == 0 {
		return told, nil
	}
	states, err := g.online.lookup.Of(ctx, known...)
	if err != nil {
		return nil, err
	}
	for i, u := range users {
		if at := slices.Index(known, u); at >= 0 {
			told[i] = stateOf(v, u, states[at], sights[i])
		}
	}
	return told, nil
}

// stateOf is what a viewer is told of a user; the same of whom they may know nothing of and of whom there is nothing to know.
func stateOf(v viewer, u events.UserID, s presence.State, may bool) *clientv1.PresenceState {
	m := &clientv1.PresenceState{User: string(u)}
	if !may {
		return m
	}
	m.LastSeenMs = int64(s.Seen)
	m.Online, m.Away = s.Online(), s.Online() && !s.Active()
	for _, c := range s.Connections {
		if c.Kind != "" {
			m.Kinds = append(m.Kinds, string(c.Kind))
		}
		if v.user == u {
			m.Devices = append(m.Devices, &clientv1.PresentDevice{
				Device: c.Device, Kind: string(c.Kind), SinceMs: int64(c.Since), Away: c.Away, Connection: c.ID,
			})
		}
	}
	slices.Sort(m.Kinds)
	m.Kinds = slices.Compact(m.Kinds)
	return m
}

func presencePage(states []*clientv1.PresenceState) *clientv1.ServerFrame {
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Presence{Presence: &clientv1.PresencePage{Users: states}}}
}
