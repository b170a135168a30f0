package gateway

import (
	"context"
	"errors"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Whom people let do what stands in their own sessions, of which the rules of others know nothing. So who takes a command
// says in it what they let: docs/decisions/0013-privacy-in-commands.md. It refuses nothing itself; what cannot be read now is
// TRY_AGAIN, since a command that says nothing of it would be let do everything.

// asker is what a command would do to whom.
type asker struct {
	users []events.UserID
	// lets is whom the user lets do it.
	lets func(events.Privacy) events.Audience
	// byContact: it matters who is a contact. In a direct session of the two its own rows say so.
	byContact bool
}

// People are whom AddWishes reads of; hot.View has them.
type People interface {
	Own(ctx context.Context, users []events.UserID) (map[events.UserID]hot.Own, error)
	Contacts(ctx context.Context, u events.UserID, users []events.UserID) (map[events.UserID]bool, error)
	Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]hot.MemberEntry, error)
}

// AddWishes puts into a command what the people that it is about let others do. What a service imports happened elsewhere, and
// is bound by nothing here. It reads anew, nothing that is kept: who has set it and was told so must not be added a moment later.
func AddWishes(ctx context.Context, people People, cmd *events.Command) error {
	a, err := askerOf(ctx, people, cmd)
	if err != nil || len(a.users) == 0 {
		return err
	}
	owns, err := people.Own(ctx, a.users)
	if err != nil {
		return err
	}
	var byContact []events.UserID
	for _, u := range a.users {
		lets := a.lets(owns[u].Privacy)
		if lets <= events.AudienceEveryone {
			continue
		}
		cmd.Wishes = append(cmd.Wishes, events.Wish{User: u, Lets: lets})
		if lets == events.AudienceContacts && a.byContact {
			byContact = append(byContact, u)
		}
	}
	if len(byContact) == 0 {
		return nil
	}
	contacts, err := people.Contacts(ctx, cmd.Actor.User, byContact)
	if err != nil {
		return err
	}
	for i := range cmd.Wishes {
		cmd.Wishes[i].Contact = contacts[cmd.Wishes[i].User]
	}
	return nil
}

// askerOf gives what a command would do; without users for one that needs nobody's leave.
func askerOf(ctx context.Context, people People, cmd *events.Command) (asker, error) {
	addMe := func(p events.Privacy) events.Audience { return p.AddMe }
	writeFirst := func(p events.Privacy) events.Audience { return p.WriteFirst }
	// Whoever opens a direct session is a contact from then on, unless the other one is asked: so they are where contacts may do more than others.
	meet := func(p events.Privacy) events.Audience {
		if p.WriteFirst <= events.AudienceEveryone && (p.AddMe > events.AudienceEveryone || p.LastSeen > events.AudienceEveryone) {
			return events.AudienceContacts
		}
		return p.WriteFirst
	}
	switch op := cmd.Op.(type) {
	case events.Add:
		if cmd.Origin == 0 {
			return asker{others(cmd.Actor.User, op.Members), addMe, true}, nil
		}
	case events.Create:
		switch {
		case cmd.Origin != 0, op.Base != 0:
		case op.Kind == events.KindDirect:
			return asker{others(cmd.Actor.User, op.Members), meet, false}, nil
		default:
			return asker{others(cmd.Actor.User, op.Members), addMe, true}, nil
		}
	case events.Contact:
		if op.Step == events.ContactAsk && cmd.Origin == 0 {
			users, err := otherOf(ctx, people, cmd.Session, cmd.Actor.User)
			return asker{users, writeFirst, false}, err
		}
	case events.Ask, events.Audit, events.Ban, events.CloseAccount, events.Delete, events.Dismiss, events.Hide, events.Invite, events.Join, events.Leave,
		events.MarkDelivered, events.MarkRead, events.Mute, events.Override, events.Pin, events.React, events.Refuse, events.Remove, events.Report,
		events.Revoke, events.Send, events.SetDevice, events.SetInfo, events.SetPolicy, events.SetPrivacy, events.SetNotifications, events.ForgetPush, events.SetProfile, events.SetRole,
		events.SetSession, events.SignIn, events.SignOut, events.SignUp, events.Unban, events.Uninvite:
	}
	return asker{}, nil
}

// others are people besides the actor, each once.
func others(actor events.UserID, members []events.NewMember) []events.UserID {
	named := map[events.UserID]bool{actor: true}
	users := make([]events.UserID, 0, len(members))
	for _, m := range members {
		if !named[m.User] {
			named[m.User] = true
			users = append(users, m.User)
		}
	}
	return users
}

// otherOf is the other one of a direct session; nobody where there is none, which the rules will say.
func otherOf(ctx context.Context, people People, s events.SessionID, actor events.UserID) ([]events.UserID, error) {
	members, err := people.Members(ctx, s, "", 2)
	if errors.Is(err, hot.ErrNoSession) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if m.User != actor {
			return []events.UserID{m.User}, nil
		}
	}
	return nil, nil
}

// lastSeenOf says of many users, 1,000 at most, whether they let the viewer see when they were last there, and so whether they are. Errors
// are the view's.
func (g *Gateway) lastSeenOf(ctx context.Context, viewer events.UserID, users []events.UserID) (map[events.UserID]bool, error) {
	owns, err := g.owns.of(ctx, users)
	if err != nil {
		return nil, err
	}
	visible := make(map[events.UserID]bool, len(users))
	var byContact []events.UserID
	for _, u := range users {
		switch owns[u].Privacy.LastSeen {
		case 0, events.AudienceEveryone:
			visible[u] = true
		case events.AudienceContacts:
			byContact = append(byContact, u)
		case events.AudienceNobody:
		}
	}
	if len(byContact) == 0 {
		return visible, nil
	}
	contacts, err := g.ports.View.Contacts(ctx, viewer, byContact)
	if err != nil {
		return nil, err
	}
	for _, u := range byContact {
		visible[u] = contacts[u]
	}
	return visible, nil
}
