package fold_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"annal/internal/fold"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// talk is a group of ann, bob and cid with everything in it that can go wrong.
func talk(t *testing.T) (events.SessionID, []hottest.Said) {
	t.Helper()
	a := newAuthor(t)
	s := a.open(0, "bob", "cid") // 1
	for range 4 {
		a.must(s, "ann", events.Send{Body: events.TextBody("hello")}) // 2–5
	}
	a.must(s, "bob", events.MarkRead{Seq: 3})
	a.must(s, "ann", events.Override{Seq: 2, Body: events.TextBody("hello again")}) // 6
	a.must(s, "ann", events.Revoke{Seq: 4})                                         // 7
	a.must(s, "cid", events.Leave{})                                                // 8
	a.must(s, "ann", events.Send{Body: events.TextBody("without cid")})             // 9
	a.must(s, "ann", events.React{Seq: 5, Emoji: "👍"})                              // 10
	return s, a.said
}

func wantProblem(t *testing.T, report *fold.Report, want string) {
	t.Helper()
	if !slices.ContainsFunc(report.Problems, func(p string) bool { return strings.Contains(p, want) }) {
		t.Errorf("problems are %q, want one that says %q", report.Problems, want)
	}
}

// TestPlantedInTheLog: what no sound log holds is named.
func TestPlantedInTheLog(t *testing.T) {
	accepted := func(s *hottest.Said, change func(events.Accepted) events.Accepted) {
		a, ok := s.Outcome.Result.(events.Accepted)
		if !ok {
			t.Fatalf("outcome is %+v, want an accepted one", s.Outcome.Result)
		}
		s.Outcome.Result = change(a)
	}
	for name, c := range map[string]struct {
		want  string
		spoil func([]hottest.Said) []hottest.Said
	}{
		"a missing seq":      {"seq 4 follows 2", func(s []hottest.Said) []hottest.Said { return slices.Delete(s, 2, 3) }},
		"a missing outcome":  {"the chain is broken", func(s []hottest.Said) []hottest.Said { return slices.Delete(s, 5, 6) }},
		"a repeated message": {"seq 3 follows 3", func(s []hottest.Said) []hottest.Said { return slices.Insert(s, 3, s[2]) }},
		"two in wrong order": {"seq 3 follows 4", func(s []hottest.Said) []hottest.Said {
			s[2], s[3] = s[3], s[2]
			return s
		}},
		"no beginning": {"accepted before the session was created", func(s []hottest.Said) []hottest.Said { return s[1:] }},
		"a changed byte": {"the chain is broken", func(s []hottest.Said) []hottest.Said {
			s[1].Outcome.ClientID += "x"
			return s
		}},
		"a wrong index": {"index 3 follows 1", func(s []hottest.Said) []hottest.Said {
			accepted(&s[2], func(a events.Accepted) events.Accepted {
				a.Event = events.Sent{Index: 3, Body: events.TextBody("hello")}
				return a
			})
			return s
		}},
		"a target that is no message": {"names a message 1 with index 1", func(s []hottest.Said) []hottest.Said {
			accepted(&s[7], func(a events.Accepted) events.Accepted {
				a.Event = events.Revoked{Target: 1, TargetIndex: 1}
				return a
			})
			return s
		}},
		"one who leaves twice": {"cid goes at 10 and is not in", func(s []hottest.Said) []hottest.Said {
			again := s[8]
			accepted(&again, func(a events.Accepted) events.Accepted {
				a.Seq = 10
				return a
			})
			return append(s, again)
		}},
		"one who comes in while in": {"bob comes in at 10 and is in", func(s []hottest.Said) []hottest.Said {
			again := s[8]
			again.Outcome.Actor.User = "bob"
			again.Outcome.Result = events.Accepted{Seq: 10, Event: events.Joined{}}
			return append(s, again)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, said := talk(t)
			log := logOf(t, c.spoil(said))
			defer log.Close()
			var report fold.Report
			folded(t, log, &report)
			wantProblem(t, &report, c.want)
		})
	}
}

