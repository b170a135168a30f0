package hot

import (
	"errors"
	"time"

	"annal/pkg/events"
)

// Notifications may be lost without anybody noticing. So what was told is also noted
// down for a while, partition by partition, and gateways compare with it.

// KeepChanged is how long it is kept.
const KeepChanged = time.Minute

// ErrPassed says that what changed reaches no longer back to that place. Compare in full.
var ErrPassed = errors.New("hot: changes reach no longer back that far")

// Changed is what outcomes changed that were told.
type Changed struct {
	// All: the view became whole again after it was built anew or brought up from an older
	// copy. What was read before may be that copy's: compare in full.
	All bool
	// Heads are the newest seqs of sessions.
	Heads map[events.SessionID]events.Seq
	// Markers are the highest that moved.
	Markers map[Part]events.Read
	// Parts are memberships that changed, with the seq of the last such event. A user's own session is among them when logins ended.
	Parts map[Part]events.Seq
}

// Part is a user's part in a session.
type Part struct {
	Session events.SessionID
	User    events.UserID
}

// NewChanged is of nothing yet.
func NewChanged() Changed {
	return Changed{Heads: map[events.SessionID]events.Seq{}, Markers: map[Part]events.Read{}, Parts: map[Part]events.Seq{}}
}

// Len counts what changed.
func (c Changed) Len() int {
	n := len(c.Heads) + len(c.Markers) + len(c.Parts)
	if c.All {
		n++
	}
	return n
}

// Add adds an outcome's change.
func (c Changed) Add(s events.SessionID, change *Change) {
	if change.Seq == 0 && change.Reader == "" {
		return // who does not hear of a delivery marker finds it when they read; of a report nothing tells again
	}
	if change.Seq == 0 {
		c.marker(Part{s, change.Reader}, events.Read{Marker: change.Marker, MarkerIndex: change.MarkerIndex})
		return
	}
	c.Heads[s] = max(c.Heads[s], change.Seq)
	for _, m := range change.In {
		c.part(Part{s, m.User}, change.Seq)
	}
	for _, u := range change.Out {
		c.part(Part{s, u}, change.Seq)
	}
	if change.Logins != "" {
		c.part(Part{s, change.Logins}, change.Seq)
	}
}

// Merge adds all of another.
func (c *Changed) Merge(other Changed) {
	c.All = c.All || other.All
	for s, seq := range other.Heads {
		c.Heads[s] = max(c.Heads[s], seq)
	}
	for p, m := range other.Markers {
		c.marker(p, m)
	}
	for p, seq := range other.Parts {
		c.part(p, seq)
	}
}

func (c Changed) marker(p Part, m events.Read) {
	if m.Marker > c.Markers[p].Marker {
		c.Markers[p] = m
	}
}

func (c Changed) part(p Part, seq events.Seq) { c.Parts[p] = max(c.Parts[p], seq) }
