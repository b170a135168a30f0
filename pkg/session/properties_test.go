package session

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"annal/pkg/events"
)

var people = []events.UserID{"u1", "u2", "u3", "u4", "u5"}

// TestHistories: whatever is asked in whatever order, what must hold of a session
// holds after every outcome, and the log gives the same rows when replayed.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := history{world: newWorld(), accepted: map[string]events.Outcome{}}
		sessions, kinds := h.open(t), drawSome(t)
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			h.world.now += events.Millis(rapid.SampledFrom([]int{0, 0, 1, 60_000, 121_000, 90_000_000}).Draw(t, "wait"))
			c := events.Command{
				Session:  rapid.SampledFrom(sessions).Draw(t, "session"),
				Actor:    events.Actor{User: rapid.SampledFrom(people).Draw(t, "actor"), Service: rapid.SampledFrom([]string{"", "", "", "s"}).Draw(t, "service")},
				ClientID: h.clientID(t),
			}
			c.Wishes = drawAnyWishes(t)
			c.Op = drawOp(t, kinds, h.world.now, h.world.table(c.Session).head().Seq)
			if err := h.step(c); err != nil {
				t.Fatalf("%s %s %#v: %v\nrows:\n%s", c.Actor.User, c.ClientID, c.Op, err, printRows(h.world.table(c.Session)))
			}
		}
		if err := h.world.checkReplay(); err != nil {
			t.Fatal(err)
		}
	})
}

type history struct {
	world *world
	// accepted outcomes by session, user and client id.
	accepted map[string]events.Outcome
	fresh    int
}

// open makes a session of each kind; the group holds four at most.
func (h *history) open(t *rapid.T) []events.SessionID {
	policy := testPolicy()
	policy.AddRole = rapid.SampledFrom([]events.Role{events.RoleMember, events.RoleAdmin}).Draw(t, "add role")
	policy.WriteRole = rapid.SampledFrom([]events.Role{events.RoleMember, events.RoleAdmin}).Draw(t, "write role")
	policy.Joining = rapid.SampledFrom([]events.Joining{events.JoiningOpen, events.JoiningClosed, events.JoiningApproval}).Draw(t, "joining")
	policy.History = rapid.SampledFrom([]events.History{events.HistoryStay, events.HistoryAll}).Draw(t, "history")
	policy.MemberLimit = 4
	base := events.Seq(rapid.SampledFrom([]int{0, 7}).Draw(t, "base"))
	creates := []events.Create{
		{Kind: events.KindGroup, Members: []events.NewMember{{User: "u2", Role: events.RoleAdmin}}, Policy: policy, Base: base},
		{Kind: events.KindChannel, Policy: policy},
		{Kind: events.KindDirect, Members: []events.NewMember{{User: "u2", Role: events.RoleMember}}, Policy: policy},
		{Kind: events.KindSelf, Policy: policy},
	}
	ids := []events.SessionID{events.NewSelfID("nobody")}
	for _, op := range creates {
		c := events.Command{Actor: events.Actor{User: "u1", Service: "import"}, ClientID: "create", Op: op}
		c.Session = events.NewSessionID(op, "u1", c.ClientID)
		if err := h.step(c); err != nil {
			t.Fatalf("create: %v", err)
		}
		ids = append(ids, c.Session)
	}
	return ids
}

// clientID is often one used before.
func (h *history) clientID(t *rapid.T) string {
	if rapid.IntRange(0, 2).Draw(t, "resend") == 0 {
		return rapid.SampledFrom([]string{"a", "b", "create"}).Draw(t, "client id")
	}
	h.fresh++
	return "fresh-" + strconv.Itoa(h.fresh)
}

func drawAnyWishes(t *rapid.T) []events.Wish {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) events.Wish {
		return events.Wish{
			User: rapid.SampledFrom(people).Draw(t, "who wishes"), Lets: events.Audience(rapid.IntRange(1, 3).Draw(t, "lets")),
			Contact: rapid.Bool().Draw(t, "contact"),
		}
	}), 0, 3).Draw(t, "wishes")
}

