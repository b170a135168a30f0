package chat

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
)

const policyUsage = `/policy KEY=VALUE…
    history=stay|all joining=closed|open|approval limit=MEMBERS receipts=MEMBERS revoke=DURATION override=DURATION
    add=ROLE write=ROLE info=ROLE pin=ROLE mention_all=ROLE`

var (
	roles = map[string]logv1.Role{
		"member": logv1.Role_ROLE_MEMBER, "admin": logv1.Role_ROLE_ADMIN, "owner": logv1.Role_ROLE_OWNER,
	}
	histories = map[string]logv1.History{"stay": logv1.History_HISTORY_STAY, "all": logv1.History_HISTORY_ALL}
	joinings  = map[string]logv1.Joining{
		"closed": logv1.Joining_JOINING_CLOSED, "open": logv1.Joining_JOINING_OPEN, "approval": logv1.Joining_JOINING_APPROVAL,
	}
)

// policy reads KEY=VALUE pairs; nil when one of them is none.
func policy(c *Chat, rest string) client.Op {
	change := &logv1.PolicyChange{}
	words := strings.Fields(rest)
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		if !setPolicy(change, key, value) {
			return nil
		}
	}
	if len(words) == 0 {
		return nil
	}
	return client.SetPolicy{Session: c.session, Policy: change}
}

func setPolicy(p *logv1.PolicyChange, key, value string) (ok bool) {
	switch key {
	case "history":
		p.History, ok = histories[value]
	case "joining":
		p.Joining, ok = joinings[value]
	case "limit":
		p.MemberLimit, ok = count(value)
	case "receipts":
		var n uint32
		n, ok = count(value)
		p.ReceiptsLimit = &n
	case "revoke":
		p.RevokeWindowMs, ok = window(value)
	case "override":
		p.OverrideWindowMs, ok = window(value)
	case "add":
		p.AddRole, ok = roles[value]
	case "write":
		p.WriteRole, ok = roles[value]
	case "info":
		p.InfoRole, ok = roles[value]
	case "pin":
		p.PinRole, ok = roles[value]
	case "mention_all":
		p.MentionAllRole, ok = roles[value]
	}
	return ok
}

// count reads a number of people.
func count(value string) (uint32, bool) {
	n, err := strconv.ParseUint(value, 10, 32)
	return uint32(n), err == nil
}

// window reads a span such as 15m, in ms.
func window(value string) (*int64, bool) {
	d, err := time.ParseDuration(value)
	ms := d.Milliseconds()
	return &ms, err == nil && d >= 0
}

// policyLine says a policy in the words of /policy.
func policyLine(p *logv1.Policy) string {
	var all []string
	add := func(key, value string) { all = append(all, key+"="+value) }
	add("history", word(p.GetHistory().String(), "HISTORY_"))
	add("joining", word(p.GetJoining().String(), "JOINING_"))
	add("limit", fmt.Sprint(p.GetMemberLimit()))
	add("receipts", fmt.Sprint(p.GetReceiptsLimit()))
	add("revoke", span(p.GetRevokeWindowMs()))
	add("override", span(p.GetOverrideWindowMs()))
	for _, r := range []struct {
		key  string
		role logv1.Role
	}{
		{"add", p.GetAddRole()}, {"write", p.GetWriteRole()}, {"info", p.GetInfoRole()}, {"pin", p.GetPinRole()}, {"mention_all", p.GetMentionAllRole()},
	} {
		if r.role != 0 {
			add(r.key, word(r.role.String(), "ROLE_"))
		}
	}
	return strings.Join(all, " ")
}

// word is the name of an enum's value without what all its names begin with.
func word(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }

func span(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }
