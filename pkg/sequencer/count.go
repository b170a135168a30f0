package sequencer

import (
	"crypto/sha256"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/session"
)

// maxSteps bounds how many counted outcomes wait to be stored at once.
const maxSteps = 4096

// event judges a record by the reader's rule and acts on the verdict.
func (m *Machine) event(rec *eventlog.Record) error {
	verdict, stamp, err := m.reader.Read(rec.Offset, rec.Record)
	if verdict == 0 {
		return fmt.Errorf("sequencer: %w", err)
	}
	m.tally.Verdicts[verdict]++
	switch verdict {
	case events.Counted:
		return m.count(rec, stamp)
	case events.Fenced:
		m.fenced(stamp.Owner)
	case events.Late:
		// Nothing of the present turn is late, but repeats of its fence: the own fence can
		// only be late when another's counted since, and that one ended the turn.
	case events.Broken:
		m.uncounted(stamp.Owner)
	case events.Poison:
		m.tally.Poison = fmt.Errorf("sequencer: offset %d: %w", rec.Offset, err)
		m.uncounted(stamp.Owner)
	}
	return nil
}

func (m *Machine) fenced(owner events.Owner) {
	switch {
	case m.state == Fencing && owner == m.owner:
		m.state = Deciding
		p := m.reader.Progress()
		m.last, m.time = p.Last, p.Time
	case m.state != Following:
		m.lose(LostToFence)
	}
}

// uncounted ends the turn when an own outcome did not count: all behind it won't either.
func (m *Machine) uncounted(owner events.Owner) {
	if m.state == Deciding && owner == m.owner {
		m.lose(LostUncounted)
	}
}

func (m *Machine) count(rec *eventlog.Record, stamp events.Stamp) error {
	if m.state == Deciding {
		if m.counted < len(m.steps) && m.steps[m.counted].command == stamp.Command {
			s := &m.steps[m.counted]
			m.tally.Own = append(m.tally.Own, s.label)
			m.bytes -= s.bytes
			m.counted++
			return nil
		}
		// Its owner is ours, for the rule let it count, yet we did not decide it in this
		// order: somebody shares our random part. The log is right.
		m.lose(LostUncounted)
	}
	return m.follow(rec, stamp)
}

// follow evolves the rows by an outcome that another turn decided.
func (m *Machine) follow(rec *eventlog.Record, stamp events.Stamp) error {
	o, err := events.DecodeOutcome(rec.Record)
	if err != nil {
		return &CountedError{Offset: rec.Offset, Err: err}
	}
	m.rows.reset(o.Session)
	writes, err := m.evolve(&o, sha256.Sum256(rec.Value))
	if err != nil {
		return err
	}
	m.steps = append(m.steps, step{command: stamp.Command, session: o.Session, writes: writes})
	m.counted++
	m.overlay.put(o.Session, writes, stamp.Command)
	return nil
}

// evolve gives an outcome's writes; rows loaded so far stay loaded.
func (m *Machine) evolve(o *events.Outcome, stored events.Hash) ([]events.Write, error) {
	err := m.load(func() []session.Need { return m.config.Rules.EvolveNeeds(&m.rows, o) })
	if err != nil {
		return nil, err
	}
	writes := m.config.Rules.Evolve(&m.rows, o, stored)
	return writes, m.rows.fault
}

// flush stores the counted steps with the progress they stand at, at once, and takes
// their rows out of the overlay.
func (m *Machine) flush() error {
	p := m.reader.Progress()
	if p == m.saved {
		return nil
	}
	m.writing = m.writing[:0]
	for i := range m.steps[:m.counted] {
		s := &m.steps[i]
		err := m.overlay.store(s, p.Last, func(w events.Write) error {
			value, err := encodeRow(w.Row)
			m.writing = append(m.writing, StoredRow{Session: s.session, Key: w.Key, Value: value})
			m.cache.update(rowKey{s.session, w.Key}, w.Row, len(value))
			return err
		})
		if err != nil {
			return err
		}
		delete(m.refused, s.command)
	}
	if err := m.store.Apply(p, m.writing); err != nil {
		return fmt.Errorf("sequencer: store: %w", err)
	}
	m.saved = p
	clear(m.writing)
	rest := copy(m.steps, m.steps[m.counted:])
	clear(m.steps[rest:])
	m.steps, m.counted = m.steps[:rest], 0
	return nil
}

func encodeRow(r events.Row) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	b, err := events.EncodeRow(r)
	if err != nil {
		return nil, fmt.Errorf("sequencer: %w", err)
	}
	if b == nil {
		b = []byte{} // a row without content is there all the same
	}
	return b, nil
}
