package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"annal/pkg/events"
)

// unread counts messages that u saw come after what u has read, less those hidden since.
func (m *model) unread(u events.UserID) int {
	n := 0
	for i, t := range m.happened {
		if t.sender != "" && m.was[u] != nil && events.Seq(i+1) > m.was[u].read && slices.Contains(t.seenBy, u) && !t.revoked && !t.deleted {
			n++
		}
	}
	return n
}

// unreadInRows counts the same by stays, as every reader of the rows does.
func unreadInRows(t table, u events.UserID) int {
	m := t.member(u)
	n := 0
	for s := m.Marker + 1; s <= t.head().Seq; s++ {
		msg, ok := t[events.MessageKey(s)].(events.Message)
		if !ok || msg.Revoked != 0 || msg.Deleted != 0 {
			continue
		}
		for _, stay := range m.Stays {
			if stay.From <= s && (stay.To == 0 || s <= stay.To) {
				n++
			}
		}
	}
	return n
}

// TestModel: rules and model agree on what comes of every command, on who is in with which
// role, on what everybody sees, and on everybody's unread count.
func TestModel(t *testing.T) {
	for part := range 8 {
		t.Run(fmt.Sprint(part), rapid.MakeCheck(againstModel))
	}
}

func againstModel(t *rapid.T) {
	w := newWorld()
	create := events.Create{Kind: rapid.SampledFrom([]events.Kind{events.KindGroup, events.KindGroup, events.KindDirect}).Draw(t, "kind"), Policy: testPolicy()}
	create.Policy.MemberLimit = 4
	create.Policy.Joining = events.Joining(rapid.IntRange(1, 3).Draw(t, "joining"))
	create.Policy.AddRole = events.Role(rapid.IntRange(1, 2).Draw(t, "add role"))
	m := &model{
		kind: create.Kind, was: map[events.UserID]*modelPerson{}, invites: map[events.Hash]*modelInvite{}, contacts: "yes",
	}
	if create.Kind == events.KindDirect {
		create.Members = []events.NewMember{{User: "u2", Role: events.RoleMember}}
		if create.Policy.Joining == events.JoiningApproval {
			m.contacts = "u1"
		}
	}
	m.policy = create.Policy
	c := events.Command{Session: events.NewSessionID(create, "u1", "create"), Actor: events.Actor{User: "u1"}, ClientID: "create", Op: create}
	if _, err := w.run(c); err != nil {
		t.Fatal(err)
	}
	m.happens("created", func(seq events.Seq) {
		if create.Kind == events.KindDirect {
			m.come(seq, events.RoleMember, "u1", "u2")
		} else {
			m.come(seq, events.RoleOwner, "u1")
		}
	})
	some := drawSome(t)
	for i := range rapid.IntRange(20, 80).Draw(t, "commands") {
		w.now += events.Millis(rapid.SampledFrom([]int{0, 0, 60_000, 61_000}).Draw(t, "wait"))
		c.Actor.User = rapid.SampledFrom(append(people, "u1", "u1")).Draw(t, "actor")
		c.ClientID = fmt.Sprint(i)
		c.Op = drawModelOp(t, some, w.now, events.Seq(len(m.happened)))
		c.Wishes, m.refusing = drawWishes(t, c.Op)
		want := m.do(w.now, c.Actor.User, c.Op)
		o, err := w.run(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := resultName(o); got != want {
			t.Fatalf("%s %#v: %s, the model says %s", c.Actor.User, c.Op, got, want)
		}
		compare(t, m, w.table(c.Session))
	}
}

// drawWishes gives what gateways may say with the operation, and whom it keeps from it.
func drawWishes(t *rapid.T, op events.Op) (wishes []events.Wish, refusing []events.UserID) {
	w := events.Wish{User: rapid.SampledFrom(people).Draw(t, "who wishes"), Lets: events.Audience(rapid.IntRange(1, 3).Draw(t, "lets"))}
	if _, isContact := op.(events.Contact); isContact {
		if w.Lets == events.AudienceNobody {
			refusing = []events.UserID{w.User}
		}
		return []events.Wish{w}, refusing // others than contacts may always ask where contacts may
	}
	if add, ok := op.(events.Add); ok && rapid.Bool().Draw(t, "of whom is added") {
		w.User = add.Members[0].User
	}
	w.Contact = rapid.Bool().Draw(t, "contact")
	if w.Lets == events.AudienceNobody || w.Lets == events.AudienceContacts && !w.Contact {
		refusing = []events.UserID{w.User}
	}
	return []events.Wish{w}, refusing
}

func compare(t *rapid.T, m *model, rows table) {
	head := rows.head()
	pins, reactions := 0, 0
	for _, thing := range m.happened {
		if thing.pinned {
			pins++
		}
		reactions += len(thing.reactions)
	}
	noted := 0
	for k := range rows {
		if k[0] == 'e' {
			noted++
		}
	}
	compareEmojis(t, m, rows)
	if int(head.Seq) != len(m.happened) || int(head.Pins) != pins || int(head.Asks) != len(m.asks) || int(head.Invites) != len(m.invites) || noted != reactions {
		t.Fatalf("head %+v and %d reactions; the model has %d things, %d pins, %d asks, %d invites, %d reactions",
			head, noted, len(m.happened), pins, len(m.asks), len(m.invites), reactions)
	}
	for _, u := range people {
		want := modelPerson{user: u}
		if p := m.was[u]; p != nil {
			want = *p
		}
		row := rows.member(u)
		got := modelPerson{user: u, role: row.Role, read: row.Marker, delivered: row.Delivered, mutedUntil: want.mutedUntil, blocks: row.Blocks}
		if got != want || row.In() != (want.role != 0) {
			t.Fatalf("%s: %+v, the model has %+v", u, row, want)
		}
		if got, want := unreadInRows(rows, u), m.unread(u); got != want {
			t.Fatalf("%s has %d unread, the model says %d", u, got, want)
		}
		s := scene{head: head, me: row}
		for seq := events.Seq(1); int(seq) <= len(m.happened) && m.was[u] != nil; seq++ {
			if s.sees(seq) != m.sees(u, seq) {
				t.Fatalf("%s sees %d: %v, the model says %v", u, seq, s.sees(seq), m.sees(u, seq))
			}
		}
	}
}

// modelOps is how many kinds of operations drawModelOp knows.
const modelOps = 28

// drawSome chooses some of the kinds, so that they meet each other more often than if there were all
// of them in every history; people come and speak in each. rapid prefers small numbers, so it draws a
// seed, not the kinds.
func drawSome(t *rapid.T) []int {
	kinds := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "kinds"), 1)).Perm(modelOps)
	return append(kinds[:5], 4, 27, 27)
}

