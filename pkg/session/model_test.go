package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"annal/pkg/events"
)

// model is a session by other means than the rules: a list of who is here in the order of
// coming, and a list of what happened that remembers who was here to see it. It knows neither
// rows nor stays nor counts.
type model struct {
	kind      events.Kind
	policy    events.Policy
	here      []*modelPerson
	was       map[events.UserID]*modelPerson
	happened  []*modelThing // its seq is its place, from 1
	dismissed bool
	allMuted  events.Millis
	name      string
	notice    string
	asks      []events.UserID
	invites   map[events.Hash]*modelInvite
	contacts  string // "yes", "no", or who asked
}

type modelPerson struct {
	user            events.UserID
	role            events.Role
	read, delivered events.Seq
	mutedUntil      events.Millis
	blocks          bool
}

// modelThing is something that happened; a message if somebody sent it.
type modelThing struct {
	seenBy                   []events.UserID
	sender                   events.UserID
	sent                     events.Millis
	thread                   events.Seq
	revoked, deleted, pinned bool
	reactions                []string
	reported                 []events.UserID
}

type modelInvite struct {
	expires events.Millis
	left    uint32
	endless bool
}

func (m *model) find(u events.UserID) *modelPerson {
	for _, p := range m.here {
		if p.user == u {
			return p
		}
	}
	return nil
}

func (m *model) users() (us []events.UserID) {
	for _, p := range m.here {
		us = append(us, p.user)
	}
	return us
}

// happens notes a thing that change does, and who saw it: whoever is here before or after.
func (m *model) happens(event string, change func(seq events.Seq)) string {
	thing := &modelThing{seenBy: m.users()}
	m.happened = append(m.happened, thing)
	if change != nil {
		change(events.Seq(len(m.happened)))
	}
	thing.seenBy = append(thing.seenBy, m.users()...)
	return event
}

func (m *model) come(seq events.Seq, role events.Role, us ...events.UserID) {
	sort.Slice(us, func(i, j int) bool { return us[i] < us[j] })
	for _, u := range us {
		p := m.was[u]
		if p == nil {
			p = &modelPerson{user: u}
			m.was[u] = p
		}
		p.role, p.read = role, seq
		m.here = append(m.here, p)
		m.asks = slices.DeleteFunc(m.asks, func(a events.UserID) bool { return a == u })
	}
}

func (m *model) go_(us ...events.UserID) {
	owner := false
	for _, u := range us {
		p := m.find(u)
		owner = owner || p.role == events.RoleOwner
		p.role = 0
		m.here = slices.DeleteFunc(m.here, func(q *modelPerson) bool { return q == p })
	}
	if !owner || len(m.here) == 0 {
		return
	}
	heir := slices.IndexFunc(m.here, func(p *modelPerson) bool { return p.role == events.RoleAdmin })
	m.here[max(heir, 0)].role = events.RoleOwner
}

func (m *model) sees(u events.UserID, seq events.Seq) bool {
	return m.policy.History == events.HistoryAll || slices.Contains(m.happened[seq-1].seenBy, u)
}

// message finds one that u sees, or says why there is none to do something with.
func (m *model) message(u events.UserID, seq events.Seq) (*modelThing, string) {
	if seq == 0 || int(seq) > len(m.happened) || m.happened[seq-1].sender == "" || !m.sees(u, seq) {
		return nil, "NO_SUCH_MESSAGE"
	}
	t := m.happened[seq-1]
	switch {
	case t.deleted:
		return t, "MESSAGE_DELETED"
	case t.revoked:
		return t, "MESSAGE_REVOKED"
	}
	return t, ""
}

// do gives the event's name or the code that must come of a command.
func (m *model) do(now events.Millis, u events.UserID, op events.Op) string {
	me := m.find(u)
	if m.dismissed || len(m.here) == 0 {
		switch op.(type) {
		case events.MarkRead, events.MarkDelivered:
		case events.Leave:
			if m.kind == events.KindDirect {
				return "WRONG_KIND"
			}
		default:
			return "SESSION_CLOSED"
		}
		if me == nil {
			return "SESSION_CLOSED"
		}
	}
	switch op.(type) {
	case events.Contact:
		if m.kind != events.KindDirect {
			return "WRONG_KIND"
		}
	case events.Add, events.Remove, events.Join, events.Leave, events.SetInfo, events.SetPolicy, events.SetRole, events.Mute, events.Dismiss,
		events.Ask, events.Refuse, events.Invite, events.Uninvite:
		if m.kind == events.KindDirect {
			return "WRONG_KIND"
		}
	}
	if answer := m.outside(now, u, me, op); answer != "" {
		return answer
	}
	if me == nil {
		return "NOT_A_MEMBER"
	}
	if answer := m.group(now, me, op); answer != "" {
		return answer
	}
	return m.talk(now, me, op)
}

