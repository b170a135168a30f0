package check

import "testing"

// TestTextsThatCrossAStay: ann is in from 2 to 20 and from 31 on.
func TestTextsThatCrossAStay(t *testing.T) {
	s := &session{seq: 40, members: map[string]*member{"ann": {stays: []stay{{2, 20}, {31, 0}}}}}
	said := func(seq, overridden, revoked uint64) *event {
		return &event{text: 1, message: &message{seq: seq, texts: []uint64{1, 2}, overridden: overridden, revoked: revoked}}
	}
	over := func(target uint64) *event {
		return &event{text: 2, message: &message{seq: target, texts: []uint64{1, 2}}}
	}
	for _, c := range []struct {
		what      string
		e         *event
		isMessage bool
		want      uint64
	}{
		{"overridden while she was in", said(10, 15, 0), true, 2},
		{"overridden while she was out", said(10, 25, 0), true, 0},
		{"overridden since she is back", said(10, 35, 0), true, 2},
		{"revoked", said(10, 15, 16), true, 0},
		{"an override of a message of her first stay", over(10), false, 2},
		{"an override of a message of before", over(1), false, 0},
		{"an override of a message between", over(25), false, 0},
		{"an override of a message of now", over(40), false, 2},
	} {
		if got := s.shown("ann", c.e, c.isMessage); got != c.want {
			t.Errorf("%s: text %d is to be shown, want %d", c.what, got, c.want)
		}
	}
}

// TestTextsGivenAcrossAStay: of a message and what overrode it ann is given what lies in her stays, or nothing.
func TestTextsGivenAcrossAStay(t *testing.T) {
	for _, c := range []struct {
		what            string
		message, over   uint64
		of, text        uint64
		withheld, wrong bool
	}{
		{what: "an override of a message of before", message: 1, over: 10, of: 10, text: 2, withheld: true, wrong: true},
		{what: "an override of a message of now", message: 5, over: 10, of: 10, text: 2},
		{what: "a message overridden while she was out", message: 5, over: 25, of: 5, text: 2, withheld: true, wrong: true},
		{what: "the same, before it was", message: 5, over: 25, of: 5, text: 1, withheld: true},
	} {
		for _, text := range []uint64{c.text, 0} {
			m := &message{seq: c.message, texts: []uint64{1, 2}, brought: []uint64{c.message, c.over}}
			s := &session{seq: 40, timeline: make([]event, 41), members: map[string]*member{"ann": {stays: []stay{{2, 20}, {31, 0}}}}}
			s.timeline[c.of-1] = event{message: m}
			var p Problems
			s.given(&p, "ann", Seen{Seq: c.of, Text: text}, false)
			if want := text == 0 && !c.withheld || text != 0 && c.wrong; (p.Total() > 0) != want {
				t.Errorf("%s, text %d: %v; want a problem: %v", c.what, text, p, want)
			}
		}
	}
}

// TestTextsThatFollow: a message may come live without its text if an override brings one; nothing else may.
func TestTextsThatFollow(t *testing.T) {
	for _, c := range []struct {
		what    string
		brought []uint64
		of      uint64
		live    bool
		wrong   bool
	}{
		{"live, overridden since", []uint64{5, 10}, 5, true, false},
		{"from history, overridden since", []uint64{5, 10}, 5, false, true},
		{"live, never overridden", []uint64{5}, 5, true, true},
		{"the override itself", []uint64{5, 10}, 10, true, true},
	} {
		m := &message{seq: 5, texts: []uint64{1, 2}[:len(c.brought)], brought: c.brought}
		s := &session{seq: 40, timeline: make([]event, 41), members: map[string]*member{"ann": {stays: []stay{{2, 0}}}}}
		s.timeline[c.of-1] = event{message: m}
		var p Problems
		if s.given(&p, "ann", Seen{Seq: c.of}, c.live); (p.Total() > 0) != c.wrong {
			t.Errorf("%s, without a text: %v; want a problem: %v", c.what, p, c.wrong)
		}
	}
}
