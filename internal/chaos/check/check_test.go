package check

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

func TestSoundWorldHasNoProblems(t *testing.T) {
	l := sound(t).judge()
	if l.Total() != 0 {
		t.Fatalf("problems in a sound world:\n%s", strings.Join(l.Lines(), "\n"))
	}
	if l.Counted != 10 || l.Skipped != 0 || l.Fences != 2 || l.Accepted != 8 {
		t.Errorf("counted %d, skipped %d, fences %d, accepted %d", l.Counted, l.Skipped, l.Fences, l.Accepted)
	}
}

// outcomeAt changes the outcome at a place in the events topic. The chain is made whole again behind it, so that only what
// is changed is wrong.
func outcomeAt(w *world, at int, change func(*logv1.Outcome)) {
	w.t.Helper()
	var o logv1.Outcome
	if err := proto.Unmarshal(w.events[at].Value, &o); err != nil {
		w.t.Fatal(err)
	}
	change(&o)
	w.events[at].Value = w.record(&o).Value
	rechain(w)
}

// rechain writes the prev hashes anew.
func rechain(w *world) {
	w.t.Helper()
	s := newSession(group)
	for _, r := range w.events {
		if header(r, "ce_type") == "annal.fence" {
			continue
		}
		var o logv1.Outcome
		if err := proto.Unmarshal(r.Value, &o); err != nil {
			w.t.Fatal(err)
		}
		o.PrevHash = append([]byte(nil), s.hash[:]...)
		r.Value = w.record(&o).Value
		s.hash = sha256.Sum256(r.Value)
	}
}

func set(r *kgo.Record, name, value string) {
	for i := range r.Headers {
		if r.Headers[i].Key == name {
			r.Headers[i].Value = []byte(value)
		}
	}
}

