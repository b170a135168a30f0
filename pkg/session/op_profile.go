package session

import (
	"reflect"

	"annal/pkg/events"
)

// setProfile changes what the actor says of themselves. The event has all of it, so that views need nothing of before.
type setProfile struct{ events.SetProfile }

func (setProfile) gate() gate { return inSelf }

func (setProfile) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.ProfileKey})
}

func (op setProfile) decide(s *scene) events.Result {
	had, _ := rowOf[events.Profile](s.rows, events.ProfileKey)
	profile := op.Profile.Of(had)
	switch {
	case len(profile.Custom) > events.MaxCustomFields:
		return reject(events.CodeLimitReached)
	case reflect.DeepEqual(profile, had):
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.ProfileSet{Profile: profile})
}

type profileSet struct{ events.ProfileSet }

func (profileSet) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f profileSet) evolve(e *evolution) { e.put(events.ProfileKey, f.Profile) }

// setPrivacy changes what the actor lets others see and do. It is kept here and holds elsewhere by what gateways tell of it
// in others' commands: wishOf.
type setPrivacy struct{ events.SetPrivacy }

func (setPrivacy) gate() gate { return inSelf }

func (setPrivacy) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.PrivacyKey})
}

func (op setPrivacy) decide(s *scene) events.Result {
	had, _ := rowOf[events.Privacy](s.rows, events.PrivacyKey)
	privacy := op.Privacy.Of(had)
	if privacy == (events.Privacy{}).Of(had) {
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.PrivacySet{Privacy: privacy})
}

type privacySet struct{ events.PrivacySet }

func (privacySet) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f privacySet) evolve(e *evolution) { e.put(events.PrivacyKey, f.Privacy) }

// wishOf is what a person lets the actor do, as the command says; without a word everybody may. A session's rows know
// nothing of it: docs/decisions/0013-privacy-in-commands.md.
func wishOf(c *events.Command, u events.UserID) events.Wish {
	for _, w := range c.Wishes {
		if w.User == u {
			return w
		}
	}
	return events.Wish{User: u, Lets: events.AudienceEveryone}
}

// refusedBy are those of the people of a new session who don't let the actor add them, or write to them first. One of a
// direct session who lets contacts write first is asked instead.
func refusedBy(c *events.Command, kind events.Kind, members []events.NewMember) (all []events.Skipped) {
	for _, m := range members {
		w := wishOf(c, m.User)
		if m.User != c.Actor.User && !w.Grants() && (kind != events.KindDirect || w.Lets == events.AudienceNobody) {
			all = append(all, events.Skipped{User: m.User, Code: events.CodePrivacyRefused})
		}
	}
	return all
}
