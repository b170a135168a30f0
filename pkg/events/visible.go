package events

// Span is a part of a timeline, from First to Last, both included.
type Span struct{ First, Last Seq }

// Visible is what a person may see of a timeline that ends at head, ascending: their stays, the events that opened and ended them
// included; or everything up to their last leaving where the policy shows all. None for who never was in. It is the one place that
// says so, for gateways and auditors alike.
func Visible(p Policy, base, head Seq, stays []Stay) []Span {
	if len(stays) == 0 {
		return nil
	}
	last := func(s Stay) Seq {
		if s.To == 0 {
			return head
		}
		return s.To
	}
	if p.History == HistoryAll {
		return []Span{{base + 1, last(stays[len(stays)-1])}}
	}
	spans := make([]Span, len(stays))
	for i, s := range stays {
		spans[i] = Span{s.From, last(s)}
	}
	return spans
}
