package session

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"annal/pkg/events"
)

// modelReaction is an emoji that somebody put on a message.
type modelReaction struct {
	user  events.UserID
	emoji string
}

func (m *model) react(me *modelPerson, silent string, op events.React) string {
	if silent != "" {
		return silent
	}
	t, why := m.message(me.user, op.Seq)
	if why != "" {
		return why
	}
	mine := modelReaction{me.user, op.Emoji}
	switch {
	case slices.Contains(t.reactions, mine) != op.Off:
		return "NO_CHANGE"
	case op.Off:
		t.reactions = slices.DeleteFunc(t.reactions, func(r modelReaction) bool { return r == mine })
	case t.full(mine):
		return "LIMIT_REACHED"
	default:
		t.reactions = append(t.reactions, mine)
	}
	return m.happens("reacted", nil)
}

// full: twenty of one person, or fifty emojis, are as many as there may be.
func (t *modelThing) full(r modelReaction) bool {
	own, others := 0, map[string]bool{}
	for _, had := range t.reactions {
		if had.user == r.user {
			own++
		}
		others[had.emoji] = true
	}
	return own == 20 || len(others) == 50 && !others[r.emoji]
}

var emojis = []string{"+", "-", "👍"}

// compareEmojis: of every message the rows count what people put on it.
func compareEmojis(t *rapid.T, m *model, rows table) {
	want := map[events.Key]events.Row{}
	for i, thing := range m.happened {
		for _, r := range thing.reactions {
			k := events.EmojiKey(events.Seq(i+1), r.emoji)
			had, _ := want[k].(events.EmojiRow)
			want[k] = events.EmojiRow{Count: had.Count + 1}
		}
	}
	got := map[events.Key]events.Row{}
	for k, row := range rows {
		if k[0] == 'n' {
			got[k] = row
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("counts of emojis are %v, the model has %v", got, want)
	}
}

// TestModelOfReactions: rules and model agree where many react to one message with much, and take
// some of it back.
func TestModelOfReactions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		create := events.Create{Kind: events.KindGroup, Policy: testPolicy()}
		m := &model{kind: create.Kind, policy: create.Policy, was: map[events.UserID]*modelPerson{}, invites: map[events.Hash]*modelInvite{}, contacts: "yes"}
		users := []events.UserID{"u1", "u2", "u3", "u4"}
		for _, u := range users[1:] {
			create.Members = append(create.Members, events.NewMember{User: u, Role: events.RoleMember})
		}
		s := events.NewSessionID(create, "u1", "first0")
		for i, op := range []events.Op{create, events.Send{Body: events.TextBody("hello")}} {
			if _, err := w.run(events.Command{Session: s, Actor: events.Actor{User: "u1"}, ClientID: fmt.Sprint("first", i), Op: op}); err != nil {
				t.Fatal(err)
			}
		}
		m.happens("created", func(seq events.Seq) {
			m.come(seq, events.RoleOwner, "u1")
			m.come(seq, events.RoleMember, users[1:]...)
		})
		m.do(w.now, "u1", events.Send{Body: events.TextBody("hello")})
		// Most of what there is room for comes before the drawn ones.
		for i := range 45 {
			op := events.React{Seq: 2, Emoji: fmt.Sprint(i)}
			reactAlike(t, w, m, s, users[i%4], fmt.Sprint("most", i), op)
		}
		for i := range rapid.IntRange(20, 120).Draw(t, "reactions") {
			op := events.React{Seq: 2, Emoji: fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "emoji")), Off: rapid.IntRange(0, 4).Draw(t, "off") == 0}
			reactAlike(t, w, m, s, rapid.SampledFrom(users).Draw(t, "user"), fmt.Sprint(i), op)
		}
		compareEmojis(t, m, w.table(s))
	})
}

func reactAlike(t *rapid.T, w *world, m *model, s events.SessionID, u events.UserID, id string, op events.React) {
	want := m.do(w.now, u, op)
	o, err := w.run(events.Command{Session: s, Actor: events.Actor{User: u}, ClientID: id, Op: op})
	if err != nil {
		t.Fatal(err)
	}
	if got := resultName(o); got != want {
		t.Fatalf("%s %#v: %s, the model says %s", u, op, got, want)
	}
}
