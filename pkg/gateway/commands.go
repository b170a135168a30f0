package gateway

import (
	"context"
	"crypto/sha256"
	"errors"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// command passes a command on to the log; its outcome is the reply. Commands of one
// connection stand in the log in the order they came in.
func (c *Conn) command(ctx context.Context, frame *clientv1.ClientFrame) {
	cmd, err := c.build(frame)
	if err == nil {
		err = cmd.Validate()
	}
	// Saying nothing, or NUL, is rejected in the log: its outcome tells who asks again,
	// such as an import run twice, that it was asked before.
	if err != nil && err.Code != events.CodeInvalidText {
		c.refuse(frame.GetId(), err)
		return
	}
	if err := AddWishes(ctx, c.gw.ports.View, &cmd); err != nil {
		c.refuse(frame.GetId(), c.gw.readError(err))
		return
	}
	request, ok := c.gw.wait.open(c, frame.GetId(), nil)
	if !ok {
		c.refuse(frame.GetId(), &events.Error{Code: events.CodeBusy})
		return
	}
	c.gw.append(request, &cmd)
}

// appendUnawaited passes on a command that nobody waits for. When too much is under
// way it is left out, and false: whoever sends such commands comes again.
func (g *Gateway) appendUnawaited(cmd events.Command) bool {
	if err := cmd.Validate(); err != nil {
		g.log.Error("a command of the gateway's own is not valid", "op", cmd.Op.Name(), "error", err)
		return false
	}
	request, ok := g.wait.open(nil, "", nil)
	if ok {
		g.append(request, &cmd)
	}
	return ok
}

func (g *Gateway) append(request uint64, cmd *events.Command) {
	cmd.ReplyTo = events.ReplyTo{Instance: g.config.Instance, Request: request}
	rec, err := events.EncodeCommand(*cmd, events.Envelope{Source: "/annal/gateway/" + g.config.Instance})
	if err != nil {
		g.wait.appended(request, events.Errorf(events.CodeInvalidArgument, "the command cannot be written: %v", err))
		return
	}
	size := eventlog.Size(rec)
	if !g.writing.begin(size) {
		g.wait.appended(request, &events.Error{Code: events.CodeBusy})
		return
	}
	g.ports.Log.Append(g.ctx, eventlog.Commands, eventlog.ByKey, rec, func(_ int32, _ int64, err error) {
		g.writing.end(size)
		switch {
		case err == nil:
			g.wait.appended(request, nil)
		case errors.Is(err, eventlog.ErrRefused):
			g.wait.appended(request, &events.Error{Code: events.CodeEventTooLarge})
		default:
			g.log.Warn("it is not known whether a command was appended", "error", err)
			g.wait.appended(request, &events.Error{Code: events.CodeOutcomeUnknown})
		}
	})
}

// Answers implements hot.Delivery.
func (g *Gateway) Answers(values [][]byte) {
	for _, v := range values {
		o, err := events.DecodeOutcomeValue(v)
		if err != nil {
			g.unreadable(err)
			continue
		}
		if o.ReplyTo.Instance == g.config.Instance {
			if accepted, ok := o.Result.(events.Accepted); ok {
				g.owns.hear(o.Actor.User, accepted.Event)
			}
			g.wait.answer(&o)
		}
	}
}

// build makes the command of a frame that came in on the connection.
func (c *Conn) build(frame *clientv1.ClientFrame) (events.Command, *events.Error) {
	user, err := c.actingUser(frame)
	if err != nil {
		return events.Command{}, err
	}
	cmd, err := CommandOf(frame, c.actor(user), c.gw.config.Policies)
	cmd.Client = c.context()
	return cmd, err
}

// CommandOf makes the command of a frame: what a gateway puts into the log for an actor. A create is completed from
// the policies by kind. It checks what the log need not know of, such as who may say when something was said; the rest is
// events.Command.Validate's and the rules'.
func CommandOf(frame *clientv1.ClientFrame, actor events.Actor, policies map[events.Kind]events.Policy) (events.Command, *events.Error) {
	cmd := events.Command{Actor: actor, ClientID: frame.GetClientId(), Origin: events.Millis(frame.GetOriginTimeMs())}
	if cmd.Origin != 0 && cmd.Actor.Service == "" {
		return events.Command{}, events.Errorf(events.CodeServiceTokenRequired, "origin_time_ms needs a service token")
	}
	if cmd.Actor.Service == "" && forServices(frame) {
		return events.Command{}, events.Errorf(events.CodeServiceTokenRequired, "%s needs a service token", opName(frame))
	}
	switch op := frame.GetOp().(type) {
	case *clientv1.ClientFrame_Create:
		return buildCreate(cmd, op.Create, policies)
	case *clientv1.ClientFrame_Add:
		cmd.Session, cmd.Op = events.SessionID(op.Add.GetSession()), events.Add{Members: newMembers(op.Add.GetMembers())}
	case *clientv1.ClientFrame_Remove:
		cmd.Session, cmd.Op = events.SessionID(op.Remove.GetSession()), events.Remove{Users: userIDs(op.Remove.GetUsers())}
	case *clientv1.ClientFrame_Join:
		cmd.Session, cmd.Op = events.SessionID(op.Join.GetSession()), events.Join{Invite: codeHash(op.Join.GetInvite())}
	case *clientv1.ClientFrame_Leave:
		cmd.Session, cmd.Op = events.SessionID(op.Leave.GetSession()), events.Leave{}
	case *clientv1.ClientFrame_Send:
		cmd.Session = events.SessionID(op.Send.GetSession())
		body, err := bodyOf(op.Send.GetText(), op.Send.GetContent())
		cmd.Op = events.Send{Body: body, Refs: refsOf(op.Send.GetRefs())}
		return cmd, err
	case *clientv1.ClientFrame_Revoke:
		cmd.Session, cmd.Op = events.SessionID(op.Revoke.GetSession()), events.Revoke{Seq: events.Seq(op.Revoke.GetSeq())}
	case *clientv1.ClientFrame_Override:
		cmd.Session = events.SessionID(op.Override.GetSession())
		body, err := bodyOf(op.Override.GetText(), op.Override.GetContent())
		cmd.Op = events.Override{Seq: events.Seq(op.Override.GetSeq()), Body: body}
		return cmd, err
	case *clientv1.ClientFrame_Delete:
		cmd.Session = events.SessionID(op.Delete.GetSession())
		cmd.Op = events.Delete{Seq: events.Seq(op.Delete.GetSeq()), Reason: op.Delete.GetReason()}
	case *clientv1.ClientFrame_MarkRead:
		cmd.Session, cmd.Op = events.SessionID(op.MarkRead.GetSession()), events.MarkRead{Seq: events.Seq(op.MarkRead.GetSeq())}
	default:
		return buildOther(cmd, frame)
	}
	return cmd, nil
}

// buildOther makes the command of a frame that people send less often.
func buildOther(cmd events.Command, frame *clientv1.ClientFrame) (events.Command, *events.Error) {
	session := ""
	switch op := frame.GetOp().(type) {
	case *clientv1.ClientFrame_SetInfo:
		session, cmd.Op = op.SetInfo.GetSession(), events.SetInfo{Info: infoOf(op.SetInfo.GetInfo())}
	case *clientv1.ClientFrame_SetPolicy:
		session, cmd.Op = op.SetPolicy.GetSession(), events.SetPolicy{Policy: policyChangeOf(op.SetPolicy.GetPolicy())}
	case *clientv1.ClientFrame_SetRole:
		session = op.SetRole.GetSession()
		cmd.Op = events.SetRole{User: events.UserID(op.SetRole.GetUser()), Role: events.Role(op.SetRole.GetRole())}
	case *clientv1.ClientFrame_Mute:
		session = op.Mute.GetSession()
		cmd.Op = events.Mute{Users: userIDs(op.Mute.GetUsers()), Until: events.Millis(op.Mute.GetUntilMs())}
	case *clientv1.ClientFrame_Dismiss:
		session, cmd.Op = op.Dismiss.GetSession(), events.Dismiss{}
	case *clientv1.ClientFrame_Ask:
		session, cmd.Op = op.Ask.GetSession(), events.Ask{Text: op.Ask.GetText()}
	case *clientv1.ClientFrame_Refuse:
		session, cmd.Op = op.Refuse.GetSession(), events.Refuse{Users: userIDs(op.Refuse.GetUsers())}
	case *clientv1.ClientFrame_Invite:
		if n := len(op.Invite.GetCode()); n < minCodeBytes || n > events.MaxNameBytes {
			return cmd, events.Errorf(events.CodeInvalidField, "an invite's code has %d to %d bytes", minCodeBytes, events.MaxNameBytes)
		}
		session = op.Invite.GetSession()
		cmd.Op = events.Invite{
			Code: codeHash(op.Invite.GetCode()), Expires: events.Millis(op.Invite.GetExpiresMs()), Uses: op.Invite.GetUses(),
		}
	case *clientv1.ClientFrame_Uninvite:
		session, cmd.Op = op.Uninvite.GetSession(), events.Uninvite{Code: codeHash(op.Uninvite.GetCode())}
	case *clientv1.ClientFrame_React:
		session = op.React.GetSession()
		cmd.Op = events.React{Seq: events.Seq(op.React.GetSeq()), Emoji: op.React.GetEmoji(), Off: op.React.GetOff()}
	case *clientv1.ClientFrame_Pin:
		session, cmd.Op = op.Pin.GetSession(), events.Pin{Seq: events.Seq(op.Pin.GetSeq()), Off: op.Pin.GetOff()}
	case *clientv1.ClientFrame_MarkDelivered:
		session, cmd.Op = op.MarkDelivered.GetSession(), events.MarkDelivered{Seq: events.Seq(op.MarkDelivered.GetSeq())}
	case *clientv1.ClientFrame_Contact:
		session = op.Contact.GetSession()
		cmd.Op = events.Contact{Step: events.ContactStep(op.Contact.GetStep()), Text: op.Contact.GetText()}
	case *clientv1.ClientFrame_Report:
		session, cmd.Op = op.Report.GetSession(), events.Report{Seq: events.Seq(op.Report.GetSeq()), Reason: op.Report.GetReason()}
	default:
		return buildSelf(cmd, frame)
	}
	cmd.Session = events.SessionID(session)
	return cmd, nil
}

// buildSelf makes the command of a frame that is about the user alone, in their self session.
func buildSelf(cmd events.Command, frame *clientv1.ClientFrame) (events.Command, *events.Error) {
	cmd.Session = events.NewSelfID(cmd.Actor.User)
	switch op := frame.GetOp().(type) {
	case *clientv1.ClientFrame_Hide:
		hide := events.Hide{Session: events.SessionID(op.Hide.GetSession())}
		if len(op.Hide.GetIndexes()) != len(op.Hide.GetSeqs()) {
			return events.Command{}, events.Errorf(events.CodeInvalidField, "indexes are not as many as seqs")
		}
		for i, seq := range op.Hide.GetSeqs() {
			hide.Messages = append(hide.Messages, events.Numbers{Seq: events.Seq(seq), Index: events.Index(op.Hide.GetIndexes()[i])})
		}
		cmd.Op = hide
	case *clientv1.ClientFrame_SetSession:
		cmd.Op = events.SetSession{Session: events.SessionID(op.SetSession.GetSession()), Settings: settingsOf(op.SetSession.GetSettings())}
	case *clientv1.ClientFrame_SetDevice:
		cmd.Op = events.SetDevice{Device: op.SetDevice.GetDevice(), Push: pushOf(op.SetDevice.GetPush()), Off: op.SetDevice.GetOff()}
	case *clientv1.ClientFrame_SetProfile:
		cmd.Op = events.SetProfile{Profile: profileChangeOf(op.SetProfile.GetProfile())}
	case *clientv1.ClientFrame_SetNotifications:
		cmd.Op = events.SetNotifications{Notifications: notificationsOf(op.SetNotifications.GetNotifications())}
	case *clientv1.ClientFrame_SetPrivacy:
		cmd.Op = events.SetPrivacy{Privacy: privacyOf(op.SetPrivacy.GetPrivacy())}
	case *clientv1.ClientFrame_CloseAccount:
		cmd.Op = events.CloseAccount{}
	default:
		if cmd.Op = buildSigning(frame); cmd.Op == nil {
			return events.Command{}, &events.Error{Code: events.CodeUnknownOp}
		}
	}
	return cmd, nil
}

// minCodeBytes keeps invites' codes from being guessed.
const minCodeBytes = 16

// codeHash is what the log has of an invite's code; zeros for none.
func codeHash(code string) events.Hash {
	if code == "" {
		return events.Hash{}
	}
	return sha256.Sum256([]byte(code))
}

func buildCreate(cmd events.Command, m *clientv1.Create, policies map[events.Kind]events.Policy) (events.Command, *events.Error) {
	if m.GetBase() != 0 && cmd.Actor.Service == "" {
		return events.Command{}, events.Errorf(events.CodeServiceTokenRequired, "base needs a service token")
	}
	op := events.Create{
		Kind: events.Kind(m.GetKind()), Members: newMembers(m.GetMembers()), Base: events.Seq(m.GetBase()), Title: m.GetName(),
		Text: m.GetText(),
	}
	op.Policy = complete(policyOf(m.GetPolicy()), policies[op.Kind])
	if op.Kind == events.KindDirect && policies[op.Kind].Joining == events.JoiningApproval {
		op.Policy.Joining = events.JoiningApproval // where people are asked before they are contacts, nobody goes round that
	}
	cmd.Session, cmd.Op = events.NewSessionID(op, cmd.Actor.User, cmd.ClientID), op
	if cmd.Session == "" {
		return events.Command{}, events.Errorf(events.CodeInvalidArgument, "kind and members make no session")
	}
	return cmd, nil
}

func policyOf(m *logv1.Policy) events.Policy {
	return events.Policy{
		RevokeWindow: events.Millis(m.GetRevokeWindowMs()), OverrideWindow: events.Millis(m.GetOverrideWindowMs()),
		History: events.History(m.GetHistory()), MemberLimit: m.GetMemberLimit(), AddRole: events.Role(m.GetAddRole()),
		WriteRole: events.Role(m.GetWriteRole()), Joining: events.Joining(m.GetJoining()), ReceiptsLimit: m.GetReceiptsLimit(),
		InfoRole: events.Role(m.GetInfoRole()), PinRole: events.Role(m.GetPinRole()), MentionAllRole: events.Role(m.GetMentionAllRole()),
	}
}

// newMembers gives people without a role that of a member.
func newMembers(in []*logv1.NewMember) []events.NewMember {
	out := make([]events.NewMember, len(in))
	for i, m := range in {
		out[i] = events.NewMember{User: events.UserID(m.GetUser()), Role: max(events.Role(m.GetRole()), events.RoleMember)}
	}
	return out
}

// userIDs gives nil for none.
func userIDs(in []string) []events.UserID {
	if len(in) == 0 {
		return nil
	}
	out := make([]events.UserID, len(in))
	for i, u := range in {
		out[i] = events.UserID(u)
	}
	return out
}

// opName is a frame's operation in metrics.
func opName(frame *clientv1.ClientFrame) string {
	m := frame.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("op")); field != nil {
		return string(field.Name())
	}
	return "none"
}