func drawOp(t *rapid.T, kinds []int, now events.Millis, head events.Seq) events.Op {
	if rapid.Bool().Draw(t, "of the model") {
		return drawModelOp(t, kinds, now, head)
	}
	seq := events.Seq(rapid.Uint64Range(0, uint64(head)+2).Draw(t, "seq"))
	text := func() events.Body { return events.TextBody(rapid.SampledFrom([]string{"x", "y", ""}).Draw(t, "text")) }
	some := func() []events.UserID { return rapid.SliceOfN(rapid.SampledFrom(people), 1, 4).Draw(t, "people") }
	switch rapid.IntRange(0, 21).Draw(t, "op") {
	case 18:
		return drawSigning(t)
	case 0, 1:
		var op events.Add
		for _, u := range some() {
			role := rapid.SampledFrom([]events.Role{events.RoleMember, events.RoleAdmin}).Draw(t, "role")
			op.Members = append(op.Members, events.NewMember{User: u, Role: role})
		}
		return op
	case 2:
		return events.Remove{Users: some()}
	case 3:
		return events.Join{}
	case 4:
		return events.Leave{}
	case 5, 6:
		return events.Send{Body: text()}
	case 7:
		return events.Revoke{Seq: seq}
	case 8:
		return events.Override{Seq: seq, Body: text()}
	case 9:
		return events.Delete{Seq: seq}
	case 10:
		return events.Create{Kind: events.KindSelf, Policy: testPolicy()}
	case 11:
		return events.Hide{Session: "g_x", Messages: []events.Numbers{{Seq: max(seq, 1), Index: 1}, {Seq: 1, Index: 1}}}
	case 12:
		return events.SetSession{Session: "g_x", Settings: events.SettingsChange{Pinned: new(rapid.Bool().Draw(t, "pinned"))}}
	case 13:
		op := events.SetDevice{Device: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "device"), Off: rapid.Bool().Draw(t, "off")}
		if !op.Off {
			op.Push.Token = rapid.SampledFrom([]string{"t", "t2"}).Draw(t, "token")
		}
		return op
	case 16:
		return events.SetProfile{Profile: events.ProfileChange{Name: new(rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "name"))}}
	case 17:
		return events.SetPrivacy{Privacy: events.Privacy{AddMe: events.Audience(rapid.IntRange(0, 4).Draw(t, "add me"))}}
	case 19:
		return events.SetNotifications{Notifications: events.Notifications{Messages: events.NotifiedMessages(rapid.IntRange(0, 3).Draw(t, "messages"))}}
	case 20:
		return events.ForgetPush{
			Device: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "forgotten"), Token: "t", Until: rapid.SampledFrom([]events.Millis{1, 1 << 60}).Draw(t, "until"), Reason: events.ForgetGone,
		}
	case 15:
		return events.Audit{What: "at", Seq: seq, Reason: rapid.SampledFrom([]string{"why", ""}).Draw(t, "reason")}
	case 14:
		if rapid.IntRange(0, 9).Draw(t, "really") > 0 {
			return events.Refuse{Users: some()}
		}
		return events.CloseAccount{}
	default:
		return events.MarkRead{Seq: seq}
	}
}

func (h *history) step(c events.Command) error {
	before := h.world.table(c.Session).head()
	markers := markersOf(h.world.table(c.Session))
	asked := map[events.UserID]bool{}
	for _, u := range people {
		_, asked[u] = h.world.table(c.Session)[events.AskKey(u)]
	}
	o, err := h.world.run(c)
	if err != nil {
		return err
	}
	t := h.world.table(c.Session)
	if err := h.once(o); err != nil {
		return err
	}
	if err := letIn(c, o, asked); err != nil {
		return err
	}
	if err := dense(o, before, t.head()); err != nil {
		return err
	}
	for u, m := range markersOf(t) {
		if m < markers[u] || m > t.head().Seq {
			return fmt.Errorf("marker of %s went from %d to %d, the head is at %d", u, markers[u], m, t.head().Seq)
		}
	}
	if len(t) == 0 {
		return nil
	}
	if err := timelineRows(t); err != nil {
		return err
	}
	if err := counts(t); err != nil {
		return err
	}
	return membership(t)
}

