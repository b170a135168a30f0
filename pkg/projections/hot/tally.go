package hot

import (
	"errors"
	"slices"

	"annal/pkg/events"
)

// TallyFrom is how many people must have been in a session before a store keeps a tally of it:
// with fewer the members are soon counted one by one.
const TallyFrom = 1000

// Errors of View.Tally.
var (
	// ErrNoTally: too few people have been in the session for a tally of it to be kept.
	ErrNoTally = errors.New("hot: no tally is kept of the session")
	// ErrBelow: the window no longer holds the message.
	ErrBelow = errors.New("hot: the message is below the window")
)

// Tally says how many of a session's present members have seen a message, its sender left out.
type Tally struct {
	// Total may see it. Of them Read have read it, and Delivered have read it or have a
	// device that got it.
	Total, Read, Delivered uint32
}

// Add counts a present member, if they may see the message.
func (t *Tally) Add(m *events.Member, h events.History, seq events.Seq) { t.count(m, h, seq, 1) }

// LeaveOut takes off a present member who was counted.
func (t *Tally) LeaveOut(m *events.Member, h events.History, seq events.Seq) {
	t.count(m, h, seq, ^uint32(0))
}

// count adds by for a member, one or less than one.
func (t *Tally) count(m *events.Member, h events.History, seq events.Seq, by uint32) {
	sees := h == events.HistoryAll || slices.ContainsFunc(m.Stays, func(s events.Stay) bool {
		return s.From <= seq && (s.To == 0 || seq <= s.To)
	})
	if !m.In() || !sees {
		return
	}
	t.Total += by
	if m.Marker >= seq {
		t.Read += by
	}
	if max(m.Marker, m.Delivered) >= seq {
		t.Delivered += by
	}
}
