package session

import "annal/pkg/events"

// create opens a session. Its creator owns a group, channel or self session; the
// two of a direct session are equals, and contacts at once unless the policy says by
// approval, or the other one
// lets only contacts write first. Who is not let add one of its people is told whom, and opens nothing. Only a service may set the base.
type create struct{ events.Create }

func (create) gate() gate { return gate{opens: true} }

func (create) needs(needs []Need, _ Rows, _ *events.Command) []Need { return needs }

func (op create) decide(s *scene) events.Result {
	if op.Base != 0 && s.c.Actor.Service == "" {
		return reject(events.CodeNotAllowed)
	}
	creator := events.NewMember{User: s.c.Actor.User, Role: events.RoleOwner}
	if op.Kind == events.KindDirect {
		creator.Role = events.RoleMember
	}
	members := distinct(append([]events.NewMember{creator}, op.Members...))
	if op.Kind == events.KindDirect {
		members[1].Role = events.RoleMember
	}
	if refused := refusedBy(s.c, op.Kind, members); len(refused) > 0 {
		return events.Rejected{Code: events.CodePrivacyRefused, Skipped: refused}
	}
	e := events.Created{Kind: op.Kind, Base: op.Base, Policy: op.Policy, Members: members, Title: op.Title}
	if op.Kind == events.KindDirect && (op.Policy.Joining == events.JoiningApproval || wishOf(s.c, members[1].User).Lets == events.AudienceContacts) {
		e.Contact, e.Text = events.ContactAsked, op.Text
	}
	return events.Accepted{Seq: op.Base + 1, Event: e}
}

// distinct keeps the first mention of each person, in order.
func distinct(ms []events.NewMember) []events.NewMember {
	seen := make(map[events.UserID]bool, len(ms))
	out := make([]events.NewMember, 0, len(ms))
	for _, m := range ms {
		if !seen[m.User] {
			seen[m.User] = true
			out = append(out, m)
		}
	}
	return out
}

type created struct{ events.Created }

func (created) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f created) evolve(e *evolution) {
	e.head = events.Head{
		Kind: f.Kind, Base: f.Base, Policy: f.Policy, Title: f.Title, Created: e.o.Time,
		Contact: f.Contact,
	}
	if f.Contact == events.ContactAsked {
		e.head.ContactBy = e.o.Actor.User
	}
	for _, m := range f.Members {
		e.stay(m.User, m.Role, events.Member{}) // nobody was here before, so no row is read
	}
}
