package gateway

import (
	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

// AnswerOf is what a client hears of its command's outcome: an ack when it was
// accepted or had no effect of its own, else an error. A repeat gets what the first got.
func AnswerOf(id string, o *events.Outcome) *clientv1.ServerFrame {
	switch r := o.Result.(type) {
	case events.Accepted:
		ack := &clientv1.Ack{Session: string(o.Session), Seq: uint64(r.Seq), MessageId: o.ID.String(), TimeMs: int64(o.Time)}
		switch e := r.Event.(type) {
		case events.Sent:
			ack.Index = uint64(e.Index)
		case events.Added:
			ack.Skipped = clientSkipped(e.Skipped)
		case events.Removed:
			ack.Skipped = clientSkipped(e.Skipped)
		case events.Muted:
			ack.Skipped = clientSkipped(e.Skipped)
		case events.Refused:
			ack.Skipped = clientSkipped(e.Skipped)
		case events.Created, events.Joined, events.Left, events.Revoked, events.Overridden, events.Deleted, events.Read, events.InfoSet, events.PolicySet, events.RoleSet, events.Dismissed, events.Asked, events.Invited,
			events.Uninvited, events.Reacted, events.Pinned, events.Delivered, events.ContactChanged, events.Reported, events.Hidden, events.SessionSet,
			events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
		}
		return &clientv1.ServerFrame{Id: id, Kind: &clientv1.ServerFrame_Ack{Ack: ack}}
	case events.Rejected:
		f := errorFrame(id, &events.Error{Code: r.Code, Detail: r.Detail, Seq: r.Seq}, false)
		f.GetError().Skipped = clientSkipped(r.Skipped)
		return f
	case events.Answered:
		return answeredFrame(id, o.Session, r)
	}
	return errorFrame(id, &events.Error{Code: events.CodeOutcomeUnknown}, false)
}

func answeredFrame(id string, s events.SessionID, r events.Answered) *clientv1.ServerFrame {
	e, code := r.Earlier, r.Code
	if r.Code == events.CodeDuplicate && e.Code != "" {
		if e.Code.Info().Kind == events.KindRejected {
			return errorFrame(id, &events.Error{Code: e.Code, Seq: e.Seq}, true)
		}
		code = e.Code
	}
	ack := &clientv1.Ack{Session: string(s), Seq: uint64(e.Seq), Index: uint64(e.Index), TimeMs: int64(e.Time), Answered: string(code), Duplicate: r.Code == events.CodeDuplicate}
	if e.ID != (events.ID{}) {
		ack.MessageId = e.ID.String()
	}
	return &clientv1.ServerFrame{Id: id, Kind: &clientv1.ServerFrame_Ack{Ack: ack}}
}

// outcomeCode is an outcome's label in metrics.
func outcomeCode(o *events.Outcome) string {
	switch r := o.Result.(type) {
	case events.Rejected:
		return string(r.Code)
	case events.Answered:
		return string(r.Code)
	case events.Accepted:
	}
	return "ACCEPTED"
}