// TestEachFaultIsFound plants one fault a time. Places in events: 0 fence, 1 created, 2 and 3 sent, 4 fence, 5 overridden,
// 6 revoked, 7 read, 8 duplicate, 9 rejected, 10 removed, 11 sent.
func TestEachFaultIsFound(t *testing.T) {
	for _, c := range []struct {
		name, want string
		plant      func(*world)
	}{
		{"an acked event is gone from the log", Lost, func(w *world) {
			w.events = w.events[:len(w.events)-1]
		}},
		{"an acked event was rejected", Lost, func(w *world) {
			outcomeAt(w, 11, func(o *logv1.Outcome) {
				o.Result = &logv1.Outcome_Rejected{Rejected: &logv1.Rejected{Code: "NOT_ALLOWED"}}
			})
		}},
		{"an acked event does not count, by its owner", Lost, func(w *world) {
			set(w.events[11], "owner", ownerText(&logv1.Owner{N: 1}))
		}},
		{"an acked event does not count, by its prev", Lost, func(w *world) { set(w.events[11], "prev", "3") }},
		{"an ack names another message", Answers, func(w *world) { w.told[1].Answers = []Answer{{Session: group, Seq: 2, Index: 1, ID: uuid(id(9))}} }},
		{"an ack names another seq", Answers, func(w *world) { w.told[len(w.told)-1].Answers[0].Seq = 8 }},
		{"a rejection is not in the log", Answers, func(w *world) { w.told[1].Answers = []Answer{{Code: "NOT_A_MEMBER", Rejected: true}} }},
		{"a resend got another answer", Answers, func(w *world) { w.told[1].Answers[1].Seq = 3 }},
		{"a command got no answer", Answers, func(w *world) { w.told[2].Answers = nil }},
		{"a client id took effect twice", Doubled, func(w *world) {
			outcomeAt(w, 11, func(o *logv1.Outcome) { o.ClientId = "c2" })
		}},
		{"a command is decided twice", Doubled, func(w *world) {
			again := *w.events[11]
			again.Headers = slices.Clone(again.Headers)
			set(&again, "command", header(&again, "prev"))
			set(&again, "prev", header(w.events[11], "command"))
			w.events = append(w.events, &again)
		}},
		{"the log answers a resend otherwise", Answers, func(w *world) {
			outcomeAt(w, 8, func(o *logv1.Outcome) { o.GetAnswered().Seq = 3 })
		}},
		{"a command has no outcome", Undecided, func(w *world) {
			w.commands = append(w.commands, w.commands[1])
		}},
		{"an outcome is of another's command", Undecided, func(w *world) { w.commands[3] = w.commands[2] }},
		{"an outcome is of no command", Undecided, func(w *world) { w.commands = w.commands[:len(w.commands)-1] }},
		{"a seq is left out", Hole, func(w *world) {
			outcomeAt(w, 11, func(o *logv1.Outcome) { o.GetAccepted().Seq = 8 })
		}},
		{"an index is left out", Hole, func(w *world) {
			outcomeAt(w, 11, func(o *logv1.Outcome) { o.GetAccepted().GetSent().Index = 4 })
		}},
		{"an outcome was altered", Chain, func(w *world) {
			var o logv1.Outcome
			if err := proto.Unmarshal(w.events[2].Value, &o); err != nil {
				w.t.Fatal(err)
			}
			o.TimeMs++
			w.events[2].Value = w.record(&o).Value
		}},
		{"an event is about a message that is not there", Rules, func(w *world) {
			outcomeAt(w, 6, func(o *logv1.Outcome) { o.GetAccepted().GetRevoked().Target = 1 })
		}},
		{"somebody goes who is not in", Rules, func(w *world) {
			outcomeAt(w, 10, func(o *logv1.Outcome) { o.GetAccepted().GetRemoved().Users = []string{"carol"} })
		}},
		{"a marker goes back", Rules, func(w *world) {
			outcomeAt(w, 7, func(o *logv1.Outcome) { o.GetAccepted().GetRead().Marker = 2 })
		}},
		{"a record cannot be read", Poison, func(w *world) { w.events[11].Value = []byte{0xff} }},
		{"two events change places on their way", Order, func(w *world) {
			e := w.heard[0].Runs[0].Events
			e[2], e[3] = e[3], e[2]
		}},
		{"an event is given twice", Order, func(w *world) {
			r := w.heard[0].Runs[0]
			r.Events = append(r.Events, r.Events[6])
		}},
		{"an event is left out live", Order, func(w *world) {
			r := w.heard[0].Runs[0]
			r.Events = slices.Delete(r.Events, 3, 4)
		}},
		{"a resubscription goes back", Order, func(w *world) { w.heard[1].Runs[2] = &Run{From: 2, Events: w.heard[0].Runs[0].Events[2:6]} }},
		{"history leaves an event out", Incomplete, func(w *world) { w.heard[1].Runs[1].Events = nil }},
		{"the last event was never given", Incomplete, func(w *world) {
			r := w.heard[0].Runs[0]
			r.Events = r.Events[:6]
		}},
		{"somebody was given nothing at all", Incomplete, func(w *world) { w.heard = w.heard[:1] }},
		{"another event is given", Content, func(w *world) { w.heard[0].Runs[0].Events[5].Print++ }},
		{"a text that nobody wrote is given", Content, func(w *world) { w.heard[0].Runs[0].Events[1].Text++ }},
		{"a text is left out", Content, func(w *world) { w.heard[0].Runs[0].Events[6].Text = 0 }},
		{"an override's text is left out", Content, func(w *world) { w.heard[0].Runs[0].Events[3].Text = 0 }},
		{"a page leaves the text of an overridden message out", Content, func(w *world) {
			r := w.heard[0].Runs[0]
			r.Events[1].Text, r.Filled = 0, true
		}},
		{"somebody put out hears on", Content, func(w *world) {
			r := w.heard[1].Runs[2]
			r.Events = append(r.Events, w.heard[0].Runs[0].Events[6])
		}},
		{"an event is given that the log has not", Content, func(w *world) {
			r := w.heard[0].Runs[0]
			r.Events = append(r.Events, Seen{Seq: 8})
		}},
		{"the head is behind", ViewDiffer, func(w *world) { w.views[0].State.Seq = 6 }},
		{"the head's index is wrong", ViewDiffer, func(w *world) { w.views[0].State.Index = 2 }},
		{"the marker is wrong", ViewDiffer, func(w *world) { w.views[1].State.Marker = 4 }},
		{"unread is wrong", ViewDiffer, func(w *world) { w.views[0].State.Unread = 1 }},
		{"somebody who left is a member", ViewDiffer, func(w *world) { w.views[1].State.Member = true }},
		{"the number of members is wrong", ViewDiffer, func(w *world) { w.views[0].Total = 2 }},
		{"a member's role is wrong", ViewDiffer, func(w *world) { w.views[0].Members[0].Role = logv1.Role_ROLE_MEMBER }},
		{"somebody who left is listed", ViewDiffer, func(w *world) { w.views[0].Members[0].User = "bob" }},
		{"the page shows a text from before", ViewDiffer, func(w *world) { w.views[0].History[1].GetSent().Text = "first" }},
		{"the page shows a revoked text", ViewDiffer, func(w *world) { w.views[0].History[2].GetSent().Text = "second" }},
		{"the page does not say that it is revoked", ViewDiffer, func(w *world) { w.views[0].History[2].GetSent().Revoked = 0 }},
		{"the page leaves an event out", ViewDiffer, func(w *world) {
			w.views[0].History = slices.Delete(w.views[0].History, 3, 4)
		}},
		{"the history ends early", ViewDiffer, func(w *world) { w.views[0].History = w.views[0].History[2:] }},
		{"the window ends early", ViewDiffer, func(w *world) {
			w.views[0].History, w.views[0].WindowEnd = w.views[0].History[2:], true
		}},
		{"the history goes on after the stay", ViewDiffer, func(w *world) {
			w.views[1].History = append(w.views[1].History, w.views[0].History[6])
		}},
		{"a session is not listed", ViewDiffer, func(w *world) { w.views = w.views[1:] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := sound(t)
			c.plant(w)
			if l := w.judge(); l.Count(c.want) == 0 {
				t.Errorf("found no %q, but:\n%s", c.want, strings.Join(l.Lines(), "\n"))
			}
		})
	}
}

