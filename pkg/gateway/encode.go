package gateway

import (
	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// EventOf is an accepted event as members see it; nil for other outcomes. state is
// what has become of the message since: the texts of revoked and deleted ones are
// left out. Live events have the zero state.
func EventOf(o *events.Outcome, state hot.State) *clientv1.Event {
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
			Text: e.Text, Contact: logv1.ContactState(e.Contact),
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
			over.Text, over.Content = said(e.Body)
		}
		m.Event = &clientv1.Event_Overridden{Overridden: over}
	case events.Deleted:
		m.Event = &clientv1.Event_Deleted{Deleted: &clientv1.Deleted{Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex), Reason: e.Reason}}
	case events.Read:
		m.Event = &clientv1.Event_Read{Read: &clientv1.Read{Marker: uint64(e.Marker), MarkerIndex: uint64(e.MarkerIndex)}}
	case events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited,
		events.Uninvited, events.ContactChanged, events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed,
		events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
		clientSessionEvent(m, e)
	case events.Audited:
		// Nobody is told of it.
	case events.Reacted:
		m.Event = &clientv1.Event_Reacted{Reacted: &clientv1.Reacted{Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex), Emoji: e.Emoji, Off: e.Off}}
	case events.Pinned:
		m.Event = &clientv1.Event_Pinned{Pinned: &clientv1.Pinned{Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex), Off: e.Off}}
	case events.Delivered:
		m.Event = &clientv1.Event_Delivered{Delivered: &clientv1.Delivered{Marker: uint64(e.Marker), MarkerIndex: uint64(e.MarkerIndex)}}
	case events.Reported:
		m.Event = &clientv1.Event_Reported{Reported: &clientv1.Reported{Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex), Reason: e.Reason}}
	}
	return m
}

