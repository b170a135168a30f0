package hottest

import (
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// testRounds: of a round that is greater than the window nothing is lost but what the
// window would not hold: where people have read to, who came and went, and what is unread.
func testRounds(t *testing.T, f Fixture) {
	b := newBench(t, f)
	b.views(newer, false)
	const s = "g_rounds"
	said := []Said{b.Accept(s, "ann", group(0, "ann", "bob", "cid"))}
	said = append(said, b.send(s, "bob", 2)...) // 2, 3
	said = append(said, b.send(s, "cid", 1)...) // 4
	said = append(said, b.send(s, "ann", 2)...) // 5, 6
	said = append(said, b.Accept(s, "ann", events.Revoked{Target: 2, TargetIndex: 1}))
	said = append(said, b.Accept(s, "cid", events.Left{})) // 8
	said = append(said, b.send(s, "bob", 2)...)            // 9, 10
	said = append(said, b.send(s, "ann", 3*f.Window)...)
	for range 2 {
		b.applyAs(newer, true, said...)
	}
	b.views(newer, true)

	p := b.person(s, "bob")
	last, index := events.Seq(10+3*f.Window), events.Index(7+3*f.Window)
	want := hot.Head{
		Session: s, Kind: events.KindGroup, Title: "title of it", Seq: last, Index: index, Members: 2, Policy: policy,
		WindowStart: last - events.Seq(f.Window) + 1, Time: said[len(said)-1].Outcome.Time,
	}
	wantEqual(b, "head", p.Head, want)
	wantMember(b, "bob, who sent below the window", p.Member,
		events.Member{Role: events.RoleMember, Stays: []events.Stay{{From: 1}}, Marker: 10, MarkerIndex: 7})
	wantEqual(b, "bob's unread", p.Unread, uint64(3*f.Window))
	wantMember(b, "cid, who sent and left", b.person(s, "cid").Member,
		events.Member{Stays: []events.Stay{{From: 1, To: 8, ToIndex: 5}}, Marker: 4, MarkerIndex: 3})
	wantEqual(b, "cid's unread", b.person(s, "cid").Unread, 2)
	items := b.forward(s)
	wantEqual(b, "number of items", len(items), f.Window)
	wantEqual(b, "first item", items[0].Seq, want.WindowStart)
	b.wantErr("what follows", b.Store.Apply(b.ctx, newer, Changes(b.send(s, "bob", 1)...)), nil)
	wantEqual(b, "bob's unread once he has sent", b.person(s, "bob").Unread, 0)
}
