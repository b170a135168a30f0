package fold_test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"annal/internal/fold"
	"annal/pkg/audit"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot/hottest"
)

// TestThePastIsTheFoldThen: at random instants, ten of each history and so a thousand of all, what an auditor is shown is the naive fold
// of the outcomes up to then, by seq and by time, from the archive and from the log.
func TestThePastIsTheFoldThen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := newAuthor(t)
		for range rapid.IntRange(1, 200).Draw(rt, "commands") {
			a.act(rt)
		}
		log := logOf(t, a.said)
		defer log.Close()
		past := archived(t, log, rapid.Uint64().Draw(rt, "seed"))
		sources := []audit.Source{audit.Archive{View: past}, audit.Log{Log: log}}
		for range 10 {
			s := rapid.SampledFrom(a.opened).Draw(rt, "session")
			until := rapid.IntRange(0, len(a.said)-1).Draw(rt, "until")
			at := audit.Instant{Time: a.said[until].Outcome.Time}
			if rapid.Bool().Draw(rt, "by seq") {
				head, _ := a.sessions[s][events.HeadKey].(events.Head)
				at = audit.Instant{Seq: events.Seq(rapid.Uint64Range(uint64(head.Base)+1, uint64(head.Seq)).Draw(rt, "seq"))}
			}
			want := foldedUntil(a.said, s, at)
			got, err := audit.At(t.Context(), rapid.SampledFrom(sources).Draw(rt, "source"), s, at)
			switch {
			case errors.Is(err, audit.ErrNotYet) && want.Head.Seq == 0:
			case err != nil || want.Head.Seq == 0:
				rt.Fatalf("at %+v: got %v, %v, the fold is at seq %d", at, got, err, want.Head.Seq)
			default:
				samePast(rt, got, want)
				samePage(t, rt, past, got, at)
			}
		}
	})
}

func foldedUntil(said []hottest.Said, id events.SessionID, at audit.Instant) *fold.Session {
	s := fold.NewSession(id)
	for i := range said {
		o := said[i].Outcome
		if o.Session != id {
			continue
		}
		if at.Seq == 0 && o.Time > at.Time || at.Seq != 0 && s.Head.Seq >= at.Seq {
			break
		}
		s.Add(o, said[i].Value)
	}
	return s
}

// samePast compares all that the naive model knows.
func samePast(rt *rapid.T, got *audit.State, want *fold.Session) {
	h, i := want.Head, want.Facts.Info
	custom := map[string]string{}
	for _, f := range i.Custom {
		custom[f.Name] = f.Value
	}
	for name, pair := range map[string][2]any{
		"kind": {got.Kind, h.Kind}, "base": {got.Base, h.Base}, "seq": {got.Seq, h.Seq}, "index": {got.Index, h.Index}, "time": {got.Time, h.Time},
		"closed": {got.Closed, h.Closed}, "title": {got.Title, h.Title}, "policy": {got.Policy, h.Policy}, "muted": {got.MutedUntil, h.MutedUntil},
		"contact": {got.Contact, h.Contact}, "asked by": {got.ContactBy, h.ContactBy}, "avatar": {got.Avatar, i.Avatar}, "notice": {got.Notice, i.Notice},
		"description": {got.Description, i.Description}, "custom": {got.Custom, custom}, "pins": {slices.Clone(got.Pins), append([]events.Seq(nil), want.Facts.Pins...)},
		"members": {len(got.Members), len(want.Members)}, "texts": {len(got.Texts), len(want.Messages)}, "asks": {len(got.Asks), len(want.Facts.Asks)},
		"profile": {got.Profile, want.Facts.Own.Profile}, "privacy": {got.Privacy, want.Facts.Own.Privacy},
	} {
		if name != "pins" && !reflect.DeepEqual(pair[0], pair[1]) || name == "pins" && !slices.Equal(got.Pins, want.Facts.Pins) {
			rt.Fatalf("%s: got %v, want %v", name, pair[0], pair[1])
		}
	}
	for u, m := range want.Members {
		was := audit.Member{Role: m.Role, Stays: staysOf(m), Read: m.Marker, Delivered: m.Delivered, MutedUntil: m.MutedUntil, Blocks: m.Blocks}
		if g := got.Members[u]; g == nil || !reflect.DeepEqual(*g, was) {
			rt.Fatalf("member %s: got %+v, want %+v", u, g, was)
		}
	}
	for seq, m := range want.Messages {
		sameText(rt, seq, got.Texts[seq], want, m)
	}
	for _, u := range crowd {
		seesItsStays(rt, *got, u, want.Members[u])
	}
}

