package redis

import (
	"context"
	"fmt"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Tally implements hot.View.
func (v Reader) Tally(ctx context.Context, s events.SessionID, seq events.Seq, sender events.UserID) (hot.Tally, error) {
	got, err := v.r.ask(ctx, s, v.r.scripts.tally, []string{"head", "members", "facts", "traits", "mentions", "tally"},
		decimal(seq), string(sender), hot.DeliveredField(sender))
	if err != nil {
		return hot.Tally{}, err
	}
	switch got[0] {
	case "NONE":
		return hot.Tally{}, hot.ErrNoTally
	case "BELOW":
		return hot.Tally{}, hot.ErrBelow
	}
	if len(got) != 7 {
		return hot.Tally{}, fmt.Errorf("redis: the tally of %s has %d parts", s, len(got))
	}
	texts := texts(got)
	policy, err := decodePolicy(texts[4])
	if err != nil {
		return hot.Tally{}, err
	}
	var f fields
	roster := int64(f.number(texts[0]))
	unseeing, _ := got[1].(int64)
	read, _ := got[2].(int64)
	delivered, _ := got[3].(int64)
	if policy.History == events.HistoryAll {
		unseeing = 0
	}
	// Who may not see it came later, and has a marker from coming.
	t := hot.Tally{Total: uint32(roster - unseeing), Read: uint32(read - unseeing), Delivered: uint32(delivered - unseeing)}
	if texts[5] == "" || f.err != nil {
		return t, f.err
	}
	m, err := decodeMember(texts[5])
	if err == nil {
		err = hot.AddTraits(&m, []string{"", texts[6], ""})
	}
	if err == nil {
		t.LeaveOut(&m, policy.History, seq)
	}
	return t, err
}
