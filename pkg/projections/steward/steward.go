// Package steward does what one event asks for in many sessions: who closes their account is
// let out of all sessions, and of those they are let into later. It asks for that by ordinary
// commands with client ids that follow from what they are about, so doing it twice changes
// nothing, and every rule holds: ownership passes on, who is last closes the group, and nobody
// else is touched.
package steward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// Group is the stewards' consumer group on the events topic.
const Group = "annal.steward"

// Service is who the steward's commands say acted for the user.
const Service = "steward"

// Part is a user's part in a session.
type Part struct {
	Kind events.Kind
	// In says whether they are in, since the event From.
	In   bool
	From events.Seq
}

// View is what the steward reads. Errors are outages, to be waited out.
type View interface {
	// Reached says whether the view has each of the sessions up to that seq.
	Reached(ctx context.Context, seqs map[events.SessionID]events.Seq) (bool, error)
	// Closed says whether the user closed their account.
	Closed(ctx context.Context, u events.UserID) (bool, error)
	// Sessions gives sessions that the user is or was in, with id > after, ascending; the zero
	// Part is that of one who is in none of them yet.
	Sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error)
	Part(ctx context.Context, s events.SessionID, u events.UserID) (Part, error)
}

// Steward is a follow.Handler.
type Steward struct {
	log      eventlog.Log
	view     View
	source   string
	logger   *slog.Logger
	commands *prometheus.CounterVec
}

// New makes a steward that appends to log; source is the CloudEvents source of its commands.
func New(log eventlog.Log, view View, source string, logger *slog.Logger, metrics prometheus.Registerer) *Steward {
	s := &Steward{
		log: log, view: view, source: source, logger: logger,
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_steward_commands_total", Help: "Commands of the steward's, by operation.",
		}, []string{"op"}),
	}
	metrics.MustRegister(s.commands)
	return s
}

// Two things may cross: a user closes the account while somebody lets them in. Each is looked
// at only after the view has it. So whichever the view had first, the other is seen to: either
// the list of the user's sessions has that one, or the account is closed when the steward asks.

// Handle implements follow.Handler.
func (s *Steward) Handle(ctx context.Context, _ int32, outcomes []follow.Outcome) error {
	seqs := map[events.SessionID]events.Seq{}
	comers := map[events.UserID][]events.SessionID{}
	var closed []*events.Outcome
	for i := range outcomes {
		o := &outcomes[i].Outcome
		a, ok := o.Result.(events.Accepted)
		if !ok {
			continue
		}
		came := comersOf(o, a.Event)
		if _, closes := a.Event.(events.AccountClosed); closes {
			closed = append(closed, o)
		} else if len(came) == 0 {
			continue
		}
		seqs[o.Session] = max(seqs[o.Session], a.Seq)
		for _, u := range came {
			comers[u] = append(comers[u], o.Session)
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	if err := s.reached(ctx, seqs); err != nil {
		return err
	}
	for _, o := range closed {
		if err := s.closed(ctx, o); err != nil {
			return err
		}
	}
	return s.came(ctx, comers)
}

// comersOf are those whom an event lets into a session that is not theirs alone.
func comersOf(o *events.Outcome, e events.Event) (users []events.UserID) {
	var members []events.NewMember
	switch e := e.(type) {
	case events.Created:
		if e.Kind != events.KindSelf {
			members = e.Members
		}
	case events.Added:
		members = e.Members
	case events.Joined:
		return []events.UserID{o.Actor.User}
	case events.AccountClosed, events.Asked, events.ContactChanged, events.Deleted, events.Delivered, events.DeviceSet, events.Dismissed,
		events.Hidden, events.InfoSet, events.Invited, events.Left, events.Muted, events.Overridden, events.Pinned, events.PolicySet,
		events.Reacted, events.Read, events.Refused, events.Removed, events.Reported, events.Revoked, events.RoleSet, events.Sent,
		events.SessionSet, events.Uninvited:
	}
	for _, m := range members {
		users = append(users, m.User)
	}
	return users
}

// pageSessions is how many of a user's sessions are read at once.
const pageSessions = 500

// closed lets a user out of all sessions.
func (s *Steward) closed(ctx context.Context, o *events.Outcome) error {
	user, n := o.Actor.User, 0
	for after := events.SessionID(""); ; {
		page, err := s.view.Sessions(ctx, user, after, pageSessions)
		if err != nil {
			return fmt.Errorf("steward: sessions of %s: %w", user, err)
		}
		for _, session := range page {
			if session == o.Session {
				continue
			}
			if err := s.letOut(ctx, session, user); err != nil {
				return err
			}
			n++
		}
		if len(page) < pageSessions {
			s.logger.Info("an account is closed", "user", user, "sessions", n)
			return nil
		}
		after = page[len(page)-1]
	}
}

// asking is how many people are asked about at once.
const asking = 16

// came lets those out again whose account is closed.
func (s *Steward) came(ctx context.Context, comers map[events.UserID][]events.SessionID) error {
	var mu sync.Mutex
	var closed []events.UserID
	var failed error
	var waiting sync.WaitGroup
	room := make(chan struct{}, asking)
	for u := range comers {
		room <- struct{}{}
		waiting.Go(func() {
			defer func() { <-room }()
			is, err := s.view.Closed(ctx, u)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("steward: account of %s: %w", u, err))
			}
			if is {
				closed = append(closed, u)
			}
		})
	}
	waiting.Wait()
	if failed != nil {
		return failed
	}
	for _, u := range closed {
		for _, session := range comers[u] {
			if err := s.letOut(ctx, session, u); err != nil {
				return err
			}
		}
	}
	return nil
}

// letOut asks for the end of the user's part in a session, if they have one.
func (s *Steward) letOut(ctx context.Context, session events.SessionID, user events.UserID) error {
	part, err := s.view.Part(ctx, session, user)
	if err != nil {
		return fmt.Errorf("steward: %s in %s: %w", user, session, err)
	}
	if !part.In {
		return nil
	}
	var op events.Op = events.Leave{}
	if part.Kind == events.KindDirect {
		op = events.Contact{Step: events.ContactRemove}
	}
	// The id is that of the stay, so that another one has another.
	rec, err := events.EncodeCommand(events.Command{
		Session: session, Actor: events.Actor{User: user, Service: Service}, ClientID: fmt.Sprintf("%s-%s-%d", Service, op.Name(), part.From), Op: op,
	}, events.Envelope{Source: s.source})
	if err != nil {
		return fmt.Errorf("steward: %w", err)
	}
	done := make(chan error, 1)
	s.log.Append(ctx, eventlog.Commands, eventlog.ByKey, rec, func(_ int32, _ int64, err error) { done <- err })
	if err := <-done; err != nil {
		return fmt.Errorf("steward: %s of %s in %s: %w", op.Name(), user, session, err)
	}
	s.commands.WithLabelValues(op.Name()).Inc()
	return nil
}

// lookAgain is how often it looks whether the view has come so far.
const lookAgain = 20 * time.Millisecond

// reached waits until the view has the events.
func (s *Steward) reached(ctx context.Context, seqs map[events.SessionID]events.Seq) error {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		ok, err := s.view.Reached(ctx, seqs)
		if err != nil {
			return fmt.Errorf("steward: heads: %w", err)
		}
		if ok {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
