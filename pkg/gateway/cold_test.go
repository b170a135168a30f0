package gateway_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"annal/internal/bubble"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/projections/archive"
)

// runCold calls f with a bench that has an archive, in a bubble.
func runCold(t *testing.T, f func(b *bench)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		b := newBenchOn(t, nil, true)
		f(b)
		b.stop()
	})
}

// past asks for history; more is what the question has besides the session.
func (c *client) past(s events.SessionID, more string) *clientv1.HistoryPage {
	c.b.t.Helper()
	reply := c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q%s}}`, s, more))
	if reply.GetHistory() == nil {
		c.b.t.Fatalf("history%s was answered with %v", more, reply)
	}
	return reply.GetHistory()
}

// walk goes on from the newest page to the oldest, or with up the other way; more is as of past. It gives the events in
// ascending order, and how many pages there were.
func (c *client) walk(s events.SessionID, up bool, more string) (all []*clientv1.Event, pages int) {
	c.b.t.Helper()
	from := ""
	if up {
		from = `,"after":"0"`
	}
	for {
		p := c.past(s, more+from)
		next := p.GetOlder()
		if up {
			all, next = append(all, p.GetEvents()...), p.GetNewer()
		} else {
			all = append(slices.Clone(p.GetEvents()), all...)
		}
		if pages++; pages > 1000 {
			c.b.t.Fatal("the walk does not end")
		}
		if next == "" {
			return all, pages
		}
		from = fmt.Sprintf(`,"cursor":%q`, next)
	}
}

// chatter has all kinds of events in a session that u1 opened.
func chatter(rt *rapid.T, b *bench, s events.SessionID, people []events.UserID) {
	for i := range rapid.SampledFrom([]int{5, 30, 60, 150}).Draw(rt, "commands") {
		head := b.world.Timeline(s)[len(b.world.Timeline(s))-1].Seq
		target := events.Seq(rapid.Uint64Range(2, max(2, uint64(head))).Draw(rt, "target"))
		who := rapid.SampledFrom(people).Draw(rt, "who")
		var op events.Op
		switch rapid.IntRange(0, 8).Draw(rt, "op") {
		case 0:
			op = events.Revoke{Seq: target}
		case 1:
			op = events.Override{Seq: target, Body: events.TextBody(fmt.Sprint("changed ", i))}
		case 2:
			op = events.React{Seq: target, Emoji: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "emoji"), Off: rapid.Bool().Draw(rt, "off")}
		case 3:
			op = events.Delete{Seq: target}
		case 4:
			op = events.Send{Body: events.Body{Plain: events.Location{Name: fmt.Sprint("place ", i)}}, Refs: events.Refs{Thread: target}}
		default:
			op = events.Send{Body: events.TextBody(fmt.Sprint("text ", i))}
		}
		b.world.Do(events.Command{Session: s, Actor: events.Actor{User: who}, ClientID: fmt.Sprint("c", i), Op: op})
	}
}

// Wherever the border between hot and cold is, and whatever is archived beyond it, walks either way by pages of any limit and
// filter are the naive list: what the window alone tells when it has all.
func TestWalksAcrossAnyBorder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(rt *rapid.T) {
			b := newBenchOn(rt, nil, true)
			defer b.stop()
			s := b.group(nil, "u2", "u3")
			chatter(rt, b, s, []events.UserID{"u1", "u2", "u3"})
			c := b.hello("u2")
			head := uint64(b.world.Timeline(s)[len(b.world.Timeline(s))-1].Seq)
			var want []*clientv1.Event
			whole, _ := c.walk(s, false, "")
			filter, picked := drawFilter(rt, head)
			for _, e := range whole {
				if picked(e) {
					want = append(want, e)
				}
			}
			window := rapid.SampledFrom(span(1, head)).Draw(rt, "window") // each as likely
			b.world.Trim(s, events.Seq(window))
			b.cold.Take(s, events.Seq(rapid.SampledFrom(span(window-1, head)).Draw(rt, "archived")))
			limit := fmt.Sprintf(`,"limit":%d%s`, rapid.SampledFrom([]int{1, 2, 5, 20, 64, 70, 200}).Draw(rt, "limit"), filter)
			for _, up := range []bool{false, true} {
				got, _ := c.walk(s, up, limit)
				if !slices.EqualFunc(got, want, func(a, b *clientv1.Event) bool { return proto.Equal(a, b) }) {
					rt.Fatalf("up %v, %s, window from %d of %d:\ngot  %v\nwant %v", up, limit, window, head, got, want)
				}
			}
			checkTurns(rt, c, s, limit, want)
		})
	})
}

// checkTurns: from any page of a walk back, its other cursor leads to just what is newer than it.
func checkTurns(rt *rapid.T, c *client, s events.SessionID, limit string, want []*clientv1.Event) {
	left, from := len(want), ""
	for {
		p := c.past(s, limit+from)
		if p.GetNewer() != "" {
			q := c.past(s, fmt.Sprintf(`%s,"cursor":%q`, limit, p.GetNewer()))
			newer := want[left:]
			if got := q.GetEvents(); !slices.EqualFunc(got, newer[:len(got)], func(a, b *clientv1.Event) bool { return proto.Equal(a, b) }) ||
				len(got) == 0 && len(newer) > 0 && q.GetNewer() == "" {
				rt.Fatalf("turning round at %v gives %v", pageSeqs(p), pageSeqs(q))
			}
		} else if left < len(want) {
			rt.Fatalf("there is nothing newer than %v", pageSeqs(p))
		}
		left -= len(p.GetEvents())
		if p.GetOlder() == "" {
			return
		}
		from = fmt.Sprintf(`,"cursor":%q`, p.GetOlder())
	}
}

// drawFilter draws a filter as it is asked for, and as it is meant.
func drawFilter(rt *rapid.T, head uint64) (string, func(*clientv1.Event) bool) {
	thread := rapid.Uint64Range(1, head).Draw(rt, "thread")
	gone := func(m *clientv1.Sent) bool { return m.GetRevoked()+m.GetDeleted() > 0 }
	switch rapid.IntRange(0, 4).Draw(rt, "filter") {
	case 0:
		return `,"filter":{"authors":["u3","nobody"]}`, func(e *clientv1.Event) bool { return e.GetSent() != nil && e.GetUser() == "u3" }
	case 1:
		return `,"filter":{"kinds":["MESSAGE_KIND_LOCATION"]}`, func(e *clientv1.Event) bool {
			return e.GetSent() != nil && !gone(e.GetSent()) && e.GetSent().GetRefs() != nil
		}
	case 2:
		return fmt.Sprintf(`,"filter":{"thread":"%d"}`, thread), func(e *clientv1.Event) bool {
			m := e.GetSent()
			return m != nil && !gone(m) && (m.GetRefs().GetThread() == thread || e.GetSeq() == thread && m.GetRefs().GetThread() == 0)
		}
	case 3:
		return `,"filter":{"until_ms":"1"}`, func(*clientv1.Event) bool { return false }
	}
	return "", func(*clientv1.Event) bool { return true }
}

// What became of an old message since it was archived is shown.
func TestColdPagesShowWhatIsNotArchivedYet(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil, "u2")
		b.say(s, 18)
		b.world.Must("u1", "e1", s, events.React{Seq: 5, Emoji: "-"})
		b.world.Must("u1", "e2", s, events.React{Seq: 5, Emoji: "+"})
		b.cold.Take(s, 20)
		b.world.Must("u1", "r", s, events.Revoke{Seq: 3})
		b.world.Must("u1", "o", s, events.Override{Seq: 4, Body: events.TextBody("changed")})
		b.world.Must("u2", "e", s, events.React{Seq: 5, Emoji: "+"})
		b.world.Must("u1", "e3", s, events.React{Seq: 5, Emoji: "-", Off: true})
		b.world.Trim(s, 18)
		p := b.hello("u2").past(s, `,"around":"4","limit":4`)
		if got := pageSeqs(p); !slices.Equal(got, span(3, 6)) || !p.GetMore() || p.GetOlder() == "" || p.GetNewer() == "" {
			t.Fatalf("around 4: %v, more %v", got, p.GetMore())
		}
		if m := p.GetEvents()[0].GetSent(); m.GetRevoked() != 21 || m.GetText() != "" {
			t.Errorf("the revoked message is %v", m)
		}
		if m := p.GetEvents()[1].GetSent(); m.GetOverridden() != 22 || m.GetText() != "changed" {
			t.Errorf("the overridden message is %v", m)
		}
		if m := p.GetEvents()[2].GetSent(); len(m.GetReactions()) != 1 || m.GetReactions()[0].GetCount() != 2 ||
			!m.GetReactions()[0].GetMine() || m.GetReactionsTo() != 24 {
			t.Errorf("the message with a reaction is %v", m)
		}
	})
}

// What has left the window and is not archived is a wait, not a gap; what can be told before it is told.
func TestHoleBetweenHotAndColdIsAWait(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		b.say(s, 40)
		b.cold.Take(s, 20)
		b.world.Trim(s, 31)
		c := b.hello("u1")
		p := c.past(s, "")
		if got := pageSeqs(p); !slices.Equal(got, span(31, 40)) || p.GetWindowEnd() || !p.GetMore() {
			t.Fatalf("newest page: %v", p)
		}
		ask := fmt.Sprintf(`{"id":"h","history":{"session":%q,"cursor":%q}}`, s, p.GetOlder())
		wantError(t, "going on into the hole", c.ask(ask), events.CodeTryAgain)
		b.cold.Take(s, 40)
		if got := pageSeqs(c.ask(ask).GetHistory()); !slices.Equal(got, span(1, 30)) {
			t.Errorf("once it is archived the same cursor gives %v", got)
		}
	})
}

// What is missing below what is archived is a wait as well, and where nothing before it is kept the end.
func TestHoleWithinTheArchive(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		b.say(s, 60)
		b.cold.TakeAlone(s, 20, 25)
		b.cold.TakeAlone(s, 31, 60)
		b.world.Trim(s, 51)
		c := b.hello("u1")
		p := c.past(s, "")
		if got := pageSeqs(p); !slices.Equal(got, span(31, 60)) || p.GetOlder() == "" {
			t.Fatalf("the newest page: %v", p)
		}
		ask := fmt.Sprintf(`{"id":"h","history":{"session":%q,"cursor":%q}}`, s, p.GetOlder())
		wantError(t, "going on into the hole", c.ask(ask), events.CodeTryAgain)
		b.cold.TakeAlone(s, 26, 30)
		p = c.ask(ask).GetHistory()
		if got := pageSeqs(p); !slices.Equal(got, span(20, 30)) || p.GetOlder() != "" || !p.GetWindowEnd() {
			t.Errorf("once it is archived, down to what is no longer kept: %v", p)
		}
	})
}

// Where all that was archived is too old to be kept, history ends with the window.
func TestAllThatIsArchivedWasDropped(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		b.say(s, 40)
		b.cold.Take(s, 40)
		b.world.Trim(s, 31)
		b.cold.DropEvents(s, 1, 40)
		c := b.hello("u1")
		p := c.past(s, "")
		if got := pageSeqs(p); !slices.Equal(got, span(31, 40)) || p.GetOlder() != "" || !p.GetWindowEnd() {
			t.Errorf("the newest page: %v", p)
		}
		for _, more := range []string{`,"before":"20"`, `,"before":"20","filter":{"authors":["u1"]}`} {
			if p := c.past(s, more); len(p.GetEvents()) > 0 || p.GetOlder() != "" || !p.GetWindowEnd() {
				t.Errorf("history%s: %v", more, p)
			}
		}
		pass(time.Second)
		caughtUp := archive.Rows{Progress: []archive.Progress{{At: events.Millis(time.Now().UnixMilli()), Archived: 1, LogEnd: 1}}}
		if err := b.cold.Insert(t.Context(), &caughtUp); err != nil {
			t.Fatal(err)
		}
		if hits, page := c.look(`"text":"text"`); len(hits) > 0 || page.GetUnsureFromMs() != int64(caughtUp.Progress[0].At) {
			t.Errorf("a search finds %v, unsure from %d", hits, page.GetUnsureFromMs())
		}
	})
}

// A filter does not pass over what it picks where the event is missing: it is a wait, and where nothing before it is kept the end.
func TestFiltersMeetHoles(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		b.say(s, 60)
		b.cold.Take(s, 60)
		b.world.Trim(s, 51)
		b.cold.DropEvents(s, 1, 9)
		b.cold.DropEvents(s, 25, 25)
		c := b.hello("u1")
		const filter = `,"limit":50,"filter":{"authors":["u1"]}`
		p := c.past(s, filter)
		if got := pageSeqs(p); !slices.Equal(got, span(26, 60)) || p.GetOlder() == "" {
			t.Fatalf("the newest page: %v", p)
		}
		on := fmt.Sprintf(`%s,"cursor":%q`, filter, p.GetOlder())
		wantError(t, "going on into the hole", c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q%s}}`, s, on)), events.CodeTryAgain)
		b.cold.TakeAlone(s, 25, 25)
		if p = c.past(s, on); !slices.Equal(pageSeqs(p), span(10, 25)) || p.GetOlder() != "" || !p.GetWindowEnd() {
			t.Errorf("once it is archived, down to what is no longer kept: %v", p)
		}
	})
}

