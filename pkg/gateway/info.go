package gateway

import (
	"context"
	"errors"
	"maps"
	"slices"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// maxRequests is how many requests to be let in are told at once.
const maxRequests = 100

// info tells a member what the session says and keeps besides its timeline.
func (c *Conn) info(ctx context.Context, u events.UserID, op *clientv1.Info) (*clientv1.ServerFrame, *events.Error) {
	session, p, err := c.personIn(ctx, op.GetSession(), u)
	if err != nil {
		return nil, err
	}
	if !p.Member.In() {
		return nil, &events.Error{Code: events.CodeNotAMember}
	}
	facts, failure := c.gw.ports.View.Facts(ctx, session)
	if failure != nil {
		return nil, c.gw.readError(failure)
	}
	m := &clientv1.SessionInfo{
		Session: string(session), Kind: logv1.Kind(p.Head.Kind), Name: p.Head.Title, Avatar: facts.Info.Avatar, Notice: facts.Info.Notice,
		Description: facts.Info.Description, Policy: clientPolicy(p.Head.Policy), MutedUntilMs: int64(p.Head.MutedUntil),
		MyMutedUntilMs: int64(mutedUntil(&p)), Contact: logv1.ContactState(p.Head.Contact), ContactBy: string(p.Head.ContactBy),
		Blocks: p.Member.Blocks, Blocked: p.Head.Blocks > 1 || p.Head.Blocks == 1 && !p.Member.Blocks,
	}
	for _, f := range facts.Info.Custom {
		m.Custom = append(m.Custom, &logv1.CustomField{Name: f.Name, Value: f.Value})
	}
	sees := within(visible(&p))
	for _, seq := range facts.Pins {
		if sees(seq) {
			m.Pins = append(m.Pins, uint64(seq))
		}
	}
	if p.Member.Role >= p.Head.Policy.AddRole {
		tellComing(m, &facts)
	}
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Info{Info: m}}, nil
}

// tellComing adds who wants to come in, and by what they may.
func tellComing(m *clientv1.SessionInfo, facts *hot.Facts) {
	users := slices.SortedFunc(maps.Keys(facts.Asks), func(a, b events.UserID) int {
		return int(facts.Asks[a].Seq) - int(facts.Asks[b].Seq)
	})
	m.TotalRequests = uint32(len(users))
	for _, u := range users[:min(len(users), maxRequests)] {
		m.Requests = append(m.Requests, &clientv1.Request{User: string(u), Seq: uint64(facts.Asks[u].Seq), Text: facts.Asks[u].Text})
	}
	codes := slices.SortedFunc(maps.Keys(facts.Invites), func(a, b events.Hash) int { return slices.Compare(a[:], b[:]) })
	for _, code := range codes {
		row := facts.Invites[code]
		m.Invites = append(m.Invites, &clientv1.InviteState{CodeSha256: code[:], ExpiresMs: int64(row.Expires), Uses: row.Uses, Used: row.Used})
	}
}

// mutedUntil is until when the person may not write; admins may.
func mutedUntil(p *hot.Person) events.Millis {
	if p.Member.Role >= events.RoleAdmin {
		return 0
	}
	return max(p.Head.MutedUntil, p.Member.MutedUntil)
}

// settings are how the user has sessions shown, and which they hid messages of.
func (c *Conn) settings(ctx context.Context, u events.UserID) (hot.Facts, *events.Error) {
	facts, err := c.gw.ports.View.Facts(ctx, events.NewSelfID(u))
	switch {
	case errors.Is(err, hot.ErrNoSession):
		return hot.Facts{}, nil // nothing was ever set
	case err != nil:
		return hot.Facts{}, c.gw.readError(err)
	}
	return facts, nil
}

// clientSettingsOf leaves out what is as at the beginning.
func clientSettingsOf(s events.Settings) *logv1.SessionSettings {
	if s == (events.Settings{}) {
		return nil
	}
	m := &logv1.SessionSettings{}
	if s.MuteUntil != 0 {
		m.MuteUntilMs = (*int64)(&s.MuteUntil)
	}
	if s.Draft != "" {
		m.Draft = &s.Draft
	}
	for _, f := range []struct {
		to **bool
		is bool
	}{{&m.Pinned, s.Pinned}, {&m.Hidden, s.Hidden}, {&m.Unread, s.Unread}} {
		if f.is {
			*f.to = &f.is
		}
	}
	return m
}
