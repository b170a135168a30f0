package archive

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"annal/pkg/events"
)

var _ Past = (*Memory)(nil)

// accepted gives a session's accepted outcomes up to an offset, ascending.
func (m *Memory) accepted(s events.SessionID, until uint64) []Outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Outcome
	for _, e := range m.events {
		if e.Session == string(s) && e.Kind == KindAccepted && e.Offset <= until {
			all = append(all, Outcome{
				Offset: e.Offset, Event: e.Event, Seq: e.Seq, Index: e.Index, Target: e.Target, Actor: e.Actor, Time: e.Time, Bytes: string(e.Bytes),
			})
		}
	}
	slices.SortFunc(all, func(a, b Outcome) int { return cmp.Compare(a.Offset, b.Offset) })
	return all
}

// Instant implements Past.
func (m *Memory) Instant(_ context.Context, s events.SessionID, seq events.Seq, time events.Millis) (now Moment, found bool, err error) {
	for _, o := range m.accepted(s, ^uint64(0)) {
		if seq != 0 && o.Seq > seq || seq == 0 && o.Time > time {
			break
		}
		if seq != 0 && now.Seq == seq {
			break // what has no seq and comes behind it
		}
		now.Until = o.Offset
		if o.Seq != 0 {
			now.Seq, now.Time = o.Seq, o.Time
		}
		now.Index = max(now.Index, o.Index)
	}
	return now, now.Seq != 0 && (seq == 0 || now.Seq == seq), nil
}

// Happened implements Past.
func (m *Memory) Happened(_ context.Context, s events.SessionID, until uint64, names []string, targets []events.Seq) ([]Outcome, error) {
	var all []Outcome
	for _, o := range m.accepted(s, until) {
		if slices.Contains(names, o.Event) && (targets == nil || slices.Contains(targets, o.Target)) {
			all = append(all, Outcome{Offset: o.Offset, Bytes: o.Bytes})
		}
	}
	return all, nil
}

// Sent implements Past.
func (m *Memory) Sent(_ context.Context, s events.SessionID, until uint64, within []events.Span, before events.Seq, limit int) ([]Outcome, error) {
	var all []Outcome
	for _, o := range m.accepted(s, until) {
		in := slices.ContainsFunc(within, func(v events.Span) bool { return v.First <= o.Seq && o.Seq <= v.Last })
		if o.Index != 0 && in && (before == 0 || o.Seq < before) {
			all = append(all, Outcome{Offset: o.Offset, Bytes: o.Bytes})
		}
	}
	slices.Reverse(all)
	return all[:min(limit, len(all))], nil
}

// Marked implements Past.
func (m *Memory) Marked(_ context.Context, s events.SessionID, until uint64) ([]MarkersNow, error) {
	of := map[events.UserID]*MarkersNow{}
	for _, o := range m.accepted(s, until) {
		read, delivered := events.Seq(0), events.Seq(0)
		switch o.Event {
		case events.Read{}.Name():
			read = o.Target
		case events.Delivered{}.Name():
			delivered = o.Target
		case events.Sent{}.Name():
			read = o.Seq
		default:
			continue
		}
		if of[o.Actor] == nil {
			of[o.Actor] = &MarkersNow{User: o.Actor}
		}
		now := of[o.Actor]
		now.Read, now.Delivered = max(now.Read, read), max(now.Delivered, delivered)
	}
	var all []MarkersNow
	for _, u := range slices.Sorted(maps.Keys(of)) {
		all = append(all, *of[u])
	}
	return all, nil
}
