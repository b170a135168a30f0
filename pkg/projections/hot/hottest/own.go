package hottest

import (
	"errors"
	"fmt"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// testOwn: what many users say of themselves and let others do is read together, the last of each.
func testOwn(t *testing.T, f Fixture) {
	b := newBench(t, f)
	asked := []events.UserID{"ann", "bob", "cid", "nobody"}
	own := func() string {
		t.Helper()
		got, err := b.View.Own(b.ctx, asked)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(got)
	}
	for _, u := range asked[:3] {
		self := events.Created{Kind: events.KindSelf, Members: []events.NewMember{{User: u, Role: events.RoleOwner}}}
		b.apply(b.Accept(events.NewSelfID(u), u, self))
	}
	wantEqual(b, "in the beginning", own(), "map[ann:{{   []} {0 0 0}} bob:{{   []} {0 0 0}} cid:{{   []} {0 0 0}}]")
	set := func(u events.UserID, e events.Event) { b.apply(b.Accept(events.NewSelfID(u), u, e)) }
	set("ann", events.ProfileSet{Profile: events.Profile{Name: "Ann", Custom: []events.CustomField{{Name: "team", Value: "tea\x01"}}}})
	set("bob", events.ProfileSet{Profile: events.Profile{Name: "Rob"}})
	set("bob", events.PrivacySet{Privacy: events.Privacy{LastSeen: events.AudienceContacts, AddMe: events.AudienceNobody, WriteFirst: 1}})
	set("bob", events.ProfileSet{Profile: events.Profile{Status: "away"}})
	want := "map[ann:{{Ann   [{team tea\x01}]} {0 0 0}} bob:{{  away []} {2 3 1}} cid:{{   []} {0 0 0}}]"
	wantEqual(b, "of several", own(), want)
	facts, err := b.View.Facts(b.ctx, events.NewSelfID("bob"))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(b, "among the facts", fmt.Sprint(facts.Own), "{{  away []} {2 3 1}}")
	wantEqual(b, "of none", fmt.Sprint(b.View.Own(b.ctx, nil)), "map[] <nil>")
	b.Drop(t, events.NewSelfID("bob"), "facts")
	if got, err := b.View.Own(b.ctx, asked); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("of one whose facts were lost: %v, %v; want ErrRebuilding", got, err)
	}
}

// testContacts: who is a contact of whom, in sessions that are there and that are not.
func testContacts(t *testing.T, f Fixture) {
	b := newBench(t, f)
	asked := []events.UserID{"bob", "cid", "dan", "eve", "nobody"}
	pair := func(u events.UserID, state events.ContactState) {
		b.apply(b.Accept(events.NewDirectID("ann", u), "ann", events.Created{
			Kind: events.KindDirect, Policy: group(0, "ann").Policy, Contact: state,
			Members: []events.NewMember{{User: "ann", Role: events.RoleMember}, {User: u, Role: events.RoleMember}},
		}))
	}
	step := func(u events.UserID, actor events.UserID, step events.ContactStep, state events.ContactState) {
		b.apply(b.Accept(events.NewDirectID("ann", u), actor, events.ContactChanged{Step: step, State: state}))
	}
	is := func(what string, want ...events.UserID) {
		t.Helper()
		got, err := b.View.Contacts(b.ctx, "ann", asked)
		if err != nil {
			t.Fatal(err)
		}
		var who []events.UserID
		for _, u := range asked {
			if got[u] {
				who = append(who, u)
			}
		}
		wantEqual(b, what, fmt.Sprint(who), fmt.Sprint(want))
	}
	is("in the beginning")
	pair("bob", events.Contacts)
	pair("cid", events.ContactAsked)
	pair("dan", events.Contacts)
	pair("eve", events.Contacts)
	is("of pairs", "bob", "dan", "eve")
	step("cid", "cid", events.ContactAccept, events.Contacts)
	step("dan", "ann", events.ContactRemove, events.NoContacts)
	step("eve", "eve", events.ContactBlock, events.Contacts)
	is("after steps", "bob", "cid")
	step("eve", "eve", events.ContactUnblock, events.Contacts)
	is("after a block", "bob", "cid", "eve")
	b.views(newer, false)
	if got, err := b.View.Contacts(b.ctx, "ann", asked); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("while the view is built: %v, %v; want ErrRebuilding", got, err)
	}
	if got, err := b.View.Own(b.ctx, asked); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("what they say while the view is built: %v, %v; want ErrRebuilding", got, err)
	}
}
