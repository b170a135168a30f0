package fold

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// page is how many entries are read at once.
const page = 200

// Compare holds the view against the folded sessions: heads, every member's stays,
// marker and unread, the roster, the window byte for byte with what became of its
// messages, and who has seen them. The log must be at rest.
// window is how many timeline events it is to hold.
func Compare(ctx context.Context, view hot.View, window int, sessions map[events.SessionID]*Session, report *Report) error {
	ids := make([]events.SessionID, 0, len(sessions))
	for id := range sessions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		s := sessions[id]
		s.Head.WindowStart = max(s.Head.Base+1, s.Head.Seq-min(s.Head.Seq, events.Seq(window))+1)
		if err := comparePeople(ctx, view, s, sessions, report); err != nil {
			return err
		}
		if facts, err := view.Facts(ctx, id); err != nil {
			report.problem("%s: reading facts: %v", id, err)
		} else if len(s.Facts.Pins)+len(facts.Pins) > 0 && !slices.Equal(facts.Pins, s.Facts.Pins) ||
			!reflect.DeepEqual(facts.Info, s.Facts.Info) || !maps.Equal(facts.Asks, s.Facts.Asks) ||
			!maps.Equal(facts.Invites, s.Facts.Invites) || !maps.Equal(facts.Settings, s.Facts.Settings) || !maps.Equal(facts.Hides, s.Facts.Hides) {
			report.problem("%s: facts are %+v, must be %+v", id, facts, s.Facts)
		}
		if err := compareRoster(ctx, view, s, report); err != nil {
			return err
		}
		if err := compareWindow(ctx, view, s, report); err != nil {
			return err
		}
		if err := compareSeen(ctx, view, s, report); err != nil {
			return err
		}
	}
	return nil
}

func comparePeople(ctx context.Context, view hot.View, s *Session, sessions map[events.SessionID]*Session, report *Report) error {
	users := make([]events.UserID, 0, len(s.Members))
	for u := range s.Members {
		users = append(users, u)
	}
	slices.Sort(users)
	for _, u := range users {
		got, err := view.Person(ctx, s.ID, u)
		if err != nil {
			report.problem("%s: reading %s: %v", s.ID, u, err)
			return ctx.Err()
		}
		report.Compared++
		if got.Head != s.Head {
			report.problem("%s: head is %+v, must be %+v", s.ID, got.Head, s.Head)
		}
		if !reflect.DeepEqual(got.Member, *s.Members[u]) {
			report.problem("%s: %s is %+v, must be %+v", s.ID, u, got.Member, *s.Members[u])
		}
		if n := s.Unread(u); got.Unread != n {
			report.problem("%s: %s has %d unread, must be %d", s.ID, u, got.Unread, n)
		}
		if n := s.Mentions(u); got.Mentions != n {
			report.problem("%s: %s is mentioned by %d unread messages, must be %d", s.ID, u, got.Mentions, n)
		}
		if err := compareHidden(ctx, view, s, u, sessions[events.NewSelfID(u)], report); err != nil {
			return err
		}
		if err := inList(ctx, view, s.ID, u, report); err != nil {
			return err
		}
	}
	return nil
}

// compareHidden looks at what a user hid of the session, and at what is unread without that.
func compareHidden(ctx context.Context, view hot.View, s *Session, u events.UserID, self *Session, report *Report) error {
	if self == nil || len(self.Hidden[s.ID]) == 0 {
		return nil
	}
	want := slices.Compact(slices.Sorted(slices.Values(self.Hidden[s.ID])))
	got, err := view.Hidden(ctx, u, s.ID, 0, math.MaxUint64, len(want)+1)
	if err != nil {
		report.problem("%s: reading what %s hid: %v", s.ID, u, err)
		return ctx.Err()
	}
	if !slices.Equal(got, want) {
		report.problem("%s: %s hid %v, must be %v", s.ID, u, got, want)
	}
	p, err := view.Person(ctx, s.ID, u, want...)
	if err != nil {
		report.problem("%s: reading %s: %v", s.ID, u, err)
		return ctx.Err()
	}
	if unread, mentions := s.Unread(u, want...), s.Mentions(u, want...); p.Unread != unread || p.Mentions != mentions {
		report.problem("%s: %s has %d unread and %d mentions without what they hid, must be %d and %d", s.ID, u, p.Unread, p.Mentions, unread, mentions)
	}
	return nil
}

