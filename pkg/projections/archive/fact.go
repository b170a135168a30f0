package archive

import (
	"cmp"
	"encoding/json"

	"annal/pkg/events"
)

// fact is one accepted event on its way into rows.
type fact struct {
	*planner
	outcome *events.Outcome
	row     *Event
	seq     events.Seq
}

// tell adds the rows that say what the event changed.
func (f *fact) tell(e events.Event) {
	f.head()
	switch e := e.(type) {
	case events.Created:
		f.created(e)
	case events.Added:
		f.come(e.Members, e.Name())
	case events.Joined:
		f.come([]events.NewMember{{User: f.outcome.Actor.User, Role: events.RoleMember}}, e.Name())
	case events.Removed:
		f.let(e.Users, e.Name(), e.Promoted, e.Closed)
		f.row.People = namesOf(e.Users)
	case events.Left:
		f.let([]events.UserID{f.outcome.Actor.User}, e.Name(), e.Promoted, e.Closed)
	case events.Sent:
		f.sent(e)
	case events.Revoked, events.Overridden, events.Deleted, events.Reacted, events.Pinned, events.Reported:
		f.aboutMessage(e)
	case events.Read:
		f.row.Target = e.Marker
		f.mark(MarkerRead, e.Marker, f.outcome.Actor.User)
	case events.Delivered:
		f.row.Target = e.Marker
		f.mark(MarkerDelivered, e.Marker, f.outcome.Actor.User)
	case events.InfoSet, events.PolicySet, events.Dismissed, events.AccountClosed:
		f.aboutSession(e)
	case events.ProfileSet:
		f.say(FactProfile, ProfileText(e.Profile))
	case events.PrivacySet:
		f.say(FactPrivacy, PrivacyText(e.Privacy))
	case events.RoleSet:
		f.roles(e)
	case events.ContactChanged:
		f.contact(e)
	case events.Muted:
		f.row.People = namesOf(e.Users)
	case events.Refused:
		f.row.People = namesOf(e.Users)
	case events.Audited:
		f.row.Target, f.row.Detail = e.Seq, e.What+": "+e.Reason
	case events.SignedUp:
		f.row.Detail = e.Method
	case events.SignedIn:
		f.row.Detail = e.Kind
	case events.PushForgotten:
		f.row.Detail = e.Reason
	case events.SignedOut:
		f.row.Detail = e.Reason
	case events.Banned:
		f.row.Detail = e.Reason
	case events.Asked, events.Invited, events.Uninvited, events.Hidden, events.SessionSet, events.DeviceSet, events.NotificationsSet, events.Unbanned:
		// The event's own row has all there is.
	}
}

// head moves the session's head.
func (f *fact) head() {
	if f.seq == 0 {
		return
	}
	s := f.session(f.outcome.Session)
	s.Head, s.LastTime = max(s.Head, f.seq), max(s.LastTime, f.outcome.Time)
}

// fate is what the event did, with why.
func (f *fact) fate(reason string) Fate {
	return Fate{Seq: f.seq, Time: f.outcome.Time, By: f.outcome.Actor.User, Reason: reason}
}

func (f *fact) created(e events.Created) {
	s := f.session(f.outcome.Session)
	s.Base, s.Created = e.Base, f.fate("")
	f.say("title", e.Title)
	f.policy(e.Policy)
	f.come(e.Members, e.Name())
	if e.Kind != events.KindDirect || len(e.Members) != 2 {
		return
	}
	a, b := e.Members[0].User, e.Members[1].User
	f.rows.Contacts = append(f.rows.Contacts, Contact{
		Session: f.outcome.Session, A: min(a, b), B: max(a, b), Seq: f.seq,
		State: ContactState{f.seq, e.Contact, f.outcome.Actor.User, e.Text, f.outcome.Time},
	})
}

// say keeps what the session says of itself by a name.
func (f *fact) say(name, value string) {
	s := f.session(f.outcome.Session)
	if s.Facts == nil {
		s.Facts = map[string]Fact{}
	}
	if had, ok := s.Facts[name]; !ok || had.Seq <= f.seq {
		s.Facts[name] = Fact{f.seq, value}
	}
}

