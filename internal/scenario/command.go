package scenario

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
)

// frame makes the frame of a step that is a command.
func (n *Names) frame(s *Step, id string) (*clientv1.ClientFrame, error) {
	op, opts, err := n.op(s)
	if err != nil {
		return nil, err
	}
	opts = append(opts, client.ClientID(s.option("id", id)))
	if text, ok := s.Options["origin"]; ok {
		ago, err := span(text)
		if err != nil {
			return nil, err
		}
		opts = append(opts, client.OriginTime(n.now().Add(ago)))
	}
	return client.Frame(op, opts...), nil
}

// op makes a step's operation, with what its options add to the frame.
func (n *Names) op(s *Step) (client.Op, []client.CommandOption, error) {
	switch s.Verb {
	case "create":
		op, err := n.create(s)
		return op, nil, err
	case "send":
		return n.send(s)
	case "override":
		return n.override(s)
	case "add":
		members, err := n.members(s.Args[1:])
		return client.Add{Session: n.session(s.Args[0]), Members: members}, nil, err
	case "remove":
		users, err := n.users(s.Args[1:])
		return client.Remove{Session: n.session(s.Args[0]), Users: users}, nil, err
	case "join":
		return client.Join{Session: n.session(s.Args[0]), Invite: s.Options["invite"]}, nil, nil
	case "leave":
		return client.Leave{Session: n.session(s.Args[0])}, nil, nil
	case "ask":
		return client.Ask{Session: n.session(s.Args[0]), Text: s.argument(1)}, nil, nil
	case "refuse":
		users, err := n.users(s.Args[1:])
		return client.Refuse{Session: n.session(s.Args[0]), Users: users}, nil, err
	case "invite":
		op, err := n.invite(s)
		return op, nil, err
	case "uninvite":
		return client.Uninvite{Session: n.session(s.Args[0]), Code: s.Args[1]}, nil, nil
	case "dismiss":
		return client.Dismiss{Session: n.session(s.Args[0])}, nil, nil
	case "contact":
		step, err := enum(s.Args[1], contactSteps)
		return client.Contact{Session: n.session(s.Args[0]), Step: step, Text: s.argument(2)}, nil, err
	case "hide", "set_session", "set_device", "set_profile", "set_privacy", "set_notifications", "close_account":
		op, err := n.selfOp(s)
		return op, nil, err
	case "sign_up", "sign_in", "sign_out", "ban", "unban":
		op, err := loginOp(s)
		return op, nil, err
	case "set_info", "set_policy", "set_role", "mute":
		op, err := n.rulesOp(s)
		return op, nil, err
	}
	op, err := n.messageOp(s)
	return op, nil, err
}

// messageOp makes an operation about one message.
func (n *Names) messageOp(s *Step) (client.Op, error) {
	session := n.session(s.Args[0])
	seq, err := s.seq(1)
	if err != nil {
		return nil, err
	}
	switch s.Verb {
	case "revoke":
		return client.Revoke{Session: session, Seq: seq}, nil
	case "delete":
		return client.Delete{Session: session, Seq: seq, Reason: s.argument(2)}, nil
	case "mark_read":
		return client.MarkRead{Session: session, Seq: seq}, nil
	case "mark_delivered":
		return client.MarkDelivered{Session: session, Seq: seq}, nil
	case "react":
		return client.React{Session: session, Seq: seq, Emoji: s.Args[2], Off: s.argument(3) == "off"}, nil
	case "pin":
		return client.Pin{Session: session, Seq: seq, Off: s.argument(2) == "off"}, nil
	case "report":
		return client.Report{Session: session, Seq: seq, Reason: s.argument(2)}, nil
	}
	return nil, fmt.Errorf("%s is no command", s.Verb)
}

// rulesOp makes an operation about what a session is and who may do what in it.
func (n *Names) rulesOp(s *Step) (client.Op, error) {
	session := n.session(s.Args[0])
	switch s.Verb {
	case "set_info":
		return client.SetInfo{Session: session, Info: infoChange(s)}, nil
	case "set_policy":
		p, err := policy(s)
		return client.SetPolicy{Session: session, Policy: changeOf(s, p)}, err
	case "set_role":
		role, err := enum(s.Args[2], roles)
		return client.SetRole{Session: session, User: n.user(s.Args[1]), Role: role}, err
	}
	users, err := n.users(s.Args[1:])
	if err != nil {
		return nil, err
	}
	until, err := n.later(s, "for")
	return client.Mute{Session: session, Users: users, Until: until}, err
}

