package hottest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// other is what people do besides speaking and coming and going.
func (c *crowd) other(rt *rapid.T, r *room, actor events.UserID) Said {
	user := rapid.SampledFrom(r.in).Draw(rt, "whom")
	outside := rapid.SampledFrom(people).Draw(rt, "who asks")
	text := rapid.SampledFrom([]string{"", "a", "b c"}).Draw(rt, "text")
	off := rapid.Bool().Draw(rt, "off")
	code := events.Hash{byte(rapid.IntRange(1, 3).Draw(rt, "code"))}
	until := events.Millis(rapid.IntRange(0, 2).Draw(rt, "until"))
	switch rapid.IntRange(0, 14).Draw(rt, "other") {
	case 13, 14:
		return c.signs(rt, r, actor)
	case 0:
		return c.b.Accept(r.id, actor, events.InfoSet{Info: events.InfoChange{
			Title: &text, Notice: &text, Custom: []events.CustomField{{Name: rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "field"), Value: text}},
		}})
	case 1:
		p := group(0, actor).Policy
		p.History, p.PinRole = events.History(rapid.IntRange(1, 2).Draw(rt, "history")), events.RoleMember
		return c.b.Accept(r.id, actor, events.PolicySet{Policy: p})
	case 2:
		e := events.RoleSet{User: user, Role: events.Role(rapid.IntRange(1, 3).Draw(rt, "role"))}
		if e.Role == events.RoleOwner && user != actor {
			e.Demoted = actor
		}
		return c.b.Accept(r.id, actor, e)
	case 3:
		return c.b.Accept(r.id, actor, events.Muted{Users: []events.UserID{user}, Until: until})
	case 4:
		return c.b.Accept(r.id, actor, events.Muted{Until: until})
	case 5:
		if !slices.Contains(r.in, outside) {
			return c.b.Accept(r.id, outside, events.Asked{Text: text})
		}
		return c.b.Accept(r.id, actor, events.Refused{Users: []events.UserID{"nobody"}})
	case 6:
		return c.b.Accept(r.id, actor, events.Refused{Users: []events.UserID{outside}})
	case 7:
		if off {
			return c.b.Accept(r.id, actor, events.Uninvited{Code: code})
		}
		return c.b.Accept(r.id, actor, events.Invited{Code: code, Expires: until, Uses: 3})
	case 8:
		if !slices.Contains(r.in, outside) {
			r.in = append(r.in, outside)
			return c.b.Accept(r.id, outside, events.Joined{Invite: code})
		}
	case 9:
		if m := r.shown(rt); m != nil {
			return c.b.Accept(r.id, actor, events.Pinned{Target: m.seq, TargetIndex: m.index, Off: off})
		}
	case 11:
		if off {
			return c.b.Accept(r.id, actor, events.PrivacySet{Privacy: events.Privacy{AddMe: events.AudienceNobody, WriteFirst: events.AudienceContacts}})
		}
		return c.b.Accept(r.id, actor, events.ProfileSet{Profile: events.Profile{Name: text, Status: text}})
	case 10:
		if len(r.messages) > 0 {
			m := rapid.SampledFrom(r.messages).Draw(rt, "got up to")
			return c.b.Accept(r.id, actor, events.Delivered{Marker: m.seq, MarkerIndex: m.index})
		}
	}
	return c.b.Accept(r.id, actor, events.SessionSet{Session: "g_x", Settings: events.SettingsChange{Pinned: &off, Draft: &text, MuteUntil: &until}})
}

// testFacts: what the two of a direct session are, however often it is told.
func testFacts(t *testing.T, f Fixture) {
	b := newBench(t, f)
	b.views(whole, true)
	created := events.Created{
		Kind: events.KindDirect, Policy: group(0, "ann").Policy, Contact: events.ContactAsked, Text: "hi",
		Members: []events.NewMember{{User: "ann", Role: events.RoleMember}, {User: "bob", Role: events.RoleMember}},
	}
	const s = "d_ann_bob"
	said := []Said{b.Accept(s, "ann", created)}
	want := func(head hot.Head, blocks bool) {
		t.Helper()
		b.Wait()
		b.apply(said...)
		b.apply(said...) // a repeat changes nothing
		p, err := f.View.Person(t.Context(), s, "bob")
		if err != nil {
			t.Fatal(err)
		}
		if p.Head.Contact != head.Contact || p.Head.ContactBy != head.ContactBy || p.Head.Blocks != head.Blocks || p.Member.Blocks != blocks {
			t.Errorf("got %+v and %+v, want %+v, and blocking %v", p.Head, p.Member, head, blocks)
		}
	}
	want(hot.Head{Contact: events.ContactAsked, ContactBy: "ann"}, false)
	said = append(said, b.Accept(s, "bob", events.ContactChanged{Step: events.ContactAccept}))
	want(hot.Head{}, false)
	said = append(said, b.Accept(s, "bob", events.ContactChanged{Step: events.ContactBlock}), b.Accept(s, "ann", events.ContactChanged{Step: events.ContactBlock}))
	want(hot.Head{Blocks: 2}, true)
	said = append(said, b.Accept(s, "bob", events.ContactChanged{Step: events.ContactUnblock}),
		b.Accept(s, "bob", events.ContactChanged{Step: events.ContactRemove, State: events.NoContacts}))
	want(hot.Head{Blocks: 1, Contact: events.NoContacts}, false)
}
