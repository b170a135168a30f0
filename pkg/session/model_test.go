package session

import (
	"fmt"
	"slices"
	"sort"

	"annal/pkg/events"
)

// model is a session by other means than the rules: a list of who is here in the order of
// coming, and a list of what happened that remembers who was here to see it. It knows neither
// rows nor stays nor counts.
type model struct {
	// refusing are the people who let nobody, or only contacts of whom the one who asks is none, do what is asked.
	refusing  []events.UserID
	kind      events.Kind
	policy    events.Policy
	here      []*modelPerson
	was       map[events.UserID]*modelPerson
	happened  []*modelThing // its seq is its place, from 1
	dismissed bool
	allMuted  events.Millis
	name      string
	notice    string
	asks      []events.UserID
	invites   map[events.Hash]*modelInvite
	contacts  string // "yes", "no", or who asked
}

type modelPerson struct {
	user            events.UserID
	role            events.Role
	read, delivered events.Seq
	mutedUntil      events.Millis
	blocks          bool
}

// modelThing is something that happened; a message if somebody sent it.
type modelThing struct {
	seenBy                   []events.UserID
	sender                   events.UserID
	sent                     events.Millis
	thread                   events.Seq
	revoked, deleted, pinned bool
	reactions                []modelReaction
	reported                 []events.UserID
}

type modelInvite struct {
	expires events.Millis
	left    uint32
	endless bool
}

func (m *model) find(u events.UserID) *modelPerson {
	for _, p := range m.here {
		if p.user == u {
			return p
		}
	}
	return nil
}

func (m *model) users() (us []events.UserID) {
	for _, p := range m.here {
		us = append(us, p.user)
	}
	return us
}

// happens notes a thing that change does, and who saw it: whoever is here before or after.
func (m *model) happens(event string, change func(seq events.Seq)) string {
	thing := &modelThing{seenBy: m.users()}
	m.happened = append(m.happened, thing)
	if change != nil {
		change(events.Seq(len(m.happened)))
	}
	thing.seenBy = append(thing.seenBy, m.users()...)
	return event
}

func (m *model) come(seq events.Seq, role events.Role, us ...events.UserID) {
	sort.Slice(us, func(i, j int) bool { return us[i] < us[j] })
	for _, u := range us {
		p := m.was[u]
		if p == nil {
			p = &modelPerson{user: u}
			m.was[u] = p
		}
		p.role, p.read = role, seq
		m.here = append(m.here, p)
		m.asks = slices.DeleteFunc(m.asks, func(a events.UserID) bool { return a == u })
	}
}

func (m *model) goes(us ...events.UserID) {
	owner := false
	for _, u := range us {
		p := m.find(u)
		owner = owner || p.role == events.RoleOwner
		p.role = 0
		m.here = slices.DeleteFunc(m.here, func(q *modelPerson) bool { return q == p })
	}
	if !owner || len(m.here) == 0 {
		return
	}
	heir := slices.IndexFunc(m.here, func(p *modelPerson) bool { return p.role == events.RoleAdmin })
	m.here[max(heir, 0)].role = events.RoleOwner
}

func (m *model) sees(u events.UserID, seq events.Seq) bool {
	return m.policy.History == events.HistoryAll || slices.Contains(m.happened[seq-1].seenBy, u)
}

// message finds one that u sees, or says why there is none to do something with.
func (m *model) message(u events.UserID, seq events.Seq) (*modelThing, string) {
	if seq == 0 || int(seq) > len(m.happened) || m.happened[seq-1].sender == "" || !m.sees(u, seq) {
		return nil, "NO_SUCH_MESSAGE"
	}
	t := m.happened[seq-1]
	switch {
	case t.deleted:
		return t, "MESSAGE_DELETED"
	case t.revoked:
		return t, "MESSAGE_REVOKED"
	}
	return t, ""
}

