package session

import (
	"fmt"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"annal/pkg/events"
)

// model is a group that anyone may join, by other means than the rules: a list of
// who is here in the order of coming, and messages that remember who was here when
// they were sent. It knows neither rows nor stays.
type model struct {
	here     []modelPerson
	messages []*modelMessage
	marker   map[events.UserID]events.Seq
	limit    int
	seq      events.Seq
}

type modelPerson struct {
	user events.UserID
	role events.Role
}

type modelMessage struct {
	seq     events.Seq
	sender  events.UserID
	sent    events.Millis
	heard   []events.UserID
	revoked bool
}

func (m *model) find(u events.UserID) int {
	return slices.IndexFunc(m.here, func(p modelPerson) bool { return p.user == u })
}

func (m *model) come(as ...modelPerson) {
	m.seq++
	sort.Slice(as, func(i, j int) bool { return as[i].user < as[j].user })
	for _, p := range as {
		m.here = append(m.here, p)
		m.marker[p.user] = m.seq
	}
}

func (m *model) goes(us ...events.UserID) {
	m.seq++
	owner := false
	for _, u := range us {
		i := m.find(u)
		owner = owner || m.here[i].role == events.RoleOwner
		m.here = slices.Delete(m.here, i, i+1)
	}
	if !owner || len(m.here) == 0 {
		return
	}
	heir := slices.IndexFunc(m.here, func(p modelPerson) bool { return p.role == events.RoleAdmin })
	m.here[max(heir, 0)].role = events.RoleOwner
}

// do gives the event's name or the code that must come of a command.
func (m *model) do(now events.Millis, u events.UserID, op events.Op) string {
	i := m.find(u)
	if len(m.here) == 0 {
		return string(events.CodeSessionClosed)
	}
	switch op.(type) {
	case events.Join:
		switch {
		case i >= 0:
			return string(events.CodeAlreadyMember)
		case len(m.here) == m.limit:
			return string(events.CodeSessionFull)
		}
		m.come(modelPerson{u, events.RoleMember})
		return "joined"
	case events.Leave:
		if i < 0 {
			return string(events.CodeAlreadyOut)
		}
		m.goes(u)
		return "left"
	case events.Add, events.Create, events.Delete, events.MarkRead, events.Override, events.Remove, events.Revoke, events.Send:
	}
	if i < 0 {
		return string(events.CodeNotAMember)
	}
	return m.doIn(now, m.here[i], op)
}

func (m *model) doIn(now events.Millis, me modelPerson, op events.Op) string {
	switch op := op.(type) {
	case events.Add:
		return m.add(me, op.Members[0])
	case events.Remove:
		return m.remove(me, op.Users)
	case events.Send:
		m.seq++
		msg := &modelMessage{seq: m.seq, sender: me.user, sent: now}
		for _, p := range m.here {
			msg.heard = append(msg.heard, p.user)
		}
		m.messages = append(m.messages, msg)
		m.marker[me.user] = m.seq
		return "sent"
	case events.Revoke:
		return m.revoke(now, me, op.Seq)
	case events.MarkRead:
		switch {
		case op.Seq == 0 || op.Seq > m.seq:
			return string(events.CodeOutOfRange)
		case op.Seq <= m.marker[me.user]:
			return string(events.CodeAlreadyRead)
		}
		m.marker[me.user] = op.Seq
		return "read"
	case events.Create, events.Delete, events.Join, events.Leave, events.Override:
	}
	panic(fmt.Sprintf("the model does not know %T", op))
}

func (m *model) add(me modelPerson, who events.NewMember) string {
	switch {
	case who.Role == events.RoleAdmin && me.role != events.RoleOwner:
		return string(events.CodeNotAllowed)
	case m.find(who.User) >= 0:
		return string(events.CodeAlreadyMember)
	case len(m.here) == m.limit:
		return string(events.CodeSessionFull)
	}
	m.come(modelPerson{who.User, who.Role})
	return "added"
}