func sameText(rt *rapid.T, seq events.Seq, got *audit.Text, s *fold.Session, m *fold.Message) {
	o, err := events.DecodeOutcomeValue(s.Timeline[seq])
	if err != nil || got == nil {
		rt.Fatalf("message %d: got %v, %v", seq, got, err)
	}
	sent, _ := o.Result.(events.Accepted).Event.(events.Sent)
	body, by := sent.Body, seq
	if m.State.Overridden != 0 {
		body, by = m.State.Body, m.State.Overridden
	}
	last := got.Versions[len(got.Versions)-1]
	first := got.Versions[0]
	if got.Index != m.Index || got.Sender != o.Actor.User || got.ID != o.ID.String() || last.Seq != by || !reflect.DeepEqual(last.Body, body) ||
		first.Seq != seq || !reflect.DeepEqual(first.Body, sent.Body) || deedSeq(got.Revoked) != m.State.Revoked || deedSeq(got.Deleted) != m.State.Deleted {
		rt.Fatalf("message %d: got %+v, want %+v", seq, got, m)
	}
}

func deedSeq(d *audit.Deed) events.Seq {
	if d == nil {
		return 0
	}
	return d.Seq
}

func staysOf(m *events.Member) (stays []audit.Stay) {
	for _, s := range m.Stays {
		stays = append(stays, audit.Stay{From: s.From, To: s.To})
	}
	return stays
}

// samePage: what is read in parts of an archive is the page of the whole.
func samePage(t *testing.T, rt *rapid.T, past archive.Past, whole *audit.State, at audit.Instant) {
	p := audit.Page{As: rapid.SampledFrom(append(crowd, "", "")).Draw(rt, "as"), Limit: rapid.IntRange(0, 30).Draw(rt, "limit")}
	if rapid.Bool().Draw(rt, "below") {
		p.Before = whole.Base + events.Seq(rapid.Uint64Range(0, uint64(whole.Seq-whole.Base)+1).Draw(rt, "before"))
	}
	whole.Keep(p)
	got, err := audit.AtPast(t.Context(), past, whole.Session, at, p)
	if err != nil {
		rt.Fatalf("%+v at %+v: %v", p, at, err)
	}
	if want, is := inFull(t, whole), inFull(t, got); want != is {
		rt.Fatalf("%+v at %+v: got\n%s\nwant\n%s", p, at, is, want)
	}
}

func inFull(t *testing.T, s *audit.State) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// seesItsStays: who looks as somebody sees the messages within that one's stays, event by event, and no others.
func seesItsStays(rt *rapid.T, s audit.State, u events.UserID, m *events.Member) {
	s.Texts = maps.Clone(s.Texts)
	all := slices.Collect(maps.Keys(s.Texts))
	for seq, text := range s.Texts {
		own := *text
		own.Versions = slices.Clone(text.Versions)
		s.Texts[seq] = &own
	}
	s.Keep(audit.Page{As: u, Limit: len(all)})
	for _, seq := range all {
		within := false
		if m != nil {
			for _, stay := range m.Stays {
				within = within || seq >= stay.From && (stay.To == 0 || seq <= stay.To)
			}
		}
		if _, seen := s.Texts[seq]; seen != within {
			rt.Fatalf("%s sees %d: %t, want %t", u, seq, seen, within)
		}
	}
}
