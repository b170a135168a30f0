package hottest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// changedSince reads on to the end.
func (b *bench) changedSince(place string) (all hot.Changed, end string) {
	b.Helper()
	for all = hot.NewChanged(); ; {
		c, next, err := b.View.Changed(b.ctx, 0, place)
		if err != nil {
			b.Fatalf("changes after %q: %v", place, err)
		}
		all.Merge(c)
		if next == place {
			return all, next
		}
		place = next
	}
}

func (b *bench) note(c hot.Changed) {
	b.Helper()
	if err := b.Store.Note(b.ctx, 0, c); err != nil {
		b.Fatalf("note %d changes: %v", c.Len(), err)
	}
}

// place is the present one.
func (b *bench) place() string {
	b.Helper()
	c, place, err := b.View.Changed(b.ctx, 0, "")
	if err != nil || c.Len() != 0 || place == "" {
		b.Fatalf("the present place is %q with %d changes, %v; want one, without changes", place, c.Len(), err)
	}
	return place
}

// testChanged: what was noted is read after any place, and what is kept no longer is
// said to be missing.
func testChanged(t *testing.T, f Fixture) {
	b := newBench(t, f)
	beginning := b.place()
	if c, next := b.changedSince(beginning); c.Len() != 0 || next != beginning {
		t.Errorf("%d changes up to %q before any, want none", c.Len(), next)
	}
	whole := hot.NewChanged()
	whole.All = true
	b.note(whole)
	got, again := b.changedSince(beginning)
	wantChanged(b, "that the view is whole again", got, whole)
	first := hot.NewChanged()
	first.Heads["g_a"] = 9_007_199_254_740_993
	first.Markers[hot.Part{Session: "g_a", User: "u|:{}"}] = events.Read{Marker: 7, MarkerIndex: 5}
	first.Parts[hot.Part{Session: "g_b", User: "ann"}] = 3
	// No client can have such names.
	first.Heads["g a"] = 1
	first.Parts[hot.Part{Session: "g_b", User: "a\nb"}] = 3
	b.note(first)
	delete(first.Heads, "g a")
	delete(first.Parts, hot.Part{Session: "g_b", User: "a\nb"})
	got, place := b.changedSince(again)
	wantChanged(b, "the first changes", got, first)
	wantEqual(b, "the present place", b.place(), place)

	many := hot.NewChanged()
	for i := range 3000 {
		many.Heads[events.SessionID(fmt.Sprintf("g_%0100d", i))] = events.Seq(i + 1)
	}
	for range 8 {
		b.note(many)
	}
	got, end := b.changedSince(place)
	wantChanged(b, "many changes", got, many)
	got, _ = b.changedSince(end)
	wantEqual(b, "number of changes after the last", got.Len(), 0)
	if c, _, err := b.View.Changed(b.ctx, 1, b.place()); err == nil && c.Len() != 0 {
		t.Errorf("another partition has %d changes, want none", c.Len())
	}

	var passed bool
	for i := 0; !passed && i < 3000; i++ {
		b.note(first)
		if i%100 != 0 {
			continue // reading all that is kept is what takes long
		}
		_, _, err := b.View.Changed(b.ctx, 0, beginning)
		passed = errors.Is(err, hot.ErrPassed)
	}
	if !passed {
		t.Error("changes are kept without end, want a bound")
	}
	for range 2 {
		b.note(first)
	}
	_, _, err := b.View.Changed(b.ctx, 0, place)
	b.wantErr("changes after a place that is kept no longer", err, hot.ErrPassed)
	end = b.place()
	f.Flush(t)
	_, _, err = b.View.Changed(b.ctx, 0, end)
	b.wantErr("changes of an emptied store", err, hot.ErrPassed)
}

func wantChanged(b *bench, what string, got, want hot.Changed) {
	b.Helper()
	if !reflect.DeepEqual(got, want) {
		b.Errorf("%s: got %t, %d heads, %v, %v; want %t, %d heads, %v, %v",
			what, got.All, len(got.Heads), got.Markers, got.Parts, want.All, len(want.Heads), want.Markers, want.Parts)
	}
}

// testHeads: of many sessions at once, without those that can't be told.
func testHeads(t *testing.T, f Fixture) {
	b := newBench(t, f)
	want := map[events.SessionID]events.Seq{}
	asked := []events.SessionID{"g_none"}
	for i := range 50 {
		s := events.SessionID(fmt.Sprintf("g_%d", i))
		b.apply(b.Accept(s, "ann", group(events.Seq(i), "ann")))
		asked, want[s] = append(asked, s), events.Seq(i)+1
	}
	heads := func(when string, want map[events.SessionID]events.Seq) {
		t.Helper()
		got, err := b.View.Heads(b.ctx, asked)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("heads %s: got %v, %v; want %v", when, got, err, want)
		}
	}
	heads("of a whole view", want)
	b.views(newer, false)
	heads("while building", map[events.SessionID]events.Seq{})
}
