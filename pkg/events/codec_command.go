package events

import (
	"fmt"

	logv1 "annal/gen/annal/log/v1"
)

func commandToProto(c *Command) *logv1.Command {
	m := &logv1.Command{
		Session: string(c.Session), Actor: actorToProto(c.Actor), ClientId: c.ClientID,
		Client: clientToProto(c.Client), ReplyTo: replyToProto(c.ReplyTo), OriginTimeMs: int64(c.Origin),
	}
	switch op := c.Op.(type) {
	case Create:
		m.Op = &logv1.Command_Create{Create: &logv1.Create{
			Kind: logv1.Kind(op.Kind), Members: membersToProto(op.Members), Policy: policyToProto(op.Policy),
			Base: uint64(op.Base), Name: op.Title,
		}}
	case Add:
		m.Op = &logv1.Command_Add{Add: &logv1.Add{Members: membersToProto(op.Members)}}
	case Remove:
		m.Op = &logv1.Command_Remove{Remove: &logv1.Remove{Users: usersToProto(op.Users)}}
	case Join:
		m.Op = &logv1.Command_Join{Join: &logv1.Join{}}
	case Leave:
		m.Op = &logv1.Command_Leave{Leave: &logv1.Leave{}}
	case Send:
		m.Op = &logv1.Command_Send{Send: &logv1.Send{Body: bodyToProto(op.Body)}}
	case Revoke:
		m.Op = &logv1.Command_Revoke{Revoke: &logv1.Revoke{Seq: uint64(op.Seq)}}
	case Override:
		m.Op = &logv1.Command_Override{Override: &logv1.Override{Seq: uint64(op.Seq), Body: bodyToProto(op.Body)}}
	case Delete:
		m.Op = &logv1.Command_Delete{Delete: &logv1.Delete{Seq: uint64(op.Seq)}}
	case MarkRead:
		m.Op = &logv1.Command_MarkRead{MarkRead: &logv1.MarkRead{Seq: uint64(op.Seq)}}
	}
	return m
}

// commandFromProto leaves Op nil for an operation this program does not know.
func commandFromProto(m *logv1.Command) (Command, error) {
	client, err := clientFromProto(m.GetClient())
	if err != nil {
		return Command{}, err
	}
	c := Command{
		Session: SessionID(m.GetSession()), Actor: actorFromProto(m.GetActor()), ClientID: m.GetClientId(),
		Client: client, ReplyTo: replyFromProto(m.GetReplyTo()), Origin: Millis(m.GetOriginTimeMs()),
	}
	switch op := m.GetOp().(type) {
	case *logv1.Command_Create:
		c.Op = Create{
			Kind: Kind(op.Create.GetKind()), Members: membersFromProto(op.Create.GetMembers()),
			Policy: policyFromProto(op.Create.GetPolicy()), Base: Seq(op.Create.GetBase()), Title: op.Create.GetName(),
		}
	case *logv1.Command_Add:
		c.Op = Add{Members: membersFromProto(op.Add.GetMembers())}
	case *logv1.Command_Remove:
		c.Op = Remove{Users: usersFromProto(op.Remove.GetUsers())}
	case *logv1.Command_Join:
		c.Op = Join{}
	case *logv1.Command_Leave:
		c.Op = Leave{}
	case *logv1.Command_Send:
		body, err := bodyFromProto(op.Send.GetBody())
		if err != nil {
			return Command{}, err
		}
		c.Op = Send{Body: body}
	case *logv1.Command_Revoke:
		c.Op = Revoke{Seq: Seq(op.Revoke.GetSeq())}
	case *logv1.Command_Override:
		body, err := bodyFromProto(op.Override.GetBody())
		if err != nil {
			return Command{}, err
		}
		c.Op = Override{Seq: Seq(op.Override.GetSeq()), Body: body}
	case *logv1.Command_Delete:
		c.Op = Delete{Seq: Seq(op.Delete.GetSeq())}
	case *logv1.Command_MarkRead:
		c.Op = MarkRead{Seq: Seq(op.MarkRead.GetSeq())}
	}
	return c, nil
}

func actorToProto(a Actor) *logv1.Actor {
	return &logv1.Actor{User: string(a.User), Service: a.Service}
}

func actorFromProto(m *logv1.Actor) Actor {
	return Actor{User: UserID(m.GetUser()), Service: m.GetService()}
}

func replyToProto(r ReplyTo) *logv1.ReplyTo {
	if r == (ReplyTo{}) {
		return nil
	}
	return &logv1.ReplyTo{Instance: r.Instance, Request: r.Request}
}

func replyFromProto(m *logv1.ReplyTo) ReplyTo {
	return ReplyTo{Instance: m.GetInstance(), Request: m.GetRequest()}
}

func clientToProto(c ClientContext) *logv1.ClientContext {
	m := &logv1.ClientContext{Device: c.Device, ClientVersion: c.Version}
	if c.Address.Sealed != nil {
		m.Address = &logv1.Address{Form: &logv1.Address_Sealed{Sealed: sealedToProto(c.Address.Sealed)}}
	} else if c.Address.Plain != "" {
		m.Address = &logv1.Address{Form: &logv1.Address_Plain{Plain: c.Address.Plain}}
	}
	return m
}

