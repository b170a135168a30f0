package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// gapIgnored is a projector that takes a gap for done.
type gapIgnored struct{ hot.Store }

func (g gapIgnored) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	err := g.Store.Apply(ctx, view, sessions)
	if errors.Is(err, hot.ErrGap) {
		return nil
	}
	return err
}

// answeredFirst is a projector that answers before it applies.
type answeredFirst struct {
	hot.Store
	notifier hot.Notifier
}

func (a answeredFirst) Apply(ctx context.Context, view string, sessions []hot.SessionChanges) error {
	round := hot.Round{Answers: map[string][][]byte{}}
	for _, s := range sessions {
		for _, c := range s.Changes {
			if o, err := events.DecodeOutcomeValue(c.Value); err == nil {
				round.Answers[o.ReplyTo.Instance] = append(round.Answers[o.ReplyTo.Instance], c.Value)
			}
		}
	}
	if err := a.notifier.Publish(ctx, round); err != nil {
		return err
	}
	<-time.After(time.Millisecond)
	return a.Store.Apply(ctx, view, sessions)
}

// listedOnce is a projector that does not write users' lists again.
type listedOnce struct {
	hot.Store
	written map[events.UserID]map[events.SessionID]bool
}

func (l listedOnce) AddSessions(ctx context.Context, users map[events.UserID][]events.SessionID) error {
	fresh := map[events.UserID][]events.SessionID{}
	for u, sessions := range users {
		if l.written[u] == nil {
			l.written[u] = map[events.SessionID]bool{}
		}
		for _, s := range sessions {
			if !l.written[u][s] {
				fresh[u] = append(fresh[u], s)
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := l.Store.AddSessions(ctx, fresh); err != nil {
		return err
	}
	for u, sessions := range fresh {
		for _, s := range sessions {
			l.written[u][s] = true
		}
	}
	return nil
}

// neverCompared is a gateway that does not compare heads after its feed was broken.
type neverCompared struct{ hot.Feed }

func (n neverCompared) Run(ctx context.Context, d hot.Delivery) error {
	return n.Feed.Run(ctx, deafDelivery{d})
}

type deafDelivery struct{ hot.Delivery }

func (deafDelivery) Resubscribed() {}

// notesNothing is a projector that notes nothing for who did not hear it.
type notesNothing struct{ hot.Store }

func (notesNothing) Note(context.Context, int32, hot.Changed) error { return nil }

var hotPlants = map[string]Plant{
	"GAP ignored":         {Store: func(s hot.Store, _ hot.Notifier) hot.Store { return gapIgnored{s} }},
	"answer before apply": {Store: func(s hot.Store, n hot.Notifier) hot.Store { return answeredFirst{s, n} }},
	"user key not rewritten": {Store: func(s hot.Store, _ hot.Notifier) hot.Store {
		return oneAtATime(listedOnce{s, map[events.UserID]map[events.SessionID]bool{}})
	}},
	// What is noted would make it good within a quarter of a minute.
	"missing head check after resubscribe": {
		Store: func(s hot.Store, _ hot.Notifier) hot.Store { return notesNothing{s} },
		Feed:  func(f hot.Feed) hot.Feed { return neverCompared{f} },
	},
	// Only who read an older copy, just before it was brought up, shows it. What else is noted would make it good for most of them.
	"missing head check when a view is whole again": {
		Store: func(s hot.Store, _ hot.Notifier) hot.Store { return notesNothing{s} },
		Odds: func(o *odds) {
			o.older, o.flush, o.damage, o.crash, o.lost, o.every, o.slow, o.delay = 50, 0, 0, 0, 100, 1500, 80, 400
		},
	},
}

// lockedLists lets one write lists at a time: workers share a plant.
type lockedLists struct {
	listedOnce
	turn chan struct{}
}

func oneAtATime(l listedOnce) hot.Store { return lockedLists{l, make(chan struct{}, 1)} }

func (l lockedLists) AddSessions(ctx context.Context, users map[events.UserID][]events.SessionID) error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	return l.listedOnce.AddSessions(ctx, users)
}

// withHeader gives a record with another header.
func withHeader(r events.Record, name, value string) events.Record {
	r.Headers = slices.Clone(r.Headers)
	for i, h := range r.Headers {
		if h.Name == name {
			r.Headers[i].Value = []byte(value)
		}
	}
	return r
}
