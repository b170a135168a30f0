package events

import (
	"strings"
	"unicode/utf8"
)

// Limits on what a command may hold. Both gateways and the rules apply them, so a
// command written by any other way fares the same.
const (
	// MaxTextBytes is the limit of a text.
	MaxTextBytes = 64 << 10
	// MaxEventBytes is the limit of an outcome's value.
	MaxEventBytes = 512 << 10
	// MaxBatchMembers is the limit of people in one command.
	MaxBatchMembers = 1000
	// MaxNameBytes is the limit of user ids, client ids, devices, client versions and titles.
	MaxNameBytes = 128
	// MaxStays is how many stays a member's row and every view keep; the oldest go
	// first, and with them what they made visible.
	MaxStays = 1000
	// ClientIDTTL is for how long of log time ids of rejected and answered commands
	// are remembered, in ms. Those of accepted ones live with the message.
	ClientIDTTL Millis = 24 * 60 * 60 * 1000
)

// ValidName says whether s can be a user or client id: 1 to MaxNameBytes bytes of
// printable ASCII without space.
func ValidName(s string) bool {
	if s == "" || len(s) > MaxNameBytes {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func validLabel(s string) bool {
	return len(s) <= MaxNameBytes && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// Validate checks everything about a command that needs no state.
func (c *Command) Validate() *Error {
	switch {
	case !ValidName(string(c.Session)):
		return Errorf(CodeInvalidArgument, "session id is not 1 to %d bytes of printable ASCII", MaxNameBytes)
	case !ValidName(string(c.Actor.User)):
		return Errorf(CodeInvalidArgument, "user id is not 1 to %d bytes of printable ASCII", MaxNameBytes)
	case !ValidName(c.ClientID):
		return Errorf(CodeInvalidArgument, "client id is not 1 to %d bytes of printable ASCII", MaxNameBytes)
	case !validLabel(c.Client.Device), !validLabel(c.Client.Version), !validLabel(c.Client.Address.Plain), !validLabel(c.Actor.Service):
		return Errorf(CodeInvalidArgument, "device, client version or address is over %d bytes or not UTF-8", MaxNameBytes)
	case c.Origin < 0:
		return Errorf(CodeInvalidArgument, "origin time is negative")
	}
	switch op := c.Op.(type) {
	case Create:
		return c.validateCreate(op)
	case Add:
		return validateMembers(op.Members, 1)
	case Remove:
		return validateUsers(op.Users)
	case Send:
		return op.Body.validate()
	case Override:
		if op.Seq == 0 {
			return Errorf(CodeInvalidArgument, "seq is missing")
		}
		return op.Body.validate()
	case Revoke:
		return validateSeq(op.Seq)
	case Delete:
		return validateSeq(op.Seq)
	case Join, Leave, MarkRead:
		return nil
	case nil:
		return Errorf(CodeMalformed, "the command has no operation")
	}
	return nil
}

func validateSeq(s Seq) *Error {
	if s == 0 {
		return Errorf(CodeInvalidArgument, "seq is missing")
	}
	return nil
}

// maxBase leaves room for every seq a session can ever take.
const maxBase Seq = 1 << 62

func (c *Command) validateCreate(op Create) *Error {
	if want := NewSessionID(op, c.Actor.User, c.ClientID); want == "" || want != c.Session {
		return Errorf(CodeInvalidArgument, "session id does not follow from kind, members and client id")
	}
	if err := validateMembers(op.Members, 0); err != nil {
		return err
	}
	p := op.Policy
	switch {
	case op.Kind == KindSelf && len(op.Members) > 0:
		return Errorf(CodeInvalidArgument, "a self session has no other members")
	case op.Kind == KindDirect && op.Members[0].User == c.Actor.User:
		return Errorf(CodeInvalidArgument, "a direct session is with somebody else")
	case !validLabel(op.Title):
		return Errorf(CodeInvalidArgument, "name is over %d bytes or not UTF-8", MaxNameBytes)
	case op.Base > maxBase:
		return Errorf(CodeInvalidArgument, "base is over 2^62")
	case p.RevokeWindow < 0, p.OverrideWindow < 0, p.History < HistoryStay, p.History > HistoryAll, p.MemberLimit < 1,
		p.AddRole < RoleMember, p.AddRole > RoleOwner, p.WriteRole < RoleMember, p.WriteRole > RoleOwner,
		p.Joining < JoiningClosed, p.Joining > JoiningOpen:
		return Errorf(CodeInvalidArgument, "policy is incomplete or out of range")
	case int(p.MemberLimit) < 1+len(op.Members):
		return Errorf(CodeSessionFull, "more members than the limit of %d", p.MemberLimit)
	}
	return nil
}

func validateMembers(members []NewMember, least int) *Error {
	if len(members) < least {
		return Errorf(CodeInvalidArgument, "members are missing")
	}
	if len(members) > MaxBatchMembers {
		return Errorf(CodeTooManyMembersAtOnce, "%d people", len(members))
	}
	for _, m := range members {
		if !ValidName(string(m.User)) || m.Role < RoleMember || m.Role > RoleAdmin {
			return Errorf(CodeInvalidArgument, "member %q: user id or role is not valid", m.User)
		}
	}
	return nil
}

func validateUsers(users []UserID) *Error {
	if len(users) == 0 {
		return Errorf(CodeInvalidArgument, "users are missing")
	}
	if len(users) > MaxBatchMembers {
		return Errorf(CodeTooManyMembersAtOnce, "%d people", len(users))
	}
	for _, u := range users {
		if !ValidName(string(u)) {
			return Errorf(CodeInvalidArgument, "user id %q is not valid", u)
		}
	}
	return nil
}

func (b Body) validate() *Error {
	if b.Sealed != nil {
		if b.Plain != nil || len(b.MAC) == 0 {
			return Errorf(CodeMalformed, "a sealed body has a MAC and no plain content")
		}
		return nil
	}
	switch content := b.Plain.(type) {
	case Text:
		return validateText(string(content))
	case nil:
		return Errorf(CodeInvalidText, "the text is missing")
	}
	return nil
}

func validateText(s string) *Error {
	switch {
	case s == "":
		return Errorf(CodeInvalidText, "the text is empty")
	case len(s) > MaxTextBytes:
		return Errorf(CodeTextTooLong, "too large, limit %d bytes", MaxTextBytes)
	case !utf8.ValidString(s):
		return Errorf(CodeInvalidText, "the text is not UTF-8")
	case strings.ContainsRune(s, 0):
		return Errorf(CodeInvalidText, "the text contains NUL")
	}
	return nil
}