// liar is a view that tells what a test makes of the truth.
type liar struct {
	hot.View
	person func(*hot.Person, events.UserID)
	// hiding changes what is read of somebody without what they hid, hidden what that is.
	hiding   func(*hot.Person)
	hidden   func([]events.Index) []events.Index
	members  func([]hot.MemberEntry) []hot.MemberEntry
	items    func([]hot.Item) []hot.Item
	sessions func([]events.SessionID) []events.SessionID
	tally    func(hot.Tally) hot.Tally
	own      func(*hot.Own)
}

func (l liar) Person(ctx context.Context, s events.SessionID, u events.UserID, hidden ...events.Index) (hot.Person, error) {
	p, err := l.View.Person(ctx, s, u, hidden...)
	if l.hiding != nil && len(hidden) > 0 {
		l.hiding(&p)
		return p, err
	}
	if l.person != nil {
		l.person(&p, u)
	}
	return p, err
}

func (l liar) Hidden(ctx context.Context, u events.UserID, s events.SessionID, first, last events.Index, limit int) ([]events.Index, error) {
	indexes, err := l.View.Hidden(ctx, u, s, first, last, limit)
	if l.hidden != nil {
		indexes = l.hidden(indexes)
	}
	return indexes, err
}

func (l liar) Members(ctx context.Context, s events.SessionID, after events.UserID, limit int) ([]hot.MemberEntry, error) {
	m, err := l.View.Members(ctx, s, after, limit)
	if l.members != nil {
		m = l.members(m)
	}
	return m, err
}

func (l liar) Tally(ctx context.Context, s events.SessionID, seq events.Seq, sender events.UserID) (hot.Tally, error) {
	t, err := l.View.Tally(ctx, s, seq, sender)
	if l.tally != nil {
		t = l.tally(t)
	}
	return t, err
}

func (l liar) Forward(ctx context.Context, s events.SessionID, first, last events.Seq, limit int, reader ...events.UserID) ([]hot.Item, error) {
	items, err := l.View.Forward(ctx, s, first, last, limit, reader...)
	if l.items != nil && first == 1 {
		items = l.items(items)
	}
	return items, err
}

func (l liar) Own(ctx context.Context, users []events.UserID) (map[events.UserID]hot.Own, error) {
	all, err := l.View.Own(ctx, users)
	if l.own != nil {
		for u, o := range all {
			l.own(&o)
			all[u] = o
		}
	}
	return all, err
}

func (l liar) Sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error) {
	ids, err := l.View.Sessions(ctx, u, after, limit)
	if l.sessions != nil {
		ids = l.sessions(ids)
	}
	return ids, err
}

