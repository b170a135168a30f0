package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/projections/archive"
)

// look searches and gives the hits as seqs and snippets, with what was marked in brackets.
func (c *client) look(more string) (hits []string, page *clientv1.SearchPage) {
	c.b.t.Helper()
	reply := c.ask(`{"id":"f","search":{` + more + `}}`)
	if page = reply.GetSearch(); page == nil {
		c.b.t.Fatalf("search %s was answered with %v", more, reply)
	}
	for _, h := range page.GetHits() {
		runes, out, at := []rune(h.GetSnippet()), "", uint32(0)
		for _, m := range h.GetMarks() {
			out += string(runes[at:m.GetFirst()]) + "[" + string(runes[m.GetFirst():m.GetFirst()+m.GetCount()]) + "]"
			at = m.GetFirst() + m.GetCount()
		}
		hits = append(hits, fmt.Sprint(h.GetSeq(), " ", out, string(runes[at:])))
	}
	return hits, page
}

func wantHits(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// What is found is what is said now, and what the user may see.
func TestSearchShowsWhatMayBeSeen(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		say := func(text string) events.Seq {
			return b.world.Must("u1", fmt.Sprint("t", len(b.world.Timeline(s))), s, events.Send{Body: events.TextBody(text)}).Seq
		}
		say("Tea before u2 came")
		b.add(s, "u2")
		first := say("Tea, and more tea: 茶叶")
		revoked, over, late, mine := say("tea revoked"), say("tea no more"), say("coffee"), say("tea hidden")
		say("no pattern: t%a t_a")
		b.cold.Take(s, 8)
		b.world.Must("u1", "r", s, events.Revoke{Seq: revoked})
		b.world.Must("u1", "o", s, events.Override{Seq: over, Body: events.TextBody("cake")})
		b.world.Must("u1", "o2", s, events.Override{Seq: late, Body: events.TextBody("coffee, no: tea")})
		c := b.hello("u2")
		hits, page := c.look(fmt.Sprintf(`"text":"TEA","session":%q`, s))
		wantHits(t, "before more is archived", hits, fmt.Sprint(mine, " [tea] hidden"), fmt.Sprint(first, " [Tea], and more [tea]: 茶叶"))
		if page.GetNext() != "" {
			t.Errorf("there is more: %v", page)
		}
		index := b.world.Timeline(s)[mine-1].Outcome.Result.(events.Accepted).Event.(events.Sent).Index
		b.world.Must("u2", "hide", events.NewSelfID("u2"), events.Hide{Session: s, Messages: []events.Numbers{{Seq: mine, Index: index}}})
		b.cold.Take(s, 100)
		hits, _ = c.look(`"text":"tea"`)
		wantHits(t, "in all of theirs", hits, fmt.Sprint(late, " coffee, no: [tea]"), fmt.Sprint(first, " [Tea], and more [tea]: 茶叶"))
		hits, _ = c.look(`"text":"茶叶"`)
		wantHits(t, "two characters", hits, fmt.Sprint(first, " Tea, and more tea: [茶叶]"))
		hits, _ = c.look(`"text":"t%a"`)
		wantHits(t, "as it stands", hits, "9 no pattern: [t%a] t_a")
		hits, page = c.look(`"text":"tea","limit":1`)
		wantHits(t, "a page of one", hits, fmt.Sprint(late, " coffee, no: [tea]"))
		other := fmt.Sprintf(`{"id":"f","search":{"text":"cake","cursor":%q}}`, page.GetNext())
		wantError(t, "another text's cursor", c.ask(other), events.CodeInvalidCursor)
		hits, _ = c.look(fmt.Sprintf(`"text":"tea","limit":1,"cursor":%q`, page.GetNext()))
		wantHits(t, "the next", hits, fmt.Sprint(first, " [Tea], and more [tea]: 茶叶"))
		stranger := b.hello("u9")
		if hits, _ := stranger.look(`"text":"tea"`); len(hits) > 0 {
			t.Errorf("a stranger finds %v", hits)
		}
		wantError(t, "a stranger", stranger.ask(fmt.Sprintf(`{"id":"f","search":{"text":"tea","session":%q}}`, s)), events.CodeNotAMember)
	})
}

// However much that may not be seen has the text, and wherever it is: neither a hit nor a page tells that it was said.
func TestSearchTellsNothingOfWhatIsOutOfSight(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		tea := func(n int) (last events.Seq) {
			for range n {
				last = b.world.Must("u1", fmt.Sprint("tea", len(b.world.Timeline(s))), s, events.Send{Body: events.TextBody("tea")}).Seq
			}
			return last
		}
		tea(50)
		b.add(s, "u2")
		mine := tea(1)
		b.add(s, "u3")
		b.remove(s, "u2")
		b.remove(s, "u3")
		tea(300)
		b.cold.Take(s, 1000)
		hits, page := b.hello("u2").look(`"text":"tea","limit":5`)
		wantHits(t, "whoever was there for one", hits, fmt.Sprint(mine, " [tea]"))
		if page.GetNext() != "" {
			t.Errorf("there is said to be more: %v", page)
		}
		if hits, page = b.hello("u3").look(`"text":"tea","limit":5`); len(hits) > 0 || page.GetNext() != "" {
			t.Errorf("whoever was there for none finds %v, next %q", hits, page.GetNext())
		}
	})
}