// do gives the event's name or the code that must come of a command.
func (m *model) do(now events.Millis, u events.UserID, op events.Op) string {
	me := m.find(u)
	if m.dismissed || len(m.here) == 0 {
		switch op.(type) {
		case events.MarkRead, events.MarkDelivered:
		case events.Leave:
			if m.kind == events.KindDirect {
				return "WRONG_KIND"
			}
		case events.Add, events.Ask, events.Audit, events.CloseAccount, events.Contact, events.Create, events.Delete, events.Dismiss, events.Hide,
			events.Invite, events.Join, events.Mute, events.Override, events.Pin, events.React, events.Refuse, events.Remove, events.Report,
			events.Revoke, events.Send, events.SetDevice, events.SetPrivacy, events.SetNotifications, events.ForgetPush, events.SetProfile, events.SetInfo, events.SetPolicy, events.SetRole, events.SetSession, events.Uninvite,
			events.SignUp, events.SignIn, events.SignOut, events.Ban, events.Unban:
			return "SESSION_CLOSED"
		}
		if me == nil {
			return "SESSION_CLOSED"
		}
	}
	switch op.(type) {
	case events.Contact:
		if m.kind != events.KindDirect {
			return "WRONG_KIND"
		}
	case events.Add, events.Remove, events.Join, events.Leave, events.SetInfo, events.SetPolicy, events.SetRole, events.Mute, events.Dismiss,
		events.Ask, events.Refuse, events.Invite, events.Uninvite:
		if m.kind == events.KindDirect {
			return "WRONG_KIND"
		}
	case events.Audit, events.CloseAccount, events.Create, events.Delete, events.Hide, events.MarkDelivered, events.MarkRead, events.Override,
		events.Pin, events.React, events.Report, events.Revoke, events.Send, events.SetDevice, events.SetPrivacy, events.SetNotifications, events.ForgetPush, events.SetProfile, events.SetSession,
		events.SignUp, events.SignIn, events.SignOut, events.Ban, events.Unban:
	}
	if answer := m.outside(now, u, me, op); answer != "" {
		return answer
	}
	if me == nil {
		return "NOT_A_MEMBER"
	}
	if answer := m.group(now, me, op); answer != "" {
		return answer
	}
	return m.talk(now, me, op)
}

// outside is what people can do who are not in.
func (m *model) outside(now events.Millis, u events.UserID, me *modelPerson, op events.Op) string {
	switch op := op.(type) {
	case events.Join:
		invite := m.invites[op.Invite]
		switch {
		case me != nil:
			return "ALREADY_MEMBER"
		case op.Invite == events.Hash{} && m.policy.Joining == events.JoiningApproval:
			return "APPROVAL_REQUIRED"
		case op.Invite == events.Hash{} && m.policy.Joining == events.JoiningClosed:
			return "NOT_ALLOWED"
		case op.Invite != events.Hash{} && invite == nil:
			return "NO_SUCH_INVITE"
		case invite != nil && invite.expires != 0 && now >= invite.expires:
			return "INVITE_EXPIRED"
		case invite != nil && !invite.endless && invite.left == 0:
			return "INVITE_USED_UP"
		case len(m.here) >= int(m.policy.MemberLimit):
			return "SESSION_FULL"
		}
		if invite != nil {
			invite.left--
		}
		return m.happens("joined", func(seq events.Seq) { m.come(seq, events.RoleMember, u) })
	case events.Leave:
		if me == nil {
			return "ALREADY_OUT"
		}
		return m.happens("left", func(events.Seq) { m.goes(u) })
	case events.Ask:
		switch {
		case me != nil:
			return "ALREADY_MEMBER"
		case m.policy.Joining != events.JoiningApproval:
			return "NOT_ALLOWED"
		case slices.Contains(m.asks, u):
			return "NO_CHANGE"
		}
		return m.happens("asked", func(events.Seq) { m.asks = append(m.asks, u) })
	case events.Refuse:
		switch {
		case me == nil && op.Users[0] != u:
			return "NOT_A_MEMBER"
		case me != nil && me.role < m.policy.AddRole:
			return "NOT_ALLOWED"
		case !slices.Contains(m.asks, op.Users[0]):
			return "NOT_ASKED"
		}
		return m.happens("refused", func(events.Seq) {
			m.asks = slices.DeleteFunc(m.asks, func(a events.UserID) bool { return a == op.Users[0] })
		})
	case events.Add, events.Audit, events.CloseAccount, events.Contact, events.Create, events.Delete, events.Dismiss, events.Hide, events.Invite,
		events.MarkDelivered, events.MarkRead, events.Mute, events.Override, events.Pin, events.React, events.Remove, events.Report,
		events.Revoke, events.Send, events.SetDevice, events.SetPrivacy, events.SetNotifications, events.ForgetPush, events.SetProfile, events.SetInfo, events.SetPolicy, events.SetRole, events.SetSession, events.Uninvite,
		events.SignUp, events.SignIn, events.SignOut, events.Ban, events.Unban:
	}
	return ""
}

