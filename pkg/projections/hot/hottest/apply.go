package hottest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

func testReads(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_reads"
	said := []Said{b.Accept(s, "ann", group(0, "ann", "bob"))}
	said = append(said, b.send(s, "ann", 3)...)
	said = append(said, b.Accept(s, "cid", events.Joined{}))
	b.apply(said...)

	p := b.person(s, "bob")
	want := hot.Head{
		Session: s, Kind: events.KindGroup, Title: "title of it", Seq: 5, Index: 3, Members: 3, Policy: policy, WindowStart: 1,
		Time: said[len(said)-1].Outcome.Time,
	}
	wantEqual(b, "head", p.Head, want)
	wantMember(b, "bob", p.Member, events.Member{Role: events.RoleMember, Stays: []events.Stay{{From: 1}}, Marker: 1})
	wantEqual(b, "bob's unread", p.Unread, 3)
	wantMember(b, "ann, who sent", b.person(s, "ann").Member,
		events.Member{Role: events.RoleOwner, Stays: []events.Stay{{From: 1}}, Marker: 4, MarkerIndex: 3})
	wantMember(b, "cid, who joined", b.person(s, "cid").Member,
		events.Member{Role: events.RoleMember, Stays: []events.Stay{{From: 5, FromIndex: 3}}, Marker: 5, MarkerIndex: 3})
	wantMember(b, "a stranger", b.person(s, "eve").Member, events.Member{})

	items := b.forward(s)
	wantEqual(b, "number of items", len(items), len(said))
	for i, item := range items {
		if item.Seq != events.Seq(i+1) || !bytes.Equal(item.Value, said[i].Value) {
			t.Errorf("item %d has seq %d; its value must be the stored bytes of seq %d", i, item.Seq, i+1)
		}
	}
	back, err := b.View.Backward(b.ctx, s, 2, 4, 2)
	if err != nil || len(back) != 2 || back[0].Seq != 4 || back[1].Seq != 3 {
		t.Errorf("backward from 4 to 2, two at most: got %d items, %v; want 4, 3", len(back), err)
	}
	_, err = b.View.Person(b.ctx, "g_none", "ann")
	b.wantErr("a session that is not there", err, hot.ErrNoSession)
}

func wantMember(b *bench, who string, got, want events.Member) {
	b.Helper()
	if !reflect.DeepEqual(got, want) {
		b.Errorf("%s is %+v, want %+v", who, got, want)
	}
}

// dump is all there is to read of a session.
func (b *bench) dump(s events.SessionID, users ...events.UserID) string {
	b.Helper()
	var text string
	for _, u := range users {
		text += fmt.Sprintf("%s: %+v\n", u, b.person(s, u))
	}
	members, err := b.View.Members(b.ctx, s, "", 100)
	if err != nil {
		b.Fatalf("members of %s: %v", s, err)
	}
	facts, err := b.View.Facts(b.ctx, s)
	if err != nil {
		b.Fatalf("facts of %s: %v", s, err)
	}
	tally, err := b.View.Tally(b.ctx, s, b.Seq(s), "ann")
	if err != nil && !errors.Is(err, hot.ErrNoTally) {
		b.Fatalf("tally of %s: %v", s, err)
	}
	return text + fmt.Sprintf("%+v\n%+v\n%+v\n%+v\n", members, b.forward(s), facts, tally)
}

func testRepeats(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_repeats"
	said := []Said{b.Accept(s, "ann", group(0, "ann", "bob"))}
	said = append(said, b.send(s, "ann", 4)...)
	said = append(said,
		b.Accept(s, "bob", events.Read{Marker: 3, MarkerIndex: 2}),
		b.Accept(s, "ann", events.Revoked{Target: 3, TargetIndex: 2}),
		b.Accept(s, "ann", events.Overridden{Target: 4, TargetIndex: 3, Body: events.TextBody("newer")}),
		b.Accept(s, "ann", events.Removed{Users: []events.UserID{"bob"}}),
		b.Accept(s, "ann", events.Added{Members: []events.NewMember{{User: "bob", Role: events.RoleAdmin}}}),
		b.Accept(s, "bob", text("back")),
		b.Accept(s, "ann", events.Pinned{Target: 5, TargetIndex: 4}),
		b.Accept(s, "ann", events.Invited{Code: events.Hash{1}, Uses: 3}),
		b.Accept(s, "cid", events.Asked{Text: "please"}),
		b.Accept(s, "cid", events.Joined{Invite: events.Hash{1}}),
		b.Accept(s, "cid", events.Delivered{Marker: 5, MarkerIndex: 4}),
		b.Accept(s, "ann", events.Muted{Users: []events.UserID{"cid"}, Until: 9}),
		b.Accept(s, "ann", events.RoleSet{User: "cid", Role: events.RoleAdmin}),
		b.Accept(s, "ann", events.Left{Promoted: "bob"}),
	)
	b.apply(said...)
	want := b.dump(s, "ann", "bob")
	for from := range said {
		b.apply(said[from:]...)
		if got := b.dump(s, "ann", "bob"); got != want {
			t.Fatalf("after a repeat from %d:\n%s\nwant\n%s", from, got, want)
		}
	}
}

