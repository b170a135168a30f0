package fold

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// page is how many entries are read at once.
const page = 200

// Compare holds the view against the folded sessions, field by field: heads, every member's stays, marker and unread, the roster, the
// window byte for byte with what became of its messages, who has seen them, what it says and keeps besides, and users' lists of
// sessions. The log must be at rest. window is how many timeline events it is to hold.
func Compare(ctx context.Context, view hot.View, window int, sessions map[events.SessionID]*Session, report *Report) error {
	lists := map[events.UserID][]events.SessionID{}
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[id]
		if err := compareHot(ctx, view, window, s, report); err != nil {
			return err
		}
		for u := range s.Members {
			lists[u] = append(lists[u], id)
		}
	}
	for _, u := range slices.Sorted(maps.Keys(lists)) {
		if err := compareList(ctx, view, u, lists[u], report); err != nil {
			return err
		}
	}
	return nil
}

// compareHot compares one session, all but its place in people's lists. It gives ctx's error, and what stands in the way of reading
// counts as a difference.
func compareHot(ctx context.Context, view hot.View, window int, s *Session, report *Report) error {
	if s.Head.Seq == 0 {
		return nil // it was never opened
	}
	s.Head.WindowStart = max(s.Head.Base+1, s.Head.Seq-min(s.Head.Seq, events.Seq(window))+1)
	for _, compare := range []func(context.Context, hot.View, *Session, *Report) error{
		comparePeople, compareFacts, compareSelf, compareReach, compareRoster, compareWindow, compareSeen, compareKept,
	} {
		if err := compare(ctx, view, s, report); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			report.add(Difference{Session: s.ID, What: "reading", Got: err.Error()})
		}
	}
	return nil
}

func comparePeople(ctx context.Context, view hot.View, s *Session, report *Report) error {
	for i, u := range slices.Sorted(maps.Keys(s.Members)) {
		got, err := view.Person(ctx, s.ID, u)
		if err != nil {
			return fmt.Errorf("%s: %w", u, err)
		}
		report.Compared++
		if i == 0 || got.Head.Seq != s.Head.Seq {
			report.fields(s.ID, "head", "", got.Head, s.Head)
		}
		report.fields(s.ID, "member", string(u), got.Member, *s.Members[u])
		if n := s.Unread(u); got.Unread != n {
			report.differ(s.ID, "unread", string(u), got.Unread, n)
		}
		if n := s.Mentions(u); got.Mentions != n {
			report.differ(s.ID, "mentions", string(u), got.Mentions, n)
		}
		if err := compareWithoutHidden(ctx, view, s, u, report); err != nil {
			return err
		}
	}
	return nil
}

// compareWithoutHidden looks at what is unread without what a user hid of the session. What that is, is compared with their own session.
func compareWithoutHidden(ctx context.Context, view hot.View, s *Session, u events.UserID, report *Report) error {
	for {
		hidden, err := view.Hidden(ctx, u, s.ID, 0, math.MaxUint64, math.MaxInt32)
		if err != nil || len(hidden) == 0 {
			return err
		}
		p, err := view.Person(ctx, s.ID, u, hidden...)
		if err != nil {
			return err
		}
		again, err := view.Hidden(ctx, u, s.ID, 0, math.MaxUint64, math.MaxInt32)
		if err != nil {
			return err
		}
		if len(again) != len(hidden) {
			continue // hid more meanwhile
		}
		if n := s.Unread(u, hidden...); p.Unread != n {
			report.differ(s.ID, "unread without what is hidden", string(u), p.Unread, n)
		}
		if n := s.Mentions(u, hidden...); p.Mentions != n {
			report.differ(s.ID, "mentions without what is hidden", string(u), p.Mentions, n)
		}
		return nil
	}
}

// compareSelf looks at what the user of a self session hid, of any session.
func compareSelf(ctx context.Context, view hot.View, s *Session, report *Report) error {
	if s.Head.Kind != events.KindSelf {
		return nil
	}
	for u := range s.Members {
		own, err := view.Own(ctx, []events.UserID{u})
		if err != nil {
			return err
		}
		report.fields(s.ID, "own", string(u), own[u], s.Facts.Own)
		for _, of := range slices.Sorted(maps.Keys(s.Hidden)) {
			want := slices.Compact(slices.Sorted(slices.Values(s.Hidden[of])))
			got, err := view.Hidden(ctx, u, of, 0, math.MaxUint64, len(want)+1)
			if err != nil {
				return err
			}
			if !slices.Equal(got, want) {
				report.differ(s.ID, "hidden", fmt.Sprintf("%s in %s", u, of), got, want)
			}
		}
	}
	return nil
}

func compareFacts(ctx context.Context, view hot.View, s *Session, report *Report) error {
	facts, err := view.Facts(ctx, s.ID)
	if err != nil {
		return err
	}
	report.fields(s.ID, "facts", "", facts, s.Facts)
	return nil
}

