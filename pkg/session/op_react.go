package session

import "annal/pkg/events"

// react puts a reaction on a message, or takes it back: by whoever may speak. In a channel
// that only admins write in, members may.
type react struct{ events.React }

func (react) gate() gate { return gate{members: true} }

func (op react) needs(needs []Need, _ Rows, c *events.Command) []Need {
	return append(needMessage(needs, op.Seq),
		Need{Key: events.ReactionKey(op.Seq, c.Actor.User, op.Emoji)},
		Need{Key: events.ReactionPrefix(op.Seq, c.Actor.User), First: events.MaxReactions})
}

func (op react) decide(s *scene) events.Result {
	if code := s.silenced(); code != "" {
		return reject(code)
	}
	m, code := s.shown(op.Seq)
	if code != "" {
		return rejectTarget(code, op.Seq)
	}
	_, there := s.rows.Get(events.ReactionKey(op.Seq, s.c.Actor.User, op.Emoji))
	switch {
	case there != op.Off:
		return answer(events.CodeNoChange, 0)
	case !op.Off && len(s.rows.First(events.ReactionPrefix(op.Seq, s.c.Actor.User), events.MaxReactions)) == events.MaxReactions:
		return rejectTarget(events.CodeLimitReached, op.Seq)
	}
	return s.accept(events.Reacted{Target: op.Seq, TargetIndex: m.Index, Emoji: op.Emoji, Off: op.Off})
}

type reacted struct{ events.Reacted }

func (reacted) touches(needs []Need, _ Rows, _ *events.Outcome) []Need { return needs }

func (f reacted) evolve(e *evolution) {
	key := events.ReactionKey(f.Target, e.o.Actor.User, f.Emoji)
	if f.Off {
		e.remove(key)
	} else {
		e.put(key, events.Noted{})
	}
}