func (f *fact) member(u events.UserID, step Step, event string, role events.Role) {
	f.rows.Members = append(f.rows.Members, Member{
		Session: f.outcome.Session, User: u, Seq: f.seq, Step: step, Event: event, Role: role, Actor: f.outcome.Actor.User, Time: f.outcome.Time,
		Origin: origin(f.outcome.Origin),
	})
}

func (f *fact) mark(kind MarkerKind, seq events.Seq, u events.UserID) {
	f.rows.Markers = append(f.rows.Markers, Marker{Session: f.outcome.Session, User: u, Kind: kind, Seq: seq, Time: f.outcome.Time})
}

// come lets people in: what was before them counts as read.
func (f *fact) come(people []events.NewMember, event string) {
	f.row.People = make([]string, len(people))
	for i, p := range people {
		f.row.People[i] = string(p.User)
		f.member(p.User, StepIn, event, p.Role)
		f.mark(MarkerRead, f.seq, p.User)
	}
}

// let lets people out.
func (f *fact) let(users []events.UserID, event string, promoted events.UserID, closed bool) {
	for _, u := range users {
		f.member(u, StepOut, event, 0)
	}
	if promoted != "" {
		f.member(promoted, StepRole, event, events.RoleOwner)
	}
	if closed {
		f.session(f.outcome.Session).Closed = f.fate("")
	}
}

func (f *fact) roles(e events.RoleSet) {
	f.row.People = namesOf([]events.UserID{e.User})
	f.member(e.User, StepRole, e.Name(), e.Role)
	if e.Demoted != "" {
		f.member(e.Demoted, StepRole, e.Name(), events.RoleAdmin)
	}
}

func (f *fact) sent(e events.Sent) {
	o := f.outcome
	f.row.Index = e.Index
	s := f.session(o.Session)
	s.Messages, s.LastMessageTime = max(s.Messages, e.Index), max(s.LastMessageTime, o.Time)
	m := Message{
		Session: o.Session, Seq: f.seq, Index: e.Index, ID: o.ID, Time: o.Time, Origin: origin(o.Origin), Sender: o.Actor.User, Service: o.Actor.Service,
		Device: o.Client.Device, ClientVersion: o.Client.Version, Refs: e.Refs,
	}
	m.Body = bodyOf(f.seq, e.Body)
	f.rows.Messages = append(f.rows.Messages, m)
	f.mark(MarkerRead, f.seq, o.Actor.User)
}

// aboutMessage says what became of a message that was there before.
func (f *fact) aboutMessage(e events.Event) {
	m := Message{Session: f.outcome.Session}
	switch e := e.(type) {
	case events.Revoked:
		m.Seq, m.Revoked = e.Target, f.fate("")
	case events.Deleted:
		m.Seq, m.Deleted = e.Target, f.fate(e.Reason)
	case events.Overridden:
		m.Seq, m.Body, m.Override, m.OverrideTime = e.Target, bodyOf(f.seq, e.Body), f.seq, f.outcome.Time
	case events.Reacted:
		m.Seq, m.Reacted, m.ReactedAt = e.Target, Reaction(f.outcome.Actor.User, e.Emoji), f.seq
		if e.Off {
			m.Reacted, m.Unreacted = "", m.Reacted
		}
	case events.Pinned:
		m.Seq, m.Pinned = e.Target, f.seq
		if e.Off {
			m.Pinned, m.Unpinned = 0, f.seq
		}
	case events.Reported:
		m.Seq, m.Reporter = e.Target, f.outcome.Actor.User
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Read, events.InfoSet, events.PolicySet,
		events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited, events.Uninvited, events.Delivered,
		events.ContactChanged, events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited,
		events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
		return
	}
	f.row.Target = m.Seq
	f.rows.Messages = append(f.rows.Messages, m)
}

