package login

import (
	"context"
	"fmt"

	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// Group is the consumer group of the login servers.
const Group = "login"

// Follower does to the accounts what the log says: what ended there, by whomever, is not to be renewed here, and of a closed account nothing is to
// be left. It is a follow.Handler.
type Follower struct {
	Table *accounts.Table
}

// Handle implements follow.Handler. Doing the same twice does no harm.
func (f Follower) Handle(ctx context.Context, _ int32, outcomes []follow.Outcome) error {
	for i := range outcomes {
		o := &outcomes[i].Outcome
		a, ok := o.Result.(events.Accepted)
		if !ok {
			continue
		}
		if err := f.event(ctx, o.Actor.User, a.Event); err != nil {
			return err
		}
	}
	return nil
}

func (f Follower) event(ctx context.Context, user events.UserID, e events.Event) error {
	_, closes := e.(events.AccountClosed)
	ended := events.EndedBy(e)
	if !closes && len(ended) == 0 {
		return nil
	}
	// What it replaces has to be known.
	if err := f.Table.Sync(ctx); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	for _, l := range ended {
		if err := Forget(ctx, f.Table, l.Login); err != nil {
			return fmt.Errorf("login: forget a login: %w", err)
		}
	}
	if !closes {
		return nil
	}
	for _, login := range f.Table.Logins(string(user)) {
		if err := Forget(ctx, f.Table, login); err != nil {
			return fmt.Errorf("login: forget a login: %w", err)
		}
	}
	if err := Close(ctx, f.Table, string(user)); err != nil {
		return fmt.Errorf("login: close an account: %w", err)
	}
	return nil
}