// Going up from what was dropped is an end as well, and no cursor leads to the same place again.
func TestGoingUpFromWhatWasDropped(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		b.say(s, 60)
		b.cold.TakeAlone(s, 20, 60)
		b.world.Trim(s, 51)
		p := b.hello("u1").past(s, `,"after":"3"`)
		if len(p.GetEvents()) > 0 || p.GetNewer() != "" || !p.GetWindowEnd() {
			t.Errorf("after what was dropped: %v", p)
		}
	})
}

// While the archive is away what is hot can be read, and the archive is left alone for a moment; not so when one reading failed.
func TestArchiveAway(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		b.say(s, 40)
		b.cold.Take(s, 40)
		b.world.Trim(s, 31)
		c := b.hello("u1")
		b.cold.Away.Store(true)
		for range 3 {
			p := c.past(s, "")
			if got := pageSeqs(p); !slices.Equal(got, span(31, 40)) || p.GetOlder() == "" {
				t.Fatalf("the newest page: %v", p)
			}
			wantError(t, "below the window", c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"before":"20"}}`, s)), events.CodeTryAgain)
		}
		if n := b.cold.Asked.Load(); n != 3 {
			t.Errorf("the archive was asked %d times while it had just failed, want 3", n)
		}
		b.cold.Away.Store(false)
		pass(2 * time.Second)
		if got := pageSeqs(c.past(s, "")); !slices.Equal(got, span(1, 40)) {
			t.Errorf("once it is back: %v", got)
		}
		for range 5 {
			b.cold.Away.Store(true)
			wantError(t, "a failure", c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"before":"20"}}`, s)), events.CodeTryAgain)
			b.cold.Away.Store(false)
			if got := pageSeqs(c.past(s, `,"before":"20"`)); !slices.Equal(got, span(1, 19)) {
				t.Errorf("after one failure: %v", got)
			}
		}
	})
}