// outside is what people can do who are not in.
func (m *model) outside(now events.Millis, u events.UserID, me *modelPerson, op events.Op) string {
	switch op := op.(type) {
	case events.Join:
		invite := m.invites[op.Invite]
		switch {
		case me != nil:
			return "ALREADY_MEMBER"
		case op.Invite == events.Hash{} && m.policy.Joining == events.JoiningApproval:
			return "APPROVAL_REQUIRED"
		case op.Invite == events.Hash{} && m.policy.Joining == events.JoiningClosed:
			return "NOT_ALLOWED"
		case op.Invite != events.Hash{} && invite == nil:
			return "NO_SUCH_INVITE"
		case invite != nil && invite.expires != 0 && now >= invite.expires:
			return "INVITE_EXPIRED"
		case invite != nil && !invite.endless && invite.left == 0:
			return "INVITE_USED_UP"
		case len(m.here) >= int(m.policy.MemberLimit):
			return "SESSION_FULL"
		}
		if invite != nil {
			invite.left--
		}
		return m.happens("joined", func(seq events.Seq) { m.come(seq, events.RoleMember, u) })
	case events.Leave:
		if me == nil {
			return "ALREADY_OUT"
		}
		return m.happens("left", func(events.Seq) { m.go_(u) })
	case events.Ask:
		switch {
		case me != nil:
			return "ALREADY_MEMBER"
		case m.policy.Joining != events.JoiningApproval:
			return "NOT_ALLOWED"
		case slices.Contains(m.asks, u):
			return "NO_CHANGE"
		}
		return m.happens("asked", func(events.Seq) { m.asks = append(m.asks, u) })
	case events.Refuse:
		switch {
		case me == nil && op.Users[0] != u:
			return "NOT_A_MEMBER"
		case me != nil && me.role < m.policy.AddRole:
			return "NOT_ALLOWED"
		case !slices.Contains(m.asks, op.Users[0]):
			return "NOT_ASKED"
		}
		return m.happens("refused", func(events.Seq) {
			m.asks = slices.DeleteFunc(m.asks, func(a events.UserID) bool { return a == op.Users[0] })
		})
	}
	return ""
}

