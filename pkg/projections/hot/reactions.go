package hot

import (
	"fmt"
	"strconv"
	"strings"

	"annal/pkg/events"
)

// Reaction is what people have reacted with to a message.
type Reaction struct {
	Emoji string
	Count uint32
	// Mine: the reader is one of them.
	Mine bool
}

// CompareReactions orders them by emoji.
func CompareReactions(a, b Reaction) int { return strings.Compare(a.Emoji, b.Emoji) }

// reactionFact puts a reaction or takes it back.
func reactionFact(u events.UserID, e events.Reacted) Fact {
	value := "1"
	if e.Off {
		value = ""
	}
	return Fact{FactReact, fmt.Sprintf("%020d %s\x00%s", uint64(e.Target), e.Emoji, u), value}
}

// ParseReaction reads the field of a FactReact.
func ParseReaction(field string) (target events.Seq, emoji string, u events.UserID) {
	seq, rest, _ := strings.Cut(field, " ")
	n, _ := strconv.ParseUint(seq, 10, 64)
	emoji, user, _ := strings.Cut(rest, "\x00")
	return events.Seq(n), emoji, events.UserID(user)
}