// group is what those who are in do about the group.
func (m *model) group(now events.Millis, me *modelPerson, op events.Op) string {
	switch op := op.(type) {
	case events.Add:
		who := op.Members[0]
		switch {
		case me.role < m.policy.AddRole, who.Role == events.RoleAdmin && me.role != events.RoleOwner:
			return "NOT_ALLOWED"
		case m.find(who.User) != nil:
			return "ALREADY_MEMBER"
		case slices.Contains(m.refusing, who.User) && !slices.Contains(m.asks, who.User):
			return "PRIVACY_REFUSED"
		case len(m.here) >= int(m.policy.MemberLimit):
			return "SESSION_FULL"
		}
		return m.happens("added", func(seq events.Seq) { m.come(seq, who.Role, who.User) })
	case events.Remove:
		var going []events.UserID
		for _, u := range op.Users {
			if m.find(u) != nil && !slices.Contains(going, u) {
				going = append(going, u)
			}
		}
		switch {
		case me.role == events.RoleMember || slices.Contains(op.Users, me.user):
			return "NOT_ALLOWED"
		case len(going) == 0:
			return "ALREADY_OUT"
		}
		return m.happens("removed", func(events.Seq) { m.goes(going...) })
	case events.SetRole:
		who := m.find(op.User)
		switch {
		case me.role != events.RoleOwner:
			return "NOT_ALLOWED"
		case who == nil:
			return "NO_SUCH_MEMBER"
		case who.role == op.Role:
			return "NO_CHANGE"
		case who == me:
			return "NOT_ALLOWED"
		}
		if op.Role == events.RoleOwner {
			me.role = events.RoleAdmin
		}
		who.role = op.Role
		return m.happens("role_set", nil)
	case events.Mute:
		return m.mute(now, me, op)
	case events.SetInfo:
		switch {
		case me.role == events.RoleMember:
			return "NOT_ALLOWED"
		case *op.Info.Title == m.name && *op.Info.Notice == m.notice:
			return "NO_CHANGE"
		}
		m.name, m.notice = *op.Info.Title, *op.Info.Notice
		return m.happens("info_set", nil)
	case events.SetPolicy:
		switch p := op.Policy; {
		case me.role != events.RoleOwner:
			return "NOT_ALLOWED"
		case p.Joining == m.policy.Joining && p.WriteRole == m.policy.WriteRole && p.History == m.policy.History:
			return "NO_CHANGE"
		default:
			m.policy.Joining, m.policy.WriteRole, m.policy.History = p.Joining, p.WriteRole, p.History
		}
		return m.happens("policy_set", nil)
	case events.Dismiss:
		if me.role != events.RoleOwner {
			return "NOT_ALLOWED"
		}
		m.dismissed = true
		return m.happens("dismissed", nil)
	case events.Invite:
		switch {
		case me.role < m.policy.AddRole:
			return "NOT_ALLOWED"
		case m.invites[op.Code] != nil:
			return "NO_CHANGE"
		case op.Expires != 0 && op.Expires <= now:
			return "INVITE_EXPIRED"
		}
		m.invites[op.Code] = &modelInvite{expires: op.Expires, left: op.Uses, endless: op.Uses == 0}
		return m.happens("invited", nil)
	case events.Uninvite:
		switch {
		case me.role < m.policy.AddRole:
			return "NOT_ALLOWED"
		case m.invites[op.Code] == nil:
			return "NO_SUCH_INVITE"
		}
		delete(m.invites, op.Code)
		return m.happens("uninvited", nil)
	case events.Contact:
		return m.contact(me, op)
	case events.Ask, events.Audit, events.CloseAccount, events.Create, events.Delete, events.Hide, events.Join, events.Leave, events.MarkDelivered,
		events.MarkRead, events.Override, events.Pin, events.React, events.Refuse, events.Report, events.Revoke, events.Send,
		events.SetDevice, events.SetPrivacy, events.SetNotifications, events.ForgetPush, events.SetProfile, events.SetSession, events.SignUp, events.SignIn, events.SignOut, events.Ban, events.Unban:
	}
	return ""
}

func (m *model) mute(now events.Millis, me *modelPerson, op events.Mute) string {
	same := func(had events.Millis) bool { return had == op.Until || had <= now && op.Until <= now }
	if me.role == events.RoleMember {
		return "NOT_ALLOWED"
	}
	to := &m.allMuted
	if len(op.Users) > 0 {
		who := m.find(op.Users[0])
		switch {
		case who == nil:
			return "NO_SUCH_MEMBER"
		case who.role >= me.role:
			return "NOT_ALLOWED"
		}
		to = &who.mutedUntil
	}
	if same(*to) {
		return "NO_CHANGE"
	}
	*to = op.Until
	return m.happens("muted", nil)
}

// silent says why somebody says nothing.
func (m *model) silent(now events.Millis, me *modelPerson) string {
	switch {
	case m.kind == events.KindDirect && m.contacts != "yes":
		return "NOT_A_CONTACT"
	case m.kind == events.KindDirect && (m.here[0].blocks || m.here[1].blocks):
		return "BLOCKED"
	case me.role == events.RoleMember && (m.allMuted > now || me.mutedUntil > now):
		return "MUTED"
	}
	return ""
}

