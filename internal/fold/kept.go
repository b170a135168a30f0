package fold

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// compareKept looks at what a view keeps to reckon with, where it tells: of an entry that is wrong there reads may show nothing yet.
func compareKept(ctx context.Context, view hot.View, s *Session, report *Report) error {
	keeper, ok := view.(hot.Keeper)
	if !ok {
		return nil
	}
	got, err := keeper.Kept(ctx, s.ID)
	if err != nil {
		return err
	}
	want := s.kept(got.Tally != nil)
	entries(report, s.ID, "gone", got.Gone, want.Gone)
	entries(report, s.ID, "mentioned", got.Mentions, want.Mentions)
	entries(report, s.ID, "reacted", s.shownReactions(got.Reactions), want.Reactions)
	for _, key := range slices.Sorted(maps.Keys(got.Tally)) {
		if n := want.Tally[key]; got.Tally[key] != n {
			report.differ(s.ID, "tally", key, got.Tally[key], n)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want.Tally)) {
		if _, there := got.Tally[key]; !there {
			report.differ(s.ID, "tally", key, none, want.Tally[key])
		}
	}
	return nil
}

func entries(report *Report, s events.SessionID, what string, got, want []string) {
	have := map[string]bool{}
	for _, e := range got {
		have[e] = true
	}
	for _, e := range slices.Compact(slices.Sorted(slices.Values(want))) { // somebody may be mentioned twice by one message
		if !have[e] {
			report.differ(s, what, fmt.Sprintf("%q", e), none, there)
		}
		delete(have, e)
	}
	for _, e := range slices.Sorted(maps.Keys(have)) {
		report.differ(s, what, fmt.Sprintf("%q", e), there, none)
	}
}

// kept is what a view must keep.
func (s *Session) kept(tallied bool) hot.Kept {
	var k hot.Kept
	for index := range s.gone {
		k.Gone = append(k.Gone, fmt.Sprintf("%020d", index))
	}
	for seq, m := range s.Messages {
		for _, u := range m.refs.Mentions {
			k.Mentions = append(k.Mentions, fmt.Sprintf("%s %020d", u, m.Index))
		}
		if m.refs.MentionAll {
			k.Mentions = append(k.Mentions, fmt.Sprintf("* %020d", m.Index))
		}
		for emoji, users := range m.reactions {
			for u := range users {
				k.Reactions = append(k.Reactions, fmt.Sprintf("%020d %s\x00%s", seq, emoji, u))
			}
		}
	}
	for of, indexes := range s.Hidden {
		for _, index := range indexes {
			k.Mentions = append(k.Mentions, fmt.Sprintf("\x01%s %020d", of, index))
		}
	}
	k.Reactions = s.shownReactions(k.Reactions)
	if tallied {
		k.Tally = s.tally()
	}
	return k
}

// shownReactions leaves out those of messages below the window, which a view removes when it comes to it.
func (s *Session) shownReactions(all []string) []string {
	first := fmt.Sprintf("%020d", s.Head.WindowStart)
	return slices.DeleteFunc(all, func(entry string) bool { return entry < first })
}

// tally counts how many present members have read (m) or got (g) up to a seq, and how many of their stays begin (f) and end (t) at it;
// seqs below the window are left out.
func (s *Session) tally() map[string]int64 {
	t := map[string]int64{}
	count := func(what string, seq events.Seq) {
		if seq >= s.Head.WindowStart {
			t[fmt.Sprint(what, seq)]++
		}
	}
	for _, m := range s.Members {
		if !m.In() {
			continue
		}
		count("m", m.Marker)
		count("g", max(m.Marker, m.Delivered))
		for _, stay := range m.Stays {
			count("f", stay.From)
			if stay.To != 0 {
				count("t", stay.To)
			}
		}
	}
	return t
}
