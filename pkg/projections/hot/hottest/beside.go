package hottest

import (
	"errors"
	"testing"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// besideWhole is the id of what is built beside the view of the tests.
var besideWhole = hot.OnSide(newer, hot.Other(whole))

// ask asks for a rebuild, and advance notes how far it is.
func (b *bench) ask(p int32, request string, s events.SessionID) {
	b.Helper()
	if got, err := b.Store.Ask(b.ctx, p, request, s); err != nil || got != request {
		b.Fatalf("asking for a rebuild: got %q, %v", got, err)
	}
}

func (b *bench) advance(p int32, request string, reached int64) error {
	at := events.Start()
	at.Offset = reached
	return b.Store.Advance(b.ctx, p, whole, hot.Rebuild{Asked: request, Beside: besideWhole, Run: b.life(), Reached: at, Goal: 9})
}

func (b *bench) lease(p int32, s events.SessionID, ahead time.Duration) time.Time {
	b.Helper()
	lease, err := b.Store.Lease(b.ctx, p, s, ahead)
	if err != nil {
		b.Fatalf("lease: %v", err)
	}
	return lease
}

// testBeside: what is built beside a view is not seen until it is swapped, and then all of it at once.
func testBeside(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_beside"
	p := b.Partition(s)
	created := b.Accept(s, "ann", group(0, "ann", "bob"))
	said := b.send(s, "ann", 3)
	b.apply(append([]Said{created}, said...)...)
	b.ask(p, "first", "")
	b.wantErr("noting how far it is", b.advance(p, "first", 3), nil)
	if r, err := b.Store.Rebuild(b.ctx, p); err != nil || r.Asked != "first" || r.Beside != besideWhole || r.Reached.Offset != 3 || r.Goal != 9 || r.Left != besideWhole {
		t.Errorf("what is built beside the view is %+v, %v", r, err)
	}
	b.applyAs(besideWhole, true, created, said[0])
	wantEqual(b, "head while another is built", b.person(s, "ann").Head.Seq, 4)
	b.applyAs(besideWhole, true, said...)
	last := b.send(s, "bob", 1)
	b.apply(last...)
	wantEqual(b, "head of the view that is read", b.person(s, "ann").Head.Seq, 5)

	next := hot.ViewState{ID: besideWhole, Whole: true, Run: b.life(), Reached: 7}
	swap := func(what string, from string, v hot.ViewState, lease time.Time, want error) {
		t.Helper()
		b.wantErr(what, b.Store.Swap(b.ctx, p, from, v, lease), want)
	}
	good := b.lease(p, "", time.Minute)
	swap("a swap after its lease", whole, next, b.lease(p, "", -time.Second), hot.ErrLate)
	other := next
	other.Run = "0123456789abcdef"
	swap("a swap in another life", whole, other, good, hot.ErrMoved)
	other = next
	other.ID = hot.OnSide("0000000009-z", hot.Other(whole))
	swap("a swap for what is not built", whole, other, good, hot.ErrGap)
	swap("a swap of a view that is not there", older, next, good, hot.ErrSuperseded)
	b.wantErr("promising what is there", b.Store.Promise(b.ctx, p, whole, 6), nil)
	b.wantErr("saying that the view that is read reaches further", b.Store.SetView(b.ctx, p, hot.ViewState{ID: whole, Whole: true, Run: b.life(), Reached: 8}), nil)
	b.wantErr("promising less", b.Store.Promise(b.ctx, p, whole, 3), nil)
	b.wantErr("promising for what is built", b.Store.Promise(b.ctx, p, besideWhole, 9), hot.ErrGap)
	other = next
	other.Reached = 5
	swap("a swap for less than was promised", whole, other, good, hot.ErrBehind)
	wantEqual(b, "head after swaps that were refused", b.person(s, "ann").Head.Seq, 5)
	swap("a swap", whole, next, good, nil)
	b.wantErr("promising for what was swapped out", b.Store.Promise(b.ctx, p, whole, 9), hot.ErrSuperseded)
	b.wantErr("promising for what was swapped in", b.Store.Promise(b.ctx, p, besideWhole, 7), nil)
	swap("the same again, as if its answer was lost", whole, next, good, nil)
	wantEqual(b, "head after the swap", b.person(s, "ann").Head.Seq, 4)
	next.Reached = 8 // as was said of the one before: who saw that takes less for an older copy
	if v, err := b.Store.View(b.ctx, p); err != nil || v != next {
		t.Errorf("the view after the swap is %+v, %v; want %+v", v, err, next)
	}
	r, err := b.Store.Rebuild(b.ctx, p)
	if want := (hot.Rebuild{From: whole, Left: whole, Done: "first", Said: hot.SaidSwapped, Reached: events.Start()}); err != nil || r != want {
		t.Errorf("after the swap is said %+v, %v; want %+v", r, err, want)
	}
	b.removeLeft(p, s)
	b.applyAs(besideWhole, false, last...)
	wantEqual(b, "head when the old one is removed", b.person(s, "ann").Head.Seq, 5)
	wantEqual(b, "members when the old one is removed", b.person(s, "bob").Head.Members, 2)
}

// removeLeft removes the old side, which takes nothing from the new one, and goes on.
func (b *bench) removeLeft(p int32, s events.SessionID) {
	b.Helper()
	b.wantErr("removing what is of an older view than there is", b.Store.Remove(b.ctx, older, []events.SessionID{s, "g_never"}), nil)
	if !b.Drop(b.T, s, "window") {
		b.Error("the old side is gone before it was removed")
	}
	b.wantErr("removing the old side", b.Store.Remove(b.ctx, whole, []events.SessionID{s, "g_never"}), nil)
	for _, part := range b.Parts {
		if b.Drop(b.T, s, part) {
			b.Errorf("%s is left on the old side", part)
		}
	}
	b.wantErr("noting that nothing is left", b.Store.Removed(b.ctx, p, whole), nil)
	if r, err := b.Store.Rebuild(b.ctx, p); err != nil || r.Left != "" {
		b.Errorf("left is %q, %v; want nothing", r.Left, err)
	}
}

// testAsked: one thing is asked at a time, of a view that is whole.
func testAsked(t *testing.T, f Fixture) {
	b := newBench(t, f)
	b.wantErr("noting what nobody asked for", b.advance(0, "none", 1), hot.ErrGap)
	b.ask(0, "first", "")
	if got, err := b.Store.Ask(b.ctx, 0, "second", ""); err != nil || got != "first" {
		t.Errorf("asking for the same again: got %q, %v; want the first", got, err)
	}
	_, err := b.Store.Ask(b.ctx, 0, "third", "g_one")
	b.wantErr("asking for something else", err, hot.ErrBusy)
	b.wantErr("concluding another's request", b.Store.Conclude(b.ctx, 0, "third", hot.SaidBroken), nil)
	b.wantErr("noting how far it is", b.advance(0, "first", 1), nil)
	newerBeside := hot.OnSide("0000000007-x", hot.Other(whole))
	b.wantErr("something newer", b.Store.Advance(b.ctx, 0, whole, hot.Rebuild{Asked: "first", Beside: newerBeside, Run: b.life(), Reached: events.Start()}), nil)
	b.wantErr("noting what was superseded", b.advance(0, "first", 2), hot.ErrSuperseded)
	b.wantErr("concluding it", b.Store.Conclude(b.ctx, 0, "first", hot.SaidTrimmed), nil)
	if r, err := b.Store.Rebuild(b.ctx, 0); err != nil || r.Asked != "" || r.Done != "first" || r.Said != hot.SaidTrimmed || r.Left != newerBeside {
		t.Errorf("concluded is %+v, %v", r, err)
	}
	b.wantErr("noting what was concluded", b.advance(0, "first", 3), hot.ErrGap)

	// A view that is opened anew does what was asked; what is left on the other side is still to be removed.
	b.ask(0, "fourth", "")
	b.wantErr("opening the view anew", b.Store.SetView(b.ctx, 0, hot.ViewState{ID: "0000000008-y"}), nil)
	if r, err := b.Store.Rebuild(b.ctx, 0); err != nil || r.Asked != "" || r.Left != newerBeside {
		t.Errorf("after it was opened anew is said %+v, %v; want only what is left", r, err)
	}
	_, err = b.Store.Ask(b.ctx, 0, "fifth", "")
	b.wantErr("asking while it is built in place", err, hot.ErrRebuilding)
	f.Flush(t)
	_, err = b.Store.Ask(b.ctx, 0, "sixth", "")
	b.wantErr("asking of an emptied store", err, hot.ErrRebuilding)
}

// testSessionBeside: a session alone is swapped in one step.
func testSessionBeside(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_renewed"
	created := b.Accept(s, "ann", group(0, "ann", "bob"))
	said := b.send(s, "ann", 3)
	revoked := b.Accept(s, "ann", events.Revoked{Target: 3, TargetIndex: 2})
	all := append(append([]Said{created}, said...), revoked)
	b.apply(all...)
	b.Drop(t, s, "states")
	staged := hot.Staged(whole)
	swap := func(what string, lease time.Duration, want error) {
		t.Helper()
		b.wantErr(what, b.Store.SwapSession(b.ctx, whole, s, b.lease(0, s, lease)), want)
	}
	b.applyAs(staged, true, created, said[0])
	swap("a swap for less than there is", time.Minute, hot.ErrGap)
	b.applyAs(staged, true, all...)
	swap("a swap after its lease", -time.Second, hot.ErrLate)
	if _, err := b.View.Forward(b.ctx, s, 1, 9, 9); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("items before the swap: got %v, want %v", err, hot.ErrRebuilding)
	}
	b.views("0000000003-b", false)
	b.views("0000000003-b", true)
	b.applyAs("0000000003-b", true, all...)
	b.Drop(t, s, "window")
	b.wantErr("building it in the view that is there", b.Store.Apply(b.ctx, hot.Staged("0000000003-b"), building(all...)), nil)
	b.wantErr("a swap", b.Store.SwapSession(b.ctx, "0000000003-b", s, b.lease(0, s, time.Minute)), nil)
	b.wantErr("the same again", b.Store.SwapSession(b.ctx, "0000000003-b", s, b.lease(0, s, time.Minute)), nil)
	wantEqual(b, "items after the swap", len(b.forward(s)), 5)
	if state := b.item(s, 3).State; state.Revoked != 5 {
		t.Errorf("the revoked message is %+v after the swap", state)
	}
	b.applyAs("0000000003-b", false, b.send(s, "bob", 1)...)
	wantEqual(b, "head after the swap", b.person(s, "ann").Head.Seq, 6)
	wantEqual(b, "members after the swap", b.person(s, "bob").Head.Members, 2)
	b.wantErr("a swap of an older view", b.Store.SwapSession(b.ctx, whole, s, b.lease(0, s, time.Minute)), hot.ErrSuperseded)
}

// building are changes that come from the log's start.
func building(said ...Said) []hot.SessionChanges {
	changes := Changes(said...)
	for i := range changes {
		changes[i].Building = true
	}
	return changes
}
