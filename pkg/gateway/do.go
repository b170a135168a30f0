package gateway

import (
	"context"
	"errors"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/projections/hot"
)

// Do passes a command on for somebody who is no client, and waits for its outcome: like an ack, it comes once the hot view has it. A command that
// is not valid gets no outcome. Errors are those that clients get: of the command itself, BUSY, OUTCOME_UNKNOWN (also when ctx ends), EVENT_TOO_LARGE.
func (g *Gateway) Do(ctx context.Context, cmd events.Command) (*events.Outcome, *events.Error) {
	if err := cmd.Validate(); err != nil {
		return nil, err
	}
	type answer struct {
		outcome *events.Outcome
		err     *events.Error
	}
	done := make(chan answer, 1)
	request, ok := g.wait.open(nil, "", func(o *events.Outcome, err *events.Error) { done <- answer{o, err} })
	if !ok {
		return nil, &events.Error{Code: events.CodeBusy}
	}
	g.append(request, &cmd)
	select {
	case a := <-done:
		return a.outcome, a.err
	case <-ctx.Done():
		return nil, &events.Error{Code: events.CodeOutcomeUnknown}
	}
}

// BeginSelf has a user's self session begin, for a service, unless the view has it. It does not wait for that: what is passed on after it comes
// after it. Errors are TRY_AGAIN and BUSY.
func (g *Gateway) BeginSelf(ctx context.Context, actor events.Actor) *events.Error {
	reading, cancel := context.WithTimeout(ctx, g.config.ReadTimeout)
	defer cancel()
	self := events.NewSelfID(actor.User)
	_, err := g.ports.View.Person(reading, self, actor.User)
	if err == nil {
		return nil
	}
	if !errors.Is(err, hot.ErrNoSession) {
		return g.readError(err)
	}
	op := events.Create{Kind: events.KindSelf, Policy: g.config.Policies[events.KindSelf]}
	if !g.appendUnawaited(events.Command{Session: self, Actor: actor, ClientID: "self", Op: op}) {
		return &events.Error{Code: events.CodeBusy}
	}
	return nil
}

// GoesOn is nil while the view says that a token's login goes on and its user may come in. Errors are LOGIN_ENDED, LOGIN_REPLACED,
// ACCOUNT_BANNED, ACCOUNT_CLOSED and TRY_AGAIN.
func (g *Gateway) GoesOn(ctx context.Context, identity *auth.Identity) *events.Error {
	a, err := g.account(ctx, identity.User, identity.Login != "")
	if err != nil {
		return g.readError(err)
	}
	if code := a.ends(identity); code != "" {
		return &events.Error{Code: code}
	}
	return nil
}

// Begun says whether a user has a self session. Errors are TRY_AGAIN.
func (g *Gateway) Begun(ctx context.Context, user events.UserID) (bool, *events.Error) {
	a, err := g.account(ctx, user, false)
	if err != nil {
		return false, g.readError(err)
	}
	return a.begun, nil
}