// group is what those who are in do about the group.
func (m *model) group(now events.Millis, me *modelPerson, op events.Op) string {
	switch op := op.(type) {
	case events.Add:
		who := op.Members[0]
		switch {
		case me.role < m.policy.AddRole, who.Role == events.RoleAdmin && me.role != events.RoleOwner:
			return "NOT_ALLOWED"
		case m.find(who.User) != nil:
			return "ALREADY_MEMBER"
		case len(m.here) >= int(m.policy.MemberLimit):
			return "SESSION_FULL"
		}
		return m.happens("added", func(seq events.Seq) { m.come(seq, who.Role, who.User) })
	case events.Remove:
		var going []events.UserID
		for _, u := range op.Users {
			if m.find(u) != nil && !slices.Contains(going, u) {
				going = append(going, u)
			}
		}
		switch {
		case me.role == events.RoleMember || slices.Contains(op.Users, me.user):
			return "NOT_ALLOWED"
		case len(going) == 0:
			return "ALREADY_OUT"
		}
		return m.happens("removed", func(events.Seq) { m.go_(going...) })
	case events.SetRole:
		who := m.find(op.User)
		switch {
		case me.role != events.RoleOwner:
			return "NOT_ALLOWED"
		case who == nil:
			return "NO_SUCH_MEMBER"
		case who.role == op.Role:
			return "NO_CHANGE"
		case who == me:
			return "NOT_ALLOWED"
		}
		if op.Role == events.RoleOwner {
			me.role = events.RoleAdmin
		}
		who.role = op.Role
		return m.happens("role_set", nil)
	case events.Mute:
		return m.mute(now, me, op)
	case events.SetInfo:
		switch {
		case me.role == events.RoleMember:
			return "NOT_ALLOWED"
		case *op.Info.Title == m.name && *op.Info.Notice == m.notice:
			return "NO_CHANGE"
		}
		m.name, m.notice = *op.Info.Title, *op.Info.Notice
		return m.happens("info_set", nil)
	case events.SetPolicy:
		switch p := op.Policy; {
		case me.role != events.RoleOwner:
			return "NOT_ALLOWED"
		case p.Joining == m.policy.Joining && p.WriteRole == m.policy.WriteRole && p.History == m.policy.History:
			return "NO_CHANGE"
		default:
			m.policy.Joining, m.policy.WriteRole, m.policy.History = p.Joining, p.WriteRole, p.History
		}
		return m.happens("policy_set", nil)
	case events.Dismiss:
		if me.role != events.RoleOwner {
			return "NOT_ALLOWED"
		}
		m.dismissed = true
		return m.happens("dismissed", nil)
	case events.Invite:
		switch {
		case me.role < m.policy.AddRole:
			return "NOT_ALLOWED"
		case m.invites[op.Code] != nil:
			return "NO_CHANGE"
		case op.Expires != 0 && op.Expires <= now:
			return "INVITE_EXPIRED"
		}
		m.invites[op.Code] = &modelInvite{expires: op.Expires, left: op.Uses, endless: op.Uses == 0}
		return m.happens("invited", nil)
	case events.Uninvite:
		switch {
		case me.role < m.policy.AddRole:
			return "NOT_ALLOWED"
		case m.invites[op.Code] == nil:
			return "NO_SUCH_INVITE"
		}
		delete(m.invites, op.Code)
		return m.happens("uninvited", nil)
	case events.Contact:
		return m.contact(me, op)
	}
	return ""
}

func (m *model) mute(now events.Millis, me *modelPerson, op events.Mute) string {
	same := func(had events.Millis) bool { return had == op.Until || had <= now && op.Until <= now }
	if me.role == events.RoleMember {
		return "NOT_ALLOWED"
	}
	to := &m.allMuted
	if len(op.Users) > 0 {
		who := m.find(op.Users[0])
		switch {
		case who == nil:
			return "NO_SUCH_MEMBER"
		case who.role >= me.role:
			return "NOT_ALLOWED"
		}
		to = &who.mutedUntil
	}
	if same(*to) {
		return "NO_CHANGE"
	}
	*to = op.Until
	return m.happens("muted", nil)
}

func (m *model) contact(me *modelPerson, op events.Contact) string {
	mine, theirs := m.contacts == string(me.user), m.contacts != "yes" && m.contacts != "no" && m.contacts != string(me.user)
	to := m.contacts
	switch op.Step {
	case events.ContactAsk:
		switch {
		case m.contacts == "yes" || mine:
			return "NO_CHANGE"
		case m.here[0].blocks || m.here[1].blocks:
			return "BLOCKED"
		case theirs:
			to = "yes"
		default:
			to = string(me.user)
		}
	case events.ContactAccept, events.ContactRefuse:
		to = map[events.ContactStep]string{events.ContactAccept: "yes", events.ContactRefuse: "no"}[op.Step]
		switch {
		case op.Step == events.ContactAccept && m.contacts == "yes":
			return "NO_CHANGE"
		case !theirs:
			return "NOT_ASKED"
		}
	case events.ContactRemove:
		if to = "no"; m.contacts == "no" {
			return "NO_CHANGE"
		}
	default:
		if blocks := op.Step == events.ContactBlock; me.blocks == blocks {
			return "NO_CHANGE"
		}
		me.blocks = !me.blocks
	}
	m.contacts = to
	return m.happens("contact_changed", nil)
}

// silent says why somebody says nothing.
func (m *model) silent(now events.Millis, me *modelPerson) string {
	switch {
	case m.kind == events.KindDirect && m.contacts != "yes":
		return "NOT_A_CONTACT"
	case m.kind == events.KindDirect && (m.here[0].blocks || m.here[1].blocks):
		return "BLOCKED"
	case me.role == events.RoleMember && (m.allMuted > now || me.mutedUntil > now):
		return "MUTED"
	}
	return ""
}

