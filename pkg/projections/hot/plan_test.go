package hot

import (
	"fmt"
	"reflect"
	"testing"

	"annal/pkg/events"
)

// planned makes outcome n of a session: its value is "n".
func planned(n int, s events.SessionID, actor events.UserID, result events.Result, tell bool) counted {
	return counted{
		outcome: events.Outcome{Session: s, Actor: events.Actor{User: actor}, ReplyTo: events.ReplyTo{Instance: "gw"}, Result: result},
		value:   fmt.Append(nil, n), tell: tell,
	}
}

func planOf(outcomes []counted, building bool) *plan {
	p := newPlan(building)
	for i := range outcomes {
		p.add(&outcomes[i])
	}
	return p
}

func accepted(seq events.Seq, e events.Event) events.Result {
	return events.Accepted{Seq: seq, Event: e}
}

// TestPlan: who is told what, and what is written.
func TestPlan(t *testing.T) {
	created := events.Created{Kind: events.KindGroup, Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}, {User: "bob", Role: events.RoleMember}}}
	p := planOf([]counted{
		planned(1, "g_a", "ann", accepted(1, created), true),
		planned(2, "g_b", "cid", accepted(7, events.Joined{}), true),
		planned(3, "g_a", "eve", events.Rejected{Code: events.CodeNotAMember}, true),
		planned(4, "g_a", "ann", accepted(2, events.Sent{Index: 1}), true),
		planned(5, "g_a", "ann", events.Answered{}, true),
		planned(6, "g_a", "bob", accepted(0, events.Read{Marker: 2, MarkerIndex: 1}), true),
		{hole: "g_a", offset: 40},
		planned(7, "g_a", "ann", accepted(4, events.Removed{Users: []events.UserID{"bob"}}), true),
		planned(8, "g_b", "cid", accepted(8, events.Left{Promoted: "dan", Closed: true}), true),
	}, true)
	v := func(ns ...int) (values [][]byte) {
		for _, n := range ns {
			values = append(values, fmt.Append(nil, n))
		}
		return values
	}
	wantSame(t, "told", p.round, Round{
		Sessions: map[events.SessionID][][]byte{"g_a": v(1, 4, 6, 7), "g_b": v(2, 8)},
		Users:    map[events.UserID][][]byte{"ann": v(1), "bob": v(1, 7), "cid": v(2, 8)},
		Answers:  map[string][][]byte{"gw": v(1, 2, 3, 4, 5, 6, 7, 8)},
	})
	wantSame(t, "users' sessions", p.users, map[events.UserID][]events.SessionID{"ann": {"g_a"}, "bob": {"g_a"}, "cid": {"g_b"}})
	wantSame(t, "changes", p.sessions, []SessionChanges{
		{Session: "g_a", Building: true, Changes: []Change{
			{Seq: 1, Value: v(1)[0], Created: &created, In: created.Members},
			{Seq: 2, Value: v(4)[0], Index: 1, Sender: "ann"},
			{Value: v(6)[0], Reader: "bob", Marker: 2, MarkerIndex: 1},
			{Hole: true, Offset: 40},
			{Seq: 4, Value: v(7)[0], Out: []events.UserID{"bob"}},
		}},
		{Session: "g_b", Building: true, Changes: []Change{
			{Seq: 7, Value: v(2)[0], In: []events.NewMember{{User: "cid", Role: events.RoleMember}}, Facts: []Fact{{FactDelete, "a:cid", ""}}},
			{Seq: 8, Value: v(8)[0], Out: []events.UserID{"cid"}, Promoted: "dan", Closed: true},
		}},
	})
}

// TestPlanOfARefusal: who asked to be let in hears that they are not.
func TestPlanOfARefusal(t *testing.T) {
	p := planOf([]counted{planned(1, "g_a", "ann", accepted(3, events.Refused{Users: []events.UserID{"dan", "eve"}}), true)}, false)
	wantSame(t, "told", p.round.Users, map[events.UserID][][]byte{"dan": {[]byte("1")}, "eve": {[]byte("1")}})
	wantSame(t, "users' sessions", len(p.users), 0)
}

// TestPlanOfWhatWasTold: it is written again, and nobody hears of it.
func TestPlanOfWhatWasTold(t *testing.T) {
	p := planOf([]counted{
		planned(1, "g_a", "ann", accepted(3, events.Revoked{Target: 2, TargetIndex: 1}), false),
		planned(2, "g_a", "ann", accepted(4, events.Joined{}), false),
		planned(3, "g_a", "ann", events.Rejected{}, false),
	}, false)
	if n := len(p.round.Sessions) + len(p.round.Users) + len(p.round.Answers); n != 0 {
		t.Errorf("told again: %+v, want nothing", p.round)
	}
	wantSame(t, "changes", p.sessions, []SessionChanges{{Session: "g_a", Changes: []Change{
		{Seq: 3, Value: []byte("1"), Became: BecameRevoked, Target: 2, TargetIndex: 1, Facts: []Fact{{FactDelete, "p:2", ""}}},
		{Seq: 4, Value: []byte("2"), In: []events.NewMember{{User: "ann", Role: events.RoleMember}}, Facts: []Fact{{FactDelete, "a:ann", ""}}},
	}}})
}

func wantSame(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n%+v\nwant\n%+v", what, got, want)
	}
}
