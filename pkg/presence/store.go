package presence

import (
	"context"
	"slices"
	"time"

	"annal/pkg/events"
)

// Bounds of what is kept, and of calls.
const (
	// MaxConnections is how many of a user's connections are kept: beyond, the one that was put longest ago is forgotten.
	MaxConnections = 100
	// MaxUsers is how many users one Read is of, and MaxChanges how many changes one Write has.
	MaxUsers   = 1000
	MaxChanges = 1000
	// KeepFor is how long after the last change of a user's it is known when they were last seen.
	KeepFor = 90 * 24 * time.Hour
	// KeepSigns is how long a node's last sign is known. After that its connections were last seen when they were last put.
	KeepSigns = 7 * 24 * time.Hour
)

// Connection is a user's connection to a node.
type Connection struct {
	// ID is never used again.
	ID   string        `json:"-"`
	User events.UserID `json:"-"`
	// Node is the process that has it, whose name is never used again either.
	Node   string `json:"node"`
	Device string `json:"device,omitempty"`
	Kind   Kind   `json:"kind,omitempty"`
	// Since is when it began, by the node's clock.
	Since events.Millis `json:"since"`
	// Away: nobody looks at the device now.
	Away bool `json:"away,omitempty"`
}

// Kind is what sort of device it is, as it says itself; empty: it does not say.
type Kind string

// The kinds.
const (
	Phone   Kind = "phone"
	Tablet  Kind = "tablet"
	Desktop Kind = "desktop"
	Web     Kind = "web"
	Other   Kind = "other"
)

// Known says whether it is one of the kinds, or empty.
func (k Kind) Known() bool { return slices.Contains([]Kind{"", Phone, Tablet, Desktop, Web, Other}, k) }

// Change is a connection that is there, or one that has ended.
type Change struct {
	Connection
	// Round is the node's, in which it is put.
	Round uint64
	// Ended says that it is no longer there, Ago for how long.
	Ended bool
	Ago   time.Duration
}

// Record is what is kept of a user.
type Record struct {
	Connections []Put
	// Seen is the last time at which a connection ended, as far as anybody took it away; 0 if none did.
	Seen events.Millis
}

// Put is a connection as it was put.
type Put struct {
	Connection
	Round uint64
	// At is when, by the store's clock.
	At events.Millis
}

// Sign is the last sign of life of a node.
type Sign struct {
	// At is when it was given, and Ends until when it is good, by the store's clock.
	At, Ends events.Millis
	// Floor is the first round of the node whose puts count.
	Floor uint64
}

// Signs are those of all nodes of late, read at Now by the store's clock.
type Signs struct {
	Now   events.Millis
	Nodes map[string]Sign
}

// Store is where connections are put. presencetest has its conformance suite. Errors are outages; then any part of it may be done.
type Store interface {
	// Write makes changes, MaxChanges at most. Making one again changes nothing; of one connection the last one made holds.
	Write(ctx context.Context, changes []Change) error
	// Read gives what is kept of users, MaxUsers at most, in their order.
	Read(ctx context.Context, users []events.UserID) ([]Record, error)
	// Beat gives a node's sign, good for ttl; of 0 it says that the node ends. What it returns differs from what it returned last when the store
	// may have lost something since: then the node puts all its connections again.
	Beat(ctx context.Context, node string, floor uint64, ttl time.Duration) (life string, err error)
	// Signs gives all nodes' last signs.
	Signs(ctx context.Context) (Signs, error)
}
