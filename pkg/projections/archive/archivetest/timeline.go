package archivetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// long is a story of much that was said, and of some that was changed; markers, refusals and answers lie between.
func long(id events.SessionID) *story {
	dice := rand.New(rand.NewPCG(11, 5))
	s := newStory(id, 0)
	s.event("ann", events.Created{Kind: events.KindGroup, Policy: policy, Members: members("ann", "bob", `o'h\a`)})
	for n := range 400 {
		target := events.Seq(2 + dice.Uint64N(uint64(s.seq)))
		if n%7 == 0 {
			s.event("bob", events.Read{Marker: s.seq, MarkerIndex: s.index})
			s.tell("mal", events.Rejected{Code: events.CodeNotAMember, Command: &events.Command{Session: id, Op: events.Send{Body: events.TextBody("no")}}})
		}
		switch dice.IntN(10) {
		case 0:
			s.event("ann", events.Revoked{Target: target})
		case 1:
			s.event("ann", events.Overridden{Target: target, Body: events.TextBody(fmt.Sprint("changed by ", n))})
		case 2:
			s.event("bob", events.Reacted{Target: target, Emoji: "❤ x", Off: n%3 == 0})
		case 3:
			s.event(`o'h\a`, events.Sent{Body: events.Body{Plain: events.Location{Name: "here"}}, Refs: events.Refs{Thread: 5}})
		default:
			s.say("ann", fmt.Sprint("text ", n))
		}
	}
	return s
}

// testTimeline: spans of any bounds, limits and picks are what the outcomes say.
func testTimeline(t *testing.T, a Archive) {
	s := long("g_long")
	put(t, a, archive.Plan(0, s.outcomes))
	put(t, a, archive.Plan(0, s.outcomes[100:300])) // again
	other := newStory("g_other", 0)
	other.event("ann", events.Created{Kind: events.KindGroup, Policy: policy, Members: members("ann")})
	put(t, a, archive.Plan(0, other.outcomes))
	if reach, err := a.Reach(t.Context(), "g_long"); err != nil || reach != s.seq {
		t.Errorf("reach is %d, %v, want %d", reach, err, s.seq)
	}
	if reach, err := a.Reach(t.Context(), "g_none"); err != nil || reach != 0 {
		t.Errorf("reach of what is not there is %d, %v", reach, err)
	}
	dice := rand.New(rand.NewPCG(3, 9))
	from := s.outcomes[150].Time
	picks := []*archive.Pick{
		nil, nil, nil, {Authors: []events.UserID{`o'h\a`}}, {Thread: 5}, {Kinds: []string{"location"}}, {From: from}, {Until: from},
		{From: from, Until: from + 60_000, Authors: []events.UserID{"ann", "bob"}, Kinds: []string{"text"}}, {From: 1 << 62},
	}
	for n := range 60 {
		first := events.Seq(dice.Uint64N(uint64(s.seq)))
		span := archive.Span{
			First: first, Last: first + events.Seq(dice.Uint64N(300)), // beyond the end, too
			Limit: 1 + dice.IntN(80), Down: n/len(picks)%2 == 0, Pick: picks[n%len(picks)],
		}
		got, err := a.Timeline(t.Context(), "g_long", span)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("%+v of %+v", span, span.Pick), shown(got), shown(naive(s, span)))
	}
	got, err := a.Entries(t.Context(), "g_long", []events.Seq{300, 7, s.seq + 5, 7, 8})
	if err != nil {
		t.Fatal(err)
	}
	want := append(naive(s, archive.Span{First: 7, Last: 8, Limit: 2}), naive(s, archive.Span{First: 300, Last: 300, Limit: 1})...)
	same(t, "entries", shown(got), shown(want))
}

// shown are entries by what they look like.
func shown(all []archive.Entry) []string {
	var out []string
	for _, e := range all {
		now := "nothing"
		if e.Now != nil {
			now = fmt.Sprintf("%d %d %d %x %v %v", e.Now.Revoked, e.Now.Deleted, e.Now.Overridden, e.Now.Override, e.Now.Reacted, e.Now.Unreacted)
		}
		out = append(out, fmt.Sprintf("%d %x %s", e.Seq, e.Value, now))
	}
	return out
}

// naive is the span of a story by looking through all of it.
func naive(s *story, span archive.Span) (all []archive.Entry) {
	span.First, span.Last = span.Looked()
	for _, o := range s.outcomes {
		a, ok := o.Result.(events.Accepted)
		if !ok || a.Seq == 0 || a.Seq < span.First || a.Seq > span.Last || !naivelyPicked(s, &o, a, span.Pick) {
			continue
		}
		e := archive.Entry{Seq: a.Seq, Value: o.Record.Value}
		switch said := a.Event.(type) { //nolint:gochecksumtype // nothing else says something
		case events.Sent:
			e.Now = naivelyBecame(s, a.Seq)
		case events.Overridden:
			e.Now = naivelyBecame(s, said.Target)
			e.Now.Reacted, e.Now.Unreacted = nil, nil
		}
		all = append(all, e)
	}
	if span.Down {
		slices.Reverse(all)
	}
	return all[:min(len(all), span.Limit)]
}

