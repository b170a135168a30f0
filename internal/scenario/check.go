package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// check sees whether something is as the step says.
func (r *run) check(ctx context.Context, s *Step) error {
	who := s.Who
	who.Person = r.names.user(who.Person)
	switch s.Verb {
	case "unread", "preview", "state":
		return r.sessionState(ctx, s, who)
	case "profile":
		return r.profile(ctx, s, who)
	case "totals":
		return r.totals(ctx, s, who)
	case "history", "pages", "around":
		return r.history(ctx, s, who)
	case "search":
		return r.search(ctx, s, who)
	case "shows", "heard":
		return r.device(ctx, s, who)
	case "members", "owner":
		return r.members(ctx, s, who)
	case "receipts":
		return r.receipts(ctx, s, who)
	case "reactions":
		return r.reactions(ctx, s, who)
	case "told":
		return r.told(ctx, s, who)
	case "online", "closed":
		return r.live(ctx, s, who)
	}
	return r.isOut(ctx, s, who)
}

// ask sends a question; an error frame is an answer too.
func (r *run) ask(ctx context.Context, who Who, m *clientv1.ClientFrame) (*clientv1.ServerFrame, error) {
	r.devices[Who{Person: r.names.person(who.Person), Device: who.Device}] = true
	return r.way.Ask(ctx, who, m)
}

// stateOf gives the person's state of a session, nil when it is not among theirs.
func (r *run) stateOf(ctx context.Context, who Who, session string) (*clientv1.SessionState, error) {
	cursor := ""
	for {
		m, err := r.ask(ctx, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Sync{Sync: &clientv1.Sync{Cursor: cursor}}})
		if err != nil {
			return nil, err
		}
		if m.GetError() != nil {
			return nil, fmt.Errorf("sync: %s", m.GetError().GetCode())
		}
		for _, state := range m.GetSync().GetSessions() {
			if state.GetSession() == session {
				return state, nil
			}
		}
		if cursor = m.GetSync().GetNext(); cursor == "" {
			return nil, nil
		}
	}
}

func (r *run) sessionState(ctx context.Context, s *Step, who Who) error {
	session := r.names.session(s.Args[0])
	var keys []string
	expected := map[string]string{}
	switch s.Verb {
	case "unread":
		keys, expected["unread"] = []string{"unread"}, s.Args[1]
	case "preview":
		keys, expected["preview"] = []string{"preview"}, s.Args[1]
	}
	for key, v := range s.Options {
		keys = append(keys, key)
		expected[key] = v
	}
	slices.Sort(keys)
	return r.eventually(ctx, s, pairs(keys, expected), func(ctx context.Context) (string, error) {
		state, err := r.stateOf(ctx, who, session)
		if err != nil || state == nil {
			return "no such session among theirs", err
		}
		return pairs(keys, r.known(state)), nil
	})
}

// pairs writes key=value, in the order of the keys.
func pairs(keys []string, values map[string]string) string {
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = fmt.Sprintf("%s=%q", k, values[k])
	}
	return strings.Join(words, " ")
}

// known is all that can be expected of a state.
func (r *run) known(m *clientv1.SessionState) map[string]string {
	preview := "none"
	if m.GetPreview() != nil {
		preview = strconv.FormatUint(m.GetPreview().GetSeq(), 10)
	}
	return map[string]string{
		"unread": strconv.FormatUint(m.GetUnread(), 10), "mentions": strconv.FormatUint(m.GetMentions(), 10), "preview": preview,
		"seq": strconv.FormatUint(m.GetSeq(), 10), "role": nameOf(m.GetRole(), roles), "member": strconv.FormatBool(m.GetMember()),
		"closed": strconv.FormatBool(m.GetClosed()), "name": m.GetName(), "contact": nameOf(m.GetContact(), contactStates),
		"pinned": strconv.FormatBool(m.GetSettings().GetPinned()), "hidden": strconv.FormatBool(m.GetSettings().GetHidden()),
		"draft": m.GetSettings().GetDraft(),
	}
}

var contactStates = map[string]logv1.ContactState{
	"friends": logv1.ContactState_CONTACT_STATE_UNSPECIFIED, "asked": logv1.ContactState_CONTACT_STATE_ASKED,
	"none": logv1.ContactState_CONTACT_STATE_NONE,
}

func (r *run) totals(ctx context.Context, s *Step, who Who) error {
	keys := []string{"mentions", "muted", "unread"}
	expected := map[string]string{"unread": s.Args[0], "muted": s.option("muted", "0"), "mentions": s.option("mentions", "0")}
	return r.eventually(ctx, s, pairs(keys, expected), func(ctx context.Context) (string, error) {
		m, err := r.ask(ctx, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Totals{Totals: &clientv1.Totals{}}})
		if err != nil || m.GetError() != nil {
			return m.GetError().GetCode(), err
		}
		t := m.GetTotals()
		return pairs(keys, map[string]string{
			"unread": strconv.FormatUint(t.GetUnread(), 10), "muted": strconv.FormatUint(t.GetMutedUnread(), 10),
			"mentions": strconv.FormatUint(t.GetMentions(), 10),
		}), nil
	})
}

// refusal expects an error of a question.
func (r *run) refusal(ctx context.Context, s *Step, who Who, m *clientv1.ClientFrame) error {
	reply, err := r.ask(ctx, who, m)
	if err != nil {
		return err
	}
	return r.judge(s, reply)
}

