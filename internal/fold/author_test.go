package fold_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"annal/internal/devstack"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot/hottest"
	"annal/pkg/session"
)

func TestMain(m *testing.M) { devstack.Main(m) }

const partitions = 2

// rows are a session's as the production rules keep them.
type rows map[events.Key]events.Row

func (r rows) Get(k events.Key) (events.Row, bool) {
	row, ok := r[k]
	return row, ok
}

func (r rows) First(prefix events.Key, n int) []events.Key {
	var keys []events.Key
	for k := range r {
		if strings.HasPrefix(string(k), string(prefix)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys[:min(n, len(keys))]
}

// author decides commands by the production rules.
type author struct {
	tb       testing.TB
	sessions map[events.SessionID]rows
	// opened are the sessions there are, in order of their opening.
	opened []events.SessionID
	said   []hottest.Said
	now    events.Millis
}

func newAuthor(tb testing.TB) *author {
	return &author{tb: tb, sessions: map[events.SessionID]rows{}, now: 1_764_000_000_000}
}

// do decides a command; its outcome is said, whatever it is.
func (a *author) do(c events.Command) events.Result {
	a.tb.Helper()
	r := a.sessions[c.Session]
	if r == nil {
		r = rows{}
	}
	p := eventlog.KeyPartition([]byte(c.Session), partitions)
	o := session.Decide(r, &c, session.At{Time: a.now, ID: events.NewID(a.now, "fold", p, int64(len(a.said)))})
	rec, err := events.EncodeOutcome(o, events.Stamp{Owner: owner, Command: 1}, envelope)
	if err != nil {
		a.tb.Fatalf("encode what came of %T: %v", c.Op, err)
	}
	for _, w := range session.Evolve(r, &o, sha256.Sum256(rec.Value)) {
		if w.Row == nil {
			delete(r, w.Key)
		} else {
			r[w.Key] = w.Row
		}
	}
	if len(r) > 0 && a.sessions[c.Session] == nil {
		a.sessions[c.Session] = r
		a.opened = append(a.opened, c.Session)
	}
	a.said = append(a.said, hottest.Said{Partition: p, Outcome: o, Value: rec.Value})
	return o.Result
}

// must is do of what has to be accepted.
func (a *author) must(s events.SessionID, u events.UserID, op events.Op) {
	a.tb.Helper()
	a.mustBy(events.Actor{User: u}, s, op)
}

func (a *author) mustBy(u events.Actor, s events.SessionID, op events.Op) {
	a.tb.Helper()
	c := events.Command{Session: s, Actor: u, ClientID: fmt.Sprintf("c%d", len(a.said)), Op: op}
	if r, ok := a.do(c).(events.Accepted); !ok {
		a.tb.Fatalf("%s by %s: got %+v, want it accepted", op.Name(), u.User, r)
	}
}

// open opens a group of ann's with these people.
func (a *author) open(base events.Seq, people ...events.UserID) events.SessionID {
	a.tb.Helper()
	op := events.Create{Kind: events.KindGroup, Base: base, Policy: policy, Title: "the group"}
	for _, u := range people {
		op.Members = append(op.Members, events.NewMember{User: u, Role: events.RoleMember})
	}
	c := events.Command{Actor: events.Actor{User: "ann", Service: "import"}, ClientID: fmt.Sprintf("c%d", len(a.said)), Op: op}
	c.Session = events.NewSessionID(op, c.Actor.User, c.ClientID)
	if r, ok := a.do(c).(events.Accepted); !ok {
		a.tb.Fatalf("opening a group: got %+v, want it accepted", r)
	}
	return c.Session
}

var policy = events.Policy{
	RevokeWindow: 600_000, OverrideWindow: 600_000, History: events.HistoryStay, MemberLimit: 4,
	AddRole: events.RoleMember, WriteRole: events.RoleMember, Joining: events.JoiningOpen, ReceiptsLimit: 100,
}

var crowd = []events.UserID{"ann", "bob", "cid", "dan"}

// act does something at random, allowed or not.
func (a *author) act(rt *rapid.T) {
	a.now += events.Millis(rapid.SampledFrom([]int{0, 1, 1000, 30_000}).Draw(rt, "passes"))
	if len(a.opened) == 0 || len(a.opened) < 3 && rapid.IntRange(0, 40).Draw(rt, "open") == 0 {
		base := rapid.SampledFrom([]events.Seq{0, 998, 9007199254740990, 1 << 62}).Draw(rt, "base")
		a.open(base, crowd[1:rapid.IntRange(1, len(crowd)).Draw(rt, "people")]...)
		return
	}
	if rapid.IntRange(0, 9).Draw(rt, "signs") == 0 {
		a.signs(rt, rapid.SampledFrom(crowd).Draw(rt, "who signs"))
		return
	}
	s := rapid.SampledFrom(a.opened).Draw(rt, "session")
	head, ok := a.sessions[s][events.HeadKey].(events.Head)
	if !ok {
		a.tb.Fatalf("%s is open and has no head", s)
	}
	last := len(a.said)
	op := operation(rt, &head)
	actor := events.Actor{User: rapid.SampledFrom(crowd).Draw(rt, "actor")}
	if _, ok := op.(events.Audit); ok {
		actor.Service = "audit"
	}
	a.do(events.Command{
		Session: s, Actor: actor,
		// Now and then an id that was used before.
		ClientID: fmt.Sprintf("c%d", rapid.SampledFrom([]int{last, last, last, last, last - 1}).Draw(rt, "client id")),
		Op:       op,
	})
}

// signs has a service say something of a user's logins, or of where and whether they are notified.
func (a *author) signs(rt *rapid.T, u events.UserID) {
	c := events.Command{Session: events.NewSelfID(u), Actor: events.Actor{User: u, Service: "login"}, ClientID: fmt.Sprintf("c%d", len(a.said))}
	device := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "device")
	switch rapid.IntRange(0, 12).Draw(rt, "signing") {
	case 8, 9:
		op := events.SetDevice{Device: device, Off: rapid.IntRange(0, 3).Draw(rt, "off") == 0}
		if !op.Off {
			op.Push = events.PushToken{Service: "fcm", Token: rapid.SampledFrom([]string{"", "k1", "k2"}).Draw(rt, "token")}
		}
		c.Op = op
	case 10:
		c.Op = events.ForgetPush{Device: device, Token: "k1", Until: a.now - events.Millis(rapid.IntRange(0, 1).Draw(rt, "before")), Reason: events.ForgetMoved}
	case 11:
		c.Op = events.SetNotifications{Notifications: events.Notifications{Messages: events.NotifiedMessages(rapid.IntRange(0, 2).Draw(rt, "messages"))}}
	case 0:
		c.Op = events.SignUp{Method: "open"}
	case 1:
		c.Op = events.SignOut{Devices: []string{device}, Reason: events.SignOutExpired}
	case 2:
		c.Op = events.Ban{Reason: "spam"}
	case 3:
		c.Op = events.Unban{}
	case 4:
		c.Op = events.CloseAccount{}
	default:
		c.Op = events.SignIn{Login: fmt.Sprintf("l%d", len(a.said)), Device: device, Kind: "web", Most: uint32(rapid.IntRange(0, 1).Draw(rt, "most"))}
	}
	if a.sessions[c.Session] == nil && rapid.Bool().Draw(rt, "first") {
		c.Op = events.Create{Kind: events.KindSelf, Policy: policy}
	}
	a.do(c)
}

func operation(rt *rapid.T, head *events.Head) events.Op {
	// One past the end too, and the base.
	back := rapid.Uint64Range(0, min(7, uint64(head.Seq-head.Base)+1)).Draw(rt, "back")
	if rapid.IntRange(0, 4).Draw(rt, "anywhere") == 0 {
		back = rapid.Uint64Range(0, uint64(head.Seq-head.Base)+1).Draw(rt, "far back")
	}
	seq := head.Seq + 1 - events.Seq(back)
	user := rapid.SampledFrom(crowd).Draw(rt, "user")
	other := rapid.SampledFrom(crowd).Draw(rt, "other")
	switch rapid.IntRange(0, 14).Draw(rt, "operation") {
	case 0:
		role := rapid.SampledFrom([]events.Role{events.RoleMember, events.RoleAdmin}).Draw(rt, "role")
		return events.Add{Members: []events.NewMember{{User: user, Role: role}, {User: other, Role: events.RoleMember}}}
	case 1:
		return events.Remove{Users: []events.UserID{user, other}}
	case 2:
		return events.Join{}
	case 3:
		return events.Leave{}
	case 4:
		return events.Revoke{Seq: seq}
	case 5, 6, 7:
		return events.Override{Seq: seq, Body: events.TextBody(rapid.StringMatching(`[a-zé€😀]{1,9}`).Draw(rt, "newer"))}
	case 8:
		return events.Delete{Seq: seq}
	case 9, 10:
		return events.MarkRead{Seq: seq}
	case 11:
		return events.Audit{What: "at", Seq: seq, Reason: "yearly"}
	}
	return events.Send{Body: events.TextBody(rapid.StringMatching(`[a-zé€😀]{1,9}`).Draw(rt, "text"))}
}

var (
	owner    = events.Owner{N: 1, Random: [16]byte{9}}
	envelope = events.Envelope{Source: "urn:annal:fold"}
)

// logOf writes a log with these outcomes; all of them count.
func logOf(t *testing.T, said []hottest.Said) *eventlog.Memory {
	t.Helper()
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: partitions})
	var written sync.WaitGroup
	add := func(p int32, rec events.Record, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		written.Add(1)
		log.Append(context.Background(), eventlog.Events, p, rec, func(_ int32, _ int64, err error) {
			defer written.Done()
			if err != nil {
				t.Errorf("append: %v", err)
			}
		})
	}
	last := make([]int64, partitions)
	for p := range last {
		rec, err := events.EncodeFence(events.Fence{Owner: owner}, envelope)
		add(int32(p), rec, err)
		last[p] = -1
	}
	for i := range said {
		n := &last[said[i].Partition]
		rec, err := events.EncodeOutcome(said[i].Outcome, events.Stamp{Owner: owner, Command: *n + 1, Prev: *n}, envelope)
		add(said[i].Partition, rec, err)
		*n++
	}
	written.Wait()
	return log
}
