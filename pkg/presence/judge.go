package presence

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"annal/pkg/events"
)

// State is what is so of a user.
type State struct {
	// Connections are those that they have, the oldest first.
	Connections []Connection
	// Seen is when one who has none was last seen; 0: nobody knows.
	Seen events.Millis
}

// Online says whether the user has a connection.
func (s State) Online() bool { return len(s.Connections) > 0 }

// Active says whether they look at one of their devices.
func (s State) Active() bool {
	return slices.ContainsFunc(s.Connections, func(c Connection) bool { return !c.Away })
}

// Judge says what is so of a user by what is kept of them.
func (s Signs) Judge(r Record) State {
	st := State{Seen: r.Seen}
	for _, p := range r.Connections {
		sign, known := s.Nodes[p.Node]
		switch {
		case known && p.Round >= sign.Floor && s.Now < sign.Ends:
			st.Connections = append(st.Connections, p.Connection)
		case known && p.Round >= sign.Floor:
			// It was there as long as its node was.
			st.Seen = max(st.Seen, sign.At, p.At)
		default:
			st.Seen = max(st.Seen, p.At)
		}
	}
	if st.Online() {
		st.Seen = 0
	}
	slices.SortFunc(st.Connections, func(a, b Connection) int { return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID, b.ID)) })
	return st
}

// Lookup says what is so of users.
type Lookup struct {
	store Store
	age   time.Duration

	// mu is held while signs are read: one reads for all who ask.
	mu    sync.Mutex
	signs Signs
	asOf  time.Time
}

// Fresh is how old what is known of nodes may be.
const Fresh = time.Second

// NewLookup reads from a store, with the nodes' signs as they were no longer than age ago.
func NewLookup(s Store, age time.Duration) *Lookup { return &Lookup{store: s, age: age} }

// Of says what is so of users, in their order. Any number may be asked for; errors are outages.
func (l *Lookup) Of(ctx context.Context, users ...events.UserID) ([]State, error) {
	// Before what they judge: a node's floor rises once all that it has is put again.
	signs, err := l.Signs(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]State, 0, len(users))
	for part := range slices.Chunk(users, MaxUsers) {
		records, err := l.store.Read(ctx, part)
		if err != nil {
			return nil, err
		}
		if signs.strange(records) {
			if signs, err = l.signsSince(ctx, strangeAge); err != nil {
				return nil, err
			}
		}
		for _, r := range records {
			states = append(states, signs.Judge(r))
		}
	}
	return states, nil
}

// strangeAge is how old signs are at least that are read again for a node that is not among them: a new one, or one long gone.
const strangeAge = 100 * time.Millisecond

// strange says whether some connection is of a node of which there is no sign.
func (s Signs) strange(records []Record) bool {
	for _, r := range records {
		for _, p := range r.Connections {
			if _, known := s.Nodes[p.Node]; !known {
				return true
			}
		}
	}
	return false
}

// Active says of each of the users whether they look at one of their devices.
func (l *Lookup) Active(ctx context.Context, users ...events.UserID) ([]bool, error) {
	states, err := l.Of(ctx, users...)
	if err != nil {
		return nil, err
	}
	active := make([]bool, len(states))
	for i, s := range states {
		active[i] = s.Active()
	}
	return active, nil
}

// Signs gives the nodes' signs, and what time it is now by the store's clock.
func (l *Lookup) Signs(ctx context.Context) (Signs, error) { return l.signsSince(ctx, l.age) }

func (l *Lookup) signsSince(ctx context.Context, age time.Duration) (Signs, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asOf.IsZero() || time.Since(l.asOf) >= age {
		began := time.Now()
		signs, err := l.store.Signs(ctx)
		if err != nil {
			return Signs{}, err
		}
		l.signs, l.asOf = signs, began
	}
	signs := l.signs
	signs.Now += events.Millis(time.Since(l.asOf).Milliseconds())
	return signs, nil
}
