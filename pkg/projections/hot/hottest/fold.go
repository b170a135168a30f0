package hottest

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"annal/internal/fold"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// testFold: whatever sound outcomes there are, however they are cut into batches and
// repeated, while a view is built or live, the view is what a fold of the log says it must be.
func testFold(t *testing.T, open func(testing.TB) Fixture) {
	rapid.Check(t, func(rt *rapid.T) {
		f := open(t)
		log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: f.Partitions})
		defer log.Close()
		b := &bench{T: t, Fixture: f, Chat: NewChat(t, log), ctx: t.Context()}
		building := rapid.Bool().Draw(rt, "building")
		b.views(whole, !building)
		crowd := newCrowd(b)
		said := make([]Said, 0, 250)
		for range rapid.IntRange(1, 250).Draw(rt, "outcomes") {
			said = append(said, crowd.act(rt))
		}
		b.Wait()
		for from := 0; from < len(said); {
			n := rapid.IntRange(1, 100).Draw(rt, "batch")
			repeat := rapid.IntRange(0, min(from, 20)).Draw(rt, "repeated")
			b.applyAs(whole, building, said[from-repeat:min(from+n, len(said))]...)
			from += n
		}
		if building {
			b.views(whole, true)
		}
		var report fold.Report
		sessions, err := fold.Log(t.Context(), log, &report)
		if err != nil {
			rt.Fatalf("fold: %v", err)
		}
		if err := fold.Compare(t.Context(), f.View, f.Window, sessions, &report); err != nil {
			rt.Fatalf("compare: %v", err)
		}
		if report.Found != 0 {
			rt.Fatalf("%d problems, want none; the first: %s", report.Found, report.Problems[0])
		}
		if len(sessions) != len(crowd.rooms) {
			rt.Fatalf("%d sessions folded, want %d", len(sessions), len(crowd.rooms))
		}
	})
}

// crowd does at random what the rules would allow.
type crowd struct {
	b     *bench
	rooms []*room
}

// room is what a crowd has to know of a session.
type room struct {
	id       events.SessionID
	in       []events.UserID
	messages []message
	// logins are by device; signIns is how many there were.
	logins  map[string]string
	signIns int
}

type message struct {
	seq    events.Seq
	index  events.Index
	hidden bool
	// reactions are by user and emoji.
	reactions map[string]bool
}

// react puts an emoji on the message, or takes it back if the user has put it there.
func (m *message) react(rt *rapid.T, u events.UserID) events.Reacted {
	e := events.Reacted{Target: m.seq, TargetIndex: m.index, Emoji: rapid.SampledFrom([]string{"+", "+ 1", "👍", "0"}).Draw(rt, "emoji")}
	if m.reactions == nil {
		m.reactions = map[string]bool{}
	}
	key := string(u) + e.Emoji
	e.Off = m.reactions[key]
	m.reactions[key] = !e.Off
	return e
}

var people = []events.UserID{"ann", "bob", "cid", "dan", "eve"}

func newCrowd(b *bench) *crowd { return &crowd{b: b} }

func (c *crowd) act(rt *rapid.T) Said {
	if len(c.rooms) == 0 || len(c.rooms) < 4 && rapid.IntRange(0, 20).Draw(rt, "open") == 0 {
		return c.open(rt)
	}
	r := rapid.SampledFrom(c.rooms).Draw(rt, "room")
	if len(r.in) == 0 {
		return c.open(rt)
	}
	actor := rapid.SampledFrom(r.in).Draw(rt, "actor")
	switch rapid.IntRange(0, 20).Draw(rt, "act") {
	case 0, 1:
		return c.comeOrGo(rt, r, actor)
	case 2:
		if m := r.shown(rt); m != nil {
			m.hidden = true
			return c.b.Accept(r.id, actor, events.Revoked{Target: m.seq, TargetIndex: m.index})
		}
	case 3:
		if m := r.shown(rt); m != nil {
			m.hidden = true
			return c.b.Accept(r.id, actor, events.Deleted{Target: m.seq, TargetIndex: m.index})
		}
	case 4, 5:
		if m := r.shown(rt); m != nil {
			body := events.TextBody(rapid.StringN(1, 20, 60).Draw(rt, "newer body"))
			return c.b.Accept(r.id, actor, events.Overridden{Target: m.seq, TargetIndex: m.index, Body: body})
		}
	case 6, 7:
		if len(r.messages) > 0 {
			m := rapid.SampledFrom(r.messages).Draw(rt, "read up to")
			return c.b.Accept(r.id, actor, events.Read{Marker: m.seq, MarkerIndex: m.index})
		}
	case 8:
		return c.b.Reject(r.id, actor, events.CodeNotAllowed, events.ReplyTo{})
	case 9, 10, 11, 12, 13:
		return c.other(rt, r, actor)
	case 14, 15, 16:
		if m := r.shown(rt); m != nil {
			return c.b.Accept(r.id, actor, m.react(rt, actor))
		}
	}
	body := text(rapid.StringN(1, 20, 60).Draw(rt, "body"))
	switch rapid.IntRange(0, 3).Draw(rt, "mentions") {
	case 0:
		body.Refs.Mentions = rapid.SliceOfN(rapid.SampledFrom(people), 1, 2).Draw(rt, "whom")
	case 1:
		body.Refs.MentionAll = true
	}
	said := c.b.Accept(r.id, actor, body)
	r.messages = append(r.messages, message{seq: c.b.Seq(r.id), index: c.b.Index(r.id) - 1})
	return said
}

func (c *crowd) open(rt *rapid.T) Said {
	r := &room{id: events.SessionID(fmt.Sprintf("g_room_%d", len(c.rooms)))}
	base := rapid.SampledFrom([]events.Seq{0, 8, 9007199254740990, 1 << 62}).Draw(rt, "base")
	r.in = slices.Clone(people[:rapid.IntRange(1, len(people)).Draw(rt, "members")])
	c.rooms = append(c.rooms, r)
	return c.b.Accept(r.id, r.in[0], group(base, r.in...))
}

// comeOrGo lets somebody in, or out; the last one closes the session.
func (c *crowd) comeOrGo(rt *rapid.T, r *room, actor events.UserID) Said {
	u := rapid.SampledFrom(people).Draw(rt, "who")
	if !slices.Contains(r.in, u) {
		r.in = append(r.in, u)
		if rapid.Bool().Draw(rt, "joins") {
			return c.b.Accept(r.id, u, events.Joined{})
		}
		return c.b.Accept(r.id, actor, events.Added{Members: []events.NewMember{{User: u, Role: events.RoleAdmin}}})
	}
	r.in = slices.DeleteFunc(r.in, func(in events.UserID) bool { return in == u })
	var promoted events.UserID
	if len(r.in) > 0 && rapid.Bool().Draw(rt, "promotes") {
		promoted = r.in[0]
	}
	closed := len(r.in) == 0
	if u == actor {
		return c.b.Accept(r.id, u, events.Left{Promoted: promoted, Closed: closed})
	}
	return c.b.Accept(r.id, actor, events.Removed{Users: []events.UserID{u}, Promoted: promoted, Closed: closed})
}

// shown is a message that was not taken back; nil if there is none.
func (r *room) shown(rt *rapid.T) *message {
	if len(r.messages) == 0 {
		return nil
	}
	m := &r.messages[rapid.IntRange(0, len(r.messages)-1).Draw(rt, "message")]
	if m.hidden {
		return nil
	}
	return m
}
