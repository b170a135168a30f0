package gateway

import (
	"maps"
	"slices"
	"strings"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

// tail is what became of messages by events that are not archived yet, by the messages' seqs.
type tail map[events.Seq]*fate

// fate is what became of a message.
type fate struct {
	archive.Became
	// body is what the event Overridden says.
	body events.Body
}

// add takes what an event did.
func (t *tail) add(item hot.Item) {
	o, err := events.DecodeOutcomeValue(item.Value)
	if err != nil {
		return // of a newer version: as the window, which shows nothing of it either
	}
	a, _ := o.Result.(events.Accepted)
	switch e := a.Event.(type) {
	case events.Revoked:
		t.of(e.Target).Revoked = item.Seq
	case events.Deleted:
		t.of(e.Target).Deleted = item.Seq
	case events.Overridden:
		f := t.of(e.Target)
		f.Overridden, f.body = item.Seq, e.Body
	case events.Reacted:
		f, key := t.of(e.Target), archive.Reaction(o.Actor.User, e.Emoji)
		if e.Off {
			f.Unreacted[key] = item.Seq
		} else {
			f.Reacted[key] = item.Seq
		}
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Read, events.InfoSet, events.PolicySet,
		events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited, events.Uninvited, events.Pinned,
		events.Delivered, events.ContactChanged, events.Reported, events.Hidden, events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed,
		events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
}

// of is what became of a message; it is made when it is not there.
func (t *tail) of(seq events.Seq) *fate {
	if *t == nil {
		*t = tail{}
	}
	f := (*t)[seq]
	if f == nil {
		f = &fate{Became: archive.Became{Reacted: map[string]events.Seq{}, Unreacted: map[string]events.Seq{}}}
		(*t)[seq] = f
	}
	return f
}

// newestOf is the last event that something became of a message by.
func newestOf(b *archive.Became) events.Seq {
	if b == nil {
		return 0
	}
	newest := max(b.Revoked, b.Deleted, b.Overridden)
	for _, at := range b.Reacted {
		newest = max(newest, at)
	}
	for _, at := range b.Unreacted {
		newest = max(newest, at)
	}
	return newest
}

// item is an archived event with what became of its message since.
func (p *archived) item(e *archive.Entry) (hot.Item, error) {
	item := hot.Item{Seq: e.Seq, Value: e.Value}
	if e.Now == nil {
		return item, nil
	}
	target, sent := e.Seq, true
	o, err := events.DecodeOutcomeValue(e.Value)
	if err != nil {
		return item, nil // it is shown by its seq alone
	}
	a, _ := o.Result.(events.Accepted)
	if over, ok := a.Event.(events.Overridden); ok {
		target, sent = over.Target, false
	}
	since := p.tail[target]
	if since == nil {
		since = &fate{}
	}
	s := &item.State
	s.Revoked, s.Deleted = max(e.Now.Revoked, since.Revoked), max(e.Now.Deleted, since.Deleted)
	s.Overridden = max(e.Now.Overridden, since.Overridden)
	switch {
	case s.Overridden == 0:
	case s.Overridden == since.Overridden:
		s.Body = since.body
	default:
		if s.Body, err = overrideOf(e.Now.Override); err != nil {
			return item, err
		}
	}
	if sent && !hidden(*s) {
		p.react(s, e.Now, since)
	}
	return item, nil
}

// overrideOf is what an override says.
func overrideOf(value []byte) (events.Body, error) {
	o, err := events.DecodeOutcomeValue(value)
	a, _ := o.Result.(events.Accepted)
	over, ok := a.Event.(events.Overridden)
	if err != nil || !ok {
		return events.Body{}, errColdBehind
	}
	return over.Body, nil
}

// react adds to a message's state what people have reacted with.
func (p *archived) react(to *hot.State, now *archive.Became, since *fate) {
	put := maps.Clone(now.Reacted)
	if put == nil {
		put = map[string]events.Seq{}
	}
	maps.Copy(put, since.Reacted)
	byEmoji := map[string]*hot.Reaction{}
	for key, at := range put {
		if at <= max(now.Unreacted[key], since.Unreacted[key]) {
			continue
		}
		user, emoji, _ := strings.Cut(key, " ")
		r := byEmoji[emoji]
		if r == nil {
			r = &hot.Reaction{Emoji: emoji}
			byEmoji[emoji] = r
		}
		r.Count++
		r.Mine = r.Mine || events.UserID(user) == p.user
	}
	for _, r := range byEmoji {
		to.Reactions = append(to.Reactions, *r)
	}
	if len(to.Reactions) > 0 {
		slices.SortFunc(to.Reactions, hot.CompareReactions)
		to.ReactionsTo = p.to
	}
}
