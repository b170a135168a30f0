package session

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"annal/pkg/events"
)

func (s *script) parseOp(name string, args []string, options map[string]string) (events.Op, error) {
	var seq events.Seq
	if len(args) > 0 {
		if n, err := strconv.ParseUint(args[0], 10, 64); err == nil {
			seq = events.Seq(n)
		}
	}
	switch name {
	case "create":
		return parseCreate(args, options)
	case "add":
		return events.Add{Members: parseMembers(args)}, nil
	case "remove":
		return events.Remove{Users: parseUsers(args)}, nil
	case "join":
		return events.Join{Invite: parseCode(options["invite"])}, nil
	case "leave":
		return events.Leave{}, nil
	case "send":
		return parseSend(args, options), nil
	case "revoke":
		return events.Revoke{Seq: seq}, nil
	case "override":
		return events.Override{Seq: seq, Body: parseBody(args[1])}, nil
	case "delete":
		return events.Delete{Seq: seq, Reason: argument(args, 1)}, nil
	case "mark_read":
		return events.MarkRead{Seq: seq}, nil
	case "nothing":
		return nil, nil
	case "mark_delivered":
		return events.MarkDelivered{Seq: seq}, nil
	case "react":
		return events.React{Seq: seq, Emoji: args[1], Off: argument(args, 2) == "off"}, nil
	case "pin":
		return events.Pin{Seq: seq, Off: argument(args, 1) == "off"}, nil
	case "report":
		return events.Report{Seq: seq, Reason: argument(args, 1)}, nil
	case "audit":
		return events.Audit{What: args[0], Seq: parseSeqArgument(args, 1), Reason: argument(args, 2), About: options["about"]}, nil
	case "contact":
		return events.Contact{Step: contactSteps[args[0]], Text: argument(args, 1)}, nil
	case "hide", "set_session", "set_device", "close_account", "set_profile", "set_privacy", "set_notifications", "forget_push":
		return s.parseSelfOp(name, args, options)
	case "sign_up", "sign_in", "sign_out", "ban", "unban":
		return parseSigning(name, args, options), nil
	}
	return s.parseGroupOp(name, args, options)
}

func (s *script) parseGroupOp(name string, args []string, options map[string]string) (events.Op, error) {
	switch name {
	case "set_info":
		return events.SetInfo{Info: parseInfo(options)}, nil
	case "set_policy":
		var p events.PolicyChange
		for key, v := range options {
			n, _ := strconv.ParseUint(v, 10, 32)
			span, _ := time.ParseDuration(v)
			switch key {
			case "revoke":
				p.RevokeWindow = new(events.Millis(span.Milliseconds()))
			case "limit":
				p.MemberLimit = uint32(n)
			case "write":
				p.WriteRole = roles[v]
			case "pin":
				p.PinRole = roles[v]
			case "joining":
				p.Joining = joinings[v]
			case "history":
				p.History = histories[v]
			}
		}
		return events.SetPolicy{Policy: p}, nil
	case "set_role":
		return events.SetRole{User: events.UserID(args[0]), Role: roles[args[1]]}, nil
	case "mute":
		return events.Mute{Users: parseUsers(args), Until: s.parseTime(options["until"])}, nil
	case "dismiss":
		return events.Dismiss{}, nil
	case "ask":
		return events.Ask{Text: argument(args, 0)}, nil
	case "refuse":
		return events.Refuse{Users: parseUsers(args)}, nil
	case "invite":
		uses, _ := strconv.ParseUint(options["uses"], 10, 32)
		return events.Invite{Code: parseCode(args[0]), Expires: s.parseTime(options["expires"]), Uses: uint32(uses)}, nil
	case "uninvite":
		return events.Uninvite{Code: parseCode(args[0])}, nil
	}
	return nil, fmt.Errorf("no operation %q", name)
}

func (s *script) parseSelfOp(name string, args []string, options map[string]string) (events.Op, error) {
	switch name {
	case "hide":
		op := events.Hide{Session: events.SessionID(args[0])}
		for _, a := range args[1:] {
			n, err := strconv.ParseUint(a, 10, 64)
			if err != nil {
				return nil, err
			}
			op.Messages = append(op.Messages, events.Numbers{Seq: events.Seq(n), Index: 1})
		}
		return op, nil
	case "set_session":
		var c events.SettingsChange
		for key, v := range options {
			switch key {
			case "mute":
				c.MuteUntil = new(s.parseTime(v))
			case "pinned":
				c.Pinned = new(v == "true")
			case "hidden":
				c.Hidden = new(v == "true")
			case "unread":
				c.Unread = new(v == "true")
			case "draft":
				c.Draft = new(v)
			}
		}
		return events.SetSession{Session: events.SessionID(args[0]), Settings: c}, nil
	case "set_device":
		op := events.SetDevice{Device: args[0], Off: argument(args, 1) == "off"}
		op.Push.Token = options["token"]
		return op, nil
	case "forget_push":
		return events.ForgetPush{Device: args[0], Token: options["token"], Until: s.parseTime(options["until"]), Reason: options["reason"]}, nil
	}
	if op := s.parseProfileOp(name, options); op != nil {
		return op, nil
	}
	return events.CloseAccount{}, nil
}

// parseSeqArgument gives the n-th as a number, 0 for none.
func parseSeqArgument(args []string, n int) events.Seq {
	seq, _ := strconv.ParseUint(argument(args, n), 10, 64)
	return events.Seq(seq)
}

