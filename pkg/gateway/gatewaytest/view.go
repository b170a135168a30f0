package gatewaytest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

var _ hot.View = (*World)(nil)

func (w *World) open(ctx context.Context, s events.SessionID) (*state, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case w.rebuilding:
		return nil, hot.ErrRebuilding
	case w.sessions[s] == nil || w.sessions[s].held:
		return nil, hot.ErrNoSession
	}
	return w.sessions[s], nil
}

// Person implements hot.View.
func (w *World) Person(ctx context.Context, s events.SessionID, u events.UserID, hidden ...events.Index) (hot.Person, error) {
	w.mu.Lock()
	lag := w.lag
	p, err := w.person(ctx, s, u, hidden)
	w.mu.Unlock()
	if lag == 0 {
		return p, err
	}
	select {
	case <-time.After(lag):
		return p, err
	case <-ctx.Done():
		return hot.Person{}, ctx.Err()
	}
}

// Unread implements hot.View.
func (w *World) Unread(ctx context.Context, u events.UserID, sessions []events.SessionID) (map[events.SessionID]hot.Unread, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return hot.UnreadOf(sessions, func(s events.SessionID) (hot.Person, error) { return w.person(ctx, s, u, nil) })
}

// person is read at once. The lock is held.
func (w *World) person(ctx context.Context, s events.SessionID, u events.UserID, hidden []events.Index) (hot.Person, error) {
	st, err := w.open(ctx, s)
	if err != nil {
		return hot.Person{}, err
	}
	head := st.rows[events.HeadKey].(events.Head)
	member, _ := st.rows[events.MemberKey(u)].(events.Member)
	p := hot.Person{
		Head: hot.Head{
			Session: s, Kind: head.Kind, Title: head.Title, Base: head.Base, Seq: st.head(), Index: head.Index,
			Members: head.Members, Closed: head.Closed, Policy: head.Policy, WindowStart: st.window,
			Time:       st.timeline[len(st.timeline)-1].Outcome.Time,
			MutedUntil: head.MutedUntil, Contact: head.Contact, ContactBy: head.ContactBy, Blocks: head.Blocks, Banned: head.Banned,
		},
		Member: member,
	}
	for _, item := range st.timeline {
		m, ok := st.rows[events.MessageKey(item.Seq)].(events.Message)
		if ok && !slices.Contains(hidden, m.Index) && item.Seq > member.Marker && m.Revoked == 0 && m.Deleted == 0 && within(member.Stays, item.Seq) {
			p.Unread++
			if sent, ok := item.Outcome.Result.(events.Accepted).Event.(events.Sent); ok && (sent.Refs.MentionAll || slices.Contains(sent.Refs.Mentions, u)) {
				p.Mentions++
			}
		}
	}
	return p, nil
}

// Hidden implements hot.View.
func (w *World) Hidden(
	ctx context.Context, u events.UserID, s events.SessionID, first, last events.Index, limit int,
) (out []events.Index, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st, err := w.open(ctx, events.NewSelfID(u))
	switch {
	case errors.Is(err, hot.ErrNoSession):
		return nil, nil
	case err != nil:
		return nil, err
	}
	for _, i := range st.hidden()[s] {
		if i >= first && i <= last {
			out = append(out, i)
		}
	}
	slices.Sort(out)
	return out[:min(limit, len(out))], nil
}

// hidden are the messages hidden in a self session, by the session they are of.
func (s *state) hidden() map[events.SessionID][]events.Index {
	all := map[events.SessionID][]events.Index{}
	for _, e := range s.timeline {
		if h, ok := e.Outcome.Result.(events.Accepted).Event.(events.Hidden); ok {
			for _, m := range h.Messages {
				all[h.Session] = append(all[h.Session], m.Index)
			}
		}
	}
	return all
}

func within(stays []events.Stay, seq events.Seq) bool {
	return slices.ContainsFunc(stays, func(s events.Stay) bool {
		return s.From <= seq && (s.To == 0 || seq <= s.To)
	})
}

// Forward implements hot.View.
func (w *World) Forward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) ([]hot.Item, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st, err := w.open(ctx, s)
	if err != nil {
		return nil, err
	}
	var items []hot.Item
	for _, e := range st.timeline {
		if e.Seq >= max(first, st.window) && e.Seq <= min(last, st.head()) && len(items) < limit {
			items = append(items, st.item(e, reader))
		}
	}
	return items, nil
}

// Backward implements hot.View.
func (w *World) Backward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) ([]hot.Item, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st, err := w.open(ctx, s)
	if err != nil {
		return nil, err
	}
	var items []hot.Item
	for _, e := range slices.Backward(st.timeline) {
		if e.Seq >= max(first, st.window) && e.Seq <= min(last, st.head()) && len(items) < limit {
			items = append(items, st.item(e, reader))
		}
	}
	return items, nil
}

