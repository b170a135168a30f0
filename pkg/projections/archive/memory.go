package archive

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"annal/pkg/events"
)

// Memory is a Store and its View in memory, for simulations, scenarios and as the plainest statement of how rows come together.
type Memory struct {
	mu       sync.Mutex
	events   map[eventKey]Event
	messages map[messageKey]*message
	markers  map[markerKey]Marker
	members  map[memberKey]Member
	sessions map[events.SessionID]*Session
	contacts map[events.SessionID]*contact
	progress map[int32]Progress
}

type (
	eventKey struct {
		session   string
		partition int32
		offset    uint64
	}
	messageKey struct {
		session events.SessionID
		seq     events.Seq
	}
	markerKey struct {
		session events.SessionID
		user    events.UserID
		kind    MarkerKind
	}
	memberKey struct {
		session events.SessionID
		user    events.UserID
		seq     events.Seq
	}
	// message is what all rows of a message come to.
	message struct {
		Message
		overrides map[events.Seq]bool
		reacted   map[string]events.Seq
		unreacted map[string]events.Seq
		reporters map[events.UserID]bool
	}
	// contact is what all rows of a direct session come to.
	contact struct {
		Contact
		blocked   map[events.UserID]events.Seq
		unblocked map[events.UserID]events.Seq
	}
)

// NewMemory is an empty archive.
func NewMemory() *Memory {
	return &Memory{
		events: map[eventKey]Event{}, messages: map[messageKey]*message{}, markers: map[markerKey]Marker{}, members: map[memberKey]Member{},
		sessions: map[events.SessionID]*Session{}, contacts: map[events.SessionID]*contact{}, progress: map[int32]Progress{},
	}
}

// Insert implements Store.
func (m *Memory) Insert(_ context.Context, rows *Rows) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range rows.Messages {
		m.message(&rows.Messages[i])
	}
	for _, r := range rows.Markers {
		key := markerKey{r.Session, r.User, r.Kind}
		if r.Seq >= m.markers[key].Seq {
			m.markers[key] = r
		}
	}
	for _, r := range rows.Members {
		m.members[memberKey{r.Session, r.User, r.Seq}] = r
	}
	for i := range rows.Sessions {
		m.session(&rows.Sessions[i])
	}
	for i := range rows.Contacts {
		m.contact(&rows.Contacts[i])
	}
	for i := range rows.Events {
		r := &rows.Events[i]
		key := eventKey{r.Session, r.Partition, r.Offset}
		if had, ok := m.events[key]; !ok || r.Form >= had.Form {
			m.events[key] = *r
		}
	}
	for _, r := range rows.Progress {
		if r.At >= m.progress[r.Partition].At {
			m.progress[r.Partition] = r
		}
	}
	return nil
}

func (m *Memory) message(r *Message) {
	key := messageKey{r.Session, r.Seq}
	had := m.messages[key]
	if had == nil {
		had = &message{
			overrides: map[events.Seq]bool{}, reacted: map[string]events.Seq{}, unreacted: map[string]events.Seq{}, reporters: map[events.UserID]bool{},
		}
		m.messages[key] = had
	}
	if r.Index > 0 {
		had.Index, had.ID, had.Time, had.Origin, had.Sender, had.Refs = r.Index, r.ID, r.Time, r.Origin, r.Sender, r.Refs
	}
	if r.Body.Seq > had.Body.Seq {
		had.Body = r.Body
	}
	if r.Override > 0 {
		had.overrides[r.Override] = true
	}
	if r.Revoked.Seq > had.Revoked.Seq {
		had.Revoked = r.Revoked
	}
	if r.Deleted.Seq > had.Deleted.Seq {
		had.Deleted = r.Deleted
	}
	had.Pinned, had.Unpinned = max(had.Pinned, r.Pinned), max(had.Unpinned, r.Unpinned)
	if r.Reacted != "" {
		had.reacted[r.Reacted] = max(had.reacted[r.Reacted], r.ReactedAt)
	}
	if r.Unreacted != "" {
		had.unreacted[r.Unreacted] = max(had.unreacted[r.Unreacted], r.ReactedAt)
	}
	if r.Reporter != "" {
		had.reporters[r.Reporter] = true
	}
}

