package gateway

import (
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// span is from first to last, both included.
type span struct{ first, last events.Seq }

// visible is what a person may see of a session's timeline, ascending: their stays, the
// events that opened and ended them included; or everything up to their last leaving
// where the policy shows all. None for who never was in. It is the one place that says
// so, for subscriptions, history and sync alike.
func visible(p *hot.Person) []span {
	stays := p.Member.Stays
	if len(stays) == 0 {
		return nil
	}
	if p.Head.Policy.History == events.HistoryAll {
		return []span{{p.Head.Base + 1, lastOf(stays[len(stays)-1], p.Head.Seq)}}
	}
	spans := make([]span, len(stays))
	for i, s := range stays {
		spans[i] = span{s.From, lastOf(s, p.Head.Seq)}
	}
	return spans
}

func lastOf(s events.Stay, head events.Seq) events.Seq {
	if s.To == 0 {
		return head
	}
	return s.To
}

// present is the newest of the visible spans: what a subscription may reach back to.
func present(spans []span) span { return spans[len(spans)-1] }

// receipts says whether all members may see who has read what.
func receipts(p events.Policy, members uint32) bool { return members <= p.ReceiptsLimit }
