package gateway

import (
	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/projections/hot"
)

// Pages show what people have reacted with, as of when they are read: the events of reactions that
// a client has, or gets, from later on change it. Who is out is not shown what others do since.

func clientReactions(all []hot.Reaction) []*clientv1.ReactionCount {
	var out []*clientv1.ReactionCount
	for _, r := range all {
		out = append(out, &clientv1.ReactionCount{Emoji: r.Emoji, Count: r.Count, Mine: r.Mine})
	}
	return out
}

// withoutReactions takes reactions out of what is shown.
func withoutReactions(m *clientv1.Sent) {
	if m != nil {
		m.Reactions, m.ReactionsTo = nil, 0
	}
}
