package session

import "annal/pkg/events"

// operation is one thing people can do in a session.
type operation interface {
	// gate says what is asked before the operation's own rule.
	gate() gate
	// needs adds the rows that decide and the event's evolve look at, besides head,
	// actor and client id. It is asked again whenever more was loaded, so it may go
	// by what rows has so far, and must stop asking within a few rounds.
	needs(needs []Need, rows Rows, c *events.Command) []Need
	// decide applies the operation's own rule behind the gate: role, target, windows.
	decide(s *scene) events.Result
}

// gate is what is asked of a command before its own rule.
type gate struct {
	// opens: the session must not exist yet.
	opens bool
	// members: only who is in may ask.
	members bool
	// kinds of sessions that have the operation; empty for all.
	kinds []events.Kind
	// afterClose: who is in when the session closes may still do it.
	afterClose bool
	// always: closed or not makes no difference.
	always bool
}

// fact is what an accepted event does to the rows.
type fact interface {
	// touches adds the rows that evolve reads, besides the head; like needs it may go by
	// what rows has so far.
	touches(needs []Need, rows Rows, o *events.Outcome) []Need
	// evolve writes the event's rows and changes the head's counts. Seq, place,
	// client id and hash are not its business.
	evolve(e *evolution)
}

// manyPeople are the kinds of sessions that people come into and go out of.
var manyPeople = []events.Kind{events.KindGroup, events.KindChannel}

func operationOf(op events.Op) operation {
	switch op := op.(type) {
	case events.Create:
		return create{op}
	case events.Add:
		return add{op}
	case events.Remove:
		return remove{op}
	case events.Join:
		return join{op}
	case events.Leave:
		return leave{}
	case events.Send:
		return send{op}
	case events.Revoke:
		return revoke{op}
	case events.Override:
		return override{op}
	case events.Delete:
		return deleteForAll{op}
	case events.MarkRead:
		return markRead{op}
	case events.SetInfo:
		return setInfo{op}
	case events.SetPolicy:
		return setPolicy{op}
	case events.SetRole:
		return setRole{op}
	case events.Mute:
		return mute{op}
	case events.Dismiss:
		return dismiss{}
	case events.Ask:
		return ask{op}
	case events.Refuse:
		return refuseAsk{op}
	case events.Invite:
		return invite{op}
	case events.Uninvite:
		return uninvite{op}
	case events.React:
		return react{op}
	case events.Pin:
		return pin{op}
	case events.MarkDelivered:
		return markDelivered{op}
	case events.Contact:
		return contact{op}
	case events.Report:
		return report{op}
	case events.Hide:
		return hide{op}
	case events.SetSession:
		return setSession{op}
	case events.SetDevice:
		return setDevice{op}
	case events.SignUp:
		return signUp{op}
	case events.SignIn:
		return signIn{op}
	case events.SignOut:
		return signOut{op}
	case events.Ban:
		return ban{op}
	case events.Unban:
		return unban{}
	case events.SetProfile:
		return setProfile{op}
	case events.SetPrivacy:
		return setPrivacy{op}
	case events.ForgetPush:
		return forgetPush{op}
	case events.SetNotifications:
		return setNotifications{op}
	case events.CloseAccount:
		return closeAccount{}
	case events.Audit:
		return audit{op}
	}
	return nil
}

func factOf(e events.Event) fact {
	switch e := e.(type) {
	case events.Created:
		return created{e}
	case events.Added:
		return added{e}
	case events.Removed:
		return removed{e}
	case events.Joined:
		return joined{e}
	case events.Left:
		return left{e}
	case events.Sent:
		return sent{e}
	case events.Revoked:
		return revoked{e}
	case events.Overridden:
		return overridden{e}
	case events.Deleted:
		return deleted{e}
	case events.Read:
		return read{e}
	case events.InfoSet:
		return infoSet{e}
	case events.PolicySet:
		return policySet{e}
	case events.RoleSet:
		return roleSet{e}
	case events.Muted:
		return muted{e}
	case events.Dismissed:
		return dismissed{}
	case events.Asked:
		return asked{}
	case events.Refused:
		return refused{e}
	case events.Invited:
		return invited{e}
	case events.Uninvited:
		return uninvited{e}
	case events.Reacted:
		return reacted{e}
	case events.Pinned:
		return pinned{e}
	case events.Delivered:
		return delivered{e}
	case events.ContactChanged:
		return contactChanged{e}
	case events.Reported:
		return reported{e}
	case events.Hidden:
		return hidden{e}
	case events.SessionSet:
		return sessionSet{e}
	case events.DeviceSet:
		return deviceSet{e}
	case events.SignedUp:
		return signedUp{}
	case events.SignedIn:
		return signedIn{e}
	case events.SignedOut:
		return signedOut{e}
	case events.Banned:
		return banned{e}
	case events.Unbanned:
		return unbanned{}
	case events.ProfileSet:
		return profileSet{e}
	case events.PrivacySet:
		return privacySet{e}
	case events.PushForgotten:
		return pushForgotten{e}
	case events.NotificationsSet:
		return notificationsSet{e}
	case events.AccountClosed:
		return accountClosed{e}
	case events.Audited:
		return audited{}
	}
	return nil
}
