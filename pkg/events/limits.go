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
	// MaxURLBytes is the limit of references to things kept elsewhere.
	MaxURLBytes = 2 << 10
	// MaxNoteBytes is the limit of notices and descriptions, of previews and of push tokens.
	MaxNoteBytes = 4 << 10
	// MaxReasonBytes is the limit of what goes with requests, reports and removals, and of
	// a custom field's value.
	MaxReasonBytes = 1 << 10
	// MaxStatusBytes is the limit of a profile's status.
	MaxStatusBytes = 256
	// MaxTagBytes is the limit of reactions and of a custom field's name.
	MaxTagBytes = 64
	// MaxCustomFields is how many custom fields a session's info has.
	MaxCustomFields = 50
	// MaxMentions is how many people a message mentions.
	MaxMentions = 100
	// MaxForwarded is how many messages a forward has.
	MaxForwarded = 100
	// MaxReactions is how many reactions a person puts on one message.
	MaxReactions = 20
	// MaxEmojis is how many emojis there are on one message, put there by however many people.
	MaxEmojis = 50
	// MaxPins is how many messages of a session are pinned.
	MaxPins = 100
	// MaxAsks is how many requests to be let in a session keeps.
	MaxAsks = 1000
	// MaxInvites is how many invites a session keeps, those that are used up or expired
	// included.
	MaxInvites = 100
	// MaxHidden is how many messages one command hides for the user alone.
	MaxHidden = 100
	// MaxDevices is how many devices a user registers.
	MaxDevices = 50
	// MaxLogins is how many logins a user has at once; the oldest end.
	MaxLogins = 50
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

func validLabel(s string) bool { return validString(s, MaxNameBytes) }

func validString(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
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
	if err := validateWishes(c.Wishes); err != nil {
		return err
	}
	if create, ok := c.Op.(Create); ok {
		return c.validateCreate(create)
	}
	return validateOp(c.Op)
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
	switch p := op.Policy; {
	case op.Kind == KindSelf && len(op.Members) > 0:
		return Errorf(CodeInvalidArgument, "a self session has no other members")
	case op.Kind == KindDirect && op.Members[0].User == c.Actor.User:
		return Errorf(CodeInvalidArgument, "a direct session is with somebody else")
	case !validLabel(op.Title):
		return Errorf(CodeInvalidArgument, "name is over %d bytes or not UTF-8", MaxNameBytes)
	case op.Base > maxBase:
		return Errorf(CodeInvalidArgument, "base is over 2^62")
	case op.Text != "" && op.Kind != KindDirect:
		return Errorf(CodeInvalidArgument, "only a request to be contacts has a text")
	case !validString(op.Text, MaxReasonBytes):
		return Errorf(CodeInvalidArgument, "text is over %d bytes or not UTF-8", MaxReasonBytes)
	case int(p.MemberLimit) < 1+len(op.Members) && p.Validate() == nil:
		return Errorf(CodeSessionFull, "more members than the limit of %d", p.MemberLimit)
	}
	return op.Policy.Validate()
}

// Validate says whether the policy is complete and in range.
func (p Policy) Validate() *Error {
	role := func(r Role) bool { return r >= RoleMember && r <= RoleOwner }
	later := func(r Role) bool { return r == 0 || role(r) }
	if p.RevokeWindow < 0 || p.OverrideWindow < 0 || p.History < HistoryStay || p.History > HistoryAll || p.MemberLimit < 1 ||
		!role(p.AddRole) || !role(p.WriteRole) || p.Joining < JoiningClosed || p.Joining > JoiningApproval ||
		!later(p.InfoRole) || !later(p.PinRole) || !later(p.MentionAllRole) {
		return Errorf(CodeInvalidArgument, "policy is incomplete or out of range")
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

func validateUsers(users []UserID, least int) *Error {
	if len(users) < least {
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