// once checks that a client id takes effect once, and that a repeat of what took
// effect, for ever, is answered with that event.
func (h *history) once(o events.Outcome) error {
	key := string(o.Session) + " " + string(o.Actor.User) + " " + o.ClientID
	first, known := h.accepted[key]
	switch r := o.Result.(type) {
	case events.Accepted:
		if known {
			return fmt.Errorf("took effect again; first was %+v", first)
		}
		h.accepted[key] = o
	case events.Answered:
		if known && first.Digest == o.Digest && r.Code != events.CodeSessionExists {
			a := first.Result.(events.Accepted)
			want := events.Earlier{Seq: a.Seq, ID: first.ID, Time: first.Time}
			if s, ok := a.Event.(events.Sent); ok {
				want.Index = s.Index
			}
			if r.Code != events.CodeDuplicate || !reflect.DeepEqual(r.Earlier, want) {
				return fmt.Errorf("a repeat was answered %+v, not %+v", r, want)
			}
		}
	case events.Rejected:
		if known && first.Digest == o.Digest {
			return fmt.Errorf("a repeat of what was accepted was rejected %s", r.Code)
		}
	}
	return nil
}

// letIn checks that nobody was added who did not let the actor, by the first that is said of them, and did not ask to be in.
func letIn(c events.Command, o events.Outcome, asked map[events.UserID]bool) error {
	a, _ := o.Result.(events.Accepted)
	added, ok := a.Event.(events.Added)
	if !ok {
		return nil
	}
	for _, m := range added.Members {
		if i := slices.IndexFunc(c.Wishes, func(w events.Wish) bool { return w.User == m.User }); i >= 0 && !asked[m.User] && !c.Wishes[i].Grants() {
			return fmt.Errorf("%s was added by %s, with %+v", m.User, c.Actor.User, c.Wishes[i])
		}
	}
	return nil
}

// dense checks the numbers that an outcome took.
func dense(o events.Outcome, before, after events.Head) error {
	seq, index := before.Seq, before.Index
	if a, ok := o.Result.(events.Accepted); ok {
		if e, ok := a.Event.(events.Created); ok {
			seq = e.Base
		}
		if e, ok := a.Event.(events.Sent); ok {
			index++
			if e.Index != index {
				return fmt.Errorf("message %d after %d", e.Index, before.Index)
			}
		}
		switch a.Event.(type) {
		case events.Read, events.Delivered, events.Reported, events.Audited:
			seq = 0
		case events.AccountClosed, events.Added, events.Asked, events.ContactChanged, events.Created, events.Deleted, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten,
			events.Dismissed, events.Hidden, events.InfoSet, events.Invited, events.Joined, events.Left, events.Muted, events.Overridden,
			events.Pinned, events.PolicySet, events.Reacted, events.Refused, events.Removed, events.Revoked, events.RoleSet, events.Sent,
			events.SessionSet, events.Uninvited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
			seq++
		}
		if a.Seq != seq {
			return fmt.Errorf("seq %d, not %d", a.Seq, seq)
		}
		seq = max(seq, before.Seq)
	}
	if after.Seq != seq || after.Index != index {
		return fmt.Errorf("head at %d (%d), not %d (%d)", after.Seq, after.Index, seq, index)
	}
	return nil
}

