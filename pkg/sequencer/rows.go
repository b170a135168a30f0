package sequencer

import (
	"fmt"

	"annal/pkg/events"
	"annal/pkg/session"
)

// rowKey names a row within a partition.
type rowKey struct {
	session events.SessionID
	key     events.Key
}

// maxNeedRounds bounds how often rules may ask for more rows for one command: each
// round must be able to follow from the rows of the one before, and no rule looks
// that far.
const maxNeedRounds = 16

// loaded holds the rows of one session that were asked for: all that rules see.
type loaded struct {
	session events.SessionID
	rows    map[events.Key]events.Row // nil: looked for, and absent
	ranges  []loadedRange
	// complete: all that was asked for is there. Reading anything else from then on is
	// a fault of the rules, kept in fault: what they decided is on a history that never was.
	complete bool
	fault    error
}

type loadedRange struct {
	need session.Need
	keys []events.Key
}

func (l *loaded) reset(s events.SessionID) {
	l.session = s
	l.ranges = l.ranges[:0]
	l.complete, l.fault = false, nil
	if l.rows == nil || len(l.rows) > 1024 {
		// Clearing a map costs its size at its largest, so a rare big batch is let go.
		l.rows = make(map[events.Key]events.Row)
		return
	}
	clear(l.rows)
}

// Get implements session.Rows.
func (l *loaded) Get(k events.Key) (events.Row, bool) {
	r, ok := l.rows[k]
	if !ok && l.complete {
		l.fault = fmt.Errorf("sequencer: rules read row %q of %s, which they never asked for", k, l.session)
	}
	return r, r != nil
}

// First implements session.Rows.
func (l *loaded) First(prefix events.Key, n int) []events.Key {
	for _, r := range l.ranges {
		if r.need.Key == prefix && r.need.First >= n {
			return r.keys[:min(n, len(r.keys))]
		}
	}
	if l.complete {
		l.fault = fmt.Errorf("sequencer: rules read the first %d of %q of %s, which they never asked for", n, prefix, l.session)
	}
	return nil
}

func (l *loaded) has(n session.Need) bool {
	if n.First == 0 {
		_, ok := l.rows[n.Key]
		return ok
	}
	for _, r := range l.ranges {
		if r.need.Key == n.Key && r.need.First >= n.First {
			return true
		}
	}
	return false
}

// load calls needs until it names nothing new, and loads what it names.
func (m *Machine) load(needs func() []session.Need) error {
	m.rows.complete = false
	for range maxNeedRounds {
		fresh, err := m.loadNeeds(needs())
		if err != nil {
			return err
		}
		if !fresh {
			m.rows.complete = true
			return m.rows.fault
		}
	}
	return fmt.Errorf("sequencer: rules still ask for rows after %d rounds", maxNeedRounds)
}

// loadNeeds loads what is not loaded yet, and says whether there was anything. Rows that
// only the store has are asked of it at once.
func (m *Machine) loadNeeds(needs []session.Need) (fresh bool, err error) {
	m.missing = m.missing[:0]
	for _, n := range needs {
		switch {
		case m.rows.has(n):
			continue
		case n.First > 0:
			if err := m.loadRange(n); err != nil {
				return true, err
			}
		default:
			m.loadRow(n.Key)
		}
		fresh = true
	}
	if len(m.missing) == 0 {
		return fresh, nil
	}
	return true, m.loadStored(m.missing)
}

func (m *Machine) loadRange(n session.Need) error {
	keys, err := m.first(m.rows.session, n.Key, n.First)
	if err != nil {
		return err
	}
	m.rows.ranges = append(m.rows.ranges, loadedRange{need: n, keys: keys})
	return nil
}

// loadRow takes a row from where it is newest: overlay, or cache, or else it is missing
// until it was asked of the store.
func (m *Machine) loadRow(k events.Key) {
	rk := rowKey{m.rows.session, k}
	row, ok := m.overlay.get(rk)
	if !ok {
		row, ok = m.cache.get(rk)
	}
	if !ok {
		m.missing = append(m.missing, k)
	}
	m.rows.rows[k] = row
}

func (m *Machine) loadStored(keys []events.Key) error {
	values, err := m.store.Get(m.rows.session, keys)
	if err != nil {
		return fmt.Errorf("sequencer: store: %w", err)
	}
	for i, k := range keys {
		if values[i] == nil {
			continue
		}
		row, err := events.DecodeRow(k, values[i])
		if err != nil {
			return fmt.Errorf("sequencer: stored row %q of %s: %w", k, m.rows.session, err)
		}
		m.cache.put(rowKey{m.rows.session, k}, row, len(values[i]))
		m.rows.rows[k] = row
	}
	return nil
}

// first merges the first n keys of a range in the store with what the overlay sets
// and removes.
func (m *Machine) first(s events.SessionID, prefix events.Key, n int) ([]events.Key, error) {
	set, removed := m.overlay.scan(s, prefix)
	keys, err := m.store.First(s, prefix, n+len(removed))
	if err != nil {
		return nil, err
	}
	merged := make([]events.Key, 0, min(n, len(keys)+len(set)))
	for len(merged) < n && len(keys)+len(set) > 0 {
		var k events.Key
		switch {
		case len(keys) == 0 || len(set) > 0 && set[0] < keys[0]:
			k, set = set[0], set[1:]
		case len(set) > 0 && set[0] == keys[0]:
			k, set, keys = set[0], set[1:], keys[1:]
		default:
			k, keys = keys[0], keys[1:]
		}
		if !removed[k] {
			merged = append(merged, k)
		}
	}
	return merged, nil
}