// selfOp makes an operation about the person alone.
func (n *Names) selfOp(s *Step) (client.Op, error) {
	switch s.Verb {
	case "hide":
		op := client.Hide{Session: n.session(s.Args[0])}
		for _, w := range s.Args[1:] {
			seq, index, _ := strings.Cut(w, "/")
			m, err := s.number(seq)
			if err != nil {
				return nil, err
			}
			i, err := s.number(index)
			if err != nil {
				return nil, fmt.Errorf("%q is not SEQ/INDEX: %w", w, err)
			}
			op.Seqs, op.Indexes = append(op.Seqs, m), append(op.Indexes, i)
		}
		return op, nil
	case "set_session":
		settings, err := n.settings(s)
		return client.SetSession{Session: n.session(s.Args[0]), Settings: settings}, err
	case "set_device":
		return n.setDevice(s), nil
	case "set_notifications":
		return n.setNotifications(s)
	}
	return profileOp(s)
}

// loginOp makes an operation about where the person is signed in.
func loginOp(s *Step) (client.Op, error) {
	switch s.Verb {
	case "sign_up":
		return client.SignUp{Method: s.Args[0]}, nil
	case "sign_in":
		most, err := s.number(cmp.Or(s.Options["most"], "0"))
		return client.SignIn{Login: s.Args[0], Device: s.Args[1], Kind: s.Args[2], Client: s.Options["client"], Most: uint32(most)}, err
	case "sign_out":
		op := client.SignOut{Devices: s.Args, All: s.Options["all"] == "true", Except: s.Options["except"], Reason: s.Options["reason"]}
		if logins := s.Options["login"]; logins != "" {
			op.Logins = strings.Split(logins, ",")
		}
		return op, nil
	case "ban":
		return client.Ban{Reason: s.argument(0)}, nil
	}
	return client.Unban{}, nil
}

func (n *Names) create(s *Step) (client.Op, error) {
	kind, err := enum(s.Args[0], kinds)
	if err != nil {
		return nil, err
	}
	op := client.Create{Kind: kind, Name: s.Options["name"], Text: s.Options["text"]}
	if op.Members, err = n.members(s.Args[2:]); err != nil {
		return nil, err
	}
	if base, ok := s.Options["base"]; ok {
		if op.Base, err = s.number(base); err != nil {
			return nil, err
		}
	}
	op.Policy, err = policy(s)
	return op, err
}

func (n *Names) send(s *Step) (client.Op, []client.CommandOption, error) {
	var opts []client.CommandOption
	refs := &logv1.Refs{MentionAll: s.Options["all"] == "true"}
	var err error
	for _, ref := range []struct {
		name string
		to   *uint64
	}{{"reply", &refs.ReplyTo}, {"thread", &refs.Thread}} {
		if v, ok := s.Options[ref.name]; ok {
			if *ref.to, err = s.number(v); err != nil {
				return nil, nil, err
			}
		}
	}
	if v, ok := s.Options["mention"]; ok {
		if refs.Mentions, err = n.users(strings.Split(v, ",")); err != nil {
			return nil, nil, err
		}
	}
	if v, ok := s.Options["priority"]; ok {
		if refs.Priority, err = enum(v, priorities); err != nil {
			return nil, nil, err
		}
	}
	opts = append(opts, client.WithRefs(refs))
	content, err := content(s)
	if content != nil {
		opts = append(opts, client.WithContent(content))
	}
	return client.Send{Session: n.session(s.Args[0]), Text: s.argument(1)}, opts, err
}

func (n *Names) override(s *Step) (client.Op, []client.CommandOption, error) {
	seq, err := s.seq(1)
	if err != nil {
		return nil, nil, err
	}
	var opts []client.CommandOption
	content, err := content(s)
	if content != nil {
		opts = append(opts, client.WithContent(content))
	}
	return client.Override{Session: n.session(s.Args[0]), Seq: seq, Text: s.argument(2)}, opts, err
}