// TestZombiesAreNotCounted: what an owner that was replaced writes, and repeats, change nothing.
func TestZombiesAreNotCounted(t *testing.T) {
	w := sound(t)
	zombie := *w.events[3]
	zombie.Headers = slices.Clone(zombie.Headers)
	set(&zombie, "command", "3")
	set(&zombie, "prev", "2")
	repeat := *w.events[11]
	fence := *w.events[4] // a second one after the same owner
	w.events = slices.Insert(w.events, 5, &zombie, &fence)
	w.events = append(w.events, &repeat)
	l := w.judge()
	if l.Total() != 0 || l.Skipped != 2 || l.Fences != 2 {
		t.Errorf("skipped %d, fences %d, problems:\n%s", l.Skipped, l.Fences, strings.Join(l.Lines(), "\n"))
	}
}

func TestProblemsAreBounded(t *testing.T) {
	var p Problems
	for i := range 1000 {
		p.Add(Lost, "%d", i)
	}
	if p.Count(Lost) != 1000 || len(p.Lines()) != maxShown+1 {
		t.Errorf("counted %d, shown in %d lines", p.Count(Lost), len(p.Lines()))
	}
}

func TestAnswerOf(t *testing.T) {
	for _, c := range []struct {
		frame *clientv1.ServerFrame
		want  string
	}{
		{&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Ack{Ack: &clientv1.Ack{Session: "s", Seq: 2, Index: 1, MessageId: "m"}}}, "{ false false s 2 1 m}"},
		{&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Ack{Ack: &clientv1.Ack{Session: "s", Seq: 2, Answered: "DUPLICATE", Duplicate: true}}}, "{ false true s 2 0 }"},
		{&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Ack{Ack: &clientv1.Ack{Session: "s", Answered: "ALREADY_READ"}}}, "{ALREADY_READ false false s 0 0 }"},
		{&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{Code: "NOT_ALLOWED", Retry: "never", Seq: 4}}}, "{NOT_ALLOWED true false  4 0 }"},
		{&clientv1.ServerFrame{Kind: &clientv1.ServerFrame_Error{Error: &clientv1.Error{Code: "OUTCOME_UNKNOWN", Retry: "later"}}}, ""},
	} {
		got := ""
		if a, ok := AnswerOf(c.frame); ok {
			got = fmt.Sprint(a)
		}
		if got != c.want {
			t.Errorf("%v is read as %q, want %q", c.frame, got, c.want)
		}
	}
}