// TestPlantedInTheView: a view that differs from the log is found out.
func TestPlantedInTheView(t *testing.T) {
	_, store := newStore(t)
	_, said := talk(t)
	log := logOf(t, said)
	defer log.Close()
	setViews(t, store, false)
	apply(t, store, said)
	setViews(t, store, true)
	of := func(who events.UserID, change func(*hot.Person)) liar {
		return liar{person: func(p *hot.Person, u events.UserID) {
			if u == who {
				change(p)
			}
		}}
	}
	item := func(seq events.Seq, change func(*hot.Item)) liar {
		return liar{items: func(items []hot.Item) []hot.Item {
			change(&items[seq-1])
			return items
		}}
	}
	for name, c := range map[string]struct {
		want string
		view liar
	}{
		"nothing":                {"", liar{}},
		"unread":                 {"unread of bob is 3, must be 2", of("bob", func(p *hot.Person) { p.Unread++ })},
		"unread of one who left": {"unread of cid is 0, must be 3", of("cid", func(p *hot.Person) { p.Unread = 0 })},
		"a head":                 {"head.seq is", of("bob", func(p *hot.Person) { p.Head.Seq-- })},
		"a head that is closed":  {"head.closed is", of("ann", func(p *hot.Person) { p.Head.Closed = true })},
		"a marker":               {"member.marker of bob is", of("bob", func(p *hot.Person) { p.Member.Marker++ })},
		"a role":                 {"member.role of bob is", of("bob", func(p *hot.Person) { p.Member.Role = events.RoleOwner })},
		"a stay":                 {"member.stays of cid is", of("cid", func(p *hot.Person) { p.Member.Stays[0].ToIndex++ })},
		"a list of sessions":     {"list of sessions of ann is none", liar{sessions: func([]events.SessionID) []events.SessionID { return nil }}},
		"a missing member":       {"roster of bob is none", liar{members: func(m []hot.MemberEntry) []hot.MemberEntry { return m[:1] }}},
		"a count of reactions":   {"became.reactions of seq 5 is", item(5, func(i *hot.Item) { i.State.Reactions[0].Count++ })},
		"whose a reaction is":    {"became.reactions of seq 5 is", item(5, func(i *hot.Item) { i.State.Reactions[0].Mine = false })},
		"a ghost": {"roster of eve is", liar{members: func(m []hot.MemberEntry) []hot.MemberEntry {
			return append(m, hot.MemberEntry{User: "eve", Member: m[0].Member})
		}}},
		"a reader too many": {"seen.read of seq 2 is", liar{tally: func(t hot.Tally) hot.Tally {
			t.Read++
			return t
		}}},
		"a missing item":  {"window of seq 3 is none", liar{items: func(i []hot.Item) []hot.Item { return slices.Delete(i, 2, 3) }}},
		"a repeated item": {"window of seq 2 is twice", liar{items: func(i []hot.Item) []hot.Item { return slices.Insert(i, 1, i[1]) }}},
		"an empty window": {"window of seq 1 is none", liar{items: func([]hot.Item) []hot.Item { return nil }}},
		"a byte of an item": {"event of seq 3 is", item(3, func(i *hot.Item) {
			i.Value = slices.Clone(i.Value)
			i.Value[7]++
		})},
		"a forgotten revoke":               {"became.revoked of seq 4 is 0, must be 7", item(4, func(i *hot.Item) { i.State = hot.State{} })},
		"a stale body":                     {"became.body.plain of seq 2 is hello, must be hello again", item(2, func(i *hot.Item) { i.State.Body = events.TextBody("hello") })},
		"a stale body behind the override": {"became.body.plain of seq 6 is", item(6, func(i *hot.Item) { i.State.Body = events.TextBody("hello") })},
		"a revoke of another message":      {"became.revoked of seq 3 is 7, must be 0", item(3, func(i *hot.Item) { i.State.Revoked = 7 })},
	} {
		t.Run(name, func(t *testing.T) {
			var report fold.Report
			sessions := folded(t, log, &report)
			c.view.View = store.Reader()
			if err := fold.Compare(t.Context(), c.view, window, sessions, &report); err != nil {
				t.Fatalf("compare: %v", err)
			}
			if c.want != "" {
				wantProblem(t, &report, c.want)
			} else if report.Found != 0 || report.Compared != 3 {
				t.Errorf("of a right view: compared %d people, problems %q; want 3, none", report.Compared, report.Problems)
			}
		})
	}
}

// TestBodyOfARevoked: a view that still has the body of what was revoked is found out.
func TestBodyOfARevoked(t *testing.T) {
	_, store := newStore(t)
	a := newAuthor(t)
	s := a.open(0, "bob")
	a.must(s, "ann", events.Send{Body: events.TextBody("hello")})
	a.must(s, "ann", events.Override{Seq: 2, Body: events.TextBody("secret")})
	a.must(s, "ann", events.Revoke{Seq: 2})
	log := logOf(t, a.said)
	defer log.Close()
	setViews(t, store, false)
	apply(t, store, a.said)
	setViews(t, store, true)
	var report fold.Report
	sessions := folded(t, log, &report)
	view := liar{View: store.Reader(), items: func(items []hot.Item) []hot.Item {
		items[1].State.Body = events.TextBody("secret")
		return items
	}}
	if err := fold.Compare(t.Context(), view, window, sessions, &report); err != nil {
		t.Fatalf("compare: %v", err)
	}
	wantProblem(t, &report, "became.body.plain of seq 2 is secret")
}
