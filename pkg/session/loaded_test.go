package session

import (
	"fmt"

	"annal/pkg/events"
)

// Source is where rows come from: a session's rows as they stand, with whatever is
// decided but not yet stored laid over them.
type Source interface {
	// Get gives a row; false when it does not exist.
	Get(k events.Key) (events.Row, bool, error)
	// First gives the first n keys that begin with prefix, ascending.
	First(prefix events.Key, n int) ([]events.Key, error)
}

// Loaded is Rows loaded from a Source for one command or outcome. Once loading is
// done, reading what was never asked for is a fault of the rules and panics: going
// on would decide on a history that never was. For one goroutine.
type Loaded struct {
	source Source
	rows   map[events.Key]events.Row
	ranges map[events.Key]loadedRange
	strict bool
}

type loadedRange struct {
	n    int
	keys []events.Key
}

// NewLoaded gives Rows with nothing loaded.
func NewLoaded(source Source) *Loaded {
	return &Loaded{source: source, rows: make(map[events.Key]events.Row, 8)}
}

// Load loads what Decide and Evolve of the command look at. Errors are the source's.
func (l *Loaded) Load(c *events.Command, at At) error {
	return l.settle(func() []Need { return Needs(l, c, at) })
}

// LoadOutcome loads what Evolve of the outcome looks at. Errors are the source's.
func (l *Loaded) LoadOutcome(o *events.Outcome) error {
	return l.settle(func() []Need { return EvolveNeeds(l, o) })
}

// LoadHead loads what Malformed and Evolve of it look at.
func (l *Loaded) LoadHead() error {
	return l.settle(func() []Need { return []Need{{Key: events.HeadKey}} })
}

func (l *Loaded) settle(needs func() []Need) error {
	l.strict = false
	for range MaxRounds + 1 {
		more := false
		for _, n := range needs() {
			loaded, err := l.load(n)
			if err != nil {
				return fmt.Errorf("session: load %q: %w", n.Key, err)
			}
			more = more || loaded
		}
		if !more {
			l.strict = true
			return nil
		}
	}
	panic(fmt.Sprintf("session: still asking for rows after %d rounds", MaxRounds))
}

// load says whether the need was not loaded yet.
func (l *Loaded) load(n Need) (bool, error) {
	if n.First > 0 {
		if r, ok := l.ranges[n.Key]; ok && r.n >= n.First {
			return false, nil
		}
		keys, err := l.source.First(n.Key, n.First)
		if err != nil {
			return false, err
		}
		if l.ranges == nil {
			l.ranges = make(map[events.Key]loadedRange, 2)
		}
		l.ranges[n.Key] = loadedRange{n: n.First, keys: keys}
		return true, nil
	}
	if _, ok := l.rows[n.Key]; ok {
		return false, nil
	}
	row, ok, err := l.source.Get(n.Key)
	if err != nil {
		return false, err
	}
	if !ok {
		row = nil
	}
	l.rows[n.Key] = row
	return true, nil
}

// Put sets a row, or its absence with nil, as if loaded.
func (l *Loaded) Put(w events.Write) { l.rows[w.Key] = w.Row }

// Get implements Rows.
func (l *Loaded) Get(k events.Key) (events.Row, bool) {
	row, ok := l.rows[k]
	if !ok && l.strict {
		panic(fmt.Sprintf("session: row %q was read but never asked for", k))
	}
	return row, row != nil
}

// First implements Rows.
func (l *Loaded) First(prefix events.Key, n int) []events.Key {
	r := l.ranges[prefix]
	if l.strict && r.n < n {
		panic(fmt.Sprintf("session: the first %d of %q were read, %d asked for", n, prefix, r.n))
	}
	return r.keys[:min(n, len(r.keys))]
}
