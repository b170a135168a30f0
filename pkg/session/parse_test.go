package session

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"annal/pkg/events"
)

func parseOp(name string, args []string, options map[string]string) (events.Op, error) {
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
		var users []events.UserID
		for _, m := range parseMembers(args) {
			users = append(users, m.User)
		}
		return events.Remove{Users: users}, nil
	case "join":
		return events.Join{}, nil
	case "leave":
		return events.Leave{}, nil
	case "send":
		return events.Send{Body: parseBody(args[0])}, nil
	case "revoke":
		return events.Revoke{Seq: seq}, nil
	case "override":
		return events.Override{Seq: seq, Body: parseBody(args[1])}, nil
	case "delete":
		return events.Delete{Seq: seq}, nil
	case "mark_read":
		return events.MarkRead{Seq: seq}, nil
	case "nothing":
		return nil, nil
	}
	return nil, fmt.Errorf("no operation %q", name)
}

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
			p.Joining = map[string]events.Joining{"closed": events.JoiningClosed}[v]
		case "history":
			p.History = map[string]events.History{"all": events.HistoryAll, "stay": events.HistoryStay}[v]
		case "id", "in":
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