// argument gives the n-th, without quotes; empty when there is none.
func argument(args []string, n int) string {
	if n >= len(args) {
		return ""
	}
	if s, err := strconv.Unquote(args[n]); err == nil {
		return s
	}
	return args[n]
}

// parseTime reads a span from now on; a negative one is a time that has passed.
func (s *script) parseTime(v string) events.Millis {
	span, err := time.ParseDuration(v)
	if err != nil {
		return 0
	}
	return s.world.now + events.Millis(span.Milliseconds())
}

func parseCode(v string) (code events.Hash) {
	copy(code[:], v)
	return code
}

func parseUsers(args []string) (users []events.UserID) {
	for _, m := range parseMembers(args) {
		users = append(users, m.User)
	}
	return users
}

func parseSend(args []string, options map[string]string) events.Send {
	seq := func(name string) events.Seq {
		n, _ := strconv.ParseUint(options[name], 10, 64)
		return events.Seq(n)
	}
	op := events.Send{Body: parseBody(args[0]), Refs: events.Refs{ReplyTo: seq("reply"), Thread: seq("thread"), MentionAll: options["all"] == "true"}}
	if v, ok := options["mention"]; ok {
		op.Refs.Mentions = parseUsers(strings.Split(v, ","))
	}
	return op
}

func parseInfo(options map[string]string) (c events.InfoChange) {
	for _, key := range slices.Sorted(maps.Keys(options)) {
		v := options[key]
		field, custom := strings.CutPrefix(key, "f.")
		switch {
		case custom:
			c.Custom = append(c.Custom, events.CustomField{Name: field, Value: v})
		case key == "name":
			c.Title = &v
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

var (
	joinings = map[string]events.Joining{
		"closed": events.JoiningClosed, "open": events.JoiningOpen, "approval": events.JoiningApproval,
	}
	histories    = map[string]events.History{"all": events.HistoryAll, "stay": events.HistoryStay}
	contactSteps = map[string]events.ContactStep{
		"ask": events.ContactAsk, "accept": events.ContactAccept, "refuse": events.ContactRefuse,
		"remove": events.ContactRemove, "block": events.ContactBlock, "unblock": events.ContactUnblock,
	}
)

var (
	roles = map[string]events.Role{"member": events.RoleMember, "admin": events.RoleAdmin, "owner": events.RoleOwner}
	kinds = map[string]events.Kind{
		"direct": events.KindDirect, "group": events.KindGroup, "self": events.KindSelf, "channel": events.KindChannel,
	}
)

func testPolicy() events.Policy {
	return events.Policy{
		RevokeWindow: 120_000, OverrideWindow: 900_000, History: events.HistoryStay, MemberLimit: 2000,
		AddRole: events.RoleMember, WriteRole: events.RoleMember, Joining: events.JoiningOpen, ReceiptsLimit: 100,
	}
}

func parseCreate(args []string, options map[string]string) (events.Op, error) {
	op := events.Create{Kind: kinds[args[0]], Members: parseMembers(args[2:]), Policy: testPolicy()}
	p := &op.Policy
	for key, v := range options {
		n, _ := strconv.ParseUint(v, 10, 64)
		span, _ := time.ParseDuration(v)
		switch key {
		case "title":
			op.Title = v
		case "base":
			op.Base = events.Seq(n)
		case "limit":
			p.MemberLimit = uint32(n)
		case "revoke":
			p.RevokeWindow = events.Millis(span.Milliseconds())
		case "override":
			p.OverrideWindow = events.Millis(span.Milliseconds())
		case "write":
			p.WriteRole = roles[v]
		case "add":
			p.AddRole = roles[v]
		case "joining":
			p.Joining = joinings[v]
		case "history":
			p.History = histories[v]
		case "text":
			op.Text = v
		case "info":
			p.InfoRole = roles[v]
		case "pin":
			p.PinRole = roles[v]
		case "all":
			p.MentionAllRole = roles[v]
		case "id", "in", "wish":
		default:
			return nil, fmt.Errorf("no option %q", key)
		}
	}
	return op, nil
}

// parseMembers reads u2, u3:admin, and m*3 for m1, m2, m3.
func parseMembers(args []string) []events.NewMember {
	var ms []events.NewMember
	for _, a := range args {
		if prefix, n, ok := repeated(a); ok {
			for i := range n {
				ms = append(ms, events.NewMember{User: events.UserID(prefix + strconv.Itoa(i+1)), Role: events.RoleMember})
			}
			continue
		}
		user, role, ok := strings.Cut(a, ":")
		if !ok {
			role = "member"
		}
		ms = append(ms, events.NewMember{User: events.UserID(user), Role: roles[role]})
	}
	return ms
}

func repeated(a string) (string, int, bool) {
	s, times, ok := strings.Cut(a, "*")
	n, err := strconv.Atoi(times)
	return s, n, ok && err == nil
}

func parseBody(a string) events.Body {
	if s, n, ok := repeated(a); ok {
		if mac, ok := strings.CutPrefix(s, "sealed:"); ok {
			return events.Body{MAC: []byte(mac), Sealed: &events.Sealed{KeyID: "k", Nonce: []byte("n"), Ciphertext: make([]byte, n)}}
		}
		return events.TextBody(strings.Repeat(s, n))
	}
	if s, err := strconv.Unquote(a); err == nil {
		a = s
	}
	return events.TextBody(a)
}
