package chat

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
)

// asking is a command about the conversation: how it is used, and what it asks for; nil when it
// is used otherwise.
type asking struct {
	usage string
	op    func(c *Chat, rest string) client.Op
}

// askings are by their names.
var askings = map[string]asking{
	"/react":   {"/react SEQ EMOJI", react(false)},
	"/unreact": {"/unreact SEQ EMOJI", react(true)},
	"/pin":     {"/pin SEQ", pin(false)},
	"/unpin":   {"/unpin SEQ", pin(true)},
	"/report": {"/report SEQ [WHY]", func(c *Chat, rest string) client.Op {
		seq, why := number(rest)
		if seq == 0 {
			return nil
		}
		return client.Report{Session: c.session, Seq: seq, Reason: why}
	}},
	"/hide": {"/hide SEQ… (messages that were shown)", func(c *Chat, rest string) client.Op {
		op := client.Hide{Session: c.session}
		for word := range strings.FieldsSeq(rest) {
			seq, _ := number(word)
			index := c.indexOf(seq)
			if index == 0 {
				return nil
			}
			op.Seqs, op.Indexes = append(op.Seqs, seq), append(op.Indexes, index)
		}
		if len(op.Seqs) == 0 {
			return nil
		}
		return op
	}},
	"/ask": {"/ask SESSION [TEXT]", func(_ *Chat, rest string) client.Op {
		session, text, _ := strings.Cut(rest, " ")
		if session == "" {
			return nil
		}
		return client.Ask{Session: session, Text: strings.TrimSpace(text)}
	}},
	"/join": {"/join SESSION [CODE]", func(_ *Chat, rest string) client.Op {
		session, code, _ := strings.Cut(rest, " ")
		if session == "" {
			return nil
		}
		return client.Join{Session: session, Invite: strings.TrimSpace(code)}
	}},
	"/policy": {policyUsage, policy},
	"/name": {"/name TEXT", func(c *Chat, rest string) client.Op {
		return info(c.session, &logv1.InfoChange{Name: &rest})
	}},
	"/iam":    {"/iam NAME", profile(func(text *string) *logv1.ProfileChange { return &logv1.ProfileChange{Name: text} })},
	"/status": {"/status TEXT", profile(func(text *string) *logv1.ProfileChange { return &logv1.ProfileChange{Status: text} })},
	"/privacy": {privacyUsage, func(_ *Chat, rest string) client.Op {
		what, whom, _ := strings.Cut(rest, " ")
		return privacy(what, strings.TrimSpace(whom))
	}},
	"/notify": {notifyUsage, notify},
	"/device": {deviceUsage, device},
	"/notice": {"/notice TEXT", func(c *Chat, rest string) client.Op {
		return info(c.session, &logv1.InfoChange{Notice: &rest})
	}},
	"/add": {"/add USER…", func(c *Chat, rest string) client.Op {
		users := strings.Fields(rest)
		if len(users) == 0 {
			return nil
		}
		return client.Add{Session: c.session, Members: members(users)}
	}},
	"/remove": {"/remove USER…", func(c *Chat, rest string) client.Op {
		users := strings.Fields(rest)
		if len(users) == 0 {
			return nil
		}
		return client.Remove{Session: c.session, Users: users}
	}},
	"/accept": {"/accept USER…", func(c *Chat, rest string) client.Op {
		users := strings.Fields(rest)
		if len(users) == 0 {
			return nil
		}
		return client.Add{Session: c.session, Members: members(users)}
	}},
	"/refuse": {"/refuse USER…", func(c *Chat, rest string) client.Op {
		users := strings.Fields(rest)
		if len(users) == 0 {
			return nil
		}
		return client.Refuse{Session: c.session, Users: users}
	}},
	"/role":    {"/role USER member|admin|owner", role},
	"/mute":    {"/mute USER|all DURATION, such as 10m", mute},
	"/unmute":  {"/unmute USER|all", func(c *Chat, rest string) client.Op { return mute(c, rest+" 0s") }},
	"/contact": {"/contact ask|accept|refuse|remove|block|unblock [TEXT]", contact},
	"/leave": {"/leave", func(c *Chat, _ string) client.Op {
		return client.Leave{Session: c.session}
	}},
	"/dismiss": {"/dismiss", func(c *Chat, _ string) client.Op {
		return client.Dismiss{Session: c.session}
	}},
}

// ask does one of askings; false when there is none of that name.
func (c *Chat) ask(ctx context.Context, name, rest string) bool {
	a, ok := askings[name]
	if !ok {
		return false
	}
	if op := a.op(c, rest); op != nil {
		c.send(ctx, op, name+" came to nothing")
	} else {
		c.screen.Print("* " + a.usage)
	}
	return true
}

// reply says something to a message.
func (c *Chat) reply(ctx context.Context, rest string) {
	seq, text := number(rest)
	if seq == 0 || text == "" {
		c.screen.Print("* /reply SEQ TEXT")
		return
	}
	c.say(ctx, text, seq)
}

// say says something, to a message unless that is 0; whom it names by @USER it calls, and by @all
// everybody.
func (c *Chat) say(ctx context.Context, text string, to uint64) {
	var opts []client.CommandOption
	if users, all := mentions(text); to > 0 || len(users) > 0 || all {
		opts = append(opts, client.WithRefs(&logv1.Refs{ReplyTo: to, Mentions: users, MentionAll: all}))
	}
	c.send(ctx, client.Send{Session: c.session, Text: text}, "not sent: "+clean(text), opts...)
}