// A session of which it is not known yet what became of its messages is left out, and the page says from when on.
func TestSearchBesideSessionsThatAreBehind(t *testing.T) {
	runCold(t, func(b *bench) {
		tea := func(s events.SessionID, n int) {
			for i := range n {
				b.world.Must("u1", fmt.Sprint("tea", i), s, events.Send{Body: events.TextBody("tea")})
			}
		}
		behind := b.group(nil)
		tea(behind, 40)
		b.cold.Take(behind, 20)
		b.world.Trim(behind, 31)
		create := events.Create{Kind: events.KindGroup, Policy: gateway.DefaultPolicies()[events.KindGroup]}
		other := events.NewSessionID(create, "u1", "other")
		b.world.Must("u1", "other", other, create)
		tea(other, 1)
		b.cold.Take(other, 2)
		pass(time.Second)
		caughtUp := archive.Rows{Progress: []archive.Progress{{At: events.Millis(time.Now().UnixMilli()), Archived: 1, LogEnd: 1}}}
		if err := b.cold.Insert(t.Context(), &caughtUp); err != nil {
			t.Fatal(err)
		}
		hits, page := b.hello("u1").look(`"text":"tea"`)
		wantHits(t, "beside one that is behind", hits, "2 [tea]")
		if first := b.world.Timeline(behind)[1].Outcome.Time; page.GetUnsureFromMs() > int64(first) {
			t.Errorf("unsure from %d, but nothing of what was said at %d is found", page.GetUnsureFromMs(), first)
		}
		b.cold.Take(behind, 41)
		if hits, _ = b.hello("u1").look(`"text":"tea","limit":50`); len(hits) != 41 {
			t.Errorf("once it is archived there are %d hits, want 41", len(hits))
		}
	})
}

// From when on a page is not sure hangs on what its user may see: when others were said is told by that as little.
func TestUnsureTellsNothingOfWhatIsOutOfSight(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		tea := func(n int) (first events.Millis) {
			for i := range n {
				b.world.Must("u1", fmt.Sprint("tea", len(b.world.Timeline(s))), s, events.Send{Body: events.TextBody("tea")})
				if timeline := b.world.Timeline(s); i == 0 {
					first = timeline[len(timeline)-1].Outcome.Time
				}
			}
			return first
		}
		tea(5)
		pass(time.Minute)
		b.add(s, "u2")
		seen := tea(30)
		b.cold.Take(s, 20)
		b.world.Trim(s, 31)
		pass(time.Minute)
		caughtUp := archive.Rows{Progress: []archive.Progress{{At: events.Millis(time.Now().UnixMilli()), Archived: 1, LogEnd: 1}}}
		if err := b.cold.Insert(t.Context(), &caughtUp); err != nil {
			t.Fatal(err)
		}
		if _, page := b.hello("u2").look(`"text":"tea"`); page.GetUnsureFromMs() != int64(seen) {
			t.Errorf("unsure from %d, want %d, when the first was said that u2 may see", page.GetUnsureFromMs(), seen)
		}
	})
}

func TestSearchIsBounded(t *testing.T) {
	runCold(t, func(b *bench) {
		c := b.hello("u1")
		for what, want := range map[string]events.Code{
			`"text":"x"`: events.CodeInvalidField, `"text":"` + strings.Repeat("长", 201) + `"`: events.CodeQueryTooLong, `"text":"ab","limit":51`: events.CodeInvalidField,
			`"text":"ab","cursor":"AAAA"`: events.CodeInvalidCursor, `"text":"ab","session":"a b"`: events.CodeInvalidField,
		} {
			wantError(t, what, c.ask(`{"id":"f","search":{`+what+`}}`), want)
		}
		b.cold.Slow.Store(true)
		wantError(t, "over its time", c.ask(`{"id":"f","search":{"text":"ab"}}`), events.CodeSearchTimeout)
		b.cold.Slow.Store(false)
		b.cold.Away.Store(true)
		wantError(t, "away", c.ask(`{"id":"f","search":{"text":"ab"}}`), events.CodeTryAgain)
	})
	run(t, nil, func(b *bench) {
		wantError(t, "no archive", b.hello("u1").ask(`{"id":"f","search":{"text":"ab"}}`), events.CodeNoArchive)
	})
}

// A long text is cut around what was found.
func TestSnippetsAreCut(t *testing.T) {
	runCold(t, func(b *bench) {
		s := b.group(nil)
		b.world.Must("u1", "long", s, events.Send{Body: events.TextBody(strings.Repeat("字", 1000) + "Needle" + strings.Repeat("z", 1000))})
		b.cold.Take(s, 2)
		hits, page := b.hello("u1").look(`"text":"needle"`)
		wantHits(t, "the hit", hits, "2 …"+strings.Repeat("字", 40)+"[Needle]"+strings.Repeat("z", 112)+"…")
		if n := len([]rune(page.GetHits()[0].GetSnippet())); n != 160 {
			t.Errorf("the snippet has %d characters", n)
		}
	})
}
