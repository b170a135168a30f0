package hottest

import (
	"fmt"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// testMembers: 2,500 people in one event, paged by user id.
func testMembers(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s, n = "g_members", 2500
	users := make([]events.UserID, n)
	for i := range users {
		users[i] = events.UserID(fmt.Sprintf("u%04d", i))
	}
	b.apply(b.Accept(s, users[0], group(0, users...)))
	b.apply(b.Accept(s, users[0], events.Removed{Users: users[1:3]}))
	wantEqual(b, "count of members", b.person(s, users[0]).Head.Members, n-2)
	var got []events.UserID
	var after events.UserID
	for {
		page, err := b.View.Members(b.ctx, s, after, 700)
		if err != nil {
			t.Fatalf("members after %q: %v", after, err)
		}
		for _, m := range page {
			got = append(got, m.User)
			if len(m.Member.Stays) != 1 || m.Member.Stays[0].From != 1 {
				t.Fatalf("%s has stays %v, want one from 1", m.User, m.Member.Stays)
			}
		}
		if len(page) < 700 {
			break
		}
		after = page[len(page)-1].User
	}
	want := append(users[:1:1], users[3:]...)
	wantEqual(b, "members listed", fmt.Sprint(got), fmt.Sprint(want))
}

// testUnread: exact with revokes read and unread, over stays, and when out.
func testUnread(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_unread"
	b.apply(b.Accept(s, "ann", group(0, "ann", "bob")))
	b.apply(b.send(s, "ann", 8)...) // seq 2–9, index 1–8
	unread := func(when string, want uint64) {
		t.Helper()
		wantEqual(b, "unread "+when, b.person(s, "bob").Unread, want)
	}
	unread("after 8", 8)
	b.apply(b.Accept(s, "bob", events.Read{Marker: 4, MarkerIndex: 3}))
	unread("after reading 3", 5)
	b.apply(b.Accept(s, "ann", events.Revoked{Target: 6, TargetIndex: 5}), b.Accept(s, "ann", events.Deleted{Target: 9, TargetIndex: 8}))
	unread("after a revoke and a delete", 3)
	b.apply(b.Accept(s, "ann", events.Deleted{Target: 6, TargetIndex: 5}))
	unread("after deleting what is revoked", 3)
	b.apply(b.Accept(s, "ann", events.Revoked{Target: 3, TargetIndex: 2}))
	unread("after revoking what was read", 3)
	b.apply(b.Accept(s, "bob", events.Left{}))
	b.apply(b.send(s, "ann", 5)...)
	unread("when out", 3)
	b.apply(b.Accept(s, "ann", events.Revoked{Target: 5, TargetIndex: 4}))
	unread("when out, after a revoke in the stay", 2)
	b.apply(b.Accept(s, "ann", events.Added{Members: []events.NewMember{{User: "bob", Role: events.RoleMember}}}))
	unread("when in again", 0)
	b.apply(b.send(s, "ann", 2)...)
	unread("in the second stay", 2)
	b.apply(b.Accept(s, "bob", text("mine")))
	unread("after an own message", 0)
}

func testHidden(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_hidden"
	b.apply(b.Accept(s, "ann", group(0, "ann")))
	b.apply(b.send(s, "ann", 2)...)
	b.apply(b.Accept(s, "ann", events.Overridden{Target: 2, TargetIndex: 1, Body: events.TextBody("v2")}),
		b.Accept(s, "ann", events.Overridden{Target: 2, TargetIndex: 1, Body: events.TextBody("v3")}))
	for _, seq := range []events.Seq{2, 4, 5} {
		state := b.item(s, seq).State
		if state.Overridden != 5 || state.Body.Plain != events.Text("v3") {
			t.Errorf("state of item %d is %+v, want overridden by 5 with v3", seq, state)
		}
	}
	b.apply(b.Accept(s, "ann", events.Revoked{Target: 2, TargetIndex: 1}))
	for _, seq := range []events.Seq{2, 4, 5} {
		state := b.item(s, seq).State
		if state.Revoked != 6 || state.Overridden != 5 || state.Body.Plain != nil {
			t.Errorf("state of item %d is %+v, want revoked by 6 and no body", seq, state)
		}
	}
	wantEqual(b, "what became of another message", fmt.Sprintf("%+v", b.item(s, 3).State), fmt.Sprintf("%+v", hot.State{}))
}

// testHugeNumbers: numbers that a double would round.
func testHugeNumbers(t *testing.T, f Fixture) {
	for _, base := range []events.Seq{9007199254740992, 1 << 62, 999, 9_999_999_999_999_999_999} {
		b := newBench(t, f)
		s := events.SessionID(fmt.Sprintf("g_huge_%d", base))
		b.apply(b.Accept(s, "ann", group(base, "ann", "bob")))
		b.apply(b.send(s, "ann", 3)...)
		b.apply(b.Accept(s, "bob", events.Read{Marker: base + 3, MarkerIndex: 2}))
		b.apply(b.Accept(s, "ann", events.Revoked{Target: base + 2, TargetIndex: 1}))
		p := b.person(s, "bob")
		wantEqual(b, "seq", p.Head.Seq, base+5)
		wantEqual(b, "base", p.Head.Base, base)
		wantEqual(b, "window start", p.Head.WindowStart, base+1)
		wantEqual(b, "marker", p.Member.Marker, base+3)
		wantEqual(b, "unread", p.Unread, 1)
		for i, item := range b.forward(s) {
			wantEqual(b, "seq of an item", item.Seq, base+1+events.Seq(i))
			revoked := events.Seq(0)
			if item.Seq == base+2 || item.Seq == base+5 {
				revoked = base + 5
			}
			wantEqual(b, fmt.Sprintf("revoke of item %d", item.Seq), item.State.Revoked, revoked)
		}
		// One past the end does not follow.
		b.send(s, "ann", 1)
		b.wantErr("a seq left out", b.Store.Apply(b.ctx, whole, Changes(b.send(s, "ann", 1)...)), hot.ErrGap)
	}
}

func testMarkers(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_markers"
	b.apply(b.Accept(s, "ann", group(0, "ann", "bob")))
	b.apply(b.send(s, "ann", 12)...)
	for _, step := range []struct{ marker, want events.Seq }{{9, 9}, {3, 9}, {9, 9}, {10, 10}, {2, 10}} {
		b.apply(b.Accept(s, "bob", events.Read{Marker: step.marker, MarkerIndex: events.Index(step.marker - 1)}))
		wantEqual(b, fmt.Sprintf("marker after %d", step.marker), b.person(s, "bob").Member.Marker, step.want)
	}
	b.wantErr("a marker in a session that is not there",
		b.Store.Apply(b.ctx, whole, Changes(b.Accept("g_none", "bob", events.Read{Marker: 1}))), hot.ErrGap)
}

func testLeaving(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_leaving"
	b.apply(b.Accept(s, "ann", group(0, "ann", "bob")))
	b.apply(b.Accept(s, "ann", events.Left{Promoted: "bob"}))
	wantEqual(b, "role of who left", b.person(s, "ann").Member.Role, 0)
	wantEqual(b, "role of who was promoted", b.person(s, "bob").Member.Role, events.RoleOwner)
	var said []Said
	for range events.MaxStays + 5 {
		said = append(said, b.Accept(s, "ann", events.Joined{}), b.Accept(s, "ann", events.Left{}))
	}
	b.apply(said...)
	stays := b.person(s, "ann").Member.Stays
	wantEqual(b, "number of stays", len(stays), events.MaxStays)
	wantEqual(b, "end of the last stay", stays[len(stays)-1].To, b.Seq(s))
	b.apply(b.Accept(s, "bob", events.Removed{Users: []events.UserID{"bob"}, Closed: true}))
	head := b.person(s, "bob").Head
	wantEqual(b, "closed", head.Closed, true)
	wantEqual(b, "members of a closed session", head.Members, 0)
}
