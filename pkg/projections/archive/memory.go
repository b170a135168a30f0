package archive

import (
	"context"
	"maps"
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

// DropEvents drops a session's events from one seq to another, as those that are older than what is kept; messages stay.
func (m *Memory) DropEvents(s events.SessionID, from, to events.Seq) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.events, func(key eventKey, e Event) bool {
		return key.session == string(s) && e.Seq >= from && e.Seq <= to
	})
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
		had.Service, had.Device, had.ClientVersion = r.Service, r.Device, r.ClientVersion
	}
	if r.Body.Seq > had.Body.Seq {
		had.Body = r.Body
	}
	if r.Override > 0 {
		had.overrides[r.Override] = true
		had.OverrideTime = max(had.OverrideTime, r.OverrideTime)
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
	had.LastTime, had.LastMessageTime = max(had.LastTime, r.LastTime), max(had.LastMessageTime, r.LastMessageTime)
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
