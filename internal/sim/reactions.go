package sim

import (
	"maps"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// react puts a reaction on a message that the window holds, or takes it back.
func (k *kept) react(f hot.Fact) {
	target, emoji, u := hot.ParseReaction(f.Field)
	if target < k.head.WindowStart {
		return
	}
	if k.reactions[target] == nil {
		k.reactions[target] = map[string]map[events.UserID]bool{}
	}
	emojis := k.reactions[target]
	if f.Value == "" {
		delete(emojis[emoji], u)
		return
	}
	if emojis[emoji] == nil {
		emojis[emoji] = map[events.UserID]bool{}
	}
	emojis[emoji][u] = true
}

// showReactions adds to a message's state what there is on it.
func (k *kept) showReactions(state *hot.State, seq events.Seq, reader []events.UserID) {
	emojis := k.reactions[seq]
	for _, emoji := range slices.Sorted(maps.Keys(emojis)) {
		if n := len(emojis[emoji]); n > 0 {
			mine := len(reader) > 0 && emojis[emoji][reader[0]]
			state.Reactions = append(state.Reactions, hot.Reaction{Emoji: emoji, Count: uint32(n), Mine: mine})
			state.ReactionsTo = k.head.Seq
		}
	}
}
