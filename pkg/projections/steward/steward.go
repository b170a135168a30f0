// Package steward does what one event asks for in many sessions: who closes their account is
// let out of all sessions, and of those they are let into later; and a push token that somebody registers is
// forgotten by whoever had it before. It asks for that by ordinary
// commands with client ids that follow from what they are about, so doing it twice changes
// nothing, and every rule holds: ownership passes on, who is last closes the group, and nobody
// else is touched.
package steward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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
	// Through gives up to which offset of each of these partitions the view has all.
	Through(ctx context.Context, partitions []int32) (map[int32]int64, error)
	// Closed says whether the user closed their account.
	Closed(ctx context.Context, u events.UserID) (bool, error)
	// Sessions gives sessions that the user is or was in, with id > after, ascending; the zero
	// Part is that of one who is in none of them yet.
	Sessions(ctx context.Context, u events.UserID, after events.SessionID, limit int) ([]events.SessionID, error)
	Part(ctx context.Context, s events.SessionID, u events.UserID) (Part, error)
	// Holders gives who registered each of the tokens, the newest first.
	Holders(ctx context.Context, tokens []events.PushToken) ([][]Holder, error)
	// Has says whether the holder's device has the token since then.
	Has(ctx context.Context, h Holder, token events.PushToken) (bool, error)
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
// at only after the view has it, and all that was in the log by then of what is looked at. So whichever was in the
// log first, the other is seen to: either the list of the user's sessions has that one, or the account is closed
// when the steward asks. The view may also be an older copy of itself for a moment, after its engine failed over: so how far
// it is is asked before and after.

// Handle implements follow.Handler.
func (s *Steward) Handle(ctx context.Context, partition int32, outcomes []follow.Outcome) error {
	met := int64(0)
	comers := map[events.UserID][]coming{}
	var closed []*events.Outcome
	var registered []events.PushToken
	for i := range outcomes {
		o := &outcomes[i].Outcome
		a, ok := o.Result.(events.Accepted)
		if !ok {
			continue
		}
		came, token := comersOf(o, a.Event), tokenOf(a.Event)
		if _, closes := a.Event.(events.AccountClosed); closes {
			closed = append(closed, o)
		} else if len(came) == 0 && token == (events.PushToken{}) {
			continue
		}
		if token != (events.PushToken{}) && !slices.Contains(registered, token) {
			registered = append(registered, token)
		}
		met = outcomes[i].Offset + 1
		for _, u := range came {
			comers[u] = append(comers[u], coming{o.Session, a.Seq})
		}
	}
	if met == 0 {
		return nil
	}
	ends, err := s.ends(ctx, comers, len(closed) > 0 || len(registered) > 0) // who else had a token may be anywhere
	if err != nil {
		return err
	}
	ends[partition] = max(ends[partition], met)
	return s.whileThrough(ctx, ends, func() error {
		for _, o := range closed {
			if err := s.closed(ctx, o); err != nil {
				return err
			}
		}
		if err := s.came(ctx, comers); err != nil {
			return err
		}
		return s.moved(ctx, registered)
	})
}

// ends are those of the partitions that will be looked at: of all, or of the people's own sessions.
func (s *Steward) ends(ctx context.Context, comers map[events.UserID][]coming, all bool) (map[int32]int64, error) {
	n, err := s.log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return nil, fmt.Errorf("steward: partitions: %w", err)
	}
	ends := map[int32]int64{}
	for u := range comers {
		ends[eventlog.KeyPartition([]byte(events.NewSelfID(u)), n)] = 0
	}
	if all {
		for p := range n {
			ends[p] = 0
		}
	}
	for p := range ends {
		if _, ends[p], err = s.log.Bounds(ctx, eventlog.Events, p); err != nil {
			return nil, fmt.Errorf("steward: partition %d: %w", p, err)
		}
	}
	return ends, nil
}

// lookAgain is how often it looks whether the view has come so far.
const lookAgain = 20 * time.Millisecond

// whileThrough calls look once the view has come through to the ends, and again when it has not come so far any more behind that.
func (s *Steward) whileThrough(ctx context.Context, ends map[int32]int64, look func() error) error {
	partitions := slices.Sorted(maps.Keys(ends))
	through := func() (bool, error) {
		at, err := s.view.Through(ctx, partitions)
		if err != nil {
			return false, fmt.Errorf("steward: how far the view is: %w", err)
		}
		return !slices.ContainsFunc(partitions, func(p int32) bool { return at[p] < ends[p] }), nil
	}
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		ok, err := through()
		if err != nil {
			return err
		}
		if ok {
			if err := look(); err != nil {
				return err
			}
			if ok, err := through(); err != nil || ok {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// coming is what lets somebody into a session, by its seq.
type coming struct {
	session events.SessionID
	seq     events.Seq
}

// comersOf are those whom an event lets into a session that is not theirs alone, or who by it become contacts again.
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
	case events.ContactChanged:
		// What the other one asks or accepts leads to nothing without a step of one's own.
		if e.Step == events.ContactAsk || e.Step == events.ContactAccept {
			return []events.UserID{o.Actor.User}
		}
	case events.AccountClosed, events.Audited, events.Asked, events.Deleted, events.Delivered, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Dismissed,
		events.Hidden, events.InfoSet, events.Invited, events.Left, events.Muted, events.Overridden, events.Pinned, events.PolicySet,
		events.Reacted, events.Read, events.Refused, events.Removed, events.Reported, events.Revoked, events.RoleSet, events.Sent,
		events.SessionSet, events.Uninvited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
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
			if err := s.letOut(ctx, coming{session: session}, user); err != nil {
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
func (s *Steward) came(ctx context.Context, comers map[events.UserID][]coming) error {
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
		for _, c := range comers[u] {
			if err := s.letOut(ctx, c, u); err != nil {
				return err
			}
		}
	}
	return nil
}

// letOut asks for the end of the user's part in a session, if they have one.
func (s *Steward) letOut(ctx context.Context, c coming, user events.UserID) error {
	session := c.session
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
	// The id is that of the stay, or of becoming contacts in it, so that another one has another.
	return s.ask(ctx, session, user, fmt.Sprintf("%s-%s-%d", Service, op.Name(), max(part.From, c.seq)), op)
}

// ask appends a command for a user.
func (s *Steward) ask(ctx context.Context, session events.SessionID, user events.UserID, id string, op events.Op) error {
	rec, err := events.EncodeCommand(events.Command{
		Session: session, Actor: events.Actor{User: user, Service: Service}, ClientID: id, Op: op,
	}, events.Envelope{Source: s.source})
	if err != nil {
		return fmt.Errorf("steward: %w", err)
	}
	if _, err := eventlog.Put(ctx, s.log, eventlog.Commands, rec); err != nil {
		return fmt.Errorf("steward: %s of %s in %s: %w", op.Name(), user, session, err)
	}
	s.commands.WithLabelValues(op.Name()).Inc()
	return nil
}