func testGap(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_gap"
	created := b.Accept(s, "ann", group(0, "ann"))
	said := b.send(s, "ann", 4)
	b.wantErr("a message before the session", b.Store.Apply(b.ctx, whole, Changes(said[0])), hot.ErrGap)
	b.apply(created, said[0])
	b.wantErr("seq 4 after 2", b.Store.Apply(b.ctx, whole, Changes(said[2], said[3])), hot.ErrGap)
	wantEqual(b, "head after a gap", b.person(s, "ann").Head.Seq, 2)
	b.apply(said...)
	wantEqual(b, "head once the gap is filled", b.person(s, "ann").Head.Seq, 5)
}

// testLostKeys: whichever key goes, the next write says so, and until then readers
// get the right answer or ErrRebuilding, and the loss is made known.
func testLostKeys(t *testing.T, f Fixture) {
	b := newBench(t, f)
	for _, part := range f.Parts {
		t.Run(part, func(t *testing.T) {
			b.T = t
			for _, reading := range []bool{false, true} {
				s := events.SessionID(fmt.Sprintf("g_lost_%s_%t", part, reading))
				b.apply(b.Accept(s, "ann", group(0, "ann", "bob", "cid", "dan")))
				b.apply(b.send(s, "ann", 3)...)
				b.apply(b.Accept(s, "ann", events.Revoked{Target: 2, TargetIndex: 1}), b.Accept(s, "ann", events.Pinned{Target: 3, TargetIndex: 2}),
					b.Accept(s, "ann", events.Muted{Users: []events.UserID{"bob"}, Until: 9}),
					b.Accept(s, "ann", events.Sent{Body: events.TextBody("look"), Refs: events.Refs{Mentions: []events.UserID{"bob"}}}),
					b.Accept(s, "bob", events.Reacted{Target: 4, TargetIndex: 3, Emoji: "👍"}))
				want := b.dump(s, "ann", "bob")
				if !f.Drop(t, s, part) {
					t.Fatalf("%s has no key %s", s, part)
				}
				if reading {
					b.readLost(s, want)
				} else {
					b.wantErr("the next message", b.Store.Apply(b.ctx, whole, Changes(b.send(s, "ann", 1)...)), hot.ErrGap)
				}
			}
		})
		b.T = t
	}
}

// readLost reads everything of a session that lacks a key.
func (b *bench) readLost(s events.SessionID, want string) {
	b.Helper()
	refused := 0
	look := func(what string, got any, err error) {
		b.Helper()
		switch {
		case errors.Is(err, hot.ErrRebuilding):
			refused++
		case err != nil:
			b.Errorf("%s with a lost key: got error %v, want %v or the right answer", what, err, hot.ErrRebuilding)
		case !bytes.Contains([]byte(want), fmt.Appendf(nil, "%+v\n", got)):
			b.Errorf("%s with a lost key: got %+v, want %v or the right answer", what, got, hot.ErrRebuilding)
		}
	}
	p, err := b.View.Person(b.ctx, s, "bob")
	look("person", p, err)
	items, err := b.View.Forward(b.ctx, s, 1, 10, 10)
	look("items", items, err)
	members, err := b.View.Members(b.ctx, s, "", 100)
	look("members", members, err)
	facts, err := b.View.Facts(b.ctx, s)
	look("facts", facts, err)
	tally, err := b.View.Tally(b.ctx, s, b.Seq(s), "ann")
	look("tally", tally, err)
	if refused == 0 {
		b.Errorf("no reader noticed the lost key")
	}
	v, err := b.Store.View(b.ctx, b.Partition(s))
	if err != nil || !v.Lost {
		b.Errorf("the view after readers met a lost key is %+v, %v; it must be known as lost", v, err)
	}
}

func testWindow(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_window"
	b.apply(b.Accept(s, "ann", group(0, "ann", "bob")))
	for range 3 {
		b.apply(b.send(s, "ann", f.Window/2+1)...)
		b.apply(b.Accept(s, "ann", events.Overridden{Target: 2, TargetIndex: 1, Body: events.TextBody("edited")}))
	}
	head := b.person(s, "bob").Head
	items := b.forward(s)
	start := head.Seq - events.Seq(f.Window) + 1
	wantEqual(b, "window start", head.WindowStart, start)
	wantEqual(b, "number of items", len(items), f.Window)
	wantEqual(b, "first item", items[0].Seq, start)
	last := items[len(items)-1]
	wantEqual(b, "body behind the last override, of a message below the window",
		fmt.Sprint(last.State.Body.Plain), "edited")
	wantEqual(b, "unread beyond the window", b.person(s, "bob").Unread, uint64(head.Index))
}
