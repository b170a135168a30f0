package sequencer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"annal/pkg/events"
	"annal/pkg/sequencer"
	"annal/pkg/session"
)

// game is what the simulated processes decide: rules in versions that decide
// differently, and commands for them, of few sessions, people and client ids, so that
// they meet.
type game struct {
	versions []sequencer.Rules
	command  func(r *rand.Rand, n int) events.Command
}

var people = []events.UserID{"ann", "bob", "cy"}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// ambush lets what another owner sent long ago arrive at the worst moment: an outcome that
// by its prev would follow on the one just written, behind that owner's fence, once more.
func (w *world) ambush(written sequencer.Append) {
	follows := func(rec events.Record) bool {
		s, fence := stampOf(rec)
		return fence == nil && s.Prev == written.Command && s.Owner != written.Owner
	}
	if i := slices.IndexFunc(w.late, follows); i >= 0 {
		rec := w.late[i]
		w.late = slices.Delete(w.late, i, i+1)
		w.arrive(rec)
		return
	}
	for _, p := range w.procs {
		i := slices.IndexFunc(p.wire, func(a sequencer.Append) bool { return follows(a.Record) && !p.refuses(a) })
		if i >= 0 {
			a := p.wire[i]
			p.wire = slices.Delete(p.wire, i, i+1)
			p.unheard = append(p.unheard, heard{a, false})
			w.arrive(a.Record)
			return
		}
	}
}

// arrive writes an outcome behind its owner's fence.
func (w *world) arrive(outcome events.Record) {
	s, _ := stampOf(outcome)
	w.write(w.fences[s.Owner])
	w.write(outcome)
}

// toyGame is played by toyRules.
var toyGame = game{
	versions: []sequencer.Rules{toyRules{}, toyRules{picky: 1}, toyRules{picky: 2}},
	command: func(r *rand.Rand, n int) events.Command {
		return events.Command{
			Session: pick(r, []events.SessionID{"g_a", "g_b"}), Actor: events.Actor{User: pick(r, people)},
			ClientID: fmt.Sprint("c", r.IntN(1+n)),
			Op: pick(r, []events.Op{
				events.Create{Kind: events.KindGroup}, events.Send{Body: events.TextBody(fmt.Sprint("text ", r.IntN(3)))},
				events.Send{Body: events.TextBody("hello")}, events.Join{}, events.Join{}, events.Leave{}, events.MarkRead{Seq: 1},
			}),
		}
	},
}

// quarrel is the toy game among versions of which no two decide anything alike.
var quarrel = game{versions: []sequencer.Rules{contrary{version: "1"}, contrary{version: "2"}, contrary{version: "3"}}, command: toyGame.command}

// contrary says in every outcome by which version it was decided.
type contrary struct {
	toyRules
	version string
}

func (c contrary) Decide(rows session.Rows, cmd *events.Command, at session.At) events.Outcome {
	o := c.toyRules.Decide(rows, cmd, at)
	o.Client.Version = c.version
	return o
}

// realGame is played by the rules of production, and by a version of them that
// refuses what it does not like.
var realGame = game{
	versions: []sequencer.Rules{sequencer.SessionRules{}, prudish{}},
	command:  realCommand,
}

func realCommand(r *rand.Rand, n int) events.Command {
	create := events.Create{Kind: events.KindGroup, Members: []events.NewMember{{User: "bob", Role: events.RoleMember}}, Policy: events.Policy{
		RevokeWindow: 5000, OverrideWindow: 5000, History: events.HistoryStay, MemberLimit: 3, AddRole: events.RoleMember,
		WriteRole: events.RoleMember, Joining: events.JoiningOpen, ReceiptsLimit: 100,
	}}
	c := events.Command{Actor: events.Actor{User: "ann"}, ClientID: pick(r, []string{"make-a", "make-b"})}
	c.Session = events.NewSessionID(create, "ann", c.ClientID)
	if r.IntN(6) == 0 || n < 2 {
		c.Op = create
		return c
	}
	c.Actor.User, c.ClientID = pick(r, people), fmt.Sprint("c", r.IntN(1+n))
	seq := events.Seq(1 + r.IntN(1+n/2))
	other := pick(r, people)
	c.Op = pick(r, []events.Op{
		events.Send{Body: events.TextBody(fmt.Sprint("text ", r.IntN(3)))}, events.Send{Body: events.TextBody("hello")},
		events.Send{Body: events.TextBody("hello")}, events.Join{}, events.Leave{}, events.MarkRead{Seq: seq}, events.Revoke{Seq: seq},
		events.Override{Seq: seq, Body: events.TextBody("better")}, events.Delete{Seq: seq},
		events.Add{Members: []events.NewMember{{User: other, Role: events.RoleAdmin}}}, events.Remove{Users: []events.UserID{other}},
	})
	return c
}

// prudish rejects every other message.
type prudish struct{ sequencer.SessionRules }

func (p prudish) Decide(rows session.Rows, c *events.Command, at session.At) events.Outcome {
	o := p.SessionRules.Decide(rows, c, at)
	if a, ok := o.Result.(events.Accepted); ok && a.Event.Name() == "sent" && at.Time%2 == 0 {
		o.Result = events.Rejected{Code: events.CodeNotAllowed, Command: c}
	}
	return o
}
