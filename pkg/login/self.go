package login

import (
	"context"
	"crypto/rand"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// Commands is how commands get into the log, and whether logins go on into here: [gateway.Gateway]'s.
type Commands interface {
	Do(ctx context.Context, cmd events.Command) (*events.Outcome, *events.Error)
	BeginSelf(ctx context.Context, actor events.Actor) *events.Error
	GoesOn(ctx context.Context, identity *auth.Identity) *events.Error
	Begun(ctx context.Context, user events.UserID) (bool, *events.Error)
}

// Service is the name under which the login server acts for users.
const Service = "annal-login"

// Selves are SelfSessions in the log.
type Selves struct{ Commands Commands }

func actorOf(user events.UserID) events.Actor { return events.Actor{User: user, Service: Service} }

// do passes a command of a user's self session on. Its client id is one that nobody can foresee: the user shares them, and could have used it up.
func (s Selves) do(ctx context.Context, user events.UserID, client events.ClientContext, op events.Op) (*events.Outcome, *events.Error) {
	if err := s.Commands.BeginSelf(ctx, actorOf(user)); err != nil {
		return nil, err
	}
	o, err := s.Commands.Do(ctx, events.Command{Session: events.NewSelfID(user), Actor: actorOf(user), ClientID: "login:" + rand.Text(), Client: client, Op: op})
	if err != nil {
		if err.Code == events.CodeOutcomeUnknown {
			err = &events.Error{Code: events.CodeTryAgain, Detail: err.Detail}
		}
		return nil, err
	}
	code, detail := events.Code(""), ""
	switch r := o.Result.(type) {
	case events.Rejected:
		code, detail = r.Code, r.Detail
	case events.Answered:
		if r.Code == events.CodeDuplicate && r.Earlier.Code != "" && r.Earlier.Code.Info().Kind == events.KindRejected {
			code = r.Earlier.Code
		}
	case events.Accepted:
	}
	switch code {
	case "":
		return o, nil
	case events.CodeSessionClosed:
		code = events.CodeAccountClosed
	}
	return nil, &events.Error{Code: code, Detail: detail}
}

// SignedUp implements SelfSessions.
func (s Selves) SignedUp(ctx context.Context, user events.UserID, how string) *events.Error {
	_, err := s.do(ctx, user, events.ClientContext{}, events.SignUp{Method: how})
	return err
}

// SignIn implements SelfSessions.
func (s Selves) SignIn(ctx context.Context, in SignIn) (ended []string, err *events.Error) {
	o, err := s.do(ctx, in.User, events.ClientContext{Device: in.Device, Address: events.Address{Plain: in.Address}},
		events.SignIn{Login: in.Login, Device: in.Device, Kind: in.Kind, Client: in.Client, Most: in.Most})
	if err != nil {
		return nil, err
	}
	if a, ok := o.Result.(events.Accepted); ok {
		for _, l := range events.EndedBy(a.Event) {
			ended = append(ended, l.Login)
		}
	}
	return ended, nil
}

// SignOut implements SelfSessions.
func (s Selves) SignOut(ctx context.Context, user events.UserID, login, why string) *events.Error {
	_, err := s.do(ctx, user, events.ClientContext{}, events.SignOut{Logins: []string{login}, Reason: why})
	return ofGone(err)
}

// SignOutOthers implements SelfSessions.
func (s Selves) SignOutOthers(ctx context.Context, user events.UserID, except, why string) *events.Error {
	_, err := s.do(ctx, user, events.ClientContext{}, events.SignOut{All: true, Except: except, Reason: why})
	return ofGone(err)
}

// ofGone is nil where the account is closed: nobody is signed in there.
func ofGone(err *events.Error) *events.Error {
	if err != nil && err.Code == events.CodeAccountClosed {
		return nil
	}
	return err
}

// Ban keeps a user out, and Unban lets them in again.
func (s Selves) Ban(ctx context.Context, user events.UserID, reason string) *events.Error {
	_, err := s.do(ctx, user, events.ClientContext{}, events.Ban{Reason: reason})
	return err
}

// Unban lets a user in again.
func (s Selves) Unban(ctx context.Context, user events.UserID) *events.Error {
	_, err := s.do(ctx, user, events.ClientContext{}, events.Unban{})
	return err
}

// Close closes a user's account; the steward ends their part in all sessions.
func (s Selves) Close(ctx context.Context, user events.UserID) *events.Error {
	_, err := s.do(ctx, user, events.ClientContext{}, events.CloseAccount{})
	return ofGone(err)
}

// Known implements SelfSessions.
func (s Selves) Known(ctx context.Context, user events.UserID) (bool, *events.Error) {
	return s.Commands.Begun(ctx, user)
}

// LoggedIn implements SelfSessions.
func (s Selves) LoggedIn(ctx context.Context, user events.UserID, device, login string) (bool, *events.Error) {
	err := s.Commands.GoesOn(ctx, &auth.Identity{User: user, Device: device, Login: login})
	if err != nil && err.Code.Info().Retry != events.RetryLater {
		return false, nil
	}
	return err == nil, err
}

// SetProfile sets what a user is called and says of themselves, for who brings them here; empty: it stays.
func (s Selves) SetProfile(ctx context.Context, user events.UserID, name, status string) *events.Error {
	change := events.ProfileChange{}
	if name != "" {
		change.Name = &name
	}
	if status != "" {
		change.Status = &status
	}
	_, err := s.do(ctx, user, events.ClientContext{}, events.SetProfile{Profile: change})
	return err
}
