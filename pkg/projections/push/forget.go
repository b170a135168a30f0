package push

import (
	"context"
	"crypto/sha256"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Actor is who push's commands say acted for the user.
const Actor = "push"

// ForgetIn has tokens forgotten by commands in a log. Their client ids follow from what they say, so saying it again changes nothing. Source is the CloudEvents
// source of the commands.
func ForgetIn(log eventlog.Log, source string) Forget {
	return func(ctx context.Context, f Forgotten) error {
		sum := sha256.Sum256([]byte(f.Device + "\x00" + f.Token))
		rec, err := events.EncodeCommand(events.Command{
			Session: events.NewSelfID(f.User), Actor: events.Actor{User: f.User, Service: Actor}, ClientID: fmt.Sprintf("%s-gone-%x-%d", Actor, sum[:12], f.Until),
			Op: events.ForgetPush{Device: f.Device, Token: f.Token, Until: f.Until, Reason: events.ForgetGone},
		}, events.Envelope{Source: source})
		if err != nil {
			return fmt.Errorf("push: forget a token: %w", err)
		}
		if _, err := eventlog.Put(ctx, log, eventlog.Commands, rec); err != nil {
			return fmt.Errorf("push: forget a token of %s: %w", f.User, err)
		}
		return nil
	}
}
