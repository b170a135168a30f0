package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"annal/pkg/events"
)

// Instant is a moment of a session: the event of Seq, or where Seq is 0 all of log time up to Time, that included.
type Instant struct {
	Seq  events.Seq
	Time events.Millis
}

// State is a session as it stood.
type State struct {
	Session events.SessionID `json:"session"`
	Kind    events.Kind      `json:"kind"`
	Base    events.Seq       `json:"base,string"`
	Seq     events.Seq       `json:"seq,string"`
	Index   events.Index     `json:"index,string"`
	// Time is the log time of the last event with a seq.
	Time        events.Millis             `json:"time_ms"`
	Closed      bool                      `json:"closed"`
	Title       string                    `json:"title"`
	Avatar      string                    `json:"avatar,omitempty"`
	Notice      string                    `json:"notice,omitempty"`
	Description string                    `json:"description,omitempty"`
	Custom      map[string]string         `json:"custom,omitempty"`
	Policy      events.Policy             `json:"policy"`
	MutedUntil  events.Millis             `json:"muted_until_ms,omitempty"`
	Contact     events.ContactState       `json:"contact,omitempty"`
	ContactBy   events.UserID             `json:"contact_by,omitempty"`
	Members     map[events.UserID]*Member `json:"members"`
	Texts       map[events.Seq]*Text      `json:"texts"`
	Pins        []events.Seq              `json:"pins,omitempty"`
	Asks        map[events.UserID]string  `json:"asks,omitempty"`
	// Profile and Privacy are of a self session's user.
	Profile events.Profile `json:"profile,omitzero"`
	Privacy events.Privacy `json:"privacy,omitzero"`
}

// Member is somebody who is or was in.
type Member struct {
	// Role is 0 for who is out.
	Role events.Role `json:"role"`
	// Stays are ascending.
	Stays      []Stay        `json:"stays"`
	Read       events.Seq    `json:"read,string"`
	Delivered  events.Seq    `json:"delivered,string,omitempty"`
	MutedUntil events.Millis `json:"muted_until_ms,omitempty"`
	Blocks     bool          `json:"blocks,omitempty"`
}

// Stay is from coming to going, To 0 while they are in.
type Stay struct {
	From events.Seq `json:"from,string"`
	To   events.Seq `json:"to,string"`
}

// Text is a message with what became of it.
type Text struct {
	Index  events.Index  `json:"index,string"`
	ID     string        `json:"id"`
	Sender events.UserID `json:"sender"`
	// Versions are ascending, the first as it was sent.
	Versions []Version `json:"versions"`
	Revoked  *Deed     `json:"revoked,omitempty"`
	Deleted  *Deed     `json:"deleted,omitempty"`
	// Reactions are who put an emoji on it, ascending.
	Reactions map[string][]events.UserID `json:"reactions,omitempty"`
}

// Version is what a message said from an event on.
type Version struct {
	Seq  events.Seq    `json:"seq,string"`
	Time events.Millis `json:"time_ms"`
	By   events.UserID `json:"by"`
	// Body is what it said; Text the same for people: a text, else its content as JSON, empty where it is sealed.
	Body events.Body `json:"-"`
	Text string      `json:"text"`
}

// Deed is what somebody did to a message.
type Deed struct {
	Seq    events.Seq    `json:"seq,string"`
	Time   events.Millis `json:"time_ms"`
	By     events.UserID `json:"by"`
	Reason string        `json:"reason,omitempty"`
}

// ErrNotYet says that the session was not there at the instant.
var ErrNotYet = errors.New("audit: the session was not there then")

// errPast ends a read at the instant.
var errPast = errors.New("audit: past the instant")