// inList looks whether the user's list of sessions has this one.
func inList(ctx context.Context, view hot.View, id events.SessionID, u events.UserID, report *Report) error {
	var after events.SessionID
	for {
		ids, err := view.Sessions(ctx, u, after, page)
		if err != nil {
			return fmt.Errorf("fold: sessions of %s: %w", u, err)
		}
		if slices.Contains(ids, id) {
			return nil
		}
		if len(ids) < page {
			report.problem("%s: not in the list of %s", id, u)
			return nil
		}
		after = ids[len(ids)-1]
	}
}

func compareRoster(ctx context.Context, view hot.View, s *Session, report *Report) error {
	var want []events.UserID
	for u, m := range s.Members {
		if m.In() {
			want = append(want, u)
		}
	}
	slices.Sort(want)
	var got []events.UserID
	var after events.UserID
	for {
		entries, err := view.Members(ctx, s.ID, after, page)
		if err != nil {
			report.problem("%s: reading members: %v", s.ID, err)
			return ctx.Err()
		}
		for _, e := range entries {
			got = append(got, e.User)
			if m := s.Members[e.User]; m == nil || !reflect.DeepEqual(e.Member, *m) {
				report.problem("%s: member %s is %+v, must be %+v", s.ID, e.User, e.Member, m)
			}
		}
		if len(entries) < page {
			break
		}
		after = entries[len(entries)-1].User
	}
	if !slices.Equal(got, want) {
		report.problem("%s: %d members listed, must be %d", s.ID, len(got), len(want))
	}
	return nil
}

func compareWindow(ctx context.Context, view hot.View, s *Session, report *Report) error {
	next := s.Head.WindowStart
	// Of one of them, the reactions are looked at that are theirs.
	var reader events.UserID
	for u := range s.Members {
		if reader == "" || u < reader {
			reader = u
		}
	}
	for at := next; at <= s.Head.Seq; {
		items, err := view.Forward(ctx, s.ID, at, s.Head.Seq, page, reader)
		if err != nil {
			report.problem("%s: reading from %d: %v", s.ID, at, err)
			return ctx.Err()
		}
		if len(items) == 0 {
			break
		}
		for _, item := range items {
			if item.Seq != next {
				report.problem("%s: window has %d after %d", s.ID, item.Seq, next-1)
			}
			next = item.Seq + 1
			compareItem(s, item, reader, report)
		}
		at = next
	}
	if next != s.Head.Seq+1 {
		report.problem("%s: the window ends below %d, must reach %d", s.ID, next, s.Head.Seq)
	}
	return nil
}

func compareItem(s *Session, item hot.Item, reader events.UserID, report *Report) {
	if !bytes.Equal(item.Value, s.Timeline[item.Seq]) {
		report.problem("%s: seq %d is not byte for byte the log's", s.ID, item.Seq)
	}
	what, m := "message %d became", s.Messages[item.Seq]
	if m == nil {
		what, m = "event %d shows a message that became", s.about[item.Seq]
	}
	if m == nil {
		return
	}
	want := inWindow(m.State, s.Head.WindowStart)
	if want.Revoked != 0 || want.Deleted != 0 {
		// Nobody is to be shown any body then.
		want.Body = events.Body{}
	}
	if want.Reactions = s.Reactions(item.Seq, reader); want.Reactions != nil {
		want.ReactionsTo = s.Head.Seq
	}
	if !reflect.DeepEqual(item.State, want) {
		report.problem("%s: "+what+" %+v, must be %+v", s.ID, item.Seq, item.State, want)
	}
}

// inWindow leaves out what lies below the window's start, as hot.Item says.
func inWindow(s hot.State, first events.Seq) hot.State {
	if s.Revoked < first {
		s.Revoked = 0
	}
	if s.Deleted < first {
		s.Deleted = 0
	}
	if s.Overridden < first {
		s.Overridden, s.Body = 0, events.Body{}
	}
	return s
}
