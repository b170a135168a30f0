package login

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	accountsv1 "annal/gen/annal/accounts/v1"
	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/rest"
	"annal/pkg/limits"
)

// signUp answers POST PathSignUp {"user", "password", "invite"}: 201 {"user"}.
func (s *Server) signUp(w http.ResponseWriter, r *http.Request) {
	var asked struct{ User, Password, Invite string }
	if !post(w, r) {
		return
	}
	ctx := r.Context()
	err := s.may(ctx, limits.Login, limits.Who{Address: rest.RemoteAddress(r)})
	if err == nil {
		err = body(r, &asked)
	}
	if err == nil {
		err = s.mayBe(asked.User, asked.Password)
	}
	if err == nil {
		err = s.signUpAs(ctx, asked.User, asked.Password, asked.Invite)
	}
	if err != nil {
		s.log.Info("a sign-up was refused", "code", err.Code, "address", rest.RemoteAddress(r))
		rest.Refuse(w, err)
		return
	}
	s.log.Info("a user signed up", "user", asked.User)
	rest.Answer(w, http.StatusCreated, map[string]string{"user": asked.User})
}

// body reads a JSON body.
func body(r *http.Request, into any) *events.Error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		return events.Errorf(events.CodeInvalidField, "the body is no JSON object of texts: %v", err)
	}
	return nil
}

// mayBe says whether somebody may sign up under a name. What people take themselves is plain: names that look alike would be others.
func (s *Server) mayBe(user, password string) *events.Error {
	if len(user) < 2 || len(user) > 64 {
		return events.Errorf(events.CodeInvalidField, "a name has 2 to 64 of a to z, 0 to 9, and .-_ between")
	}
	for i, c := range []byte(user) {
		inner := i > 0 && i < len(user)-1 && (c == '.' || c == '-' || c == '_')
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !inner {
			return events.Errorf(events.CodeInvalidField, "a name has 2 to 64 of a to z, 0 to 9, and .-_ between")
		}
	}
	if err := accounts.CheckPassword(user, password); err != nil {
		return events.Errorf(events.CodeBadPassword, "%v", err)
	}
	return nil
}

func (s *Server) signUpAs(ctx context.Context, user, password, invite string) *events.Error {
	how := ByOpenSignUp
	switch {
	case s.config.SignUp == SignUpOff:
		return &events.Error{Code: events.CodeSignupClosed}
	case invite != "":
		how = ByInvitation
	case s.config.SignUp == SignUpInvite:
		return events.Errorf(events.CodeNoSuchInvite, "signing up needs an invitation")
	}
	if err := s.free(ctx, user); err != nil {
		return err
	}
	if how == ByInvitation {
		if err := s.useInvitation(ctx, invite); err != nil {
			return err
		}
	}
	hash, err := s.ports.Passwords.Hash(ctx, password)
	if err == nil {
		err = Create(ctx, s.ports.Table, user, s.ports.Now(), hash, how)
	}
	if err != nil {
		if how == ByInvitation {
			s.giveBack(ctx, invite)
		}
		if errors.Is(err, ErrExists) {
			return &events.Error{Code: events.CodeUserExists}
		}
		return s.unable("an account cannot be made", err)
	}
	// What is not told now is told at the first sign-in.
	return s.tellSignUp(ctx, user)
}

// free says whether a name is nobody's: no account's, no service's, and nobody's whose tokens another issuer makes.
func (s *Server) free(ctx context.Context, user string) *events.Error {
	if err := s.ports.Table.Sync(ctx); err != nil {
		return s.unable("the accounts cannot be read", err)
	}
	_, account := s.ports.Table.Get(accounts.KindAccount, user)
	if _, client := s.client(user); account || client || user == auth.Audience {
		return &events.Error{Code: events.CodeUserExists}
	}
	known, err := s.ports.Self.Known(ctx, events.UserID(user))
	if err == nil && known {
		err = &events.Error{Code: events.CodeUserExists}
	}
	return err
}

// ErrExists says that there is an account of that name.
var ErrExists = errors.New("login: there is an account of that name")

// Create makes an account with a password's hash; its self session is to be told how (TellSignUp). Errors are ErrExists and the table's.
func Create(ctx context.Context, t *accounts.Table, user string, now time.Time, hash, how string) error {
	a := &accountsv1.Account{Password: hash, CreatedMs: now.UnixMilli(), PasswordMs: now.UnixMilli(), Passwords: 1, UntoldSignUp: how}
	return t.Change(ctx, accounts.KindAccount, user, func(e *accounts.Entry) error {
		if !e.GetRemoved() {
			return ErrExists
		}
		e.Removed, e.Kind = false, &accountsv1.Entry_Account{Account: a}
		return nil
	})
}

// unable is the answer where something of ours does not work.
func (s *Server) unable(what string, err error) *events.Error {
	if errors.Is(err, accounts.ErrBusy) {
		return &events.Error{Code: events.CodeBusy}
	}
	s.log.Warn(what, "error", err)
	return &events.Error{Code: events.CodeTryAgain}
}