func drawModelOp(t *rapid.T, kinds []int, now events.Millis, head events.Seq) events.Op {
	user := rapid.SampledFrom(people)
	some := func() events.UserID { return user.Draw(t, "whom") }
	seq := events.Seq(rapid.Uint64Range(0, uint64(head)+1).Draw(t, "seq"))
	if back := events.Seq(rapid.IntRange(-1, 6).Draw(t, "back")); seq%4 > 0 && back <= head {
		seq = head - back // of late
	}
	seq = max(seq, 1)
	off := rapid.Bool()
	code := func() events.Hash { return events.Hash{byte(rapid.IntRange(1, 2).Draw(t, "code"))} }
	later := func() events.Millis {
		return now + events.Millis(rapid.SampledFrom([]int{-1, 0, 1, 60_000, 200_000}).Draw(t, "later"))
	}
	role := func() events.Role {
		return events.Role(rapid.IntRange(1, 3).Draw(t, "role"))
	}
	switch rapid.SampledFrom(kinds).Draw(t, "op") {
	case 0, 1:
		return events.Join{}
	case 2:
		if rapid.Bool().Draw(t, "lasting") {
			return events.Invite{Code: code(), Uses: 1}
		}
		return events.Join{Invite: code()}
	case 3:
		return events.Leave{}
	case 4:
		return events.Add{Members: []events.NewMember{{User: some(), Role: min(role(), events.RoleAdmin)}}}
	case 5:
		return events.Remove{Users: rapid.SliceOfN(user, 1, 3).Draw(t, "whom")}
	case 6:
		return events.Revoke{Seq: seq}
	case 7:
		return events.Delete{Seq: seq}
	case 8:
		return events.MarkRead{Seq: seq}
	case 9:
		return events.MarkDelivered{Seq: seq}
	case 10:
		return events.SetRole{User: some(), Role: role()}
	case 11:
		return events.Mute{Users: []events.UserID{some()}, Until: later()}
	case 12:
		return events.Mute{Until: later()}
	case 13:
		return events.SetInfo{Info: events.InfoChange{Title: new(rapid.SampledFrom([]string{"", "a"}).Draw(t, "name")), Notice: new(rapid.SampledFrom([]string{"", "b"}).Draw(t, "notice"))}}
	case 14, 15:
		return events.SetPolicy{Policy: events.PolicyChange{
			Joining: events.Joining(rapid.IntRange(1, 3).Draw(t, "joining")), WriteRole: rapid.SampledFrom([]events.Role{1, 1, 2}).Draw(t, "write"),
			History: events.History(rapid.IntRange(1, 2).Draw(t, "history")),
		}}
	case 16:
		return events.Ask{Text: "please"}
	case 17:
		return events.Refuse{Users: []events.UserID{some()}}
	case 18:
		return events.Invite{Code: code(), Expires: rapid.SampledFrom([]events.Millis{0, later()}).Draw(t, "expires"), Uses: rapid.Uint32Range(0, 2).Draw(t, "uses")}
	case 19:
		return events.Uninvite{Code: code()}
	case 20, 21:
		return events.React{Seq: seq, Emoji: rapid.SampledFrom(emojis).Draw(t, "emoji"), Off: off.Draw(t, "off")}
	case 22:
		if rapid.IntRange(0, 3).Draw(t, "instead") == 0 {
			return events.Revoke{Seq: seq}
		}
		return events.Pin{Seq: seq, Off: off.Draw(t, "off")}
	case 23:
		return events.Report{Seq: seq}
	case 24, 25:
		return events.Contact{Step: events.ContactStep(rapid.IntRange(1, 6).Draw(t, "step"))}
	case 26:
		if rapid.IntRange(0, 9).Draw(t, "really") == 0 {
			return events.Dismiss{}
		}
	}
	op := events.Send{Body: events.TextBody("hello")}
	switch rapid.IntRange(0, 5).Draw(t, "refers") {
	case 0:
		op.Refs.ReplyTo = seq
	case 1, 2:
		op.Refs.Thread = seq
	}
	return op
}

// resultName gives the event's name or the code.
func resultName(o events.Outcome) string {
	switch r := o.Result.(type) {
	case events.Accepted:
		return r.Event.Name()
	case events.Rejected:
		return string(r.Code)
	case events.Answered:
		return string(r.Code)
	}
	return "none"
}