func (m *Memory) session(r *Session) {
	had := m.sessions[r.Session]
	if had == nil {
		had = &Session{Session: r.Session, Facts: map[string]Fact{}}
		m.sessions[r.Session] = had
	}
	if r.Created.Seq > had.Created.Seq {
		had.Created = r.Created
	}
	if r.Closed.Seq > had.Closed.Seq {
		had.Closed = r.Closed
	}
	had.Base, had.Head, had.Messages = max(had.Base, r.Base), max(had.Head, r.Head), max(had.Messages, r.Messages)
	for name, f := range r.Facts {
		if f.Seq > had.Facts[name].Seq {
			had.Facts[name] = f
		}
	}
}

func (m *Memory) contact(r *Contact) {
	had := m.contacts[r.Session]
	if had == nil {
		had = &contact{blocked: map[events.UserID]events.Seq{}, unblocked: map[events.UserID]events.Seq{}}
		m.contacts[r.Session] = had
	}
	had.A, had.B = max(had.A, r.A), max(had.B, r.B)
	if r.State.Seq > had.State.Seq {
		had.State = r.State
	}
	switch {
	case r.Blocker == "":
	case r.Unblocks:
		had.unblocked[r.Blocker] = max(had.unblocked[r.Blocker], r.Seq)
	default:
		had.blocked[r.Blocker] = max(had.blocked[r.Blocker], r.Seq)
	}
}

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
			all = append(all, Outcome{e.Partition, e.Offset, e.Kind, e.Event, e.Code, e.Seq, e.Actor, e.Time, e.Origin, e.PrevHash, e.Hash, string(e.Bytes)})
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
		Pinned: r.Pinned > r.Unpinned, Reactions: map[string]uint64{}, Reports: uint64(len(r.reporters)),
	}
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
			now.Read = r.Seq
		} else {
			now.Delivered = r.Seq
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
		stay := Stay{User: r.User, From: r.Seq, Came: r.Event, LetIn: r.Actor}
		if i+1 < len(steps) && steps[i+1].User == r.User {
			stay.To, stay.Went = steps[i+1].Seq, steps[i+1].Event
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
		if id <= after || r.Created.Seq == 0 {
			continue
		}
		now := SessionNow{
			Session: id, Title: r.Facts["title"].Value, Notice: r.Facts["notice"].Value, Policy: r.Facts["policy"].Value, Creator: r.Created.By,
			Closed: r.Closed.Seq > 0, Base: r.Base, Head: r.Head, Messages: r.Messages, Custom: map[string]string{},
		}
		for name, f := range r.Facts {
			if field, ok := strings.CutPrefix(name, CustomPrefix); ok && f.Value != "" {
				now.Custom[field] = f.Value
			}
		}
		all = append(all, now)
	}
	slices.SortFunc(all, func(a, b SessionNow) int { return cmp.Compare(a.Session, b.Session) })
	return all[:min(limit, len(all))], nil
}

// Contact implements View.
func (m *Memory) Contact(_ context.Context, s events.SessionID) (ContactNow, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.contacts[s]
	if r == nil || r.A == "" {
		return ContactNow{}, false, nil
	}
	now := ContactNow{A: r.A, B: r.B, State: r.State.State, ABlocks: r.blocked[r.A] > r.unblocked[r.A], BBlocks: r.blocked[r.B] > r.unblocked[r.B]}
	if r.State.State == events.ContactAsked {
		now.AskedBy = r.State.By
	}
	return now, true, nil
}

// Progress implements View.
func (m *Memory) Progress(context.Context) ([]Progress, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.progress), func(a, b Progress) int { return cmp.Compare(a.Partition, b.Partition) }), nil
}
