package session

import "annal/pkg/events"

// react puts a reaction on a message, or takes it back: by whoever may speak. In a channel
// that only admins write in, members may.
type react struct{ events.React }

func (react) gate() gate { return gate{members: true} }

func (op react) needs(needs []Need, _ Rows, c *events.Command) []Need {
	return append(needMessage(needs, op.Seq),
		Need{Key: events.ReactionKey(op.Seq, c.Actor.User, op.Emoji)},
		Need{Key: events.ReactionPrefix(op.Seq, c.Actor.User), First: events.MaxReactions},
		Need{Key: events.EmojiKey(op.Seq, op.Emoji)}, Need{Key: events.EmojiPrefix(op.Seq), First: events.MaxEmojis})
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
	case !op.Off && (s.reactsMuch(op.Seq) || s.isOneTooMany(op.Seq, op.Emoji)):
		return rejectTarget(events.CodeLimitReached, op.Seq)
	}
	return s.accept(events.Reacted{Target: op.Seq, TargetIndex: m.Index, Emoji: op.Emoji, Off: op.Off})
}

// reactsMuch: the actor has put as many reactions on the message as one may.
func (s *scene) reactsMuch(seq events.Seq) bool {
	return len(s.rows.First(events.ReactionPrefix(seq, s.c.Actor.User), events.MaxReactions)) == events.MaxReactions
}

// isOneTooMany: the emoji is not on the message yet, and as many as there may be are.
func (s *scene) isOneTooMany(seq events.Seq, emoji string) bool {
	_, there := s.rows.Get(events.EmojiKey(seq, emoji))
	return !there && len(s.rows.First(events.EmojiPrefix(seq), events.MaxEmojis)) == events.MaxEmojis
}

type reacted struct{ events.Reacted }

func (f reacted) touches(needs []Need, _ Rows, _ *events.Outcome) []Need {
	return append(needs, Need{Key: events.EmojiKey(f.Target, f.Emoji)})
}

func (f reacted) evolve(e *evolution) {
	key, emoji := events.ReactionKey(f.Target, e.o.Actor.User, f.Emoji), events.EmojiKey(f.Target, f.Emoji)
	row, _ := rowOf[events.EmojiRow](e.rows, emoji)
	switch {
	case !f.Off:
		e.put(key, events.Noted{})
		e.put(emoji, events.EmojiRow{Count: row.Count + 1})
	case row.Count > 1:
		e.remove(key)
		e.put(emoji, events.EmojiRow{Count: row.Count - 1})
	default:
		// The last one; or one of a time when they were not counted.
		e.remove(key)
		e.remove(emoji)
	}
}