func (m *model) remove(me modelPerson, us []events.UserID) string {
	if me.role == events.RoleMember || slices.Contains(us, me.user) {
		return string(events.CodeNotAllowed)
	}
	var going []events.UserID
	for _, u := range us {
		if m.find(u) >= 0 && !slices.Contains(going, u) {
			going = append(going, u)
		}
	}
	if len(going) == 0 {
		return string(events.CodeAlreadyOut)
	}
	m.goes(going...)
	return "removed"
}

func (m *model) revoke(now events.Millis, me modelPerson, seq events.Seq) string {
	for _, msg := range m.messages {
		if msg.seq != seq || !slices.Contains(msg.heard, me.user) {
			continue
		}
		switch {
		case me.role == events.RoleMember && msg.sender != me.user:
			return string(events.CodeNotAllowed)
		case msg.revoked:
			return string(events.CodeAlreadyRevoked)
		case me.role == events.RoleMember && now-msg.sent > testPolicy().RevokeWindow:
			return string(events.CodeRevokeWindowOver)
		}
		msg.revoked = true
		m.seq++
		return "revoked"
	}
	return string(events.CodeNoSuchMessage)
}

func (m *model) unread(u events.UserID) int {
	n := 0
	for _, msg := range m.messages {
		if msg.seq > m.marker[u] && slices.Contains(msg.heard, u) && !msg.revoked {
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

// TestModel: rules and model agree on what comes of every command, on who is in
// with which role, and on everybody's unread count.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		policy := testPolicy()
		policy.MemberLimit = 4
		c := events.Command{Actor: events.Actor{User: "u1"}, ClientID: "create", Op: events.Create{Kind: events.KindGroup, Policy: policy}}
		c.Session = events.NewSessionID(c.Op.(events.Create), "u1", c.ClientID)
		if _, err := w.run(c); err != nil {
			t.Fatal(err)
		}
		m := &model{limit: 4, marker: map[events.UserID]events.Seq{}}
		m.come(modelPerson{"u1", events.RoleOwner})
		for i := range rapid.IntRange(1, 80).Draw(t, "commands") {
			w.now += events.Millis(rapid.SampledFrom([]int{0, 0, 60_000, 61_000}).Draw(t, "wait"))
			c.Actor.User = rapid.SampledFrom(people).Draw(t, "actor")
			c.ClientID = fmt.Sprint(i)
			c.Op = drawModelOp(t, m.seq)
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
	})
}

func compare(t *rapid.T, m *model, rows table) {
	for _, u := range people {
		role := events.Role(0)
		if i := m.find(u); i >= 0 {
			role = m.here[i].role
		}
		row := rows.member(u)
		if row.Role != role || row.In() != (role != 0) || row.Marker != m.marker[u] {
			t.Fatalf("%s: %+v, the model has role %d and marker %d", u, row, role, m.marker[u])
		}
		if got, want := unreadInRows(rows, u), m.unread(u); got != want {
			t.Fatalf("%s has %d unread, the model says %d", u, got, want)
		}
	}
}

func drawModelOp(t *rapid.T, head events.Seq) events.Op {
	user := rapid.SampledFrom(people)
	seq := events.Seq(rapid.Uint64Range(0, uint64(head)+1).Draw(t, "seq"))
	switch rapid.IntRange(0, 9).Draw(t, "op") {
	case 0, 1:
		return events.Join{}
	case 2:
		return events.Leave{}
	case 3:
		role := rapid.SampledFrom([]events.Role{events.RoleMember, events.RoleAdmin}).Draw(t, "role")
		return events.Add{Members: []events.NewMember{{User: user.Draw(t, "whom"), Role: role}}}
	case 4:
		return events.Remove{Users: rapid.SliceOfN(user, 1, 3).Draw(t, "whom")}
	case 5, 6, 7:
		return events.Send{Body: events.TextBody("hello")}
	case 8:
		return events.Revoke{Seq: max(seq, 1)}
	default:
		return events.MarkRead{Seq: seq}
	}
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
