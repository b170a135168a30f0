package check

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// world is a short history of one group, sound in all: what Kafka holds, what alice and bob were told and given, and what
// they see in the end.
type world struct {
	t        *testing.T
	events   []*kgo.Record
	commands []*kgo.Record
	told     []*Command
	heard    []*Heard
	views    []*View

	owner *logv1.Owner
	prev  int64
	hash  [sha256.Size]byte
	given []*clientv1.Event // the timeline as members see it live
}

const group = "g_1"

func sound(t *testing.T) *world {
	w := &world{t: t, prev: -1}
	w.fence(1, nil)
	w.accept("alice", "c1", &logv1.Accepted{Seq: 1, Event: &logv1.Accepted_Created{Created: &logv1.Created{
		Kind: logv1.Kind_KIND_GROUP, Name: "us", Policy: &logv1.Policy{ReceiptsLimit: 100}, Members: []*logv1.NewMember{
			{User: "alice", Role: logv1.Role_ROLE_OWNER}, {User: "bob", Role: logv1.Role_ROLE_MEMBER},
		},
	}}})
	w.send("alice", "c2", 2, 1, "first")
	w.send("bob", "c3", 3, 2, "second")
	w.fence(2, w.owner) // another sequencer
	w.accept("alice", "c4", &logv1.Accepted{Seq: 4, Event: &logv1.Accepted_Overridden{Overridden: &logv1.Overridden{Target: 2, TargetIndex: 1, Body: body("edited")}}})
	w.accept("bob", "c5", &logv1.Accepted{Seq: 5, Event: &logv1.Accepted_Revoked{Revoked: &logv1.Revoked{Target: 3, TargetIndex: 2}}})
	w.accept("bob", "c6", &logv1.Accepted{Event: &logv1.Accepted_Read{Read: &logv1.Read{Marker: 5, MarkerIndex: 2}}})
	w.outcome("alice", "c2", &logv1.Outcome{Result: &logv1.Outcome_Answered{Answered: &logv1.Answered{Code: "DUPLICATE", Seq: 2, Index: 1, Id: id(1)}}})
	w.told[1].Answers = append(w.told[1].Answers, Answer{Duplicate: true, Session: group, Seq: 2, Index: 1, ID: uuid(id(1))})
	w.outcome("bob", "c7", &logv1.Outcome{Result: &logv1.Outcome_Rejected{Rejected: &logv1.Rejected{Code: "NOT_ALLOWED"}}})
	w.told = append(w.told, &Command{User: "bob", Session: group, ClientID: "c7", Answers: []Answer{{Code: "NOT_ALLOWED", Rejected: true}}})
	w.accept("alice", "c8", &logv1.Accepted{Seq: 6, Event: &logv1.Accepted_Removed{Removed: &logv1.Removed{Users: []string{"bob"}}}})
	w.send("alice", "c9", 7, 3, "alone")
	// Bob lost his connection after 3 and was given 4 from history, and 5 and 6 live.
	w.heard = []*Heard{
		{User: "alice", Session: group, Runs: []*Run{{Events: seen(w.given...)}}},
		{User: "bob", Session: group, Runs: []*Run{
			{Events: seen(w.given[:3]...)}, {From: 3, Filled: true, Events: seen(w.given[3])}, {From: 4, Events: seen(w.given[4:6]...)},
		}},
	}
	w.views = []*View{w.view("alice", 7), w.view("bob", 6)}
	w.views[0].State = &clientv1.SessionState{
		Session: group, Kind: logv1.Kind_KIND_GROUP, Name: "us", Seq: 7, Index: 3, Marker: 7, Role: logv1.Role_ROLE_OWNER, Members: 1, Member: true,
	}
	w.views[0].Members, w.views[0].Total = []*clientv1.MemberState{{User: "alice", Role: logv1.Role_ROLE_OWNER, Joined: 1, Marker: 7}}, 1
	w.views[1].State = &clientv1.SessionState{Session: group, Kind: logv1.Kind_KIND_GROUP, Name: "us", Seq: 6, Index: 2, Marker: 5}
	return w
}

func id(command int64) []byte {
	b := make([]byte, 16)
	b[15] = byte(command)
	return b
}

func body(text string) *logv1.Body {
	return &logv1.Body{Form: &logv1.Body_Plain{Plain: &logv1.Content{Kind: &logv1.Content_Text{Text: &logv1.Text{Text: text}}}}}
}

func (w *world) record(m proto.Message, headers ...string) *kgo.Record {
	w.t.Helper()
	value, err := proto.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	r := &kgo.Record{Key: []byte(group), Value: value}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return r
}

