package hottest

import (
	"errors"
	"fmt"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// testBuilding: what is missing or of another view is never shown.
func testBuilding(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_building"
	created := b.Accept(s, "ann", group(0, "ann", "bob"))
	said := b.send(s, "ann", 3)
	read := func(when string, want error) {
		t.Helper()
		_, err := b.View.Person(b.ctx, s, "ann")
		b.wantErr("person "+when, err, want)
		_, err = b.View.Forward(b.ctx, s, 1, 9, 9)
		b.wantErr("forward "+when, err, want)
		_, err = b.View.Backward(b.ctx, s, 1, 9, 9)
		b.wantErr("backward "+when, err, want)
		_, err = b.View.Members(b.ctx, s, "", 9)
		b.wantErr("members "+when, err, want)
		_, err = b.View.Sessions(b.ctx, "ann", "", 9)
		if errors.Is(want, hot.ErrNoSession) {
			want = nil
		}
		b.wantErr("sessions "+when, err, want)
	}
	read("of a whole view without it", hot.ErrNoSession)
	b.views(newer, false)
	read("while building, not reached yet", hot.ErrRebuilding)
	b.applyAs(newer, false, created, said[0])
	read("while building, in its middle", hot.ErrRebuilding)
	b.applyAs(newer, false, said...)
	b.views(newer, true)
	read("when whole", nil)
	b.wantErr("a write of an older view", b.Store.Apply(b.ctx, older, Changes(created)), hot.ErrSuperseded)

	const last = "0000000004-d"
	b.views(last, false)
	read("left by an older view", hot.ErrRebuilding)
	b.wantErr("a message on what an older view left", b.Store.Apply(b.ctx, last, Changes(said[2])), hot.ErrGap)
	b.applyAs(last, false, created, said[0])
	b.views(last, true)
	wantEqual(b, "head begun anew", b.person(s, "ann").Head.Seq, 2)
	b.applyAs(last, false, said...)

	f.Flush(t)
	read("of an emptied store", hot.ErrRebuilding)
	for p := range f.Partitions {
		if v, err := b.Store.View(b.ctx, p); err != nil || v != (hot.ViewState{}) {
			t.Errorf("view of partition %d in an emptied store is %+v, %v; want none", p, v, err)
		}
	}
}

// testLateBuilder: a session of a view above the one that is read is not shown, and the view is built anew: the view that it is of came to
// nothing, and nothing else would tell before the session's next event.
func testLateBuilder(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_late"
	created := b.Accept(s, "ann", group(0, "ann", "bob"))
	b.apply(created)
	b.applyAs(newer, true, created)
	aside := Changes(b.Accept(s, "ann", events.Sent{Body: events.TextBody("put aside")}))
	aside[0].Session, aside[0].Building = "g_late_too", true
	for b.Partition(aside[0].Session) == b.Partition(s) {
		aside[0].Session += "_" // of another view, which is lost by itself
	}
	if err := b.Store.Apply(b.ctx, newer, aside); err == nil {
		t.Fatal("what begins in the middle was not put aside")
	}
	for _, s := range []events.SessionID{s, aside[0].Session} {
		_, err := b.View.Person(b.ctx, s, "ann")
		b.wantErr("a session of a view above", err, hot.ErrRebuilding)
		if v, err := b.Store.View(b.ctx, b.Partition(s)); err != nil || v.ID != whole || !v.Lost {
			t.Errorf("the view after reading %s is %+v, %v; it must be known as lost", s, v, err)
		}
	}
}

func testSessions(t *testing.T, f Fixture) {
	b := newBench(t, f)
	var want []events.SessionID
	for i := range 25 {
		s := events.SessionID(fmt.Sprintf("g_%02d", i))
		b.apply(b.Accept(s, "ann", group(0, "ann", "bob")))
		want = append(want, s)
	}
	b.apply(b.Accept("g_07", "bob", events.Left{}))
	b.apply(b.Accept("g_07", "bob", events.Joined{}))
	var got []events.SessionID
	var after events.SessionID
	for {
		page, err := b.View.Sessions(b.ctx, "bob", after, 10)
		if err != nil {
			t.Fatalf("sessions after %q: %v", after, err)
		}
		got = append(got, page...)
		if len(page) < 10 {
			break
		}
		after = page[len(page)-1]
	}
	wantEqual(b, "sessions of bob", fmt.Sprint(got), fmt.Sprint(want))
	none, err := b.View.Sessions(b.ctx, "eve", "", 10)
	if err != nil || len(none) != 0 {
		t.Errorf("sessions of a stranger: got %v, %v; want none", none, err)
	}
}

// testHoles: an event that cannot be read may have taken a seq; order stays dense, and
// a repeat of it does not excuse a gap.
func testHoles(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_holes"
	offset := int64(100)
	hole := func(s events.SessionID) []hot.SessionChanges {
		offset++
		return []hot.SessionChanges{{Session: s, Changes: []hot.Change{{Hole: true, Offset: offset}}}}
	}
	apply := func(what string, c []hot.SessionChanges, want error) {
		t.Helper()
		b.wantErr(what, b.Store.Apply(b.ctx, whole, c), want)
	}
	b.apply(b.Accept(s, "ann", group(8, "ann", "bob"))) // 9
	b.send(s, "ann", 2)                                 // 10, 11: not readable
	first := hole(s)
	apply("a hole", first, nil)
	apply("a second hole", hole(s), nil)
	apply("a third, without seq", hole(s), nil)
	after := b.send(s, "ann", 1) // 12
	b.apply(after...)
	wantEqual(b, "head behind holes", b.person(s, "ann").Head.Seq, 12)
	var seqs []events.Seq
	for _, item := range b.forward(s) {
		seqs = append(seqs, item.Seq)
		if want := item.Seq == 9 || item.Seq == 12; len(item.Value) > 0 != want {
			t.Errorf("item %d has %d bytes; must be readable: %t", item.Seq, len(item.Value), want)
		}
	}
	wantEqual(b, "seqs of the items", fmt.Sprint(seqs), "[9 10 11 12]")
	apply("a hole again", first, nil)
	b.apply(after...)
	b.send(s, "ann", 1) // 13, lost
	apply("a gap behind filled holes", Changes(b.send(s, "ann", 1)...), hot.ErrGap)
}

// testPutAside: what the log itself leaves unexplained is put aside, the others live.
func testPutAside(t *testing.T, f Fixture) {
	b := newBench(t, f)
	b.views(newer, false)
	apply := func(what string, broken events.SessionID, c ...hot.SessionChanges) {
		t.Helper()
		for i := range c {
			c[i].Building = true
		}
		err := b.Store.Apply(b.ctx, newer, c)
		var got *hot.BrokenError
		switch {
		case broken == "" && err != nil:
			t.Errorf("%s: got error %v, want none", what, err)
		case broken != "" && (!errors.As(err, &got) || len(got.Sessions) != 1 || got.Sessions[0] != broken):
			t.Errorf("%s: got error %v, want one that names %s alone", what, err, broken)
		}
	}
	const gap, beheaded, sound = "g_gap", "g_beheaded", "g_sound"
	created := b.Accept(gap, "ann", group(0, "ann"))
	b.send(gap, "ann", 1)
	late := b.send(gap, "ann", 1)
	fine := append([]Said{b.Accept(sound, "ann", group(0, "ann"))}, b.send(sound, "ann", 2)...)
	gone := Changes(append([]Said{created, late[0]}, fine...)...)
	apply("a gap of the log's own", gap, gone...)
	apply("the same again, as if its answer was lost", gap, gone...)
	b.Accept(beheaded, "ann", group(0, "ann"))
	apply("a beginning nobody can read", beheaded, hot.SessionChanges{Session: beheaded, Changes: []hot.Change{{Hole: true, Offset: 7}}})
	apply("more of what was put aside", "", Changes(append(b.send(gap, "ann", 1), b.send(beheaded, "ann", 1)...)...)...)
	b.views(newer, true)
	wantEqual(b, "head of a sound session", b.person(sound, "ann").Head.Seq, 3)
	for _, s := range []events.SessionID{gap, beheaded} {
		if err := b.Store.Apply(b.ctx, newer, Changes(b.send(s, "ann", 1)...)); err != nil {
			t.Errorf("live, more of %s: got error %v, want none", s, err)
		}
		_, err := b.View.Person(b.ctx, s, "ann")
		b.wantErr("person of "+string(s), err, hot.ErrRebuilding)
		_, err = b.View.Forward(b.ctx, s, 1, 9, 9)
		b.wantErr("items of "+string(s), err, hot.ErrRebuilding)
	}
	if v, err := b.Store.View(b.ctx, b.Partition(gap)); err != nil || v.Lost {
		t.Errorf("view with a session put aside is %+v, %v; it must not be taken for lost", v, err)
	}
}

// testViewStates: states follow on each other, so two builders can't undo each other.
func testViewStates(t *testing.T, f Fixture) {
	b := newBench(t, f)
	set := func(what string, v hot.ViewState, want error) {
		t.Helper()
		b.wantErr(what, b.Store.SetView(b.ctx, 0, v), want)
	}
	set("opening an older view", hot.ViewState{ID: older}, hot.ErrSuperseded)
	set("finishing an older view", hot.ViewState{ID: older, Whole: true}, hot.ErrSuperseded)
	life := b.life()
	done := hot.ViewState{ID: newer, Whole: true, Run: life, Reached: 7}
	set("finishing a view that was not opened", done, hot.ErrGap)
	set("opening a newer view", hot.ViewState{ID: newer}, nil)
	is := func(what string, want hot.ViewState) {
		t.Helper()
		if v, err := b.Store.View(b.ctx, 0); err != nil || v != want {
			t.Errorf("%s is %+v, %v; want %+v", what, v, err, want)
		}
	}
	set("finishing it for another life", hot.ViewState{ID: newer, Whole: true, Run: "0123456789abcdef", Reached: 7}, hot.ErrMoved)
	is("a view finished for another life", hot.ViewState{ID: newer})
	set("finishing it", done, nil)
	is("a finished view", done)
	done.Reached = 9_007_199_254_740_993
	set("finishing it again, further on", done, nil)
	is("a view further on", done)
	late := done
	late.Reached = 7
	set("finishing it again, late", late, nil)
	is("a view that somebody was late about", done)
	f.Flush(t)
	set("finishing a view that was flushed", done, hot.ErrGap)
}
