package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// toTexts are events that something became of a text by; toSession those by which people come and go, and a session says what it is.
var (
	toTexts = []string{
		events.Overridden{}.Name(), events.Revoked{}.Name(), events.Deleted{}.Name(), events.Reacted{}.Name(),
	}
	toSession = []string{
		events.Created{}.Name(), events.Added{}.Name(), events.Removed{}.Name(), events.Joined{}.Name(), events.Left{}.Name(), events.InfoSet{}.Name(), events.ProfileSet{}.Name(), events.PrivacySet{}.Name(),
		events.PolicySet{}.Name(), events.RoleSet{}.Name(), events.Muted{}.Name(), events.Dismissed{}.Name(), events.Asked{}.Name(), events.Refused{}.Name(),
		events.Pinned{}.Name(), events.ContactChanged{}.Name(), events.AccountClosed{}.Name(),
	}
)

// AtPast is At with Keep from an archive's parts: it reads who was in and what the session said of itself, the page's texts and what became
// of them, and nothing else.
func AtPast(ctx context.Context, past archive.Past, s events.SessionID, at Instant, p Page) (*State, error) {
	now, found, err := past.Instant(ctx, s, at.Seq, at.Time)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if !found {
		return nil, ErrNotYet
	}
	rest, err := past.Happened(ctx, s, now.Until, toSession, nil)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	// Once to learn who could see what and what was pinned, then all in the order of the log: what is pinned may be revoked.
	frame, err := foldPast(s, now, rest)
	if err != nil {
		return nil, err
	}
	texts, err := past.Sent(ctx, s, now.Until, frame.spans(p), p.Before, p.Limit)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	targets, err := targetsOf(texts, frame)
	if err != nil {
		return nil, err
	}
	deeds, err := past.Happened(ctx, s, now.Until, toTexts, targets)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	state, err := foldPast(s, now, slices.Concat(rest, texts, deeds))
	if err != nil {
		return nil, err
	}
	markers, err := past.Marked(ctx, s, now.Until)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	for _, m := range markers {
		state.read(m.User, m.Read)
		if was := state.Members[m.User]; was != nil {
			was.Delivered = m.Delivered
		}
	}
	state.Keep(p)
	return state, nil
}

// foldPast folds outcomes, which need not be all, by their offsets.
func foldPast(s events.SessionID, now archive.Moment, outcomes []archive.Outcome) (*State, error) {
	outcomes = slices.Clone(outcomes)
	slices.SortFunc(outcomes, func(a, b archive.Outcome) int { return cmp.Compare(a.Offset, b.Offset) })
	state := NewState(s)
	for i := range outcomes {
		o, err := events.DecodeOutcomeValue([]byte(outcomes[i].Bytes))
		if err != nil {
			return nil, fmt.Errorf("audit: offset %d: %w", outcomes[i].Offset, err)
		}
		state.Add(&o)
	}
	state.Seq, state.Index, state.Time = now.Seq, now.Index, now.Time
	return state, nil
}

// targetsOf are the seqs of texts, and of what is pinned.
func targetsOf(texts []archive.Outcome, frame *State) ([]events.Seq, error) {
	seqs := map[events.Seq]bool{}
	for _, seq := range frame.Pins {
		seqs[seq] = true
	}
	for i := range texts {
		o, err := events.DecodeOutcomeValue([]byte(texts[i].Bytes))
		if err != nil {
			return nil, fmt.Errorf("audit: offset %d: %w", texts[i].Offset, err)
		}
		if a, ok := o.Result.(events.Accepted); ok {
			seqs[a.Seq] = true
		}
	}
	return slices.AppendSeq([]events.Seq{}, maps.Keys(seqs)), nil
}