// compareList looks at a user's list of sessions.
func compareList(ctx context.Context, view hot.View, u events.UserID, want []events.SessionID, report *Report) error {
	got, err := listOf(ctx, view, u)
	if err != nil {
		if ctx.Err() == nil {
			report.add(Difference{What: "list of sessions", Where: string(u), Got: err.Error()})
		}
		return ctx.Err()
	}
	for _, id := range want {
		if !slices.Contains(got, id) {
			report.differ(id, "list of sessions", string(u), none, there)
		}
	}
	for _, id := range got {
		if !slices.Contains(want, id) {
			report.differ(id, "list of sessions", string(u), there, none)
		}
	}
	return nil
}

// listOf reads a user's list of sessions, ascending.
func listOf(ctx context.Context, view hot.View, u events.UserID) ([]events.SessionID, error) {
	var all []events.SessionID
	for after := events.SessionID(""); ; {
		ids, err := view.Sessions(ctx, u, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, ids...)
		if len(ids) < page {
			return all, nil
		}
		after = ids[len(ids)-1]
	}
}

func compareRoster(ctx context.Context, view hot.View, s *Session, report *Report) error {
	var got, want []hot.MemberEntry
	for _, u := range slices.Sorted(maps.Keys(s.Members)) {
		if m := s.Members[u]; m.In() {
			want = append(want, hot.MemberEntry{User: u, Member: *m})
		}
	}
	for after := events.UserID(""); ; {
		entries, err := view.Members(ctx, s.ID, after, page)
		if err != nil {
			return err
		}
		got = append(got, entries...)
		if len(entries) < page {
			break
		}
		after = entries[len(entries)-1].User
	}
	rows(report, s.ID, "roster", func(e *hot.MemberEntry) string { return string(e.User) }, got, want)
	return nil
}

func compareWindow(ctx context.Context, view hot.View, s *Session, report *Report) error {
	// Of one of them, the reactions are looked at that are theirs.
	var reader events.UserID
	if users := slices.Sorted(maps.Keys(s.Members)); len(users) > 0 {
		reader = users[0]
	}
	next := s.Head.WindowStart
	for at := next; at <= s.Head.Seq; at = next {
		items, err := view.Forward(ctx, s.ID, at, s.Head.Seq, page, reader)
		if err != nil {
			return fmt.Errorf("from %d: %w", at, err)
		}
		if len(items) == 0 {
			break
		}
		for _, item := range items {
			switch {
			case item.Seq < next:
				report.differ(s.ID, "window", where(item.Seq), twice, once)
			case item.Seq > next:
				report.differ(s.ID, "window", where(next), none, there)
			}
			next = max(next, item.Seq+1)
			compareItem(s, item, reader, report)
		}
	}
	if next != s.Head.Seq+1 {
		report.differ(s.ID, "window", where(next), none, there)
	}
	return nil
}

func where(seq events.Seq) string { return fmt.Sprint("seq ", seq) }

func compareItem(s *Session, item hot.Item, reader events.UserID, report *Report) {
	if !bytes.Equal(item.Value, s.Timeline[item.Seq]) {
		report.differ(s.ID, "event", where(item.Seq), item.Value, s.Timeline[item.Seq])
	}
	var want hot.State
	m := s.Messages[item.Seq]
	if m == nil {
		m = s.about[item.Seq]
	}
	if m != nil {
		want = inWindow(m.State, s.Head.WindowStart)
	}
	if want.Revoked != 0 || want.Deleted != 0 {
		// Nobody is to be shown any body then.
		want.Body = events.Body{}
	}
	if want.Reactions = s.Reactions(item.Seq, reader); want.Reactions != nil {
		want.ReactionsTo = s.Head.Seq
	}
	report.fields(s.ID, "became", where(item.Seq), item.State, want)
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

// maxCounted bounds of how many messages of a session it is counted who has seen them.
const maxCounted = 50

// compareSeen holds the view's tally against counting one by one, of messages spread over the window.
func compareSeen(ctx context.Context, view hot.View, s *Session, report *Report) error {
	shown := slices.Sorted(maps.Keys(s.Messages))
	shown = slices.DeleteFunc(shown, func(seq events.Seq) bool { return seq < s.Head.WindowStart })
	for i := 0; i < len(shown); i += 1 + len(shown)/maxCounted {
		seq := shown[i]
		o, err := events.DecodeOutcomeValue(s.Timeline[seq])
		if err != nil {
			return fmt.Errorf("seq %d: %w", seq, err)
		}
		got, err := view.Tally(ctx, s.ID, seq, o.Actor.User)
		switch {
		case errors.Is(err, hot.ErrNoTally):
			if len(s.Members) >= hot.TallyFrom {
				report.differ(s.ID, "seen", "", none, word(fmt.Sprintf("a tally of %d people", len(s.Members))))
			}
			return nil
		case errors.Is(err, hot.ErrBelow):
			report.differ(s.ID, "seen", where(seq), word("below the window"), word("in it"))
		case err != nil:
			return fmt.Errorf("who has seen %d: %w", seq, err)
		default:
			report.fields(s.ID, "seen", where(seq), got, s.seen(seq, o.Actor.User))
		}
	}
	return nil
}
