package session

import "annal/pkg/events"

// What a user keeps for themselves, in their self session: it reaches all own devices and
// nobody else.
var inSelf = gate{members: true, kinds: []events.Kind{events.KindSelf}}

// hide deletes messages of a session for the actor alone.
type hide struct{ events.Hide }

func (hide) gate() gate { return inSelf }

func (op hide) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	for _, m := range op.Messages[:min(len(op.Messages), events.MaxHidden)] {
		needs = append(needs, Need{Key: events.HiddenKey(op.Session, m.Seq)})
	}
	return needs
}

func (op hide) decide(s *scene) events.Result {
	e := events.Hidden{Session: op.Session}
	named := make(map[events.Seq]bool, len(op.Messages))
	for _, m := range op.Messages {
		if _, there := s.rows.Get(events.HiddenKey(op.Session, m.Seq)); !there && !named[m.Seq] {
			e.Messages = append(e.Messages, m)
		}
		named[m.Seq] = true
	}
	if len(e.Messages) == 0 {
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(e)
}

type hidden struct{ events.Hidden }

func (hidden) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f hidden) evolve(e *evolution) {
	for _, m := range f.Messages {
		e.put(events.HiddenKey(f.Session, m.Seq), events.Noted{})
	}
}

// setSession changes how a session is shown to the actor.
type setSession struct{ events.SetSession }

func (setSession) gate() gate { return inSelf }

func (op setSession) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.SettingsKey(op.Session)})
}

func (op setSession) decide(s *scene) events.Result {
	had, _ := rowOf[events.SettingsRow](s.rows, events.SettingsKey(op.Session))
	if op.Settings.Of(had.Settings) == had.Settings {
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.SessionSet(op.SetSession))
}

type sessionSet struct{ events.SessionSet }

func (f sessionSet) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return append(needs, Need{Key: events.SettingsKey(f.Session)})
}

func (f sessionSet) evolve(e *evolution) {
	row, _ := rowOf[events.SettingsRow](e.rows, events.SettingsKey(f.Session))
	row.Settings = f.Settings.Of(row.Settings)
	if row.Settings == (events.Settings{}) {
		e.remove(events.SettingsKey(f.Session))
		return
	}
	e.put(events.SettingsKey(f.Session), row)
}

// closeAccount closes the actor's self session. The steward, who follows it, ends the actor's
// part in all others.
type closeAccount struct{}

func (closeAccount) gate() gate { return inSelf }

func (closeAccount) needs(needs []Need, rows Rows, _ *events.Command) []Need {
	return needLogins(needs, rows)
}

func (closeAccount) decide(s *scene) events.Result {
	return s.accept(events.AccountClosed{Ended: endedAll(logins(s.rows))})
}

type accountClosed struct{ events.AccountClosed }

func (f accountClosed) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return needEnded(needs, f.Ended)
}

func (f accountClosed) evolve(e *evolution) {
	e.end(f.Ended)
	e.head.Closed = true
}
