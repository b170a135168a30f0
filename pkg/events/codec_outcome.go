package events

import (
	"errors"
	"fmt"

	logv1 "annal/gen/annal/log/v1"
)

func outcomeToProto(o *Outcome) (*logv1.Outcome, error) {
	m := &logv1.Outcome{
		Id: o.ID[:], Session: string(o.Session), Actor: actorToProto(o.Actor), ClientId: o.ClientID,
		Digest: o.Digest[:], Client: clientToProto(o.Client), ReplyTo: replyToProto(o.ReplyTo),
		OriginTimeMs: int64(o.Origin), TimeMs: int64(o.Time), PrevHash: o.PrevHash[:],
	}
	switch r := o.Result.(type) {
	case Accepted:
		a := &logv1.Accepted{Seq: uint64(r.Seq)}
		if err := eventToProto(r.Event, a); err != nil {
			return nil, err
		}
		m.Result = &logv1.Outcome_Accepted{Accepted: a}
	case Rejected:
		rejected := &logv1.Rejected{Code: string(r.Code), Detail: r.Detail, Seq: uint64(r.Seq), Skipped: skippedToProto(r.Skipped)}
		if r.Command != nil {
			rejected.Command = commandToProto(r.Command)
		}
		m.Result = &logv1.Outcome_Rejected{Rejected: rejected}
	case Answered:
		e := r.Earlier
		answered := &logv1.Answered{
			Code: string(r.Code), Seq: uint64(e.Seq), Index: uint64(e.Index), TimeMs: int64(e.Time), EarlierCode: string(e.Code),
		}
		if e.ID != (ID{}) {
			answered.Id = e.ID[:]
		}
		m.Result = &logv1.Outcome_Answered{Answered: answered}
	case nil:
		return nil, errors.New("the outcome has no result")
	}
	return m, nil
}

func outcomeFromProto(m *logv1.Outcome) (Outcome, error) {
	client, err := clientFromProto(m.GetClient())
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{
		Session: SessionID(m.GetSession()), Actor: actorFromProto(m.GetActor()), ClientID: m.GetClientId(),
		Client: client, ReplyTo: replyFromProto(m.GetReplyTo()), Origin: Millis(m.GetOriginTimeMs()), Time: Millis(m.GetTimeMs()),
	}
	if copy(o.ID[:], m.GetId()) != len(o.ID) || copy(o.Digest[:], m.GetDigest()) != len(o.Digest) ||
		copy(o.PrevHash[:], m.GetPrevHash()) != len(o.PrevHash) {
		return Outcome{}, &DecodeError{errors.New("id, digest or prev_hash is too short")}
	}
	switch r := m.GetResult().(type) {
	case *logv1.Outcome_Accepted:
		event, err := eventFromProto(r.Accepted)
		if err != nil {
			return Outcome{}, err
		}
		o.Result = Accepted{Seq: Seq(r.Accepted.GetSeq()), Event: event}
	case *logv1.Outcome_Rejected:
		rejected := Rejected{
			Code: Code(r.Rejected.GetCode()), Detail: r.Rejected.GetDetail(), Seq: Seq(r.Rejected.GetSeq()),
			Skipped: skippedFromProto(r.Rejected.GetSkipped()),
		}
		if m := r.Rejected.GetCommand(); m != nil {
			c, err := commandFromProto(m)
			if err != nil {
				return Outcome{}, err
			}
			rejected.Command = &c
		}
		o.Result = rejected
	case *logv1.Outcome_Answered:
		a := r.Answered
		e := Earlier{Code: Code(a.GetEarlierCode()), Seq: Seq(a.GetSeq()), Index: Index(a.GetIndex()), Time: Millis(a.GetTimeMs())}
		copy(e.ID[:], a.GetId())
		o.Result = Answered{Code: Code(a.GetCode()), Earlier: e}
	default:
		return Outcome{}, &TypeError{Type: fmt.Sprintf("result %T", r)}
	}
	return o, nil
}

