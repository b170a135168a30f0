package hottest

import (
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// testTally: who has seen a message is known once enough people have been in, of whom it was said
// before as well, for as long as the window holds it. The fold has the rest.
func testTally(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_tally"
	is := func(what string, seq events.Seq, want hot.Tally) {
		t.Helper()
		got, err := b.View.Tally(b.ctx, s, seq, "ann")
		if err != nil || got != want {
			t.Errorf("%s: message %d was seen by %+v, %v; want %+v", what, seq, got, err, want)
		}
	}
	_, err := b.View.Tally(b.ctx, s, 2, "ann")
	b.wantErr("of a session that is not there", err, hot.ErrNoSession)
	said := []Said{b.Accept(s, "ann", group(0, "ann", "bob"))}
	apply := func(some ...Said) {
		t.Helper()
		said = append(said, some...)
		b.apply(some...)
	}
	b.apply(said...)
	apply(b.send(s, "ann", 3)...) // 2–4
	apply(b.Accept(s, "bob", events.Read{Marker: 2, MarkerIndex: 1}), b.Accept(s, "bob", events.Delivered{Marker: 3, MarkerIndex: 2}))
	_, err = b.View.Tally(b.ctx, s, 2, "ann")
	b.wantErr("of two people", err, hot.ErrNoTally)

	apply(b.Accept(s, "ann", events.Added{Members: []events.NewMember{{User: "cid", Role: events.RoleMember}, {User: "dan", Role: events.RoleMember}}})) // 5
	is("once there are four", 2, hot.Tally{Total: 1, Read: 1, Delivered: 1})
	is("once there are four", 3, hot.Tally{Total: 1, Delivered: 1})
	is("once there are four", 4, hot.Tally{Total: 1})
	apply(b.send(s, "ann", 1)...) // 6
	apply(b.Accept(s, "cid", events.Read{Marker: 6, MarkerIndex: 4}), b.Accept(s, "dan", events.Delivered{Marker: 6, MarkerIndex: 4}))
	is("told to four", 6, hot.Tally{Total: 3, Read: 1, Delivered: 2})
	apply(b.Accept(s, "bob", events.Left{})) // 7
	apply(b.send(s, "ann", 1)...)            // 8
	apply(b.Accept(s, "bob", events.Joined{}))
	is("of who was out then", 8, hot.Tally{Total: 2})
	is("of who is in again", 3, hot.Tally{Total: 1, Read: 1, Delivered: 1})

	all := policy
	all.History = events.HistoryAll
	apply(b.Accept(s, "ann", events.PolicySet{Policy: all}))
	is("when all may see all", 8, hot.Tally{Total: 3, Read: 1, Delivered: 1})
	apply(b.Accept(s, "ann", events.Removed{Users: []events.UserID{"bob", "cid"}}))
	is("of few who are left", 8, hot.Tally{Total: 1})
	apply(b.send(s, "ann", f.Window-1)...)
	_, err = b.View.Tally(b.ctx, s, 8, "ann")
	b.wantErr("of a message below the window", err, hot.ErrBelow)
	is("of the newest", b.Seq(s), hot.Tally{Total: 1})

	last := b.Seq(s)
	apply(b.Accept(s, "dan", events.Delivered{Marker: last - 2, MarkerIndex: 1}), b.Accept(s, "dan", events.Delivered{Marker: last - 1, MarkerIndex: 1}),
		b.Accept(s, "dan", events.Delivered{Marker: last, MarkerIndex: 1}))
	is("got step by step", last, hot.Tally{Total: 1, Delivered: 1})
	is("got step by step", last-2, hot.Tally{Total: 1, Delivered: 1})
	b.views(newer, false)
	b.applyAs(newer, false, said...)
	b.views(newer, true)
	is("in a view built anew", last, hot.Tally{Total: 1, Delivered: 1})
}
