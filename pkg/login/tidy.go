package login

import (
	"context"
	"errors"
	"time"

	"annal/pkg/accounts"
	"annal/pkg/events"
)

// tidyEvery is how often what is over is looked for, and tidyMost how much of it is ended at once.
const (
	tidyEvery = time.Minute
	tidyMost  = 1000
)

// Run ends what is over until ctx ends: logins that nobody renewed in time, codes that nobody redeemed, and invitations.
func (s *Server) Run(ctx context.Context) error {
	select {
	case <-s.ports.Table.Loaded(): // before, what was replaced long ago looks like what is
	case <-ctx.Done():
		return nil
	}
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.tidy(ctx)
		}
	}
}

// tidy ends what is over now. Another server may do the same at the same time: one of them finds it gone.
func (s *Server) tidy(ctx context.Context) {
	now := s.ports.Now().UnixMilli()
	logins := map[string]events.UserID{}
	s.ports.Table.Each(accounts.KindGrant, func(e *accounts.Entry) bool {
		if e.GetGrant().GetExpiresMs() <= now {
			logins[e.GetId()] = events.UserID(e.GetGrant().GetUser())
		}
		return len(logins) < tidyMost
	})
	for login, user := range logins {
		if err := s.endLogin(ctx, user, login, events.SignOutExpired); err != nil {
			s.log.Warn("a login whose time is over is not ended yet", "user", user, "error", err)
		}
	}
	s.remove(ctx, accounts.KindCode, func(e *accounts.Entry) bool { return e.GetCode().GetExpiresMs() <= now })
	s.remove(ctx, accounts.KindInvitation, func(e *accounts.Entry) bool {
		return e.GetInvitation().GetExpiresMs() <= now-keepInvitations.Milliseconds()
	})
}

// keepInvitations is for how long it is told that an invitation was there, and is over.
const keepInvitations = 30 * 24 * time.Hour

func (s *Server) remove(ctx context.Context, k accounts.Kind, over func(*accounts.Entry) bool) {
	var ids []string
	s.ports.Table.Each(k, func(e *accounts.Entry) bool {
		if over(e) {
			ids = append(ids, e.GetId())
		}
		return len(ids) < tidyMost
	})
	for _, id := range ids {
		err := s.ports.Table.Change(ctx, k, id, func(e *accounts.Entry) error {
			if e.GetRemoved() || !over(e) {
				return errNone
			}
			e.Removed = true
			return nil
		})
		if err != nil && !errors.Is(err, errNone) {
			s.log.Warn("what is over is not removed yet", "kind", k, "error", err)
		}
	}
}