// aboutSession says what the session says of itself.
func (f *fact) aboutSession(e events.Event) {
	switch e := e.(type) {
	case events.InfoSet:
		for name, value := range map[string]*string{"title": e.Info.Title, "avatar": e.Info.Avatar, "notice": e.Info.Notice, "description": e.Info.Description} {
			if value != nil {
				f.say(name, *value)
			}
		}
		for _, c := range e.Info.Custom {
			f.say(CustomPrefix+c.Name, c.Value)
		}
	case events.PolicySet:
		f.policy(e.Policy)
	case events.Dismissed, events.AccountClosed:
		f.session(f.outcome.Session).Closed = f.fate("")
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Revoked, events.Overridden, events.Deleted,
		events.Read, events.RoleSet, events.Muted, events.Asked, events.Refused, events.Invited, events.Uninvited, events.Reacted, events.Pinned,
		events.Delivered, events.ContactChanged, events.Reported, events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Audited,
		events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

// contact says what the two of a direct session are.
func (f *fact) contact(e events.ContactChanged) {
	c := Contact{Session: f.outcome.Session, Seq: f.seq}
	switch e.Step {
	case events.ContactBlock, events.ContactUnblock:
		c.Blocker, c.Unblocks = f.outcome.Actor.User, e.Step == events.ContactUnblock
	case events.ContactAsk, events.ContactAccept, events.ContactRefuse, events.ContactRemove:
		c.State = ContactState{f.seq, e.State, f.outcome.Actor.User, e.Text, f.outcome.Time}
	}
	f.rows.Contacts = append(f.rows.Contacts, c)
}

// policyForm is a policy as analysts read it; windows are in ms.
type policyForm struct {
	RevokeWindow   events.Millis `json:"revoke_window_ms"`
	OverrideWindow events.Millis `json:"override_window_ms"`
	History        string        `json:"history"`
	MemberLimit    uint32        `json:"member_limit"`
	AddRole        string        `json:"add_role"`
	WriteRole      string        `json:"write_role"`
	Joining        string        `json:"joining"`
	ReceiptsLimit  uint32        `json:"receipts_limit"`
	InfoRole       string        `json:"info_role"`
	PinRole        string        `json:"pin_role"`
	MentionAllRole string        `json:"mention_all_role"`
}

func (f *fact) policy(p events.Policy) { f.say("policy", PolicyText(p)) }

// PolicyText is a policy as JSON, with names and ms.
func PolicyText(p events.Policy) string {
	named := func(names []string, n uint8) string {
		if int(n) < len(names) {
			return names[n]
		}
		return ""
	}
	role := func(r events.Role) string { return named([]string{"admin", "member", "admin", "owner"}, uint8(r)) }
	text, err := json.Marshal(policyForm{
		RevokeWindow: p.RevokeWindow, OverrideWindow: p.OverrideWindow, History: named([]string{"", "stay", "all"}, uint8(p.History)),
		MemberLimit: p.MemberLimit, AddRole: role(p.AddRole), WriteRole: role(p.WriteRole), Joining: named([]string{"", "closed", "open", "approval"}, uint8(p.Joining)),
		ReceiptsLimit: p.ReceiptsLimit, InfoRole: role(p.InfoRole), PinRole: role(p.PinRole), MentionAllRole: role(p.MentionAllRole),
	})
	if err != nil {
		panic(err) // numbers and names always have a JSON form
	}
	return string(text)
}

// KindOf names what something is said by: text, image, file, audio, video, location, card, forward or custom; sealed where that
// cannot be told.
func KindOf(b events.Body) string { return bodyOf(0, b).Kind }

// bodyOf is what a body says in a column: a text, or of other content what there is to read or search in it.
func bodyOf(seq events.Seq, b events.Body) Body {
	if b.Plain == nil {
		return Body{seq, "sealed", ""}
	}
	kind, text := said(b.Plain)
	return Body{seq, kind, text}
}

func said(c events.Content) (kind, text string) {
	switch c := c.(type) {
	case events.Text:
		return "text", string(c)
	case events.Media:
		kind = [...]string{"media", "image", "file", "audio", "video"}[min(int(c.Kind), 4)]
		return kind, cmp.Or(c.Caption, c.Name)
	case events.Location:
		return "location", cmp.Or(c.Name, c.Address)
	case events.Card:
		return "card", cmp.Or(c.Name, string(c.User), string(c.Session))
	case events.Forward:
		return "forward", c.Title
	case events.Custom:
		return "custom", c.JSON
	}
	return "unknown", ""
}
