package gatewaytest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

var _ hot.Feed = (*Feed)(nil)

// Feed is one gateway's subscription. It hears of a session or user only while
// subscribed, and answers always.
type Feed struct {
	instance string

	mu       sync.Mutex
	sessions map[events.SessionID]bool
	users    map[events.UserID]bool
	queue    []func(hot.Delivery)
	wake     chan struct{}
	ended    bool
	// faults are what to lose, and the answer to subscribing.
	lose func(events.SessionID, events.Seq) bool
	deaf bool
	fail error
}

// NewFeed makes a gateway's feed.
func (w *World) NewFeed(instance string) *Feed {
	f := &Feed{instance: instance, sessions: map[events.SessionID]bool{}, users: map[events.UserID]bool{}, wake: make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.feeds = append(w.feeds, f)
	return f
}

// Lose makes the feed lose session events that lose picks; nil loses none.
func (f *Feed) Lose(lose func(events.SessionID, events.Seq) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = lose
}

// Deaf makes the feed lose whatever is published but answers, or lose nothing of it.
func (f *Feed) Deaf(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deaf = on
}

// Fail makes subscribing fail with err; nil lets it work again.
func (f *Feed) Fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// Sessions gives the sessions subscribed now.
func (f *Feed) Sessions() []events.SessionID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.sessions))
}

// Users gives the users subscribed now.
func (f *Feed) Users() []events.UserID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.users))
}

// Deliver queues a call for the feed's goroutine.
func (f *Feed) Deliver(call func(hot.Delivery)) {
	f.mu.Lock()
	f.queue = append(f.queue, call)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Batch delivers stored values of a session as published in one round, if subscribed.
func (f *Feed) Batch(s events.SessionID, values ...[]byte) {
	f.mu.Lock()
	subscribed := f.sessions[s]
	f.mu.Unlock()
	if subscribed && len(values) > 0 {
		f.Deliver(func(d hot.Delivery) { d.Session(s, values) })
	}
}

// Resubscribe says that events may have been missed.
func (f *Feed) Resubscribe() { f.Deliver(func(d hot.Delivery) { d.Resubscribed() }) }

// Run implements hot.Feed.
func (f *Feed) Run(ctx context.Context, d hot.Delivery) error {
	for {
		f.mu.Lock()
		queue := f.queue
		f.queue = nil
		f.mu.Unlock()
		for _, call := range queue {
			call(d)
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			f.mu.Lock()
			f.ended = true
			f.mu.Unlock()
			return ctx.Err()
		}
	}
}

// SubscribeSession implements hot.Feed.
func (f *Feed) SubscribeSession(_ context.Context, s events.SessionID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(); err != nil {
		return err
	}
	f.sessions[s] = true
	return nil
}

func (f *Feed) refusal() error {
	if f.ended {
		return errClosed
	}
	return f.fail
}

// UnsubscribeSession implements hot.Feed.
func (f *Feed) UnsubscribeSession(s events.SessionID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, s)
}

// SubscribeUser implements hot.Feed.
func (f *Feed) SubscribeUser(_ context.Context, u events.UserID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(); err != nil {
		return err
	}
	f.users[u] = true
	return nil
}

// UnsubscribeUser implements hot.Feed.
func (f *Feed) UnsubscribeUser(u events.UserID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.users, u)
}

// Publish tells all feeds of an outcome, as the projector does: the session's and the
// affected users' channels, and the answer to who awaits it.
func (w *World) Publish(o events.Outcome, value []byte) {
	w.mu.Lock()
	feeds := slices.Clone(w.feeds)
	w.note(&o, value)
	w.mu.Unlock()
	for _, f := range feeds {
		f.publish(&o, value)
	}
}

// Notifier tells the feeds of sessions and users what is no outcome.
func (w *World) Notifier() hot.Notifier { return notifier{w} }

type notifier struct{ w *World }

// Publish implements hot.Notifier, but for answers.
func (n notifier) Publish(_ context.Context, r hot.Round) error {
	n.w.mu.Lock()
	feeds := slices.Clone(n.w.feeds)
	n.w.mu.Unlock()
	for _, f := range feeds {
		for s, values := range r.Sessions {
			f.Batch(s, values...)
		}
		for u, values := range r.Users {
			f.mu.Lock()
			heard := f.users[u] && !f.deaf
			f.mu.Unlock()
			if heard {
				f.Deliver(func(d hot.Delivery) { d.User(u, values) })
			}
		}
	}
	return nil
}

func (f *Feed) publish(o *events.Outcome, value []byte) {
	if a, ok := o.Result.(events.Accepted); ok {
		f.mu.Lock()
		lost := f.deaf || f.lose != nil && f.lose(o.Session, a.Seq)
		users := affected(o, a.Event)
		users = slices.DeleteFunc(users, func(u events.UserID) bool { return f.deaf || !f.users[u] })
		f.mu.Unlock()
		if !lost {
			f.Batch(o.Session, value)
		}
		for _, u := range users {
			f.Deliver(func(d hot.Delivery) { d.User(u, [][]byte{value}) })
		}
	}
	if o.ReplyTo.Instance == f.instance {
		f.Deliver(func(d hot.Delivery) { d.Answers([][]byte{value}) })
	}
}

// affected are the people whose membership an event changes, or whom it keeps out.
func affected(o *events.Outcome, e events.Event) []events.UserID {
	switch e := e.(type) {
	case events.Created:
		return usersOf(e.Members)
	case events.Added:
		return usersOf(e.Members)
	case events.Removed:
		return slices.Clone(e.Users)
	case events.Refused:
		return slices.Clone(e.Users)
	case events.Joined, events.Left, events.AccountClosed, events.Banned:
		return []events.UserID{o.Actor.User}
	case events.SignedIn, events.SignedOut:
		if len(events.EndedBy(e)) > 0 {
			return []events.UserID{o.Actor.User}
		}
		return nil
	case events.Sent, events.Revoked, events.Overridden, events.Deleted, events.Read,
		events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Invited,
		events.Uninvited, events.Reacted, events.Pinned, events.Delivered, events.ContactChanged, events.Reported, events.Hidden, events.SessionSet,
		events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Audited, events.SignedUp, events.Unbanned:
		return nil
	}
	return nil
}

func usersOf(members []events.NewMember) []events.UserID {
	out := make([]events.UserID, len(members))
	for i, m := range members {
		out[i] = m.User
	}
	return out
}
