package redis

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// encodePolicy gives a policy's fields with spaces between, in the order of the type.
func encodePolicy(p events.Policy) string {
	return fmt.Sprintf("%d %d %d %d %d %d %d %d %d %d %d", p.RevokeWindow, p.OverrideWindow, p.History, p.MemberLimit,
		p.AddRole, p.WriteRole, p.Joining, p.ReceiptsLimit, p.InfoRole, p.PinRole, p.MentionAllRole)
}

func decodePolicy(s string) (events.Policy, error) {
	var p events.Policy
	_, err := fmt.Sscanf(s, "%d %d %d %d %d %d %d %d %d %d %d", &p.RevokeWindow, &p.OverrideWindow, &p.History, &p.MemberLimit,
		&p.AddRole, &p.WriteRole, &p.Joining, &p.ReceiptsLimit, &p.InfoRole, &p.PinRole, &p.MentionAllRole)
	if err != nil {
		return p, fmt.Errorf("redis: policy %q: %w", s, err)
	}
	return p, nil
}

// fields reads decimal numbers, gathering the first error.
type fields struct{ err error }

func (f *fields) number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("redis: %q is no number", s)
	}
	return n
}

// decodeMember reads "role marker marker_index n stays" as apply.lua writes it.
func decodeMember(s string) (events.Member, error) {
	parts := strings.SplitN(s, " ", 5)
	if len(parts) != 5 {
		return events.Member{}, fmt.Errorf("redis: member %q", s)
	}
	var f fields
	m := events.Member{
		Role: events.Role(f.number(parts[0])), Marker: events.Seq(f.number(parts[1])), MarkerIndex: events.Index(f.number(parts[2])),
	}
	for text := range strings.SplitSeq(strings.TrimSuffix(parts[4], ";"), ";") {
		n := strings.Split(strings.TrimSuffix(text, ","), ",")
		if len(n) != 2 && len(n) != 4 {
			return events.Member{}, fmt.Errorf("redis: stay %q", text)
		}
		stay := events.Stay{From: events.Seq(f.number(n[0])), FromIndex: events.Index(f.number(n[1]))}
		if len(n) == 4 {
			stay.To, stay.ToIndex = events.Seq(f.number(n[2])), events.Index(f.number(n[3]))
		}
		m.Stays = append(m.Stays, stay)
	}
	return m, f.err
}

// decodeState reads "revoked deleted overridden"; body is the overriding outcome.
func decodeState(s, body string) (hot.State, error) {
	if s == "" {
		return hot.State{}, nil
	}
	parts := strings.Split(s, " ")
	if len(parts) != 3 {
		return hot.State{}, fmt.Errorf("redis: state %q", s)
	}
	var f fields
	state := hot.State{
		Revoked: events.Seq(f.number(parts[0])), Deleted: events.Seq(f.number(parts[1])), Overridden: events.Seq(f.number(parts[2])),
	}
	if f.err != nil || body == "" {
		return state, f.err
	}
	o, err := events.DecodeOutcomeValue([]byte(body))
	if err != nil {
		return hot.State{}, err
	}
	accepted, _ := o.Result.(events.Accepted)
	over, ok := accepted.Event.(events.Overridden)
	if !ok {
		return hot.State{}, errors.New("redis: a state names an event that is no override")
	}
	state.Body = over.Body
	return state, nil
}
