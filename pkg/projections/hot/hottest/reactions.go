package hottest

import (
	"fmt"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// reactions are those on a message, as somebody reads them.
func (b *bench) reactions(s events.SessionID, seq events.Seq, reader ...events.UserID) string {
	b.Helper()
	items, err := b.View.Forward(b.ctx, s, seq, seq, 1, reader...)
	if err != nil || len(items) != 1 {
		b.Fatalf("item %d of %s: got %v, %v", seq, s, items, err)
	}
	state := items[0].State
	if len(state.Reactions) == 0 {
		wantEqual(b, "up to where no reactions are told", state.ReactionsTo, 0)
		return "none"
	}
	wantEqual(b, "up to where reactions are told", state.ReactionsTo, b.Seq(s))
	out := ""
	for _, r := range state.Reactions {
		out += fmt.Sprintf("%s %d", r.Emoji, r.Count)
		if r.Mine {
			out += " mine"
		}
		out += "; "
	}
	return out
}

// testReactions: what people have reacted with stands at the message, for as long as it is shown.
func testReactions(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s = "g_reactions"
	b.apply(b.Accept(s, "ann", group(0, "ann", "bob", "bo")))
	b.apply(b.send(s, "ann", 3)...) // 2, 3, 4
	react := func(u events.UserID, seq events.Seq, emoji string, off bool) Said {
		t.Helper()
		return b.Accept(s, u, events.Reacted{Target: seq, TargetIndex: events.Index(seq - 1), Emoji: emoji, Off: off})
	}
	wantEqual(b, "reactions at the beginning", b.reactions(s, 2, "ann"), "none")
	said := []Said{
		react("ann", 2, "👍", false), react("bob", 2, "👍", false), react("bo", 2, "1 +", false), react("bob", 3, "👍", false),
		react("bob", 2, "b", false), react("bob", 2, "b", true), // 5–10
	}
	b.apply(said...)
	b.apply(said[1:]...)
	wantEqual(b, "as ann reads", b.reactions(s, 2, "ann"), "1 + 1; 👍 2 mine; ")
	wantEqual(b, "as bo reads, whose id begins bob's", b.reactions(s, 2, "bo"), "1 + 1 mine; 👍 2; ")
	wantEqual(b, "as nobody reads", b.reactions(s, 2), "1 + 1; 👍 2; ")
	wantEqual(b, "of another message", b.reactions(s, 3, "bob"), "👍 1 mine; ")
	wantEqual(b, "of the event of a reaction", b.reactions(s, 5, "bob"), "none")
	b.apply(b.Accept(s, "ann", events.Overridden{Target: 2, TargetIndex: 1, Body: events.TextBody("newer")}))
	wantEqual(b, "of an overridden message", b.reactions(s, 2, "bo"), "1 + 1 mine; 👍 2; ")
	wantEqual(b, "of the event that overrides it", b.reactions(s, 11, "bo"), "none")
	back, err := b.View.Backward(b.ctx, s, 3, 3, 1, "bob")
	if err != nil || len(back) != 1 || fmt.Sprint(back[0].State.Reactions) != fmt.Sprint([]hot.Reaction{{Emoji: "👍", Count: 1, Mine: true}}) {
		t.Errorf("backward: got %+v, %v; want 👍 of bob", back, err)
	}
	b.apply(react("bob", 3, "👍", true))
	wantEqual(b, "taken back", b.reactions(s, 3, "bob"), "none")
	b.apply(react("bob", 3, "👍", true), react("ann", 3, "+", false), react("ann", 3, "+", false))
	wantEqual(b, "what was not there taken back, and what is there put again", b.reactions(s, 3, "bob"), "+ 1; ")
	b.apply(react("ann", 4, "👍", false), b.Accept(s, "ann", events.Revoked{Target: 2, TargetIndex: 1}), b.Accept(s, "ann", events.Deleted{Target: 4, TargetIndex: 3}))
	wantEqual(b, "of a revoked message", b.reactions(s, 2, "ann"), "none")
	wantEqual(b, "of a deleted message", b.reactions(s, 4, "ann"), "none")
	b.apply(react("ann", 2, "👍", true))
	wantEqual(b, "of a revoked message of which one was taken back", b.reactions(s, 2, "ann"), "none")
}

// testManyReactions: those of a message leave with it, and what comes to one that is gone is
// passed over. A view that is built then tells the same.
func testManyReactions(t *testing.T, f Fixture) {
	b := newBench(t, f)
	const s, n = "g_much", 7
	said := []Said{b.Accept(s, "ann", group(0, "ann", "bob"))}
	for range 3 {
		said = append(said, b.send(s, "ann", 1)...)
		seq, index := b.Seq(s), b.Index(s)
		for i := range n {
			said = append(said, b.Accept(s, events.UserID(fmt.Sprintf("u%d", i)), events.Reacted{Target: seq, TargetIndex: index, Emoji: fmt.Sprint(i % 3)}))
		}
		said = append(said, b.Accept(s, "late", events.Reacted{Target: 2, TargetIndex: 1, Emoji: "x"}))
	}
	said = append(said, b.send(s, "ann", 3)...)
	b.apply(said...)
	want := "0 3; 1 2; 2 2; "
	wantEqual(b, "of a message of the window", b.reactions(s, 20), want)
	live := fmt.Sprintf("%+v", b.forward(s))
	b.views(newer, false)
	b.applyAs(newer, true, said...)
	b.views(newer, true)
	wantEqual(b, "of a view that was built", fmt.Sprintf("%+v", b.forward(s)), live)
	wantEqual(b, "of a message of the window that was built", b.reactions(s, 20), want)
	said = b.send(s, "ann", f.Window)
	if err := b.Store.Apply(b.ctx, newer, Changes(said...)); err != nil {
		t.Fatalf("apply: %v", err)
	}
	for _, item := range b.forward(s) {
		wantEqual(b, "reactions on later messages", len(item.State.Reactions), 0)
	}
}