func naivelyPicked(s *story, o *follow.Outcome, a events.Accepted, p *archive.Pick) bool {
	sent, ok := a.Event.(events.Sent)
	if p == nil || !ok {
		return p == nil
	}
	_, place := sent.Body.Plain.(events.Location)
	kind := map[bool]string{true: "location", false: "text"}[place]
	return (len(p.Authors) == 0 || slices.Contains(p.Authors, o.Actor.User)) && o.Time >= p.From && (p.Until == 0 || o.Time < p.Until) &&
		(p.Thread == 0 || sent.Refs.Thread == p.Thread || a.Seq == p.Thread) &&
		(len(p.Kinds) == 0 || slices.Contains(p.Kinds, kind) || naivelyBecame(s, a.Seq).Overridden > 0)
}

func naivelyBecame(s *story, seq events.Seq) *archive.Became {
	b := &archive.Became{Reacted: map[string]events.Seq{}, Unreacted: map[string]events.Seq{}}
	for _, o := range s.outcomes {
		a, ok := o.Result.(events.Accepted)
		if !ok {
			continue
		}
		switch e := a.Event.(type) { //nolint:gochecksumtype // by nothing else does it become something
		case events.Revoked:
			if e.Target == seq {
				b.Revoked = a.Seq
			}
		case events.Overridden:
			if e.Target == seq {
				b.Overridden, b.Override = a.Seq, o.Record.Value
			}
		case events.Reacted:
			key := archive.Reaction(o.Actor.User, e.Emoji)
			if e.Target == seq && e.Off {
				b.Unreacted[key] = a.Seq
			} else if e.Target == seq {
				b.Reacted[key] = a.Seq
			}
		}
	}
	return b
}

// testUnknownFate: an event whose message is not archived is left out, however it is asked for, until that is.
func testUnknownFate(t *testing.T, a Archive) {
	s := newStory("g_half", 0)
	s.event("ann", events.Created{Kind: events.KindGroup, Policy: policy, Members: members("ann", "bob")})
	s.say("ann", "first")
	s.say("ann", "second")
	s.event("ann", events.Overridden{Target: 2, Body: events.TextBody("rather this")})
	s.event("ann", events.Revoked{Target: 3})
	rows := archive.Plan(0, s.outcomes)
	put(t, a, archive.Rows{Events: rows.Events})
	check := func(want ...events.Seq) {
		t.Helper()
		span := archive.Span{First: 1, Last: 9, Limit: 9}
		dense, err := a.Timeline(t.Context(), "g_half", span)
		if got := entrySeqs(dense); err != nil || !slices.Equal(got, want) {
			t.Errorf("the timeline has %v, %v, want %v", got, err, want)
		}
		single, err := a.Entries(t.Context(), "g_half", []events.Seq{1, 2, 3, 4, 5})
		if got := entrySeqs(single); err != nil || !slices.Equal(got, want) {
			t.Errorf("there are entries of %v, %v, want %v", got, err, want)
		}
	}
	check(1, 5) // what is about no message, and a revocation, which says nothing
	rows.Events = nil
	put(t, a, rows)
	check(1, 2, 3, 4, 5)
}

func entrySeqs(entries []archive.Entry) (seqs []events.Seq) {
	for _, e := range entries {
		seqs = append(seqs, e.Seq)
	}
	return seqs
}

// testMissing: why an event is not there.
func testMissing(t *testing.T, a Archive) {
	s := long("g_long")
	put(t, a, archive.Plan(0, s.outcomes[200:300]))
	seqAt := func(i int) events.Seq {
		for ; ; i++ {
			if accepted, ok := s.outcomes[i].Result.(events.Accepted); ok && accepted.Seq > 0 {
				return accepted.Seq
			}
		}
	}
	ask := func(what string, seq events.Seq, want archive.Missing) {
		t.Helper()
		if got, err := a.Missing(t.Context(), "g_long", seq); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", what, got, err, want)
		}
	}
	ask("before all that is kept", seqAt(190), archive.MissingDropped)
	ask("after all that is kept", seqAt(310), archive.MissingBehind)
	heads := archive.Plan(0, s.outcomes[300:320])
	heads.Events = nil
	put(t, a, heads)
	ask("after all that is kept, but archived once", seqAt(310), archive.MissingBehind)
	ask("the first that is kept", seqAt(200), archive.MissingBehind)
	old := newStory("g_old", 0)
	old.event("ann", events.Created{Kind: events.KindGroup, Policy: policy, Members: members("ann")})
	said := old.say("ann", "long ago")
	heads = archive.Plan(0, old.outcomes)
	heads.Events = nil
	put(t, a, heads)
	if got, err := a.Missing(t.Context(), "g_old", said); err != nil || got != archive.MissingDropped {
		t.Errorf("where nothing is kept any longer: %d, %v", got, err)
	}
	if got, err := a.Missing(t.Context(), "g_old", said+1); err != nil || got != archive.MissingBehind {
		t.Errorf("beyond the head: %d, %v", got, err)
	}
	all, err := a.Timeline(t.Context(), "g_old", archive.Span{First: 1, Last: said, Limit: 5, Pick: &archive.Pick{Authors: []events.UserID{"ann"}}})
	if err != nil || len(all) != 1 || all[0].Seq != said || all[0].Value != nil {
		t.Errorf("a message that is picked, and has no event any longer: %v, %v", all, err)
	}
	rows := archive.Plan(0, s.outcomes[300:301])
	rows.Events[0].Kind, rows.Events[0].Seq, rows.Events[0].Form = archive.KindUnreadable, 0, 0
	put(t, a, rows)
	ask("where one is unreadable", seqAt(300), archive.MissingUnreadable)
}