// talk is what is said, and done with what was said.
func (m *model) talk(now events.Millis, me *modelPerson, op events.Op) string {
	silent := m.silent(now, me)
	switch op := op.(type) {
	case events.Send:
		return m.send(now, me, op)
	case events.React:
		if silent != "" {
			return silent
		}
		t, why := m.message(me.user, op.Seq)
		if why != "" {
			return why
		}
		mine := string(me.user) + op.Emoji
		if slices.Contains(t.reactions, mine) != op.Off {
			return "NO_CHANGE"
		}
		if t.reactions = append(t.reactions, mine); op.Off {
			t.reactions = slices.DeleteFunc(t.reactions, func(r string) bool { return r == mine })
		}
		return m.happens("reacted", nil)
	case events.Pin:
		t, why := m.message(me.user, op.Seq)
		switch {
		case m.kind != events.KindDirect && me.role == events.RoleMember:
			return "NOT_ALLOWED"
		case why != "":
			return why
		case t.pinned != op.Off:
			return "NO_CHANGE"
		}
		t.pinned = !op.Off
		return m.happens("pinned", nil)
	case events.Revoke, events.Delete:
		return m.withdraw(now, me, op)
	case events.Report:
		t, why := m.message(me.user, op.Seq)
		switch {
		case why == "NO_SUCH_MESSAGE":
			return why
		case slices.Contains(t.reported, me.user):
			return "NO_CHANGE"
		}
		t.reported = append(t.reported, me.user)
		return "reported"
	case events.MarkRead:
		switch {
		case op.Seq == 0 || int(op.Seq) > len(m.happened):
			return "OUT_OF_RANGE"
		case op.Seq <= me.read:
			return "ALREADY_READ"
		}
		me.read = op.Seq
		return "read"
	case events.MarkDelivered:
		switch {
		case op.Seq == 0 || int(op.Seq) > len(m.happened):
			return "OUT_OF_RANGE"
		case op.Seq <= max(me.read, me.delivered):
			return "NO_CHANGE"
		}
		me.delivered = op.Seq
		return "delivered"
	}
	panic(fmt.Sprintf("the model does not know %T", op))
}

func (m *model) send(now events.Millis, me *modelPerson, op events.Send) string {
	if m.kind != events.KindDirect && me.role < m.policy.WriteRole {
		return "NOT_ALLOWED"
	}
	if silent := m.silent(now, me); silent != "" {
		return silent
	}
	if op.Refs.ReplyTo != 0 {
		if _, why := m.message(me.user, op.Refs.ReplyTo); why != "" {
			return why
		}
	}
	if op.Refs.Thread != 0 {
		root, why := m.message(me.user, op.Refs.Thread)
		switch {
		case why != "" && why != "MESSAGE_REVOKED":
			return why
		case root.thread != 0:
			return "INVALID_ARGUMENT"
		}
	}
	return m.happens("sent", func(seq events.Seq) {
		t := m.happened[seq-1]
		t.sender, t.sent, t.thread = me.user, now, op.Refs.Thread
		me.read = seq
	})
}

func (m *model) withdraw(now events.Millis, me *modelPerson, op events.Op) string {
	revoke, deleting := false, events.Delete{}
	switch op := op.(type) {
	case events.Revoke:
		revoke, deleting.Seq = true, op.Seq
	case events.Delete:
		deleting = op
	}
	t, why := m.message(me.user, deleting.Seq)
	switch {
	case why == "NO_SUCH_MESSAGE":
		return why
	case me.role < events.RoleAdmin && t.sender != me.user:
		return "NOT_ALLOWED"
	case revoke && t.revoked:
		return "ALREADY_REVOKED"
	case t.deleted:
		return "ALREADY_DELETED"
	case me.role < events.RoleAdmin && now-t.sent > m.policy.RevokeWindow:
		return "REVOKE_WINDOW_OVER"
	}
	t.pinned = false
	if revoke {
		t.revoked = true
		return m.happens("revoked", nil)
	}
	t.deleted = true
	return m.happens("deleted", nil)
}

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
		return events.React{Seq: seq, Emoji: rapid.SampledFrom([]string{"+", "-"}).Draw(t, "emoji"), Off: off.Draw(t, "off")}
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
