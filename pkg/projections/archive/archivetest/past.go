package archivetest

import (
	"fmt"
	"slices"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// testPast: at every seq and every time of a story, written twice, what is asked of the past is what a plain look through its
// outcomes says.
func testPast(t *testing.T, a Archive) {
	const base = 9_007_199_254_740_990
	s, other := group("g_past", base), group("g_past2", 0)
	for range 2 {
		put(t, a, archive.Plan(0, s.outcomes))
		put(t, a, archive.Plan(1, other.outcomes))
	}
	plain := archive.NewMemory()
	put(t, plain, archive.Plan(0, s.outcomes))
	type instant struct {
		seq events.Seq
		at  events.Millis
	}
	instants := []instant{{seq: base}, {seq: s.seq + 1}, {at: start}, {at: s.time + 5}}
	for seq := events.Seq(base + 1); seq <= s.seq; seq++ {
		instants = append(instants, instant{seq: seq})
	}
	for _, o := range s.outcomes {
		instants = append(instants, instant{at: o.Time}, instant{at: o.Time - 1})
	}
	found := 0
	for _, i := range instants {
		want, there := momentOf(s, i.seq, i.at)
		got, ok, err := a.Instant(t.Context(), s.session, i.seq, i.at)
		if err != nil || ok != there || there && got != want {
			t.Errorf("%+v: %+v %t %v, want %+v %t", i, got, ok, err, want, there)
		}
		if there {
			found++
		}
		if there && found%4 == 0 {
			same(t, fmt.Sprintf("%+v", i), pastOf(t, a, s, want.Until), pastOf(t, plain, s, want.Until))
		}
	}
	if found != 2*len(s.outcomes)-1+int(s.seq-base)+1 {
		t.Errorf("%d instants were there", found)
	}
}

func momentOf(s *story, seq events.Seq, at events.Millis) (m archive.Moment, there bool) {
	for _, o := range s.outcomes {
		a, ok := o.Result.(events.Accepted)
		if !ok || seq == 0 && o.Time > at || seq != 0 && m.Seq >= seq {
			continue
		}
		m.Until = uint64(o.Offset)
		if a.Seq > 0 {
			m.Seq, m.Time = a.Seq, o.Time
		}
		if sent, ok := a.Event.(events.Sent); ok {
			m.Index = sent.Index
		}
	}
	return m, m.Seq != 0 && (seq == 0 || m.Seq == seq)
}

// past is what is asked of one instant.
type past struct {
	Members, Deeds, NoDeeds, Texts, Newest, Within, Below []archive.Outcome
	Markers                                               []archive.MarkersNow
}

func pastOf(t *testing.T, a archive.Past, s *story, until uint64) (p past) {
	t.Helper()
	base := s.seq - events.Seq(len(slices.DeleteFunc(seqsOf(s), func(n events.Seq) bool { return n == 0 })))
	whole := []events.Span{{First: base, Last: s.seq}}
	var errs [8]error
	p.Members, errs[0] = a.Happened(t.Context(), s.session, until, []string{"created", "added", "removed", "left"}, nil)
	p.Deeds, errs[1] = a.Happened(t.Context(), s.session, until, []string{"overridden", "revoked", "reacted"}, []events.Seq{base + 2, base + 3})
	p.NoDeeds, errs[2] = a.Happened(t.Context(), s.session, until, []string{"overridden"}, []events.Seq{})
	p.Texts, errs[3] = a.Sent(t.Context(), s.session, until, whole, 0, 100)
	p.Newest, errs[4] = a.Sent(t.Context(), s.session, until, whole, 0, 2)
	p.Within, errs[5] = a.Sent(t.Context(), s.session, until, []events.Span{{First: base + 1, Last: base + 2}, {First: base + 4, Last: base + 4}}, 0, 100)
	p.Below, errs[6] = a.Sent(t.Context(), s.session, until, whole, base+4, 100)
	p.Markers, errs[7] = a.Marked(t.Context(), s.session, until)
	for i, err := range errs {
		if err != nil {
			t.Errorf("question %d: %v", i, err)
		}
	}
	return p
}

func seqsOf(s *story) (all []events.Seq) {
	for _, o := range s.outcomes {
		if a, ok := o.Result.(events.Accepted); ok {
			all = append(all, a.Seq)
		}
	}
	return all
}
