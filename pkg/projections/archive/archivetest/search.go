package archivetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// testSearch: texts are found as they stand, whatever the case and however their rows were written; newest first, page by page.
func testSearch(t *testing.T, a Archive) {
	said := map[string][]events.Seq{}
	tea := newStory("g_tea", 0)
	tea.event("ann", events.Created{Kind: events.KindGroup, Policy: policy, Members: members("ann")})
	say := func(text string) { said[text] = append(said[text], tea.say("ann", text)) }
	for _, text := range []string{
		"Hallo WORLD", "今天天气很好", "天下", "100% sure_thing", "100 percent, sure thing", `a\b 'c' "d"`, "ÄPFEL und Birnen", "🍵 tea", "x", "hallo again",
	} {
		say(text)
	}
	changed := tea.say("ann", "something else")
	tea.event("ann", events.Overridden{Target: changed, TargetIndex: 11, Body: events.TextBody("Hallo, changed")})
	jam := newStory("g_jam", 0)
	jam.time += 500
	jam.event("bob", events.Created{Kind: events.KindGroup, Policy: policy, Members: members("bob")})
	jam.say("bob", "hallo from elsewhere")
	put(t, a, archive.Plan(0, jam.outcomes))
	for _, o := range slices.Backward(tea.outcomes) { // the override before what it overrides
		put(t, a, archive.Plan(0, append(tea.outcomes[:0:0], o)))
	}
	find := func(text string, sessions ...events.SessionID) (seqs []string) {
		t.Helper()
		var before archive.Found
		for {
			found, err := a.Search(t.Context(), archive.Search{Sessions: sessions, Text: text, Before: before, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				seqs = append(seqs, fmt.Sprint(f.Session, " ", f.Seq))
				before = f
			}
			if len(found) < 2 {
				return seqs
			}
		}
	}
	of := func(text string) string { return fmt.Sprint("g_tea ", said[text][0]) }
	for _, c := range []struct {
		text string
		want []string
	}{
		{"hallo", []string{fmt.Sprint("g_tea ", changed), of("hallo again"), of("Hallo WORLD")}},
		{"world", []string{of("Hallo WORLD")}},
		{"天气", []string{of("今天天气很好")}},
		{"0% s", []string{of("100% sure_thing")}},
		{"e_t", []string{of("100% sure_thing")}},
		{`a\b`, []string{of(`a\b 'c' "d"`)}},
		{`'c' "`, []string{of(`a\b 'c' "d"`)}},
		{"äpfel", []string{of("ÄPFEL und Birnen")}},
		{"🍵 t", []string{of("🍵 tea")}},
		{"%%", nil},
		{"' or 1=1 --", nil},
		{".*", nil},
	} {
		same(t, fmt.Sprintf("%q", c.text), find(c.text, "g_tea"), c.want)
	}
	if got := find("hallo", "g_tea", "g_jam"); len(got) != 4 || !slices.Contains(got, "g_jam 2") {
		t.Errorf("in both sessions: %v", got)
	}
	if got := find("hallo", "g_none"); len(got) > 0 {
		t.Errorf("in none: %v", got)
	}
	many := []events.SessionID{"g_tea"}
	for i := range 4999 {
		many = append(many, events.SessionID(fmt.Sprintf("g_%0*d", events.MaxNameBytes-2, i)))
	}
	many = append(many, "g_jam")
	if got := find("hallo", many...); len(got) != 4 {
		t.Errorf("among 5,000 sessions with the longest of names: %v", got)
	}
	if _, err := a.Search(t.Context(), archive.Search{
		Sessions: many[:1], Text: "hallo", Before: archive.Found{Time: math.MaxInt64, Session: "g_tea", Seq: math.MaxUint64}, Limit: 1,
	}); err != nil {
		t.Errorf("before the end of time: %v", err)
	}
}