// device compares what a device has been given.
func (r *run) device(ctx context.Context, s *Step, who Who) error {
	session := r.names.session(s.Args[0])
	expected, err := parseItems(s.Args[1:])
	if err != nil {
		return err
	}
	return r.eventually(ctx, s, render(expected), func(ctx context.Context) (string, error) {
		events, err := r.way.Heard(ctx, who, session, s.Verb == "heard")
		if err != nil {
			return "", err
		}
		if s.Verb == "shows" {
			return like(shown(events), expected), nil
		}
		got := make([]item, len(events))
		for i, e := range events {
			got[i] = itemOf(e)
		}
		return like(got, expected), nil
	})
}

func (r *run) members(ctx context.Context, s *Step, who Who) error {
	session := r.names.session(s.Args[0])
	if len(s.Wants) > 0 {
		return r.refusal(ctx, s, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Members{Members: &clientv1.Members{Session: session}}})
	}
	if s.Verb == "owner" {
		return r.owner(ctx, s, who, session)
	}
	names, err := people(s.Args[1:])
	if err != nil {
		return err
	}
	for i, name := range names {
		if !strings.Contains(name, ":") {
			names[i] = name + ":member"
		}
	}
	slices.Sort(names)
	return r.eventually(ctx, s, strings.Join(names, " "), func(ctx context.Context) (string, error) {
		got, code, err := r.roster(ctx, who, session)
		if err != nil || code != "" {
			return code, err
		}
		return strings.Join(got, " "), nil
	})
}

// roster gives all members as person:role, sorted.
func (r *run) roster(ctx context.Context, who Who, session string) ([]string, string, error) {
	var out []string
	op := &clientv1.Members{Session: session, Limit: 200}
	for {
		m, err := r.ask(ctx, who, &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Members{Members: op}})
		if err != nil || m.GetError() != nil {
			return nil, m.GetError().GetCode(), err
		}
		for _, member := range m.GetMembers().GetMembers() {
			out = append(out, r.names.person(member.GetUser())+":"+nameOf(member.GetRole(), roles))
		}
		if op.Cursor = m.GetMembers().GetNext(); op.Cursor == "" {
			slices.Sort(out)
			return out, "", nil
		}
	}
}

// owner expects exactly one owner, one of those named.
func (r *run) owner(ctx context.Context, s *Step, who Who, session string) error {
	expected := "one owner, of " + strings.Join(s.Args[1:], " ")
	return r.eventually(ctx, s, expected, func(ctx context.Context) (string, error) {
		all, code, err := r.roster(ctx, who, session)
		if err != nil || code != "" {
			return code, err
		}
		owners := slices.DeleteFunc(all, func(m string) bool { return !strings.HasSuffix(m, ":owner") })
		if len(owners) == 1 && slices.Contains(s.Args[1:], strings.TrimSuffix(owners[0], ":owner")) {
			return expected, nil
		}
		return fmt.Sprint(owners), nil
	})
}

// receipts compares who has read and got a message, by names, or by numbers.
func (r *run) receipts(ctx context.Context, s *Step, who Who) error {
	seq, err := s.seq(1)
	if err != nil {
		return err
	}
	op := &clientv1.Receipts{Session: r.names.session(s.Args[0]), Seq: seq, Limit: 200}
	frame := &clientv1.ClientFrame{Op: &clientv1.ClientFrame_Receipts{Receipts: op}}
	if len(s.Wants) > 0 {
		return r.refusal(ctx, s, who, frame)
	}
	var keys []string
	for key := range s.Options {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return r.eventually(ctx, s, pairs(keys, s.Options), func(ctx context.Context) (string, error) {
		m, err := r.ask(ctx, who, frame)
		if err != nil || m.GetError() != nil {
			return m.GetError().GetCode(), err
		}
		page, got := m.GetReceipts(), map[string]string{}
		for _, key := range keys {
			n, has := page.GetRead(), (*clientv1.Receipt).GetRead
			if key == "delivered" {
				n, has = page.GetDelivered(), (*clientv1.Receipt).GetDelivered
			}
			if _, err := strconv.Atoi(s.Options[key]); err == nil {
				got[key] = strconv.FormatUint(uint64(n), 10)
				continue
			}
			var names []string
			for _, receipt := range page.GetReceipts() {
				if has(receipt) {
					names = append(names, r.names.person(receipt.GetUser()))
				}
			}
			slices.Sort(names)
			got[key] = strings.Join(names, ",")
		}
		return pairs(keys, got), nil
	})
}

// live compares how a device's connection stands.
func (r *run) live(ctx context.Context, s *Step, who Who) error {
	expected := "online"
	if s.Verb == "closed" {
		expected = "closed with " + s.Args[0]
	}
	err := r.within(ctx, s, expected, func(context.Context) (string, error) {
		live, err := r.way.Live(who)
		switch {
		case err != nil:
			return "", err
		case s.Verb == "closed" && live.Code != "":
			return "closed with " + live.Code, nil
		case live.Online:
			return "online", nil
		}
		return "offline", nil
	})
	if err == nil && s.Verb == "closed" {
		noting.Lock()
		r.result.Codes[s.Args[0]] = true
		noting.Unlock()
	}
	return err
}

// isOut expects that the person is no member, and may read nothing that is new.
func (r *run) isOut(ctx context.Context, s *Step, who Who) error {
	session := r.names.session(s.Args[0])
	return r.eventually(ctx, s, "out", func(ctx context.Context) (string, error) {
		state, err := r.stateOf(ctx, who, session)
		switch {
		case err != nil:
			return "", err
		case state == nil || !state.GetMember():
			return "out", nil
		}
		return "in", nil
	})
}

// errNoAnswer is what a way says when nothing came in time.
var errNoAnswer = errors.New("no answer in time")
