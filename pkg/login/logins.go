package login

import (
	"context"
	"errors"
	"strings"

	accountsv1 "annal/gen/annal/accounts/v1"
	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/limits"
)

// authenticate says whether a password is the user's, and which of theirs it is. Errors are BAD_CREDENTIALS, which does not tell whether there is
// such a user, BUSY and TRY_AGAIN.
func (s *Server) authenticate(ctx context.Context, user, password string) (passwords uint64, refused *events.Error) {
	// Another server may have changed it just now.
	if err := s.ports.Table.Sync(ctx); err != nil {
		return 0, s.unable("the accounts cannot be read", err)
	}
	e, known := s.ports.Table.Get(accounts.KindAccount, user)
	a := e.GetAccount()
	ok, renew, err := s.ports.Passwords.Check(ctx, a.GetPassword(), password)
	switch {
	case err != nil:
		return 0, s.unable("a password cannot be checked", err)
	case !ok || !known:
		return 0, &events.Error{Code: events.CodeBadCredentials}
	}
	if renew {
		s.rehash(ctx, user, a.GetPassword(), password)
	}
	return a.GetPasswords(), nil
}

// stands says whether a login that was begun with one of a user's passwords goes on: until they have another one, unless it was the login that
// set that.
func (s *Server) stands(user, login string, passwords uint64) bool {
	e, known := s.ports.Table.Get(accounts.KindAccount, user)
	a := e.GetAccount()
	return !known || a.GetPasswords() == passwords || a.GetKeptLogin() == login
}

// rehash keeps a password at today's cost. Who signs in need not know if that fails: the next time does it.
func (s *Server) rehash(ctx context.Context, user, was, password string) {
	hash, err := s.ports.Passwords.Hash(ctx, password)
	if err == nil {
		err = s.ports.Table.Change(ctx, accounts.KindAccount, user, func(e *accounts.Entry) error {
			if e.GetAccount().GetPassword() != was {
				return errUsed
			}
			e.GetAccount().Password = hash
			return nil
		})
	}
	if err != nil && !errors.Is(err, errUsed) {
		s.log.Warn("a password is kept at an older cost", "user", user, "error", err)
	}
}

// mayTry says whether somebody at an address may try a password of a user now. Each try counts, whether there is such a user or not.
func (s *Server) mayTry(ctx context.Context, user, address string) *events.Error {
	if len(user) > events.MaxNameBytes {
		return &events.Error{Code: events.CodeBadCredentials}
	}
	// What stands for the device is where the try comes from: there is no other way to tell who tries.
	return s.may(ctx, limits.Login, limits.Who{User: user, Device: limits.Network(address), Address: address})
}

// may counts something against the limits.
func (s *Server) may(ctx context.Context, c limits.Class, w limits.Who) *events.Error {
	if wait, ok := s.ports.Limits.Allow(ctx, c, w); !ok {
		return &events.Error{Code: events.CodeRateLimited, After: wait}
	}
	return nil
}

// endLogin ends a user's login: there it is as over as it is for who follows the self session, whether it could be renewed or not.
func (s *Server) endLogin(ctx context.Context, user events.UserID, login, why string) *events.Error {
	if user == "" {
		return nil
	}
	if err := s.ports.Self.SignOut(ctx, user, login, why); err != nil {
		return err
	}
	s.ports.Metrics.ended.WithLabelValues(why).Inc()
	s.log.Info("a login has ended", "user", user, "why", why)
	return s.forget(ctx, login)
}

// forget removes what a login could be renewed with.
func (s *Server) forget(ctx context.Context, login string) *events.Error {
	if err := Forget(ctx, s.ports.Table, login); err != nil {
		s.log.Warn("a login that ended is not forgotten yet", "error", err)
		return &events.Error{Code: events.CodeTryAgain}
	}
	return nil
}

// Forget removes what a login could be renewed with. One that is not there is no error. Errors are the table's.
func Forget(ctx context.Context, t *accounts.Table, login string) error {
	err := t.Change(ctx, accounts.KindGrant, login, func(e *accounts.Entry) error {
		if e.GetRemoved() {
			return errNone
		}
		// Nothing of it need be kept but that it is no more.
		e.Kind, e.Removed = &accountsv1.Entry_Grant{Grant: &accountsv1.Grant{}}, true
		return nil
	})
	if errors.Is(err, errNone) {
		return nil
	}
	return err
}

// signIn has the log know that somebody signed in.
func (s *Server) signIn(ctx context.Context, grant string, in SignIn) *events.Error {
	in.Most = s.config.Devices[in.Kind]
	if err := s.tellSignUp(ctx, string(in.User)); err != nil {
		return err
	}
	ended, err := s.ports.Self.SignIn(ctx, in)
	if err != nil && err.Code == events.CodeAccountClosed {
		s.close(ctx, string(in.User))
	}
	if err != nil {
		s.ports.Metrics.signIns.WithLabelValues(grant, strings.ToLower(string(err.Code))).Inc()
		return err
	}
	s.ports.Metrics.signIns.WithLabelValues(grant, "ok").Inc()
	for _, login := range ended {
		if err := s.forget(ctx, login); err != nil {
			continue // a renewal finds that it ended
		}
	}
	return nil
}

// close leaves nothing of a closed account but its name.
func (s *Server) close(ctx context.Context, user string) {
	if err := Close(ctx, s.ports.Table, user); err != nil {
		s.log.Warn("the password of a closed account is kept for now", "user", user, "error", err)
	}
}

// Close leaves nothing of an account but its name. One that is not there is none of ours. Errors are the table's.
func Close(ctx context.Context, t *accounts.Table, user string) error {
	err := t.Change(ctx, accounts.KindAccount, user, func(e *accounts.Entry) error {
		if e.GetRemoved() || e.GetAccount().GetClosed() {
			return errNone
		}
		e.GetAccount().Password, e.GetAccount().Closed, e.GetAccount().UntoldSignUp = "", true, ""
		return nil
	})
	if errors.Is(err, errNone) {
		return nil
	}
	return err
}

// tellSignUp tells the self session of a user that they signed up, if that was not done yet.
func (s *Server) tellSignUp(ctx context.Context, user string) *events.Error {
	if err := TellSignUp(ctx, s.ports.Table, s.ports.Self, user); err != nil {
		return asRefusal(s, "it is not told that a user signed up", err)
	}
	return nil
}

// TellSignUp tells the self session of a user that they signed up, if that was not done yet: an account may have been made, and its maker have ended
// before. Errors are the commands' outcomes and the table's.
func TellSignUp(ctx context.Context, t *accounts.Table, self interface {
	SignedUp(ctx context.Context, user events.UserID, how string) *events.Error
}, user string,
) error {
	e, known := t.Get(accounts.KindAccount, user)
	how := e.GetAccount().GetUntoldSignUp()
	if !known || how == "" {
		return nil
	}
	if err := self.SignedUp(ctx, events.UserID(user), how); err != nil && err.Code != events.CodeAccountClosed {
		return err
	}
	err := t.Change(ctx, accounts.KindAccount, user, func(e *accounts.Entry) error {
		if e.GetAccount().GetUntoldSignUp() == "" {
			return errNone
		}
		e.GetAccount().UntoldSignUp = ""
		return nil
	})
	if errors.Is(err, errNone) {
		return nil
	}
	return err
}

// asRefusal makes of an error what is answered.
func asRefusal(s *Server, what string, err error) *events.Error {
	if refused := (*events.Error)(nil); errors.As(err, &refused) {
		return refused
	}
	return s.unable(what, err)
}
