package gateway

import (
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// span is from first to last, both included.
type span struct{ first, last events.Seq }

// visible is what a person may see of a session's timeline, as [events.Visible] says, for
// subscriptions, history and sync alike.
func visible(p *hot.Person) []span {
	all := events.Visible(p.Head.Policy, p.Head.Base, p.Head.Seq, p.Member.Stays)
	if all == nil {
		return nil
	}
	spans := make([]span, len(all))
	for i, s := range all {
		spans[i] = span{s.First, s.Last}
	}
	return spans
}

// present is the newest of the visible spans: what a subscription may reach back to.
func present(spans []span) span { return spans[len(spans)-1] }

// receipts says whether all members may see who has read what.
func receipts(p events.Policy, members uint32) bool { return members <= p.ReceiptsLimit }
