package archive

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"annal/pkg/events"
)

// Count implements View.
func (m *Memory) Count(context.Context) (map[Kind]uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := map[Kind]uint64{}
	for _, e := range m.events {
		counts[e.Kind]++
	}
	return counts, nil
}

// Outcomes implements View.
func (m *Memory) Outcomes(_ context.Context, s events.SessionID, after int64, limit int) ([]Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Outcome
	for _, e := range m.events {
		if e.Session == string(s) && int64(e.Offset) > after {
			all = append(all, Outcome{
				e.Partition, e.Offset, e.Kind, e.Event, e.Code, e.Seq, e.Actor, e.Time, e.Origin, e.PrevHash, e.Hash, string(e.Bytes), e.Command, e.Owner.String(),
				e.Detail, e.Index, e.Target, e.People, e.ID, e.Service, e.ClientID, e.Device, e.ClientVersion, e.Address,
			})
		}
	}
	slices.SortFunc(all, func(a, b Outcome) int { return cmp.Compare(a.Offset, b.Offset) })
	return all[:min(limit, len(all))], nil
}

// Messages implements View.
func (m *Memory) Messages(_ context.Context, s events.SessionID, after events.Seq, limit int) ([]MessageNow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []MessageNow
	for key, r := range m.messages {
		if key.session == s && key.seq > after && r.Index > 0 {
			all = append(all, r.now(key.seq))
		}
	}
	slices.SortFunc(all, func(a, b MessageNow) int { return cmp.Compare(a.Seq, b.Seq) })
	return all[:min(limit, len(all))], nil
}

func (r *message) now(seq events.Seq) MessageNow {
	n := MessageNow{
		Seq: seq, Index: r.Index, Time: r.Time, Origin: r.Origin, Sender: r.Sender, Kind: r.Body.Kind, Text: r.Body.Text, Versions: uint64(1 + len(r.overrides)),
		Revoked: r.Revoked.Seq > 0, RevokedBy: r.Revoked.By, Deleted: r.Deleted.Seq > 0, DeletedBy: r.Deleted.By, Reason: r.Deleted.Reason,
		Pinned: r.Pinned > r.Unpinned, Reactions: map[string]uint64{}, Reports: uint64(len(r.reporters)), ID: r.ID, Service: r.Service, Device: r.Device,
		ClientVersion: r.ClientVersion, OverriddenAt: r.OverrideTime, RevokedAt: r.Revoked.Time, DeletedAt: r.Deleted.Time, Refs: r.Refs,
	}
	n.Refs.Mentions = slices.Compact(slices.Sorted(slices.Values(r.Refs.Mentions)))
	if n.Revoked || n.Deleted {
		n.Text, n.Pinned = "", false
		return n
	}
	for key, at := range r.reacted {
		if at > r.unreacted[key] {
			_, emoji, _ := strings.Cut(key, " ")
			n.Reactions[emoji]++
		}
	}
	return n
}

// Markers implements View.
func (m *Memory) Markers(_ context.Context, s events.SessionID) ([]MarkersNow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of := map[events.UserID]MarkersNow{}
	for key, r := range m.markers {
		if key.session != s {
			continue
		}
		now := of[key.user]
		now.User = key.user
		if key.kind == MarkerRead {
			now.Read, now.ReadAt = r.Seq, r.Time
		} else {
			now.Delivered, now.DeliveredAt = r.Seq, r.Time
		}
		of[key.user] = now
	}
	return slices.SortedFunc(maps.Values(of), func(a, b MarkersNow) int { return cmp.Compare(a.User, b.User) }), nil
}

// Stays implements View.
func (m *Memory) Stays(_ context.Context, s events.SessionID) ([]Stay, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	steps := slices.DeleteFunc(slices.Collect(maps.Values(m.members)), func(r Member) bool { return r.Session != s || r.Step == StepRole })
	slices.SortFunc(steps, func(a, b Member) int { return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Seq, b.Seq)) })
	var stays []Stay
	for i, r := range steps {
		if r.Step != StepIn {
			continue
		}
		stay := Stay{User: r.User, From: r.Seq, Came: r.Event, LetIn: r.Actor, FromTime: r.Time, FromOrigin: r.Origin}
		if i+1 < len(steps) && steps[i+1].User == r.User {
			end := steps[i+1]
			stay.To, stay.Went, stay.ToTime, stay.ToOrigin, stay.LetOut = end.Seq, end.Event, end.Time, end.Origin, end.Actor
		}
		stays = append(stays, stay)
	}
	return stays, nil
}