// At reads a session as it stood at an instant.
func At(ctx context.Context, source Source, s events.SessionID, at Instant) (*State, error) {
	state := NewState(s)
	err := source.Session(ctx, s, func(r *Record) error {
		o, err := events.DecodeOutcomeValue(r.Value)
		if err != nil {
			return fmt.Errorf("audit: partition %d offset %d: %w", r.Partition, r.Offset, err)
		}
		if at.Seq == 0 && o.Time > at.Time {
			return errPast
		}
		state.Add(&o)
		if at.Seq != 0 && state.Seq >= at.Seq {
			return errPast
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errPast):
		return nil, err
	case state.Seq == 0 || state.Seq < at.Seq:
		return nil, ErrNotYet
	}
	return state, nil
}

// NewState is a session of which nothing was said yet.
func NewState(s events.SessionID) *State {
	return &State{
		Session: s, Custom: map[string]string{}, Members: map[events.UserID]*Member{}, Texts: map[events.Seq]*Text{}, Asks: map[events.UserID]string{},
	}
}

// Page is which texts are wanted: the newest Limit below Before (0: no bound), and with As what that person could see.
type Page struct {
	As     events.UserID
	Before events.Seq
	Limit  int
}

// Seen gives what a person could see of the timeline then.
func (s *State) Seen(u events.UserID) []events.Span {
	m := s.Members[u]
	if m == nil {
		return nil
	}
	stays := make([]events.Stay, len(m.Stays))
	for i, stay := range m.Stays {
		stays[i] = events.Stay{From: stay.From, To: stay.To}
	}
	return events.Visible(s.Policy, s.Base, s.Seq, stays)
}

// spans are those of a page.
func (s *State) spans(p Page) []events.Span {
	if p.As == "" {
		return []events.Span{{First: s.Base + 1, Last: s.Seq}}
	}
	return s.Seen(p.As)
}

// Keep leaves the texts of a page. Who looks as somebody sees neither versions from outside their stays, nor what a text said that
// was revoked or deleted.
func (s *State) Keep(p Page) {
	spans := s.spans(p)
	seen := func(seq events.Seq) bool {
		return slices.ContainsFunc(spans, func(v events.Span) bool { return v.First <= seq && seq <= v.Last })
	}
	maps.DeleteFunc(s.Texts, func(seq events.Seq, _ *Text) bool { return !seen(seq) || p.Before != 0 && seq >= p.Before })
	seqs := slices.Sorted(maps.Keys(s.Texts))
	for _, seq := range seqs[:max(0, len(seqs)-p.Limit)] {
		delete(s.Texts, seq)
	}
	if p.As == "" {
		return
	}
	for _, t := range s.Texts {
		t.Versions = slices.DeleteFunc(t.Versions, func(v Version) bool { return !seen(v.Seq) })
		if t.Revoked != nil || t.Deleted != nil {
			t.Versions, t.Reactions = nil, nil
		}
	}
}

// Add takes the session's next counted outcome.
func (s *State) Add(o *events.Outcome) {
	a, ok := o.Result.(events.Accepted)
	if !ok {
		return
	}
	if e, opens := a.Event.(events.Created); opens {
		s.Kind, s.Base, s.Policy, s.Title, s.Contact = e.Kind, e.Base, e.Policy, e.Title, e.Contact
		if e.Contact == events.ContactAsked {
			s.ContactBy = o.Actor.User
		}
	}
	if a.Seq != 0 {
		s.Seq, s.Time = a.Seq, o.Time
	}
	s.people(o, a.Event)
	s.texts(o, a)
	s.facts(o, a.Event)
}

// people takes what changes who is in, and how far they are.
func (s *State) people(o *events.Outcome, e events.Event) {
	switch e := e.(type) {
	case events.Created:
		s.come(e.Members)
	case events.Added:
		s.come(e.Members)
	case events.Joined:
		s.come([]events.NewMember{{User: o.Actor.User, Role: events.RoleMember}})
	case events.Left:
		s.goes(e.Promoted, e.Closed, o.Actor.User)
	case events.Removed:
		s.goes(e.Promoted, e.Closed, e.Users...)
	case events.RoleSet:
		s.role(e.User, e.Role)
		s.role(e.Demoted, events.RoleAdmin)
	case events.Read:
		s.read(o.Actor.User, e.Marker)
	case events.Delivered:
		if m := s.Members[o.Actor.User]; m != nil {
			m.Delivered = max(m.Delivered, e.Marker)
		}
	case events.Muted:
		if len(e.Users) == 0 {
			s.MutedUntil = e.Until
		}
		for _, u := range e.Users {
			if m := s.Members[u]; m != nil {
				m.MutedUntil = e.Until
			}
		}
	case events.Sent, events.Revoked, events.Overridden, events.Deleted, events.InfoSet, events.PolicySet, events.Dismissed, events.Asked,
		events.Refused, events.Invited, events.Uninvited, events.Reacted, events.Pinned, events.ContactChanged, events.Reported, events.Hidden,
		events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

func (s *State) come(people []events.NewMember) {
	for _, p := range people {
		m := s.Members[p.User]
		if m == nil {
			m = &Member{}
			s.Members[p.User] = m
		}
		delete(s.Asks, p.User)
		m.Role, m.Read = p.Role, s.Seq
		m.Stays = append(m.Stays, Stay{From: s.Seq})
		m.Stays = m.Stays[max(0, len(m.Stays)-events.MaxStays):]
	}
}

func (s *State) goes(promoted events.UserID, closed bool, users ...events.UserID) {
	for _, u := range users {
		if m := s.Members[u]; m != nil && len(m.Stays) > 0 {
			last := &m.Stays[len(m.Stays)-1]
			last.To, m.Role = s.Seq, 0
		}
	}
	s.role(promoted, events.RoleOwner)
	s.Closed = s.Closed || closed
}

func (s *State) role(u events.UserID, r events.Role) {
	if m := s.Members[u]; m != nil {
		m.Role = r
	}
}

func (s *State) read(u events.UserID, seq events.Seq) {
	if m := s.Members[u]; m != nil {
		m.Read = max(m.Read, seq)
	}
}

// texts takes what is said, and what becomes of that.
func (s *State) texts(o *events.Outcome, a events.Accepted) {
	deed := Deed{Seq: a.Seq, Time: o.Time, By: o.Actor.User}
	switch e := a.Event.(type) {
	case events.Sent:
		s.Index = e.Index
		s.Texts[a.Seq] = &Text{Index: e.Index, ID: o.ID.String(), Sender: o.Actor.User, Versions: []Version{versionOf(deed, e.Body)}}
		s.read(o.Actor.User, a.Seq)
	case events.Overridden:
		if t := s.Texts[e.Target]; t != nil {
			t.Versions = append(t.Versions, versionOf(deed, e.Body))
		}
	case events.Revoked:
		if t := s.Texts[e.Target]; t != nil {
			t.Revoked = &deed
		}
		s.unpin(e.Target)
	case events.Deleted:
		deed.Reason = e.Reason
		if t := s.Texts[e.Target]; t != nil {
			t.Deleted = &deed
		}
		s.unpin(e.Target)
	case events.Reacted:
		s.react(o.Actor.User, e)
	case events.Pinned:
		s.unpin(e.Target)
		if !e.Off {
			s.Pins = append(s.Pins, e.Target)
			slices.Sort(s.Pins)
		}
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Read, events.InfoSet, events.PolicySet, events.RoleSet,
		events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited, events.Uninvited, events.Delivered, events.ContactChanged,
		events.Reported, events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited,
		events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

func versionOf(d Deed, b events.Body) Version {
	return Version{Seq: d.Seq, Time: d.Time, By: d.By, Body: b, Text: textOf(b)}
}

func textOf(b events.Body) string {
	switch c := b.Plain.(type) {
	case events.Text:
		return string(c)
	case nil:
		return ""
	case events.Media, events.Location, events.Card, events.Forward, events.Custom:
	}
	text, err := json.Marshal(b.Plain)
	if err != nil {
		panic(err) // content is strings and numbers
	}
	return string(text)
}

func (s *State) unpin(seq events.Seq) {
	s.Pins = slices.DeleteFunc(s.Pins, func(p events.Seq) bool { return p == seq })
}

func (s *State) react(u events.UserID, e events.Reacted) {
	t := s.Texts[e.Target]
	if t == nil {
		return
	}
	if t.Reactions == nil {
		t.Reactions = map[string][]events.UserID{}
	}
	who := slices.DeleteFunc(t.Reactions[e.Emoji], func(w events.UserID) bool { return w == u })
	if !e.Off {
		who = append(who, u)
		slices.Sort(who)
	}
	if t.Reactions[e.Emoji] = who; len(who) == 0 {
		delete(t.Reactions, e.Emoji)
	}
}

// facts takes what the session says of itself, and what the two of a direct one are.
func (s *State) facts(o *events.Outcome, e events.Event) {
	switch e := e.(type) {
	case events.InfoSet:
		for _, f := range []struct{ to, from *string }{
			{&s.Title, e.Info.Title}, {&s.Avatar, e.Info.Avatar}, {&s.Notice, e.Info.Notice}, {&s.Description, e.Info.Description},
		} {
			*f.to = *cmp.Or(f.from, f.to)
		}
		for _, f := range e.Info.Custom {
			if s.Custom[f.Name] = f.Value; f.Value == "" {
				delete(s.Custom, f.Name)
			}
		}
	case events.PolicySet:
		s.Policy = e.Policy
	case events.Dismissed, events.AccountClosed:
		s.Closed = true
	case events.Asked:
		s.Asks[o.Actor.User] = e.Text
	case events.Refused:
		for _, u := range e.Users {
			delete(s.Asks, u)
		}
	case events.ProfileSet:
		s.Profile = e.Profile
	case events.PrivacySet:
		s.Privacy = e.Privacy
	case events.ContactChanged:
		s.contact(o.Actor.User, e)
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Revoked, events.Overridden, events.Deleted,
		events.Read, events.RoleSet, events.Muted, events.Invited, events.Uninvited, events.Reacted, events.Pinned, events.Delivered, events.Reported,
		events.Hidden, events.SessionSet, events.DeviceSet, events.NotificationsSet, events.PushForgotten, events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

func (s *State) contact(u events.UserID, e events.ContactChanged) {
	switch e.Step {
	case events.ContactBlock, events.ContactUnblock:
		if m := s.Members[u]; m != nil {
			m.Blocks = e.Step == events.ContactBlock
		}
	case events.ContactAsk, events.ContactAccept, events.ContactRefuse, events.ContactRemove:
		s.Contact, s.ContactBy = e.State, ""
		if e.State == events.ContactAsked {
			s.ContactBy = u
		}
	}
}
