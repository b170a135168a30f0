package gateway

import (
	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// clientEvent is an accepted event as members see it; nil for other outcomes. state is
// what has become of the message since: the texts of revoked and deleted ones are
// left out. Live events have the zero state.
func clientEvent(o *events.Outcome, state hot.State) *clientv1.Event {
	a, ok := o.Result.(events.Accepted)
	if !ok {
		return nil
	}
	m := &clientv1.Event{
		Session: string(o.Session), Seq: uint64(a.Seq), Id: o.ID.String(), TimeMs: int64(o.Time), OriginTimeMs: int64(o.Origin),
		User: string(o.Actor.User), Device: o.Client.Device, ClientId: o.ClientID,
	}
	switch e := a.Event.(type) {
	case events.Created:
		m.Event = &clientv1.Event_Created{Created: &clientv1.Created{
			Kind: logv1.Kind(e.Kind), Members: clientMembers(e.Members), Policy: clientPolicy(e.Policy), Name: e.Title, Base: uint64(e.Base),
		}}
	case events.Added:
		m.Event = &clientv1.Event_Added{Added: &clientv1.Added{Members: clientMembers(e.Members)}}
	case events.Removed:
		m.Event = &clientv1.Event_Removed{Removed: &clientv1.Removed{Users: userNames(e.Users), Promoted: string(e.Promoted), Closed: e.Closed}}
	case events.Joined:
		m.Event = &clientv1.Event_Joined{Joined: &clientv1.Joined{}}
	case events.Left:
		m.Event = &clientv1.Event_Left{Left: &clientv1.Left{Promoted: string(e.Promoted), Closed: e.Closed}}
	case events.Sent:
		m.Event = &clientv1.Event_Sent{Sent: clientSent(e, state)}
	case events.Revoked:
		m.Event = &clientv1.Event_Revoked{Revoked: &clientv1.Revoked{Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex)}}
	case events.Overridden:
		over := &clientv1.Overridden{Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex)}
		if !hidden(state) {
			over.Text = text(e.Body)
		}
		m.Event = &clientv1.Event_Overridden{Overridden: over}
	case events.Deleted:
		m.Event = &clientv1.Event_Deleted{Deleted: &clientv1.Deleted{Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex)}}
	case events.Read:
		m.Event = &clientv1.Event_Read{Read: &clientv1.Read{Marker: uint64(e.Marker), MarkerIndex: uint64(e.MarkerIndex)}}
	}
	return m
}

func clientSent(e events.Sent, state hot.State) *clientv1.Sent {
	m := &clientv1.Sent{Index: uint64(e.Index), Revoked: uint64(state.Revoked), Deleted: uint64(state.Deleted), Overridden: uint64(state.Overridden)}
	switch {
	case hidden(state):
	case state.Overridden > 0:
		m.Text = text(state.Body)
	default:
		m.Text = text(e.Body)
	}
	return m
}

func hidden(s hot.State) bool { return s.Revoked > 0 || s.Deleted > 0 }

// text is what a body says; empty for a sealed one.
func text(b events.Body) string {
	switch content := b.Plain.(type) {
	case events.Text:
		return string(content)
	case nil:
	}
	return ""
}

// itemEvent is an event of the window. One that cannot be read (a newer version) is
// shown by its seq alone, so that the order stays dense.
func (g *Gateway) itemEvent(s events.SessionID, item hot.Item) (*events.Outcome, *clientv1.Event) {
	o, err := events.DecodeOutcomeValue(item.Value)
	if err == nil {
		if e := clientEvent(&o, item.State); e != nil {
			return &o, e
		}
	}
	g.ports.Metrics.unreadable.Inc()
	g.log.Error("an event of the window cannot be read", "session", s, "seq", item.Seq, "error", err)
	return &events.Outcome{Session: s}, &clientv1.Event{Session: string(s), Seq: uint64(item.Seq)}
}

func eventFrame(e *clientv1.Event) *clientv1.ServerFrame {
	return &clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Event{Event: e}}
}

func clientMembers(members []events.NewMember) []*logv1.NewMember {
	out := make([]*logv1.NewMember, len(members))
	for i, m := range members {
		out[i] = &logv1.NewMember{User: string(m.User), Role: logv1.Role(m.Role)}
	}
	return out
}

func clientPolicy(p events.Policy) *logv1.Policy {
	return &logv1.Policy{
		RevokeWindowMs: int64(p.RevokeWindow), OverrideWindowMs: int64(p.OverrideWindow), History: logv1.History(p.History),
		MemberLimit: p.MemberLimit, AddRole: logv1.Role(p.AddRole), WriteRole: logv1.Role(p.WriteRole),
		Joining: logv1.Joining(p.Joining), ReceiptsLimit: p.ReceiptsLimit,
	}
}

func clientSkipped(skipped []events.Skipped) []*logv1.Skipped {
	out := make([]*logv1.Skipped, len(skipped))
	for i, s := range skipped {
		out[i] = &logv1.Skipped{User: string(s.User), Code: string(s.Code)}
	}
	return out
}

func userNames(in []events.UserID) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
