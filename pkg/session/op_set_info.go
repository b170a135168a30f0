package session

import (
	"reflect"

	"annal/pkg/events"
)

// setInfo changes what the session says of itself: by whoever has the policy's InfoRole.
type setInfo struct{ events.SetInfo }

func (setInfo) gate() gate { return gate{members: true, kinds: manyPeople} }

func (setInfo) needs(needs []Need, _ Rows, _ *events.Command) []Need {
	return append(needs, Need{Key: events.InfoKey})
}

func (op setInfo) decide(s *scene) events.Result {
	if !s.head.Policy.MayChangeInfo(s.me.Role) {
		return reject(events.CodeNotAllowed)
	}
	had, _ := rowOf[events.Info](s.rows, events.InfoKey)
	title, info := changeInfo(s.head.Title, had, &op.Info)
	switch {
	case len(info.Custom) > events.MaxCustomFields:
		return reject(events.CodeLimitReached)
	case title == s.head.Title && reflect.DeepEqual(info, had):
		return answer(events.CodeNoChange, 0)
	}
	return s.accept(events.InfoSet{Info: op.Info})
}

// changeInfo gives title and info with a change.
func changeInfo(title string, info events.Info, c *events.InfoChange) (string, events.Info) {
	for _, f := range []struct{ to, from *string }{
		{&title, c.Title}, {&info.Avatar, c.Avatar}, {&info.Notice, c.Notice}, {&info.Description, c.Description},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	info.Custom = events.ChangeFields(info.Custom, c.Custom)
	return title, info
}

type infoSet struct{ events.InfoSet }

func (infoSet) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return append(needs, Need{Key: events.InfoKey})
}

func (f infoSet) evolve(e *evolution) {
	info, _ := rowOf[events.Info](e.rows, events.InfoKey)
	e.head.Title, info = changeInfo(e.head.Title, info, &f.Info)
	e.put(events.InfoKey, info)
}
