package hot

import (
	"annal/pkg/events"
)

// counted is an outcome that counts, as read.
type counted struct {
	outcome events.Outcome
	value   []byte
	// tell is false for what was told before.
	tell bool
	// hole is the session of an outcome that cannot be read; the rest is zero then.
	hole   events.SessionID
	offset int64
}

// plan is what outcomes that are applied together come to.
type plan struct {
	// outcomes and bytes are how much was added.
	outcomes, bytes int
	// building: see SessionChanges.
	building bool
	sessions []SessionChanges
	// at says where in sessions one is.
	at    map[events.SessionID]int
	users map[events.UserID][]events.SessionID
	// registered are tokens.
	registered []Registration
	round      Round
	// below is the offset that its records are below.
	below int64
	// changed is what the round tells.
	changed Changed
}

func newPlan(building bool) *plan {
	return &plan{
		building: building, changed: NewChanged(),

		at:    map[events.SessionID]int{},
		users: map[events.UserID][]events.SessionID{},
		round: Round{Sessions: map[events.SessionID][][]byte{}, Users: map[events.UserID][][]byte{}, Answers: map[string][][]byte{}},
	}
}

// add is pure: the same outcomes give the same plan.
func (p *plan) add(c *counted) {
	o := &c.outcome
	p.outcomes++
	p.bytes += len(c.value)
	if c.hole != "" {
		p.change(c.hole, Change{Hole: true, Offset: c.offset})
		return
	}
	if c.tell && o.ReplyTo.Instance != "" {
		p.round.Answers[o.ReplyTo.Instance] = append(p.round.Answers[o.ReplyTo.Instance], c.value)
	}
	a, ok := o.Result.(events.Accepted)
	if !ok {
		return
	}
	if _, audited := a.Event.(events.Audited); audited {
		return // for auditors alone: no view has it, and nobody is told
	}
	change := changeOf(o, a, c.value)
	if a.Seq != 0 || change.Reader != "" || len(change.Facts) > 0 {
		p.change(o.Session, change)
	}
	if change.Registered != nil {
		p.registered = append(p.registered, *change.Registered)
	}
	for _, m := range change.In {
		p.users[m.User] = append(p.users[m.User], o.Session)
	}
	if !c.tell {
		return
	}
	p.changed.Add(o.Session, &change)
	p.round.Sessions[o.Session] = append(p.round.Sessions[o.Session], c.value)
	for _, m := range change.In {
		p.round.Users[m.User] = append(p.round.Users[m.User], c.value)
	}
	for _, u := range change.Out {
		p.round.Users[u] = append(p.round.Users[u], c.value)
	}
	if change.Logins != "" {
		p.round.Users[change.Logins] = append(p.round.Users[change.Logins], c.value)
	}
	if e, ok := a.Event.(events.Refused); ok {
		// Who asked is not in, and hears of the session by nothing else.
		for _, u := range e.Users {
			p.round.Users[u] = append(p.round.Users[u], c.value)
		}
	}
}

func (p *plan) change(s events.SessionID, c Change) {
	k, ok := p.at[s]
	if !ok {
		k = len(p.sessions)
		p.at[s] = k
		p.sessions = append(p.sessions, SessionChanges{Session: s, Building: p.building})
	}
	p.sessions[k].Changes = append(p.sessions[k].Changes, c)
}

func changeOf(o *events.Outcome, a events.Accepted, value []byte) Change {
	c := Change{Seq: a.Seq, Time: o.Time, Value: value}
	switch e := a.Event.(type) {
	case events.Created:
		c.Created, c.In = &e, e.Members
	case events.Added:
		c.In = e.Members
	case events.Removed:
		c.Out, c.Promoted, c.Closed = e.Users, e.Promoted, e.Closed
	case events.Joined:
		c.In = []events.NewMember{{User: o.Actor.User, Role: events.RoleMember}}
	case events.Left:
		c.Out, c.Promoted, c.Closed = []events.UserID{o.Actor.User}, e.Promoted, e.Closed
	case events.Sent:
		c.Index, c.Sender = e.Index, o.Actor.User
	case events.Revoked:
		c.Became, c.Target, c.TargetIndex = BecameRevoked, e.Target, e.TargetIndex
	case events.Deleted:
		c.Became, c.Target, c.TargetIndex = BecameDeleted, e.Target, e.TargetIndex
	case events.Overridden:
		c.Became, c.Target, c.TargetIndex = BecameOverridden, e.Target, e.TargetIndex
	case events.Read:
		c.Reader, c.Marker, c.MarkerIndex = o.Actor.User, e.Marker, e.MarkerIndex
	case events.PolicySet:
		c.Policy = &e.Policy
	case events.RoleSet:
		c.Roles = []events.NewMember{{User: e.User, Role: e.Role}}
		if e.Demoted != "" {
			c.Roles = append(c.Roles, events.NewMember{User: e.Demoted, Role: events.RoleAdmin})
		}
	case events.Dismissed:
		c.Closed = true
	case events.AccountClosed:
		c.Closed, c.Logins = true, o.Actor.User
	case events.Banned:
		c.Logins = o.Actor.User
	case events.SignedIn, events.SignedOut:
		if len(events.EndedBy(e)) > 0 {
			c.Logins = o.Actor.User
		}
	case events.InfoSet:
		c.Title = e.Info.Title
	case events.Muted, events.Asked, events.Refused, events.Invited, events.Uninvited, events.Reacted, events.Pinned, events.Delivered,
		events.ContactChanged, events.Reported, events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Audited,
		events.SignedUp, events.Unbanned:
	}
	c.Facts, c.Registered = factsOf(o, a.Event), registered(o, a.Event)
	return c
}