// timelineRows checks that every seq has one row, with the right index.
func timelineRows(t table) error {
	var index events.Index
	for s := t.head().Base + 1; s <= t.head().Seq; s++ {
		m, isMessage := t[events.MessageKey(s)].(events.Message)
		p, isPlace := t[events.PlaceKey(s)].(events.Place)
		if isMessage == isPlace {
			return fmt.Errorf("seq %d: message %v, place %v", s, isMessage, isPlace)
		}
		if isMessage {
			index++
		}
		if got := max(m.Index, p.Index); got != index {
			return fmt.Errorf("seq %d has index %d, not %d", s, got, index)
		}
	}
	return nil
}

// counts checks what the head counts.
func counts(t table) error {
	h, got := t.head(), events.Head{}
	for k, r := range t {
		switch r := r.(type) {
		case events.Message:
			if r.Pinned {
				got.Pins++
			}
			if r.Pinned && (r.Revoked != 0 || r.Deleted != 0) {
				return fmt.Errorf("a hidden message is pinned: %+v", r)
			}
		case events.AskRow:
			got.Asks++
			if t.member(events.UserID(k[1:])).In() {
				return fmt.Errorf("%s is in and asks to be let in", k[1:])
			}
		case events.InviteRow:
			got.Invites++
			if r.Uses != 0 && r.Used > r.Uses {
				return fmt.Errorf("an invite was used %d times of %d", r.Used, r.Uses)
			}
		case events.DeviceRow:
			got.Devices++
		case events.LoginRow:
			got.Logins++
		case events.Member:
			if r.Blocks {
				got.Blocks++
			}
		case events.SettingsRow:
			if r.Settings == (events.Settings{}) {
				return fmt.Errorf("settings are kept that are as at the beginning: %q", k)
			}
		case events.Head, events.Place, events.ClientID, events.Standing, events.Info, events.Noted, events.EmojiRow, events.Profile, events.Privacy:
		case events.Notifications:
			if r == (events.Notifications{}) {
				return errors.New("notifications are kept that are as at the beginning")
			}
		}
	}
	if got.Pins != h.Pins || got.Asks != h.Asks || got.Invites != h.Invites || got.Devices != h.Devices || got.Logins != h.Logins || got.Blocks != h.Blocks {
		return fmt.Errorf("the rows have %+v, the head says %+v", got, h)
	}
	if (h.Contact == events.ContactAsked) != (h.ContactBy != "") {
		return fmt.Errorf("contact %d, asked by %q", h.Contact, h.ContactBy)
	}
	return nil
}

// membership checks members, their standing and the owner.
func membership(t table) error {
	h := t.head()
	var in, owners uint32
	standing := 0
	for k, r := range t {
		switch r := r.(type) {
		case events.Standing:
			standing++
		case events.Member:
			u := events.UserID(k[1:])
			if !r.In() {
				if r.Role != 0 {
					return fmt.Errorf("%s is out with role %d", u, r.Role)
				}
				continue
			}
			in++
			if r.Role == events.RoleOwner {
				owners++
			}
			if _, ok := t[standingOf(u, r)]; !ok {
				return fmt.Errorf("%s is in without standing", u)
			}
		case events.Head, events.Message, events.Place, events.ClientID, events.Info, events.AskRow, events.InviteRow, events.Noted, events.EmojiRow,
			events.SettingsRow, events.DeviceRow, events.Profile, events.Privacy, events.Notifications, events.LoginRow:
		}
	}
	wantOwners := uint32(1)
	if in == 0 || h.Kind == events.KindDirect {
		wantOwners = 0
	}
	if in != h.Members || standing != int(in) || owners != wantOwners || in == 0 && !h.Closed || in > h.Policy.MemberLimit {
		return fmt.Errorf("%d in, the head says %d of %d, closed %v; %d standing, %d owners", in, h.Members, h.Policy.MemberLimit, h.Closed, standing, owners)
	}
	return nil
}

func markersOf(t table) map[events.UserID]events.Seq {
	out := map[events.UserID]events.Seq{}
	for k, r := range t {
		if m, ok := r.(events.Member); ok {
			out[events.UserID(k[1:])] = m.Marker
		}
	}
	return out
}