func eventToProto(e Event, a *logv1.Accepted) error {
	switch e := e.(type) {
	case Created:
		a.Event = &logv1.Accepted_Created{Created: &logv1.Created{
			Kind: logv1.Kind(e.Kind), Base: uint64(e.Base), Policy: policyToProto(e.Policy), Members: membersToProto(e.Members), Name: e.Title,
		}}
	case Added:
		a.Event = &logv1.Accepted_Added{Added: &logv1.Added{Members: membersToProto(e.Members), Skipped: skippedToProto(e.Skipped)}}
	case Removed:
		a.Event = &logv1.Accepted_Removed{Removed: &logv1.Removed{
			Users: usersToProto(e.Users), Skipped: skippedToProto(e.Skipped), Promoted: string(e.Promoted), Closed: e.Closed,
		}}
	case Joined:
		a.Event = &logv1.Accepted_Joined{Joined: &logv1.Joined{}}
	case Left:
		a.Event = &logv1.Accepted_Left{Left: &logv1.Left{Promoted: string(e.Promoted), Closed: e.Closed}}
	case Sent:
		a.Event = &logv1.Accepted_Sent{Sent: &logv1.Sent{Index: uint64(e.Index), Body: bodyToProto(e.Body)}}
	case Revoked:
		a.Event = &logv1.Accepted_Revoked{Revoked: &logv1.Revoked{Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex)}}
	case Overridden:
		a.Event = &logv1.Accepted_Overridden{Overridden: &logv1.Overridden{
			Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex), Body: bodyToProto(e.Body),
		}}
	case Deleted:
		a.Event = &logv1.Accepted_Deleted{Deleted: &logv1.Deleted{Target: uint64(e.Target), TargetIndex: uint64(e.TargetIndex)}}
	case Read:
		a.Event = &logv1.Accepted_Read{Read: &logv1.Read{Marker: uint64(e.Marker), MarkerIndex: uint64(e.MarkerIndex)}}
	case nil:
		return errors.New("the outcome is accepted without an event")
	}
	return nil
}

func eventFromProto(a *logv1.Accepted) (Event, error) {
	switch e := a.GetEvent().(type) {
	case *logv1.Accepted_Created:
		c := e.Created
		return Created{
			Kind: Kind(c.GetKind()), Base: Seq(c.GetBase()), Policy: policyFromProto(c.GetPolicy()),
			Members: membersFromProto(c.GetMembers()), Title: c.GetName(),
		}, nil
	case *logv1.Accepted_Added:
		return Added{Members: membersFromProto(e.Added.GetMembers()), Skipped: skippedFromProto(e.Added.GetSkipped())}, nil
	case *logv1.Accepted_Removed:
		r := e.Removed
		return Removed{
			Users: usersFromProto(r.GetUsers()), Skipped: skippedFromProto(r.GetSkipped()),
			Promoted: UserID(r.GetPromoted()), Closed: r.GetClosed(),
		}, nil
	case *logv1.Accepted_Joined:
		return Joined{}, nil
	case *logv1.Accepted_Left:
		return Left{Promoted: UserID(e.Left.GetPromoted()), Closed: e.Left.GetClosed()}, nil
	case *logv1.Accepted_Sent:
		body, err := bodyFromProto(e.Sent.GetBody())
		if err != nil {
			return nil, err
		}
		return Sent{Index: Index(e.Sent.GetIndex()), Body: body}, nil
	case *logv1.Accepted_Revoked:
		return Revoked{Target: Seq(e.Revoked.GetTarget()), TargetIndex: Index(e.Revoked.GetTargetIndex())}, nil
	case *logv1.Accepted_Overridden:
		body, err := bodyFromProto(e.Overridden.GetBody())
		if err != nil {
			return nil, err
		}
		return Overridden{Target: Seq(e.Overridden.GetTarget()), TargetIndex: Index(e.Overridden.GetTargetIndex()), Body: body}, nil
	case *logv1.Accepted_Deleted:
		return Deleted{Target: Seq(e.Deleted.GetTarget()), TargetIndex: Index(e.Deleted.GetTargetIndex())}, nil
	case *logv1.Accepted_Read:
		return Read{Marker: Seq(e.Read.GetMarker()), MarkerIndex: Index(e.Read.GetMarkerIndex())}, nil
	default:
		return nil, &TypeError{Type: fmt.Sprintf("event %T", e)}
	}
}