// content reads what is said otherwise than by a text, as JSON.
func content(s *Step) (*logv1.Content, error) {
	text, ok := s.Options["content"]
	if !ok {
		return nil, nil
	}
	c := &logv1.Content{}
	if err := protojson.Unmarshal([]byte(text), c); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	return c, nil
}

func (n *Names) invite(s *Step) (client.Op, error) {
	op := client.Invite{Session: n.session(s.Args[0]), Code: s.Args[1]}
	if v, ok := s.Options["uses"]; ok {
		uses, err := s.number(v)
		if err != nil {
			return nil, err
		}
		op.Uses = uint32(uses)
	}
	var err error
	op.Expires, err = n.later(s, "for")
	return op, err
}

// later is now and a span, which an option gives; no time without it.
func (n *Names) later(s *Step, option string) (time.Time, error) {
	text, ok := s.Options[option]
	if !ok {
		return time.Time{}, nil
	}
	d, err := span(text)
	return n.now().Add(d), err
}

func infoChange(s *Step) *logv1.InfoChange {
	c := &logv1.InfoChange{}
	for key, v := range s.Options {
		switch field, custom := strings.CutPrefix(key, "field."); {
		case custom:
			c.Custom = append(c.Custom, &logv1.CustomField{Name: field, Value: v})
		case key == "name":
			c.Name = &v
		case key == "avatar":
			c.Avatar = &v
		case key == "notice":
			c.Notice = &v
		case key == "description":
			c.Description = &v
		}
	}
	return c
}

func policy(s *Step) (*logv1.Policy, error) {
	p := &logv1.Policy{}
	for key, v := range s.Options {
		var err error
		var d time.Duration
		switch key {
		case "revoke":
			d, err = span(v)
			p.RevokeWindowMs = d.Milliseconds()
		case "override":
			d, err = span(v)
			p.OverrideWindowMs = d.Milliseconds()
		case "history":
			p.History, err = enum(v, histories)
		case "limit":
			p.MemberLimit, err = small(v)
		case "receipts":
			p.ReceiptsLimit, err = small(v)
		case "joining":
			p.Joining, err = enum(v, joinings)
		case "add":
			p.AddRole, err = enum(v, roles)
		case "write":
			p.WriteRole, err = enum(v, roles)
		case "info":
			p.InfoRole, err = enum(v, roles)
		case "pin":
			p.PinRole, err = enum(v, roles)
		case "all":
			p.MentionAllRole, err = enum(v, roles)
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

func small(w string) (uint32, error) {
	v, err := strconv.ParseUint(w, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of people", w)
	}
	return uint32(v), nil
}

// changeOf makes the change that sets what the step names.
func changeOf(s *Step, p *logv1.Policy) *logv1.PolicyChange {
	c := &logv1.PolicyChange{
		History: p.GetHistory(), MemberLimit: p.GetMemberLimit(), AddRole: p.GetAddRole(), WriteRole: p.GetWriteRole(),
		Joining: p.GetJoining(), InfoRole: p.GetInfoRole(), PinRole: p.GetPinRole(), MentionAllRole: p.GetMentionAllRole(),
	}
	if _, ok := s.Options["revoke"]; ok {
		c.RevokeWindowMs = &p.RevokeWindowMs
	}
	if _, ok := s.Options["override"]; ok {
		c.OverrideWindowMs = &p.OverrideWindowMs
	}
	if _, ok := s.Options["receipts"]; ok {
		c.ReceiptsLimit = &p.ReceiptsLimit
	}
	return c
}

func (n *Names) settings(s *Step) (*logv1.SessionSettings, error) {
	c := &logv1.SessionSettings{}
	for key, v := range s.Options {
		switch yes := v == "true"; key {
		case "mute":
			until, err := n.later(s, "mute")
			if err != nil {
				return nil, err
			}
			c.MuteUntilMs = new(until.UnixMilli())
		case "pinned":
			c.Pinned = &yes
		case "hidden":
			c.Hidden = &yes
		case "unread":
			c.Unread = &yes
		case "draft":
			c.Draft = &v
		}
	}
	return c, nil
}

// argument gives the n-th; empty when there is none.
func (s *Step) argument(n int) string {
	if n >= len(s.Args) {
		return ""
	}
	return s.Args[n]
}