func (w *world) fence(n uint64, after *logv1.Owner) {
	w.owner = &logv1.Owner{N: n, Random: make([]byte, 16)}
	w.events = append(w.events, w.record(&logv1.Fence{Owner: w.owner, After: after}, "ce_type", "annal.fence"))
}

// outcome appends a command and what comes of it.
func (w *world) outcome(user, clientID string, o *logv1.Outcome) {
	command := int64(len(w.commands))
	w.commands = append(w.commands, w.record(&logv1.Command{Session: group, Actor: &logv1.Actor{User: user}, ClientId: clientID}))
	o.Id, o.Session, o.Actor, o.ClientId = id(command), group, &logv1.Actor{User: user}, clientID
	o.PrevHash = append([]byte(nil), w.hash[:]...)
	r := w.record(o, "ce_type", "annal.event", "owner", ownerText(w.owner), "command", fmt.Sprint(command), "prev", fmt.Sprint(w.prev))
	w.hash, w.prev = sha256.Sum256(r.Value), command
	w.events = append(w.events, r)
}

// accept also tells the sender, and shows the event to members.
func (w *world) accept(user, clientID string, a *logv1.Accepted) {
	command := int64(len(w.commands))
	w.outcome(user, clientID, &logv1.Outcome{Result: &logv1.Outcome_Accepted{Accepted: a}})
	w.told = append(w.told, &Command{User: user, Session: group, ClientID: clientID, Answers: []Answer{
		{Session: group, Seq: a.GetSeq(), Index: a.GetSent().GetIndex(), ID: uuid(id(command))},
	}})
	if a.GetSeq() == 0 {
		return
	}
	m := &clientv1.Event{Session: group, Seq: a.GetSeq(), Id: uuid(id(command)), User: user, ClientId: clientID}
	switch e := a.GetEvent().(type) {
	case *logv1.Accepted_Created:
		m.Event = &clientv1.Event_Created{Created: &clientv1.Created{Kind: e.Created.GetKind(), Members: e.Created.GetMembers(), Name: e.Created.GetName()}}
	case *logv1.Accepted_Sent:
		m.Event = &clientv1.Event_Sent{Sent: &clientv1.Sent{Index: e.Sent.GetIndex(), Text: e.Sent.GetBody().GetPlain().GetText().GetText()}}
	case *logv1.Accepted_Overridden:
		m.Event = &clientv1.Event_Overridden{Overridden: &clientv1.Overridden{
			Target: e.Overridden.GetTarget(), TargetIndex: e.Overridden.GetTargetIndex(), Text: e.Overridden.GetBody().GetPlain().GetText().GetText(),
		}}
	case *logv1.Accepted_Revoked:
		m.Event = &clientv1.Event_Revoked{Revoked: &clientv1.Revoked{Target: e.Revoked.GetTarget(), TargetIndex: e.Revoked.GetTargetIndex()}}
	case *logv1.Accepted_Removed:
		m.Event = &clientv1.Event_Removed{Removed: &clientv1.Removed{Users: e.Removed.GetUsers()}}
	}
	w.given = append(w.given, m)
}

func (w *world) send(user, clientID string, seq, index uint64, text string) {
	w.accept(user, clientID, &logv1.Accepted{Seq: seq, Event: &logv1.Accepted_Sent{Sent: &logv1.Sent{Index: index, Body: body(text)}}})
}

// view is the history up to a seq as a page shows it: with what became of the messages.
func (w *world) view(user string, upTo int) *View {
	v := &View{User: user}
	for _, e := range w.given[:upTo] {
		v.History = append(v.History, proto.Clone(e).(*clientv1.Event))
	}
	first, second := v.History[1].GetSent(), v.History[2].GetSent()
	first.Text, first.Overridden = "edited", 4
	second.Text, second.Revoked = "", 5
	return v
}

func seen(events ...*clientv1.Event) []Seen {
	var out []Seen
	for _, e := range events {
		out = append(out, SeenOf(e))
	}
	return out
}

// judge numbers the records as they stand and checks everything.
func (w *world) judge() *Log {
	l := NewLog()
	for i, r := range w.events {
		r.Offset = int64(i)
		l.Event(r)
	}
	for i, r := range w.commands {
		r.Offset = int64(i)
		l.Command(r)
	}
	l.Decided()
	l.Commands(w.told)
	for _, h := range w.heard {
		l.Heard(h)
	}
	for _, v := range w.views {
		l.View(v)
	}
	l.Covered(map[string]bool{"alice": true, "bob": true}, w.heard, w.views)
	return l
}