// Sessions implements View.
func (m *Memory) Sessions(_ context.Context, after events.SessionID, limit int) ([]SessionNow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []SessionNow
	for id, r := range m.sessions {
		if id > after && r.Created.Seq > 0 {
			all = append(all, r.now())
		}
	}
	slices.SortFunc(all, func(a, b SessionNow) int { return cmp.Compare(a.Session, b.Session) })
	return all[:min(limit, len(all))], nil
}

// Session implements View.
func (m *Memory) Session(_ context.Context, s events.SessionID) (SessionNow, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.sessions[s]
	if r == nil || r.Created.Seq == 0 {
		return SessionNow{}, false, nil
	}
	return r.now(), true, nil
}

func (s *Session) now() SessionNow {
	now := SessionNow{
		Session: s.Session, Title: s.Facts["title"].Value, Notice: s.Facts["notice"].Value, Policy: s.Facts["policy"].Value, Creator: s.Created.By,
		Closed: s.Closed.Seq > 0, Base: s.Base, Head: s.Head, Messages: s.Messages, Custom: map[string]string{}, Avatar: s.Facts["avatar"].Value,
		Profile: s.Facts[FactProfile].Value, Privacy: s.Facts[FactPrivacy].Value,
		Description: s.Facts["description"].Value, CreatedAt: s.Created.Time, ClosedAt: s.Closed.Time, LastAt: s.LastTime, LastMessageAt: s.LastMessageTime,
	}
	for name, f := range s.Facts {
		if field, ok := strings.CutPrefix(name, CustomPrefix); ok && f.Value != "" {
			now.Custom[field] = f.Value
		}
	}
	return now
}

// Members implements View.
func (m *Memory) Members(_ context.Context, s events.SessionID) ([]MemberNow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	steps := slices.DeleteFunc(slices.Collect(maps.Values(m.members)), func(r Member) bool { return r.Session != s })
	slices.SortFunc(steps, func(a, b Member) int { return cmp.Compare(a.Seq, b.Seq) })
	in := map[events.UserID]MemberNow{}
	for _, r := range steps {
		now := in[r.User]
		now.User, now.Role = r.User, [...]string{"none", "member", "admin", "owner"}[min(int(r.Role), 3)]
		switch r.Step {
		case StepIn:
			now.Since, now.SinceTime = r.Seq, r.Time
		case StepOut:
			delete(in, r.User)
			continue
		case StepRole:
		}
		in[r.User] = now
	}
	return slices.SortedFunc(maps.Values(in), func(a, b MemberNow) int { return cmp.Compare(a.User, b.User) }), nil
}

// Keys implements View.
func (m *Memory) Keys(_ context.Context, p Part, after string, limit int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := slices.DeleteFunc(slices.Compact(slices.Sorted(m.keys(p))), func(key string) bool { return key <= after })
	return keys[:min(limit, len(keys))], nil
}

func (m *Memory) keys(p Part) iter.Seq[string] {
	switch p {
	case "events":
		return each(m.events, func(k eventKey) string { return k.session })
	case "messages":
		return each(m.messages, func(k messageKey) string { return string(k.session) })
	case "markers":
		return each(m.markers, func(k markerKey) string { return string(k.session) })
	case "stays":
		return each(m.members, func(k memberKey) string { return string(k.session) })
	case "sessions":
		return each(m.sessions, func(k events.SessionID) string { return string(k) })
	}
	return each(m.contacts, func(k events.SessionID) string { return string(k) })
}

func each[K comparable, V any](rows map[K]V, key func(K) string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range rows {
			if !yield(key(k)) {
				return
			}
		}
	}
}

// Contact implements View.
func (m *Memory) Contact(_ context.Context, s events.SessionID) (ContactNow, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.contacts[s]
	if r == nil || r.A == "" {
		return ContactNow{}, false, nil
	}
	now := ContactNow{A: r.A, B: r.B, State: r.State.State, Since: r.State.Time, ABlocks: r.blocked[r.A] > r.unblocked[r.A], BBlocks: r.blocked[r.B] > r.unblocked[r.B]}
	if r.State.State == events.ContactAsked {
		now.AskedBy, now.AskedWith = r.State.By, r.State.Text
	}
	return now, true, nil
}

// Progress implements View.
func (m *Memory) Progress(context.Context) ([]Progress, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.progress), func(a, b Progress) int { return cmp.Compare(a.Partition, b.Partition) }), nil
}
