package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// changes asks page after page, and gives the changes in words.
func (c *client) changes(s events.SessionID, after uint64) (words []string, windowEnd bool) {
	for from := uint64(0); ; {
		p := c.ask(fmt.Sprintf(`{"id":"c","changes":{"session":%q,"after":"%d","from":"%d"}}`, s, after, from)).GetChanges()
		for _, e := range p.GetEvents() {
			words = append(words, changeWords(e))
		}
		if !p.GetMore() {
			return words, p.GetWindowEnd()
		}
		if p.GetTo() <= from {
			panic(fmt.Sprintf("a page that goes on from %d ends at %d", from, p.GetTo()))
		}
		from = p.GetTo()
	}
}

func changeWords(e *clientv1.Event) string {
	by := e.GetUser()
	if by == "" {
		by = "somebody"
	}
	switch m := e.GetEvent().(type) {
	case *clientv1.Event_Revoked:
		return fmt.Sprintf("%d: %s revoked %d", e.GetSeq(), by, m.Revoked.GetTarget())
	case *clientv1.Event_Deleted:
		return fmt.Sprintf("%d: %s deleted %d %s", e.GetSeq(), by, m.Deleted.GetTarget(), m.Deleted.GetReason())
	case *clientv1.Event_Overridden:
		return fmt.Sprintf("%d: %s overrode %d %s", e.GetSeq(), by, m.Overridden.GetTarget(), m.Overridden.GetText())
	}
	return fmt.Sprintf("%d: %T", e.GetSeq(), e.GetEvent())
}

func wantChanges(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got changes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Whoever was away hears first what is to go from the screen: of what they have, and of each
// message the last change that holds.
func TestChangesOfWhatTheClientHas(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		b.say(s, 9)
		over := func(seq events.Seq, text string) {
			b.world.Must("u1", fmt.Sprintf("over%d-%d", seq, len(text)), s, events.Override{Seq: seq, Body: events.TextBody(text)})
		}
		over(2, "first")                                                   // 10
		b.world.Must("u1", "r3", s, events.Revoke{Seq: 3})                 // 11
		over(4, "gone soon")                                               // 12
		over(2, "second")                                                  // 13
		b.world.Must("u1", "d4", s, events.Delete{Seq: 4, Reason: "spam"}) // 14
		over(7, "not yet there")                                           // 15
		c := b.hello("u2")
		got, end := c.changes(s, 5)
		wantChanges(t, got, "11: u1 revoked 3", "13: u1 overrode 2 second", "14: u1 deleted 4 spam")
		if end {
			t.Error("the window is said to end, which holds all")
		}
		got, _ = c.changes(s, 13)
		wantChanges(t, got, "14: u1 deleted 4 spam", "15: u1 overrode 7 not yet there")
		got, _ = c.changes(s, 1<<60)
		wantChanges(t, got)
		if e := b.hello("stranger").ask(fmt.Sprintf(`{"id":"c","changes":{"session":%q}}`, s)).GetError(); e.GetCode() != "NOT_A_MEMBER" {
			t.Errorf("a stranger was answered %v", e)
		}
	})
}

// What changed while the user was out is told as the message shows it: that it is so.
func TestChangesWhileTheUserWasOut(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil)
		b.add(s, "u2") // 2
		b.say(s, 6)
		b.remove(s, "u2") // 7
		b.say(s, 8)
		b.world.Must("u1", "r3", s, events.Revoke{Seq: 3})                                    // 9
		b.world.Must("u1", "o4", s, events.Override{Seq: 4, Body: events.TextBody("secret")}) // 10
		b.world.Must("u1", "d5", s, events.Delete{Seq: 5, Reason: "inside"})                  // 11
		b.world.Must("u1", "r8", s, events.Revoke{Seq: 8})                                    // 12: u2 never had it
		out, _ := b.hello("u2").changes(s, 7)
		wantChanges(t, out)
		b.add(s, "u2")                         // 13
		for _, after := range []uint64{7, 8} { // 8 was never theirs to have
			got, _ := b.hello("u2").changes(s, after)
			wantChanges(t, got, "9: somebody revoked 3", "10: somebody overrode 4 ", "11: somebody deleted 5 ")
		}
	})
}

// Many changes come in pages, none twice and none left out.
func TestChangesInPages(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		b.say(s, 501)
		var want []string
		for seq := events.Seq(2); seq <= 501; seq++ {
			b.world.Must("u1", fmt.Sprint("r", seq), s, events.Revoke{Seq: seq})
			want = append(want, fmt.Sprintf("%d: u1 revoked %d", seq+500, seq))
		}
		got, end := b.hello("u2").changes(s, 501)
		if wantChanges(t, got, want...); end {
			t.Error("the window is said to end")
		}
	})
}

// Beyond the window nobody knows here what became of a message: the client is told so, whatever
// else was found.
func TestChangesBeyondTheWindow(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2")
		b.say(s, 20)
		b.world.Must("u1", "r15", s, events.Revoke{Seq: 15}) // 21
		b.world.Trim(s, 10)
		c := b.hello("u2")
		for _, after := range []uint64{0, 9} {
			if got, end := c.changes(s, after); end != (after < 9) {
				t.Errorf("after %d: %v, window_end %v", after, got, end)
			}
		}
		got, _ := c.changes(s, 16)
		wantChanges(t, got, "21: u1 revoked 15")
	})
}