// clientSessionEvent fills in an event that is not about what is said.
func clientSessionEvent(m *clientv1.Event, e events.Event) {
	switch e := e.(type) {
	case events.InfoSet:
		m.Event = &clientv1.Event_InfoSet{InfoSet: &clientv1.InfoSet{Info: clientInfo(&e.Info)}}
	case events.PolicySet:
		m.Event = &clientv1.Event_PolicySet{PolicySet: &clientv1.PolicySet{Policy: clientPolicy(e.Policy)}}
	case events.RoleSet:
		m.Event = &clientv1.Event_RoleSet{RoleSet: &clientv1.RoleSet{User: string(e.User), Role: logv1.Role(e.Role), Demoted: string(e.Demoted)}}
	case events.Muted:
		m.Event = &clientv1.Event_Muted{Muted: &clientv1.Muted{Users: userNames(e.Users), UntilMs: int64(e.Until)}}
	case events.Dismissed:
		m.Event = &clientv1.Event_Dismissed{Dismissed: &clientv1.Dismissed{}}
	case events.Asked:
		m.Event = &clientv1.Event_Asked{Asked: &clientv1.Asked{Text: e.Text}}
	case events.Refused:
		m.Event = &clientv1.Event_Refused{Refused: &clientv1.Refused{Users: userNames(e.Users)}}
	case events.Invited:
		m.Event = &clientv1.Event_Invited{Invited: &clientv1.Invited{CodeSha256: e.Code[:], ExpiresMs: int64(e.Expires), Uses: e.Uses}}
	case events.Uninvited:
		m.Event = &clientv1.Event_Uninvited{Uninvited: &clientv1.Uninvited{CodeSha256: e.Code[:]}}
	case events.ContactChanged:
		m.Event = &clientv1.Event_ContactChanged{ContactChanged: &clientv1.ContactChanged{
			Step: logv1.ContactStep(e.Step), Text: e.Text, State: logv1.ContactState(e.State),
		}}
	case events.Hidden:
		hidden := &clientv1.Hidden{Session: string(e.Session)}
		for _, m := range e.Messages {
			hidden.Seqs, hidden.Indexes = append(hidden.Seqs, uint64(m.Seq)), append(hidden.Indexes, uint64(m.Index))
		}
		m.Event = &clientv1.Event_Hidden{Hidden: hidden}
	case events.SessionSet:
		m.Event = &clientv1.Event_SessionSet{SessionSet: &clientv1.SessionSet{Session: string(e.Session), Settings: clientSettings(&e.Settings)}}
	case events.DeviceSet:
		m.Event = &clientv1.Event_DeviceSet{DeviceSet: &clientv1.DeviceSet{Device: e.Device, Push: clientPush(e.Push), Off: e.Off}}
	case events.ProfileSet:
		m.Event = &clientv1.Event_ProfileSet{ProfileSet: &clientv1.ProfileSet{Profile: clientProfile(&e.Profile)}}
	case events.PushForgotten:
		m.Event = &clientv1.Event_PushForgotten{PushForgotten: &clientv1.PushForgotten{Device: e.Device, Reason: e.Reason}}
	case events.NotificationsSet:
		m.Event = &clientv1.Event_NotificationsSet{NotificationsSet: &clientv1.NotificationsSet{Notifications: clientNotifications(e.Notifications)}}
	case events.PrivacySet:
		m.Event = &clientv1.Event_PrivacySet{PrivacySet: &clientv1.PrivacySet{Privacy: clientPrivacy(e.Privacy)}}
	case events.AccountClosed:
		m.Event = &clientv1.Event_AccountClosed{AccountClosed: &clientv1.AccountClosed{Ended: clientEnded(e.Ended)}}
	case events.SignedUp:
		m.Event = &clientv1.Event_SignedUp{SignedUp: &clientv1.SignedUp{Method: e.Method}}
	case events.SignedIn:
		m.Event = &clientv1.Event_SignedIn{SignedIn: &clientv1.SignedIn{
			Login: e.Login, Device: e.Device, Kind: e.Kind, Client: e.Client, First: e.First, Ended: clientEnded(e.Ended),
		}}
	case events.SignedOut:
		m.Event = &clientv1.Event_SignedOut{SignedOut: &clientv1.SignedOut{Ended: clientEnded(e.Ended), Reason: e.Reason}}
	case events.Banned:
		m.Event = &clientv1.Event_Banned{Banned: &clientv1.Banned{Reason: e.Reason, Ended: clientEnded(e.Ended)}}
	case events.Unbanned:
		m.Event = &clientv1.Event_Unbanned{Unbanned: &clientv1.Unbanned{}}
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Revoked, events.Overridden,
		events.Deleted, events.Read, events.Reacted, events.Pinned, events.Delivered, events.Reported, events.Audited:
	}
}

func clientSent(e events.Sent, state hot.State) *clientv1.Sent {
	m := &clientv1.Sent{Index: uint64(e.Index), Revoked: uint64(state.Revoked), Deleted: uint64(state.Deleted), Overridden: uint64(state.Overridden)}
	switch {
	case hidden(state):
	case state.Overridden > 0:
		m.Text, m.Content = said(state.Body)
	default:
		m.Text, m.Content = said(e.Body)
	}
	if !hidden(state) {
		m.Refs = clientRefs(&e.Refs)
		m.Reactions, m.ReactionsTo = clientReactions(state.Reactions), uint64(state.ReactionsTo)
	}
	return m
}

func hidden(s hot.State) bool { return s.Revoked > 0 || s.Deleted > 0 }

// itemEvent is an event of the window. One that cannot be read (a newer version) is
// shown by its seq alone, so that the order stays dense.
func (g *Gateway) itemEvent(s events.SessionID, item hot.Item) (*events.Outcome, *clientv1.Event) {
	o, err := events.DecodeOutcomeValue(item.Value)
	if err == nil {
		if e := EventOf(&o, item.State); e != nil {
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
		InfoRole: logv1.Role(p.InfoRole), PinRole: logv1.Role(p.PinRole), MentionAllRole: logv1.Role(p.MentionAllRole),
	}
}

func clientSkipped(skipped []events.Skipped) []*logv1.Skipped {
	out := make([]*logv1.Skipped, len(skipped))
	for i, s := range skipped {
		out[i] = &logv1.Skipped{User: string(s.User), Code: string(s.Code)}
	}
	return out
}

// userNames gives nil for none.
func userNames(in []events.UserID) []string {
	if len(in) == 0 {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
