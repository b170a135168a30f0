package audit

import (
	"context"
	"errors"
	"fmt"

	"annal/pkg/events"
)

// ErrNoMessage says that the session has no such message.
var ErrNoMessage = errors.New("audit: no such message in the session")

// History gives what happened to a message, in the log's order: its sending, every version, what was done to it, and of each person
// the first time that they had read up to it. It is named by its seq or, where that is 0, its id.
func History(ctx context.Context, source Source, s events.SessionID, seq events.Seq, id string) ([]events.Outcome, error) {
	var all []events.Outcome
	read := map[events.UserID]bool{}
	err := source.Session(ctx, s, func(r *Record) error {
		o, err := events.DecodeOutcomeValue(r.Value)
		if err != nil {
			return fmt.Errorf("audit: partition %d offset %d: %w", r.Partition, r.Offset, err)
		}
		a, ok := o.Result.(events.Accepted)
		if !ok {
			return nil
		}
		if _, sent := a.Event.(events.Sent); sent && seq == 0 && o.ID.String() == id {
			seq = a.Seq
		}
		if seq != 0 && concerns(a, seq, o.Actor.User, read) {
			if _, sent := a.Event.(events.Sent); !sent && len(all) == 0 {
				return ErrNoMessage
			}
			all = append(all, o)
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = ErrNoMessage
	}
	return all, err
}

// concerns says whether the event is about the message.
func concerns(a events.Accepted, seq events.Seq, by events.UserID, read map[events.UserID]bool) bool {
	switch e := a.Event.(type) {
	case events.Sent:
		return a.Seq == seq
	case events.Revoked:
		return e.Target == seq
	case events.Overridden:
		return e.Target == seq
	case events.Deleted:
		return e.Target == seq
	case events.Reacted:
		return e.Target == seq
	case events.Pinned:
		return e.Target == seq
	case events.Reported:
		return e.Target == seq
	case events.Read:
		first := e.Marker >= seq && !read[by]
		read[by] = read[by] || first
		return first
	case events.Audited:
		return e.Seq == seq && e.What == "history"
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.InfoSet, events.PolicySet, events.RoleSet, events.Muted,
		events.Dismissed, events.Asked, events.Refused, events.Invited, events.Uninvited, events.Delivered, events.ContactChanged, events.Hidden,
		events.SessionSet, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
	return false
}
