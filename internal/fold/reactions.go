package fold

import (
	"maps"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// react puts a reaction on a message, or takes it back.
func (s *Session) react(u events.UserID, e events.Reacted) {
	m := s.Messages[e.Target]
	if m == nil || m.Index != e.TargetIndex || m.State.Revoked != 0 || m.State.Deleted != 0 {
		s.fault("a reaction at %d names a message %d with index %d that is not there", s.Head.Seq, e.Target, e.TargetIndex)
		return
	}
	if m.reactions == nil {
		m.reactions = map[string]map[events.UserID]bool{}
	}
	users := m.reactions[e.Emoji]
	if users[u] != e.Off {
		s.fault("a reaction of %s at %d changes nothing", u, s.Head.Seq)
	}
	switch {
	case e.Off:
		if delete(users, u); len(users) == 0 {
			delete(m.reactions, e.Emoji)
		}
	case users == nil:
		m.reactions[e.Emoji] = map[events.UserID]bool{u: true}
	default:
		users[u] = true
	}
}

// Reactions are what a page shows of a message, as its reader has it.
func (s *Session) Reactions(seq events.Seq, reader events.UserID) []hot.Reaction {
	m := s.Messages[seq]
	if m == nil || m.State.Revoked != 0 || m.State.Deleted != 0 {
		return nil
	}
	var out []hot.Reaction
	for _, emoji := range slices.Sorted(maps.Keys(m.reactions)) {
		out = append(out, hot.Reaction{Emoji: emoji, Count: uint32(len(m.reactions[emoji])), Mine: m.reactions[emoji][reader]})
	}
	return out
}