// How far a session is archived is asked once in a while only, and again whenever what was believed does not hold: what is
// archived anew is a wait, and no end.
func TestReachIsBelievedForAMoment(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		b.say(s, 100)
		b.cold.Take(s, 80)
		b.world.Trim(s, 71)
		c := b.hello("u1")
		asked := func(before int, want ...uint64) int64 {
			t.Helper()
			was := b.cold.Asked.Load()
			p := c.past(s, fmt.Sprintf(`,"before":"%d","limit":10`, before))
			if got := pageSeqs(p); !slices.Equal(got, want) {
				t.Errorf("before %d: %v, want %v", before, got, want)
			}
			return b.cold.Asked.Load() - was
		}
		if n := asked(71, span(61, 70)...); n != 2 {
			t.Errorf("the first page asked %d times, want for the reach and for the page", n)
		}
		if n := asked(61, span(51, 60)...); n != 1 {
			t.Errorf("the next one asked %d times, want for the page alone", n)
		}
		b.world.Trim(s, 91) // so that what lies above the reach that is believed is in the archive alone
		b.cold.Take(s, 100)
		if n := asked(51, span(41, 50)...); n != 2 {
			t.Errorf("with a reach below the window it asked %d times, want once more for the reach", n)
		}
		if n := asked(91, span(81, 90)...); n != 1 {
			t.Errorf("above the first reach it asked %d times, want for the page alone", n)
		}
		b.cold.Empty()
		wantError(t, "while it is archived anew", c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"before":"41"}}`, s)), events.CodeTryAgain)
		b.cold.Take(s, 100)
		pass(3 * time.Second)
		if n := asked(41, span(31, 40)...); n != 2 {
			t.Errorf("after a while it asked %d times, want for both again", n)
		}
	})
}

// A filter that matches nothing ends pages after ten reads, with a cursor, and the walk comes to its end.
func TestRareFilterDoesNotStall(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		b.say(s, 1500)
		c := b.hello("u1")
		p := c.past(s, `,"filter":{"kinds":["MESSAGE_KIND_CARD"]}`)
		if len(p.GetEvents()) > 0 || !p.GetMore() || p.GetOlder() == "" {
			t.Fatalf("the first page has %d events, more %v", len(p.GetEvents()), p.GetMore())
		}
		all, pages := c.walk(s, false, `,"filter":{"kinds":["MESSAGE_KIND_CARD"]}`)
		if len(all) > 0 || pages < 2 || pages > 4 {
			t.Errorf("the walk has %d events in %d pages", len(all), pages)
		}
	})
}

func TestCursorsAreChecked(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		create := events.Create{Kind: events.KindGroup, Policy: gateway.DefaultPolicies()[events.KindGroup]}
		other := events.NewSessionID(create, "u1", "other")
		b.world.Must("u1", "other", other, create)
		b.say(s, 30)
		c := b.hello("u1")
		good := c.past(s, `,"limit":5`).GetOlder()
		raw, err := base64.RawURLEncoding.DecodeString(good)
		if err != nil {
			t.Fatal(err)
		}
		newer, damaged := slices.Clone(raw), slices.Clone(raw)
		newer[0]++
		damaged[12] ^= 1
		encode := base64.RawURLEncoding.EncodeToString
		for what, more := range map[string]string{
			"garbage":          `,"cursor":"nonsense"`,
			"sql":              `,"cursor":"' OR 1=1 --"`,
			"long":             `,"cursor":"` + strings.Repeat("A", 5000) + `"`,
			"cut":              fmt.Sprintf(`,"cursor":%q`, good[:20]),
			"damaged":          fmt.Sprintf(`,"cursor":%q`, encode(damaged)),
			"of a newer":       fmt.Sprintf(`,"cursor":%q`, encode(newer)),
			"of another query": fmt.Sprintf(`,"cursor":%q,"filter":{"authors":["u1"]}`, good),
		} {
			wantError(t, what, c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q%s}}`, s, more)), events.CodeInvalidCursor)
		}
		wantError(t, "of another session", c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"cursor":%q}}`, other, good)), events.CodeInvalidCursor)
		for what, more := range map[string]string{
			"two places": fmt.Sprintf(`,"cursor":%q,"before":"9"`, good),
			"limit":      `,"limit":100000`,
			"times":      `,"filter":{"from_ms":"9","until_ms":"3"}`,
			"an author":  `,"filter":{"authors":["a b"]}`,
			"a kind":     `,"filter":{"kinds":["MESSAGE_KIND_UNSPECIFIED"]}`,
		} {
			wantError(t, what, c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q%s}}`, s, more)), events.CodeInvalidField)
		}
		wantError(t, "around nothing", c.ask(fmt.Sprintf(`{"id":"h","history":{"session":%q,"around":"31"}}`, s)), events.CodeNoSuchMessage)
	})
}
