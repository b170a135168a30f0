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
}

// fact is what an accepted event does to the rows.
type fact interface {
	// touches adds the rows that evolve reads, besides the head.
	touches(needs []Need, o *events.Outcome) []Need
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
		return join{}
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
		return joined{}
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
	}
	return nil
}
