package archive

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"annal/pkg/events"
)

var _ Timelines = (*Memory)(nil)

// Reach implements Timelines.
func (m *Memory) Reach(_ context.Context, s events.SessionID) (events.Seq, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	reach := events.Seq(0)
	for key, e := range m.events {
		if key.session == string(s) {
			reach = max(reach, e.Seq)
		}
	}
	return reach, nil
}

// Missing implements Timelines.
func (m *Memory) Missing(_ context.Context, s events.SessionID, seq events.Seq) (Missing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if had := m.sessions[s]; had == nil || had.Head < seq {
		return MissingBehind, nil
	}
	why := MissingDropped
	for key, e := range m.events {
		switch {
		case key.session != string(s):
		case e.Kind == KindUnreadable:
			return MissingUnreadable, nil
		case e.Seq > 0 && e.Seq <= seq:
			why = MissingBehind
		}
	}
	return why, nil
}

// Entries implements Timelines.
func (m *Memory) Entries(_ context.Context, s events.SessionID, seqs []events.Seq) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := m.values(s)
	var all []Entry
	for _, seq := range slices.Compact(slices.Sorted(slices.Values(seqs))) {
		if e, ok := values[seq]; ok {
			all = m.enter(all, s, &e, values)
		}
	}
	return all, nil
}

// enter adds an event, unless what became of it is not known. The lock is held.
func (m *Memory) enter(all []Entry, s events.SessionID, e *Event, values map[events.Seq]Event) []Entry {
	now, known := m.became(s, e, values)
	if !known {
		return all
	}
	return append(all, Entry{Seq: e.Seq, Value: e.Bytes, Now: now})
}

// values are a session's events by their seqs. The lock is held.
func (m *Memory) values(s events.SessionID) map[events.Seq]Event {
	values := map[events.Seq]Event{}
	for key, e := range m.events {
		if key.session == string(s) && e.Seq > 0 {
			values[e.Seq] = e
		}
	}
	return values
}

// Timeline implements Timelines.
func (m *Memory) Timeline(_ context.Context, s events.SessionID, span Span) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := m.values(s)
	among := maps.Keys(values)
	if span.Pick != nil {
		among = m.picked(s, span.Pick)
	}
	seqs := slices.SortedFunc(among, func(a, b events.Seq) int {
		if span.Down {
			a, b = b, a
		}
		return cmp.Compare(a, b)
	})
	first, last := span.Looked()
	var all []Entry
	for _, seq := range seqs {
		if seq < first || seq > last || len(all) == span.Limit {
			continue
		}
		if e, ok := values[seq]; ok {
			all = m.enter(all, s, &e, values)
		} else {
			all = append(all, Entry{Seq: seq})
		}
	}
	return all, nil
}

// picked gives the seqs of messages that are picked. The lock is held.
func (m *Memory) picked(s events.SessionID, p *Pick) iter.Seq[events.Seq] {
	return func(yield func(events.Seq) bool) {
		for key, r := range m.messages {
			if key.session == s && r.picked(key.seq, p) && !yield(key.seq) {
				return
			}
		}
	}
}

func (r *message) picked(seq events.Seq, p *Pick) bool {
	switch {
	case r.Index == 0:
		return false
	case len(p.Authors) > 0 && !slices.Contains(p.Authors, r.Sender), r.Time < p.From, p.Until > 0 && r.Time >= p.Until:
		return false
	case p.Thread > 0 && r.Refs.Thread != p.Thread && seq != p.Thread:
		return false
	}
	return len(p.Kinds) == 0 || len(r.overrides) > 0 || slices.Contains(p.Kinds, r.Body.Kind)
}

// sentName and overriddenName are the events that say something.
var sentName, overriddenName = events.Sent{}.Name(), events.Overridden{}.Name()

// became is what became of the message of an event, nil of one that is about none. The lock is held.
func (m *Memory) became(s events.SessionID, e *Event, values map[events.Seq]Event) (now *Became, known bool) {
	target := e.Seq
	switch e.Event {
	case overriddenName:
		target = e.Target
	case sentName:
	default:
		return nil, true
	}
	r := m.messages[messageKey{s, target}]
	if r == nil {
		return nil, false
	}
	now = &Became{Revoked: r.Revoked.Seq, Deleted: r.Deleted.Seq}
	if r.Body.Seq > target {
		now.Overridden, now.Override = r.Body.Seq, values[r.Body.Seq].Bytes
	}
	if e.Event == sentName {
		now.Reacted, now.Unreacted = maps.Clone(r.reacted), maps.Clone(r.unreacted)
	}
	return now, true
}
