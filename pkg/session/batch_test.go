package session

import (
	"fmt"
	"slices"
	"testing"

	"annal/pkg/events"
)

// A batch judges each person as it would alone. So a batch that is answered needs no reasons
// person by person: its code is everybody's. That is what docs/protocol.md tells clients.
func TestBatchesJudgeEach(t *testing.T) {
	const until = epoch + 60_000
	w := newWorld()
	var group events.SessionID
	do := func(user events.UserID, op events.Op) {
		t.Helper()
		w.now++
		id := fmt.Sprint(w.now)
		if create, ok := op.(events.Create); ok {
			group = events.NewSessionID(create, user, id)
		}
		o, err := w.run(events.Command{Session: group, Actor: events.Actor{User: user}, ClientID: id, Op: op})
		if _, ok := o.Result.(events.Accepted); err != nil || !ok {
			t.Fatalf("%s: %+v: %v", op.Name(), o.Result, err)
		}
	}
	policy := testPolicy()
	policy.Joining = events.JoiningApproval
	create := events.Create{Kind: events.KindGroup, Policy: policy}
	for _, u := range []events.UserID{"member", "muted", "gone", "admin"} {
		create.Members = append(create.Members, events.NewMember{User: u, Role: events.RoleMember})
	}
	do("owner", create)
	do("owner", events.SetRole{User: "admin", Role: events.RoleAdmin})
	do("owner", events.Mute{Users: []events.UserID{"muted"}, Until: until})
	do("gone", events.Leave{})
	do("asks", events.Ask{})

	decide := func(actor events.UserID, op events.Op) events.Result {
		c := events.Command{Session: group, Actor: events.Actor{User: actor}, ClientID: "fresh", Op: op}
		rows := NewLoaded(w.table(group))
		if err := rows.Load(&c, w.next()); err != nil {
			t.Fatal(err)
		}
		return Decide(rows, &c, w.next()).Result
	}
	batches := map[string]func(...events.UserID) events.Op{
		"add": func(users ...events.UserID) events.Op {
			var op events.Add
			for _, u := range users {
				op.Members = append(op.Members, events.NewMember{User: u, Role: events.RoleMember})
			}
			return op
		},
		"remove": func(users ...events.UserID) events.Op { return events.Remove{Users: users} },
		"mute":   func(users ...events.UserID) events.Op { return events.Mute{Users: users, Until: until} },
		"unmute": func(users ...events.UserID) events.Op { return events.Mute{Users: users} },
		"refuse": func(users ...events.UserID) events.Op { return events.Refuse{Users: users} },
	}
	all := []events.UserID{"owner", "admin", "member", "muted", "gone", "asks", "nobody"}
	for name, batch := range batches {
		answered := 0
		for _, actor := range []events.UserID{"owner", "admin"} {
			for _, one := range all {
				for _, other := range all {
					if one == actor || other == actor {
						continue
					}
					users := []events.UserID{one, other}
					got, answers := reasons(decide(actor, batch(users...)), users)
					for _, u := range users {
						alone, _ := reasons(decide(actor, batch(u)), []events.UserID{u})
						if got[u] != alone[u] {
							t.Errorf("%s of %v by %s: %s is judged %q, and alone %q", name, users, actor, u, got[u], alone[u])
						}
					}
					if answers {
						answered++
					}
				}
			}
		}
		if answered == 0 && name != "refuse" {
			t.Errorf("%s: no batch was answered", name)
		}
	}
}

// reasons are what a result says of each of a batch's people, empty for who it took, and
// whether it says it of all at once.
func reasons(r events.Result, users []events.UserID) (codes map[events.UserID]events.Code, answered bool) {
	codes = map[events.UserID]events.Code{}
	var skipped []events.Skipped
	all := events.Code("")
	switch r := r.(type) {
	case events.Answered:
		all, answered = r.Code, true
	case events.Rejected:
		all, skipped = r.Code, r.Skipped
	case events.Accepted:
		added, _ := r.Event.(events.Added)
		removed, _ := r.Event.(events.Removed)
		muted, _ := r.Event.(events.Muted)
		refused, _ := r.Event.(events.Refused)
		skipped = slices.Concat(added.Skipped, removed.Skipped, muted.Skipped, refused.Skipped)
	}
	for _, u := range users {
		codes[u] = all
		if i := slices.IndexFunc(skipped, func(s events.Skipped) bool { return s.User == u }); i >= 0 {
			codes[u] = skipped[i].Code
		}
	}
	return codes, answered
}