func clientFromProto(m *logv1.ClientContext) (ClientContext, error) {
	c := ClientContext{Device: m.GetDevice(), Version: m.GetClientVersion()}
	switch form := m.GetAddress().GetForm().(type) {
	case *logv1.Address_Plain:
		c.Address.Plain = form.Plain
	case *logv1.Address_Sealed:
		c.Address.Sealed = sealedFromProto(form.Sealed)
	case nil:
		if m.GetAddress() != nil {
			return ClientContext{}, &TypeError{Type: "address"}
		}
	}
	return c, nil
}

func sealedToProto(s *Sealed) *logv1.Sealed {
	return &logv1.Sealed{KeyId: s.KeyID, Nonce: s.Nonce, Ciphertext: s.Ciphertext}
}

func sealedFromProto(m *logv1.Sealed) *Sealed {
	return &Sealed{KeyID: m.GetKeyId(), Nonce: m.GetNonce(), Ciphertext: m.GetCiphertext()}
}

func bodyToProto(b Body) *logv1.Body {
	m := &logv1.Body{BodyMac: b.MAC}
	if b.Sealed != nil {
		m.Form = &logv1.Body_Sealed{Sealed: sealedToProto(b.Sealed)}
		return m
	}
	switch content := b.Plain.(type) {
	case Text:
		m.Form = &logv1.Body_Plain{Plain: &logv1.Content{Kind: &logv1.Content_Text{Text: &logv1.Text{Text: string(content)}}}}
	case nil:
	}
	return m
}

func bodyFromProto(m *logv1.Body) (Body, error) {
	b := Body{MAC: m.GetBodyMac()}
	switch form := m.GetForm().(type) {
	case *logv1.Body_Sealed:
		b.Sealed = sealedFromProto(form.Sealed)
	case *logv1.Body_Plain:
		switch kind := form.Plain.GetKind().(type) {
		case *logv1.Content_Text:
			b.Plain = Text(kind.Text.GetText())
		default:
			return Body{}, &TypeError{Type: fmt.Sprintf("content %T", kind)}
		}
	default:
		return Body{}, &TypeError{Type: fmt.Sprintf("body %T", form)}
	}
	return b, nil
}

func policyToProto(p Policy) *logv1.Policy {
	return &logv1.Policy{
		RevokeWindowMs: int64(p.RevokeWindow), OverrideWindowMs: int64(p.OverrideWindow),
		History: logv1.History(p.History), MemberLimit: p.MemberLimit,
		AddRole: logv1.Role(p.AddRole), WriteRole: logv1.Role(p.WriteRole),
		Joining: logv1.Joining(p.Joining), ReceiptsLimit: p.ReceiptsLimit,
	}
}

func policyFromProto(m *logv1.Policy) Policy {
	return Policy{
		RevokeWindow: Millis(m.GetRevokeWindowMs()), OverrideWindow: Millis(m.GetOverrideWindowMs()),
		History: History(m.GetHistory()), MemberLimit: m.GetMemberLimit(),
		AddRole: Role(m.GetAddRole()), WriteRole: Role(m.GetWriteRole()),
		Joining: Joining(m.GetJoining()), ReceiptsLimit: m.GetReceiptsLimit(),
	}
}

func membersToProto(ms []NewMember) []*logv1.NewMember {
	out := make([]*logv1.NewMember, len(ms))
	for i, m := range ms {
		out[i] = &logv1.NewMember{User: string(m.User), Role: logv1.Role(m.Role)}
	}
	return out
}

func membersFromProto(ms []*logv1.NewMember) []NewMember {
	if len(ms) == 0 {
		return nil
	}
	out := make([]NewMember, len(ms))
	for i, m := range ms {
		out[i] = NewMember{User: UserID(m.GetUser()), Role: Role(m.GetRole())}
	}
	return out
}

func skippedToProto(ss []Skipped) []*logv1.Skipped {
	out := make([]*logv1.Skipped, len(ss))
	for i, s := range ss {
		out[i] = &logv1.Skipped{User: string(s.User), Code: string(s.Code)}
	}
	return out
}

func skippedFromProto(ss []*logv1.Skipped) []Skipped {
	if len(ss) == 0 {
		return nil
	}
	out := make([]Skipped, len(ss))
	for i, s := range ss {
		out[i] = Skipped{User: UserID(s.GetUser()), Code: Code(s.GetCode())}
	}
	return out
}

func usersToProto(us []UserID) []string {
	out := make([]string, len(us))
	for i, u := range us {
		out[i] = string(u)
	}
	return out
}

func usersFromProto(us []string) []UserID {
	if len(us) == 0 {
		return nil
	}
	out := make([]UserID, len(us))
	for i, u := range us {
		out[i] = UserID(u)
	}
	return out
}
