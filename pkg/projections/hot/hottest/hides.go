package hottest

import (
	"fmt"
	"testing"

	"annal/pkg/events"
)

// testHides: what a user hid from themselves is listed, and left out of what is unread where that is asked for.
func testHides(t *testing.T, f Fixture) {
	b := newBench(t, f)
	b.views(whole, true)
	const s, other = "g_hides", "g_hides2"
	self := events.NewSelfID("bob")
	hidden := func(first, last events.Index, limit int) string {
		t.Helper()
		got, err := b.View.Hidden(b.ctx, "bob", s, first, last, limit)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(got)
	}
	wantEqual(b, "hidden by who has no session of their own", hidden(0, 1<<62, 10), "[]")
	b.apply(b.Accept(s, "ann", group(0, "ann", "bob")))
	for i := range 5 { // seq 2–6, index 1–5, all of which mention bob
		b.apply(b.Accept(s, "ann", events.Sent{Index: events.Index(i + 1), Body: events.TextBody("x"), Refs: events.Refs{Mentions: []events.UserID{"bob"}}}))
	}
	b.apply(b.Accept(self, "bob", events.Created{Kind: events.KindSelf, Members: []events.NewMember{{User: "bob", Role: events.RoleOwner}}}))
	hide := b.Accept(self, "bob", events.Hidden{Session: s, Messages: []events.Numbers{{Seq: 3, Index: 2}, {Seq: 5, Index: 4}, {Seq: 6, Index: 5}}})
	elsewhere := b.Accept(self, "bob", events.Hidden{Session: other, Messages: []events.Numbers{{Seq: 2, Index: 1}}})
	b.apply(hide)
	b.apply(elsewhere)
	b.apply(hide, elsewhere) // a repeat changes nothing
	wantEqual(b, "hidden", hidden(0, 1<<62, 10), "[2 4 5]")
	wantEqual(b, "hidden, a page", hidden(0, 1<<62, 2), "[2 4]")
	wantEqual(b, "hidden, a part", hidden(3, 4, 10), "[4]")
	facts, err := b.View.Facts(b.ctx, self)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(b, "sessions of which something is hidden", fmt.Sprint(facts.Hides[s], facts.Hides[other], len(facts.Hides)), "true true 2")
	count := func(when string, hidden []events.Index, unread, mentions uint64) {
		t.Helper()
		p, err := b.View.Person(b.ctx, s, "bob", hidden...)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(b, "unread "+when, p.Unread, unread)
		wantEqual(b, "mentions "+when, p.Mentions, mentions)
	}
	all := []events.Index{2, 4, 5}
	count("with what is hidden", nil, 5, 5)
	count("without it", all, 2, 2)
	b.apply(b.Accept(s, "ann", events.Revoked{Target: 5, TargetIndex: 4}))
	count("after a revoke of a hidden one", all, 2, 2)
	b.apply(b.Accept(s, "bob", events.Read{Marker: 3, MarkerIndex: 2}))
	count("after reading a hidden one", all, 1, 1)
	count("beyond the head", []events.Index{5, 9, 1 << 40}, 1, 1)
	b.apply(b.Accept(s, "bob", events.Left{}))
	b.apply(b.Accept(s, "ann", events.Sent{Index: 6, Body: events.TextBody("y")}))
	count("when out", append(all, 6), 1, 1)
	wantEqual(b, "unread of another", b.person(s, "ann").Unread, uint64(0))
}
