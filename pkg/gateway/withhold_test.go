package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

func (b *bench) override(s events.SessionID, target events.Seq, text string) {
	b.world.Must("u1", fmt.Sprint("override", len(b.world.Timeline(s))), s, events.Override{Seq: target, Body: events.TextBody(text)})
	synctest.Wait()
}

// page is the newest page as the client sees it: a line per message and override.
func (b *bench) page(c *client, s events.SessionID) string {
	return texts(c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q}}`, s)).GetHistory().GetEvents())
}

func (b *bench) preview(c *client, s events.SessionID) string {
	for _, st := range c.ask(`{"id":"s","sync":{}}`).GetSync().GetSessions() {
		if st.GetSession() == string(s) {
			return st.GetPreview().GetSent().GetText()
		}
	}
	return "no such session"
}

func texts(list []*clientv1.Event) string {
	out := ""
	for _, e := range list {
		if m := e.GetSent(); m != nil {
			out += fmt.Sprintf("%d says %q; ", e.GetSeq(), m.GetText())
		}
		if m := e.GetOverridden(); m != nil {
			out += fmt.Sprintf("%d overrides %d with %q; ", e.GetSeq(), m.GetTarget(), m.GetText())
		}
	}
	return out
}

func heard(c *client) string {
	var list []*clientv1.Event
	for _, f := range c.take() {
		if e := f.GetEvent(); e != nil {
			list = append(list, e)
		}
	}
	return texts(list)
}

func want(b *bench, what, got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// F09: what was said before one came, or since one went, is not to be seen by way of an
// override either: live, while catching up, in history and in previews.
func TestOverridesShowNothingOutsideOfStays(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u3")
		b.say(s, 3) // 2, 3
		b.add(s, "u2")
		newcomer, always := b.hello("u2"), b.hello("u3")
		for _, c := range []*client{newcomer, always} {
			c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
			c.take()
		}
		b.override(s, 3, "before you came") // 5
		want(b, "live, who came later", heard(newcomer), `5 overrides 3 with ""; `)
		want(b, "live, who was there", heard(always), `5 overrides 3 with "before you came"; `)
		want(b, "history, who came later", b.page(newcomer, s), `5 overrides 3 with ""; `)
		want(b, "history, who was there", b.page(always, s), `2 says "text 2"; 3 says "before you came"; 5 overrides 3 with "before you came"; `)
		behind := b.hello("u2")
		behind.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"0"}}`, s))
		synctest.Wait()
		want(b, "catching up, who came later", heard(behind), `5 overrides 3 with ""; `)

		b.say(s, 6) // 6, in the stay of all
		b.remove(s, "u2")
		b.override(s, 6, "since you went") // 8
		newcomer.take()
		always.take()
		want(b, "history, who went", b.page(newcomer, s), `5 overrides 3 with ""; 6 says ""; `)
		want(b, "preview, who went", b.preview(newcomer, s), "")
		want(b, "preview, who was there", b.preview(always, s), "since you went")

		b.add(s, "u2")
		newcomer.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		newcomer.take()
		b.override(s, 6, "now that you are back") // 10: its message is of the stay before
		want(b, "live, who came back", heard(newcomer), `10 overrides 6 with "now that you are back"; `)
		want(b, "history, who came back", b.page(newcomer, s),
			`5 overrides 3 with ""; 6 says "now that you are back"; 10 overrides 6 with "now that you are back"; `)
	})
}

// Where the policy shows all, it shows overrides of what was said before too.
func TestOverridesWhereAllIsShown(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(func(p *events.Policy) { p.History = events.HistoryAll })
		b.say(s, 2)
		b.add(s, "u2")
		c := b.hello("u2")
		c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
		c.take()
		b.override(s, 2, "new") // 4
		want(b, "live", heard(c), `4 overrides 2 with "new"; `)
		b.remove(s, "u2")
		b.override(s, 2, "newer") // 6
		want(b, "history, who went", b.page(c, s), `2 says ""; 4 overrides 2 with "new"; `)
	})
}

// lines is what was given of texts, of those messages alone.
func lines(frames []*clientv1.ServerFrame, seqs ...uint64) string {
	var list []*clientv1.Event
	for _, f := range frames {
		if e := f.GetEvent(); e != nil && slices.Contains(seqs, e.GetSeq()) {
			list = append(list, e)
		}
	}
	return texts(list)
}

// F09: who reads slowly is given their stay's events after it has ended, and no text of after it.
func TestFillingShowsNoTextOfAfterAStay(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2", "u3")
		b.say(s, 90)
		gone, stays := b.hello("u2"), b.hello("u3")
		for _, c := range []*client{gone, stays} {
			c.room = make(chan struct{})
			c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q,"after":"0"}}`, s)) // up to 64 is read now
		}
		b.override(s, 89, "before you went") // 91
		b.remove(s, "u2")                    // 92
		b.override(s, 90, "since you went")  // 93
		close(gone.room)
		close(stays.room)
		frames := gone.take()
		want(b, "who went", lines(frames, 89, 90, 91, 93), `89 says "before you went"; 90 says ""; 91 overrides 89 with "before you went"; `)
		if got := seqs(frames); !slices.Equal(got, span(1, 92)) {
			t.Errorf("who went saw %v, want 1 to 92", got)
		}
		for _, f := range frames {
			if m := f.GetEvent(); m.GetSeq() == 90 && m.GetSent().GetOverridden() != 93 {
				t.Errorf("who went is given %v, want it to say that it is overridden", m)
			}
		}
		want(b, "who stays", lines(stays.take(), 89, 90, 91, 93), `89 says "before you went"; 90 says "since you went"; `+
			`91 overrides 89 with "before you went"; 93 overrides 90 with "since you went"; `)
	})
}

// F09: a gap that is healed for all live subscribers tells who went in it nothing of after.
func TestHealingShowsNoTextOfAfterAStay(t *testing.T) {
	run(t, nil, func(b *bench) {
		s := b.group(nil, "u2", "u3")
		gone, stays := b.hello("u2"), b.hello("u3")
		for _, c := range []*client{gone, stays} {
			c.ask(fmt.Sprintf(`{"id":"s","subscribe":{"session":%q}}`, s))
			c.take()
		}
		b.feed.Lose(func(events.SessionID, events.Seq) bool { return true })
		b.say(s, 4)
		b.override(s, 3, "before you went") // 5
		b.remove(s, "u2")                   // 6
		b.override(s, 4, "since you went")  // 7
		b.say(s, 70)
		b.override(s, 2, "much later") // 71, beyond what is read at a time
		b.feed.Lose(nil)
		b.say(s, 72)
		frames := gone.take()
		want(b, "who went", lines(frames, span(1, 7)...), `2 says ""; 3 says "before you went"; 4 says ""; 5 overrides 3 with "before you went"; `)
		if got := seqs(frames); !slices.Equal(got, span(2, 6)) {
			t.Errorf("who went saw %v, want 2 to 6", got)
		}
		want(b, "who stays", lines(stays.take(), append(span(1, 7), 71)...), `2 says ""; 3 says "before you went"; 4 says "since you went"; `+
			`5 overrides 3 with "before you went"; 7 overrides 4 with "since you went"; 71 overrides 2 with "much later"; `)
	})
}