// number reads a seq before the rest; 0 for none.
func number(text string) (seq uint64, rest string) {
	first, rest, _ := strings.Cut(text, " ")
	seq, err := strconv.ParseUint(strings.TrimPrefix(first, "#"), 10, 64)
	if err != nil {
		return 0, text
	}
	return seq, strings.TrimSpace(rest)
}

// mentions are the people that a text calls by @USER, and whether it calls all.
func mentions(text string) (users []string, all bool) {
	for word := range strings.FieldsSeq(text) {
		user, ok := strings.CutPrefix(word, "@")
		user = strings.TrimRight(user, ",.:;!?")
		switch {
		case !ok || user == "":
		case user == "all":
			all = true
		case !slices.Contains(users, user):
			users = append(users, user)
		}
	}
	return users, all
}

func react(off bool) func(*Chat, string) client.Op {
	return func(c *Chat, rest string) client.Op {
		seq, emoji := number(rest)
		if seq == 0 || emoji == "" {
			return nil
		}
		return client.React{Session: c.session, Seq: seq, Emoji: emoji, Off: off}
	}
}

func pin(off bool) func(*Chat, string) client.Op {
	return func(c *Chat, rest string) client.Op {
		seq, more := number(rest)
		if seq == 0 || more != "" {
			return nil
		}
		return client.Pin{Session: c.session, Seq: seq, Off: off}
	}
}

func info(session string, change *logv1.InfoChange) client.Op {
	return client.SetInfo{Session: session, Info: change}
}

func role(c *Chat, rest string) client.Op {
	user, name, _ := strings.Cut(rest, " ")
	role, ok := roles[strings.TrimSpace(name)]
	if user == "" || !ok {
		return nil
	}
	return client.SetRole{Session: c.session, User: user, Role: role}
}

func mute(c *Chat, rest string) client.Op {
	user, span, _ := strings.Cut(rest, " ")
	d, err := time.ParseDuration(strings.TrimSpace(span))
	if user == "" || err != nil || d < 0 {
		return nil
	}
	m := client.Mute{Session: c.session}
	if user != "all" {
		m.Users = []string{user}
	}
	if d > 0 {
		m.Until = time.Now().Add(d)
	}
	return m
}

func contact(c *Chat, rest string) client.Op {
	name, text, _ := strings.Cut(rest, " ")
	step, ok := map[string]logv1.ContactStep{
		"ask": logv1.ContactStep_CONTACT_STEP_ASK, "accept": logv1.ContactStep_CONTACT_STEP_ACCEPT, "refuse": logv1.ContactStep_CONTACT_STEP_REFUSE,
		"remove": logv1.ContactStep_CONTACT_STEP_REMOVE, "block": logv1.ContactStep_CONTACT_STEP_BLOCK, "unblock": logv1.ContactStep_CONTACT_STEP_UNBLOCK,
	}[name]
	if !ok {
		return nil
	}
	return client.Contact{Session: c.session, Step: step, Text: text}
}

// invite makes a code, and shows it: nothing else knows it then.
func (c *Chat) invite(ctx context.Context, rest string) {
	m := client.Invite{Session: c.session, Code: rand.Text()}
	for word := range strings.FieldsSeq(rest) {
		if n, err := strconv.ParseUint(word, 10, 32); err == nil {
			m.Uses = uint32(n)
		} else if d, err := time.ParseDuration(word); err == nil && d > 0 {
			m.Expires = time.Now().Add(d)
		} else {
			c.screen.Print("* /invite [USES] [DURATION]")
			return
		}
	}
	if _, err := c.conn.Do(ctx, m); err != nil {
		c.screen.Print(fmt.Sprintf("! no invite: %v", err))
		return
	}
	c.screen.Print(fmt.Sprintf("* who has this may come in: annal chat --session %s --invite %s", c.session, m.Code))
}

// tell shows what the conversation says of itself.
func (c *Chat) tell(ctx context.Context) {
	m, err := c.conn.Info(ctx, c.session)
	if err != nil {
		c.screen.Print(fmt.Sprintf("! no info: %v", err))
		return
	}
	for _, f := range []struct{ name, value string }{
		{"name", m.GetName()}, {"notice", m.GetNotice()}, {"description", m.GetDescription()}, {"avatar", m.GetAvatar()},
	} {
		if f.value != "" {
			c.screen.Print(fmt.Sprintf("  %s: %s", f.name, clean(f.value)))
		}
	}
	for _, f := range m.GetCustom() {
		c.screen.Print(fmt.Sprintf("  %s: %s", clean(f.GetName()), clean(f.GetValue())))
	}
	c.screen.Print("  policy: " + policyLine(m.GetPolicy()))
	if pins := m.GetPins(); len(pins) > 0 {
		c.screen.Print(fmt.Sprintf("  pinned: #%s", strings.Trim(strings.ReplaceAll(fmt.Sprint(pins), " ", ", #"), "[]")))
	}
	for _, r := range m.GetRequests() {
		c.screen.Print(fmt.Sprintf("  %s asks to be let in%s", clean(r.GetUser()), because(r.GetText())))
	}
	if n := len(m.GetInvites()); n > 0 {
		c.screen.Print(fmt.Sprintf("  %d invites", n))
	}
}
