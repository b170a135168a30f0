package gateway

import (
	"slices"

	"annal/pkg/events"
)

// subscriptions are a connection's, one of a session at most. Most have a handful, and very
// many have them: a list takes a fraction of a map.
type subscriptions []*subscription

// of gives the one of a session, nil when there is none.
func (ss subscriptions) of(session events.SessionID) *subscription {
	if i := ss.index(session); i >= 0 {
		return ss[i]
	}
	return nil
}

func (ss subscriptions) index(session events.SessionID) int {
	return slices.IndexFunc(ss, func(s *subscription) bool { return s.t.session == session })
}

// put sets the one of a session, nil for none, and gives the one there was.
func (ss *subscriptions) put(session events.SessionID, s *subscription) (old *subscription) {
	i := ss.index(session)
	switch {
	case i >= 0 && s != nil:
		old, (*ss)[i] = (*ss)[i], s
	case i >= 0:
		old = (*ss)[i]
		*ss = slices.Delete(*ss, i, i+1)
	case s != nil:
		*ss = append(*ss, s)
	}
	return old
}