// item gives an event with what became of its message.
func (s *state) item(e Stored, reader []events.UserID) hot.Item {
	target := e.Seq
	if o, ok := e.Outcome.Result.(events.Accepted).Event.(events.Overridden); ok {
		target = o.Target
	}
	item := hot.Item{Seq: e.Seq, Value: e.Value}
	m, ok := s.rows[events.MessageKey(target)].(events.Message)
	if !ok {
		return item
	}
	item.State = hot.State{Revoked: m.Revoked, Deleted: m.Deleted, Overridden: m.Overridden}
	for _, later := range s.timeline {
		if later.Seq == m.Overridden {
			item.State.Body = later.Outcome.Result.(events.Accepted).Event.(events.Overridden).Body
		}
	}
	if target == e.Seq && m.Revoked == 0 && m.Deleted == 0 {
		s.showReactions(&item.State, e.Seq, reader)
	}
	return item
}

// showReactions adds to a message's state what there is on it.
func (s *state) showReactions(to *hot.State, seq events.Seq, reader []events.UserID) {
	prefix := string(events.EmojiPrefix(seq))
	for k, row := range s.rows {
		emoji, ok := strings.CutPrefix(string(k), prefix)
		if !ok {
			continue
		}
		one := hot.Reaction{Emoji: emoji, Count: row.(events.EmojiRow).Count}
		if len(reader) > 0 {
			_, one.Mine = s.rows[events.ReactionKey(seq, reader[0], emoji)]
		}
		to.Reactions, to.ReactionsTo = append(to.Reactions, one), s.head()
	}
	slices.SortFunc(to.Reactions, hot.CompareReactions)
}

// Facts implements hot.View.
func (w *World) Facts(ctx context.Context, s events.SessionID) (hot.Facts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st, err := w.open(ctx, s)
	if err != nil {
		return hot.Facts{}, err
	}
	f := hot.Facts{Asks: map[events.UserID]hot.Ask{}, Invites: map[events.Hash]events.InviteRow{}, Settings: map[events.SessionID]events.Settings{}, Hides: map[events.SessionID]bool{}, Logins: map[string]events.LoginRow{}}
	for s := range st.hidden() {
		f.Hides[s] = true
	}
	for k, row := range st.rows {
		switch row := row.(type) {
		case events.Info:
			f.Info = row
		case events.Message:
			if seq, ok := events.KeySeq(k); ok && row.Pinned {
				f.Pins = append(f.Pins, seq)
			}
		case events.AskRow:
			f.Asks[events.UserID(k[1:])] = hot.Ask{Seq: row.Seq, Text: st.asked(row.Seq)}
		case events.InviteRow:
			f.Invites[events.Hash([]byte(k[1:]))] = row
		case events.LoginRow:
			f.Logins[string(k[1:])] = row
		case events.SettingsRow:
			f.Settings[events.SessionID(k[1:])] = row.Settings
		case events.Profile:
			f.Own.Profile = row
		case events.Privacy:
			f.Own.Privacy = row
		case events.Head, events.Member, events.Standing, events.Place, events.ClientID, events.Noted, events.EmojiRow, events.DeviceRow, events.Notifications:
		}
	}
	slices.Sort(f.Pins)
	return f, nil
}

// asked is the text of a request.
func (s *state) asked(seq events.Seq) string {
	for _, e := range s.timeline {
		if asked, ok := e.Outcome.Result.(events.Accepted).Event.(events.Asked); ok && e.Seq == seq {
			return asked.Text
		}
	}
	return ""
}

// Members implements hot.View.
func (w *World) Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]hot.MemberEntry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st, err := w.open(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []hot.MemberEntry
	for k, row := range st.rows {
		u, isMember := strings.CutPrefix(string(k), "m")
		m, ok := row.(events.Member)
		if isMember && ok && m.In() && events.UserID(u) > after {
			out = append(out, hot.MemberEntry{User: events.UserID(u), Member: m})
		}
	}
	slices.SortFunc(out, func(a, b hot.MemberEntry) int { return strings.Compare(string(a.User), string(b.User)) })
	return out[:min(limit, len(out))], nil
}

// Tally implements hot.View, by counting; it is kept of as many people as Tallies says.
func (w *World) Tally(ctx context.Context, s events.SessionID, seq events.Seq, sender events.UserID) (hot.Tally, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st, err := w.open(ctx, s)
	if err != nil {
		return hot.Tally{}, err
	}
	var t hot.Tally
	people := 0
	for k, row := range st.rows {
		if m, ok := row.(events.Member); ok {
			people++
			if k != events.MemberKey(sender) {
				t.Add(&m, st.rows[events.HeadKey].(events.Head).Policy.History, seq)
			}
		}
	}
	switch {
	case people < w.tallyFrom:
		return hot.Tally{}, hot.ErrNoTally
	case seq < st.window:
		return hot.Tally{}, hot.ErrBelow
	}
	return t, nil
}

// Sessions implements hot.View.
func (w *World) Sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if w.rebuilding {
		return nil, hot.ErrRebuilding
	}
	var out []events.SessionID
	for id, st := range w.sessions {
		if _, ok := st.rows[events.MemberKey(u)]; (ok || slices.Contains(st.listed, u)) && id > after {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out[:min(limit, len(out))], nil
}
