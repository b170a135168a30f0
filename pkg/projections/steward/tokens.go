package steward

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"annal/pkg/events"
)

// Holder is a user's device that a push token was registered for, and the log time when it last was.
type Holder struct {
	User   events.UserID
	Device string
	Since  events.Millis
}

// tokenOf is the push token that an event registers, without what is of the device alone; the zero value for other events.
func tokenOf(e events.Event) events.PushToken {
	set, is := e.(events.DeviceSet)
	if !is || set.Off || set.Push.Token == "" {
		return events.PushToken{}
	}
	return events.PushToken{Service: set.Push.Service, Package: set.Push.Package, Token: set.Push.Token}
}

// Two people may register a token at about the same time, in sessions of different partitions. The steward looks at each once the view
// has it, and who registered is noted before that: so whichever it looks at last, it sees both, and the view has what they registered.

// moved has all but the newest holder of each token forget it: who signed out elsewhere, or gave their device away, is to hear nothing of
// others, and nobody of them.
func (s *Steward) moved(ctx context.Context, tokens []events.PushToken) error {
	if len(tokens) == 0 {
		return nil
	}
	all, err := s.view.Holders(ctx, tokens)
	if err != nil {
		return fmt.Errorf("steward: holders: %w", err)
	}
	for i, holders := range all {
		for _, h := range holders[min(1, len(holders)):] {
			if err := s.forget(ctx, h, tokens[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget asks that a holder's device forgets the token, unless it did, or was registered again since.
func (s *Steward) forget(ctx context.Context, h Holder, token events.PushToken) error {
	has, err := s.view.Has(ctx, h, token)
	if err != nil {
		return fmt.Errorf("steward: devices of %s: %w", h.User, err)
	}
	if !has {
		return nil
	}
	op := events.ForgetPush{Device: h.Device, Token: token.Token, Until: h.Since, Reason: events.ForgetMoved}
	// The id is that of the registration, so that another one has another.
	sum := sha256.Sum256([]byte(h.Device + "\x00" + token.Token))
	return s.ask(ctx, events.NewSelfID(h.User), h.User, fmt.Sprintf("%s-%s-%d-%s", Service, op.Name(), h.Since, hex.EncodeToString(sum[:8])), op)
}