var errExpired, errUsedUp, errNone = errors.New("expired"), errors.New("used up"), errors.New("none")

// useInvitation takes one of those an invitation is good for.
func (s *Server) useInvitation(ctx context.Context, secret string) *events.Error {
	err := s.ports.Table.Change(ctx, accounts.KindInvitation, idOf(secret), func(e *accounts.Entry) error {
		i := e.GetInvitation()
		switch {
		case e.GetRemoved():
			return errNone
		case i.GetExpiresMs() <= s.ports.Now().UnixMilli():
			return errExpired
		case i.GetLeft() == 0:
			return errUsedUp
		}
		i.Left--
		return nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNone):
		return &events.Error{Code: events.CodeNoSuchInvite}
	case errors.Is(err, errExpired):
		return &events.Error{Code: events.CodeInviteExpired}
	case errors.Is(err, errUsedUp):
		return &events.Error{Code: events.CodeInviteUsedUp}
	}
	return s.unable("an invitation cannot be used", err)
}

// giveBack gives back what was taken of an invitation for an account that was not made.
func (s *Server) giveBack(ctx context.Context, secret string) {
	err := s.ports.Table.Change(ctx, accounts.KindInvitation, idOf(secret), func(e *accounts.Entry) error {
		if e.GetRemoved() {
			return errNone
		}
		e.GetInvitation().Left++
		return nil
	})
	if err != nil && !errors.Is(err, errNone) {
		s.log.Warn("an invitation is good for one less than it was for", "error", err)
	}
}

// Invite makes an invitation good for so many, until then, and gives what they sign up with.
func Invite(ctx context.Context, t *accounts.Table, secret string, left uint32, until time.Time) error {
	return t.Change(ctx, accounts.KindInvitation, idOf(secret), func(e *accounts.Entry) error {
		e.Removed = false
		e.Kind = &accountsv1.Entry_Invitation{Invitation: &accountsv1.Invitation{Left: left, ExpiresMs: until.UnixMilli()}}
		return nil
	})
}

// changePassword answers POST PathPassword {"old", "new"} of a login: 204. All other logins of the user end.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Old, New string }
	if !post(w, r) {
		return
	}
	ctx := r.Context()
	id, err := rest.Bearer(r, s.ports.Tokens)
	if err == nil && id.Login == "" {
		err = events.Errorf(events.CodeBadToken, "the token is of no login")
	}
	if err == nil {
		err = s.goesOn(ctx, id)
	}
	if err == nil {
		err = body(r, &asked)
	}
	if err == nil {
		err = s.mayTry(ctx, string(id.User), rest.RemoteAddress(r))
	}
	if err == nil {
		_, err = s.authenticate(ctx, string(id.User), asked.Old)
	}
	if err == nil && accounts.CheckPassword(string(id.User), asked.New) != nil {
		err = &events.Error{Code: events.CodeBadPassword}
	}
	if err == nil {
		err = s.setPassword(ctx, string(id.User), asked.New, id.Login)
	}
	if err != nil {
		rest.Refuse(w, err)
		return
	}
	s.log.Info("a password was changed", "user", id.User)
	w.WriteHeader(http.StatusNoContent)
}

// ErrNoAccount says that there is no such account, or that it is closed.
var ErrNoAccount = errors.New("login: there is no such account")

// SetPassword sets the hash of an account's password. No login that was begun with another one is renewed again, but for one, which may be empty.
// Errors are ErrNoAccount and the table's.
func SetPassword(ctx context.Context, t *accounts.Table, user string, now time.Time, hash, except string) error {
	return t.Change(ctx, accounts.KindAccount, user, func(e *accounts.Entry) error {
		a := e.GetAccount()
		if e.GetRemoved() || a.GetClosed() {
			return ErrNoAccount
		}
		a.Password, a.PasswordMs, a.KeptLogin = hash, now.UnixMilli(), except
		a.Passwords++
		return nil
	})
}

// setPassword sets a user's password and ends all logins but one.
func (s *Server) setPassword(ctx context.Context, user, password, except string) *events.Error {
	hash, err := s.ports.Passwords.Hash(ctx, password)
	if err == nil {
		err = SetPassword(ctx, s.ports.Table, user, s.ports.Now(), hash, except)
	}
	if err != nil {
		return s.unable("a password cannot be changed", err)
	}
	if err := s.ports.Self.SignOutOthers(ctx, events.UserID(user), except, events.SignOutPassword); err != nil {
		return err
	}
	for _, login := range s.ports.Table.Logins(user) {
		if login != except {
			if err := s.forget(ctx, login); err != nil {
				continue // a renewal finds that it ended
			}
			s.ports.Metrics.ended.WithLabelValues(events.SignOutPassword).Inc()
		}
	}
	return nil
}