// talk is what is said, and done with what was said.
func (m *model) talk(now events.Millis, me *modelPerson, op events.Op) string {
	silent := m.silent(now, me)
	switch op := op.(type) {
	case events.Send:
		return m.send(now, me, op)
	case events.React:
		return m.react(me, silent, op)
	case events.Pin:
		t, why := m.message(me.user, op.Seq)
		switch {
		case m.kind != events.KindDirect && me.role == events.RoleMember:
			return "NOT_ALLOWED"
		case why != "":
			return why
		case t.pinned != op.Off:
			return "NO_CHANGE"
		}
		t.pinned = !op.Off
		return m.happens("pinned", nil)
	case events.Revoke, events.Delete:
		return m.withdraw(now, me, op)
	case events.Report:
		t, why := m.message(me.user, op.Seq)
		switch {
		case why == "NO_SUCH_MESSAGE":
			return why
		case slices.Contains(t.reported, me.user):
			return "NO_CHANGE"
		}
		t.reported = append(t.reported, me.user)
		return "reported"
	case events.MarkRead:
		switch {
		case op.Seq == 0 || int(op.Seq) > len(m.happened):
			return "OUT_OF_RANGE"
		case op.Seq <= me.read:
			return "ALREADY_READ"
		}
		me.read = op.Seq
		return "read"
	case events.MarkDelivered:
		switch {
		case op.Seq == 0 || int(op.Seq) > len(m.happened):
			return "OUT_OF_RANGE"
		case op.Seq <= max(me.read, me.delivered):
			return "NO_CHANGE"
		}
		me.delivered = op.Seq
		return "delivered"
	case events.Add, events.Ask, events.Audit, events.CloseAccount, events.Contact, events.Create, events.Dismiss, events.Hide, events.Invite,
		events.Join, events.Leave, events.Mute, events.Override, events.Refuse, events.Remove, events.SetDevice, events.SetPrivacy, events.SetNotifications, events.ForgetPush, events.SetProfile, events.SetInfo,
		events.SetPolicy, events.SetRole, events.SetSession, events.Uninvite, events.SignUp, events.SignIn, events.SignOut, events.Ban, events.Unban:
	}
	panic(fmt.Sprintf("the model does not know %T", op))
}

func (m *model) send(now events.Millis, me *modelPerson, op events.Send) string {
	if m.kind != events.KindDirect && me.role < m.policy.WriteRole {
		return "NOT_ALLOWED"
	}
	if silent := m.silent(now, me); silent != "" {
		return silent
	}
	if op.Refs.ReplyTo != 0 {
		if _, why := m.message(me.user, op.Refs.ReplyTo); why != "" {
			return why
		}
	}
	if op.Refs.Thread != 0 {
		root, why := m.message(me.user, op.Refs.Thread)
		switch {
		case why != "" && why != "MESSAGE_REVOKED":
			return why
		case root.thread != 0:
			return "INVALID_ARGUMENT"
		}
	}
	return m.happens("sent", func(seq events.Seq) {
		t := m.happened[seq-1]
		t.sender, t.sent, t.thread = me.user, now, op.Refs.Thread
		me.read = seq
	})
}

func (m *model) withdraw(now events.Millis, me *modelPerson, op events.Op) string {
	revoke, deleting := false, events.Delete{}
	switch op := op.(type) {
	case events.Revoke:
		revoke, deleting.Seq = true, op.Seq
	case events.Delete:
		deleting = op
	case events.Add, events.Ask, events.Audit, events.CloseAccount, events.Contact, events.Create, events.Dismiss, events.Hide, events.Invite,
		events.Join, events.Leave, events.MarkDelivered, events.MarkRead, events.Mute, events.Override, events.Pin, events.React,
		events.Refuse, events.Remove, events.Report, events.Send, events.SetDevice, events.SetPrivacy, events.SetNotifications, events.ForgetPush, events.SetProfile, events.SetInfo, events.SetPolicy, events.SetRole,
		events.SetSession, events.Uninvite, events.SignUp, events.SignIn, events.SignOut, events.Ban, events.Unban:
	}
	t, why := m.message(me.user, deleting.Seq)
	switch {
	case why == "NO_SUCH_MESSAGE":
		return why
	case me.role < events.RoleAdmin && t.sender != me.user:
		return "NOT_ALLOWED"
	case revoke && t.revoked:
		return "ALREADY_REVOKED"
	case t.deleted:
		return "ALREADY_DELETED"
	case me.role < events.RoleAdmin && now-t.sent > m.policy.RevokeWindow:
		return "REVOKE_WINDOW_OVER"
	}
	t.pinned = false
	if revoke {
		t.revoked = true
		return m.happens("revoked", nil)
	}
	t.deleted = true
	return m.happens("deleted", nil)
}
