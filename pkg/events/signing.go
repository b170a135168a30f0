package events

import "slices"

// What is known of a user's sign-ins. All of it is in their self session, and said by services that check who people are; ending
// logins of their own is for users too.

// EndedLogin is a login that ended, and the device it was on.
type EndedLogin struct{ Login, Device string }

type (
	// SignUp says that the user signed up. Method is one of SignUpMethods.
	SignUp struct{ Method string }
	// SignIn says that the user signed in on a device: one login a device has, the one of before ends.
	SignIn struct {
		// Login is its own id, which tokens name.
		Login  string
		Device string
		// Kind is one of DeviceKinds, Client the OAuth client's id.
		Kind   string
		Client string
		// Most is how many logins of this kind there may be at once, the oldest end; 0: MaxLogins, as of all kinds together.
		Most uint32
	}
	// SignOut ends logins: those of Devices, those named, or with All all but one.
	SignOut struct {
		Devices []string
		Logins  []string
		All     bool
		Except  string
		// Reason is one of SignOutReasons.
		Reason string
	}
	// Ban ends all logins, and keeps the user from signing in.
	Ban struct{ Reason string }
	// Unban lets the user sign in again.
	Unban struct{}
)

type (
	// SignedUp is a user's beginning.
	SignedUp struct{ Method string }
	// SignedIn is a login; First: the user never signed in before. Consumers end the logins of Ended.
	SignedIn struct {
		Login  string
		Device string
		Kind   string
		Client string
		First  bool
		Ended  []EndedLogin
	}
	// SignedOut ended logins, and forgot where notifications for their devices go.
	SignedOut struct {
		Ended  []EndedLogin
		Reason string
	}
	// Banned ended all logins; nobody gets in as the user.
	Banned struct {
		Reason string
		Ended  []EndedLogin
	}
	// Unbanned lets the user in again.
	Unbanned struct{}
)

// Reasons for ending logins.
const (
	SignOutLogout   = "logout"
	SignOutReplaced = "replaced"
	SignOutPassword = "password"
	SignOutReuse    = "reuse"
	SignOutAdmin    = "admin"
	SignOutExpired  = "expired"
)

// SignUpMethods are by whom a sign-up was allowed.
func SignUpMethods() []string { return []string{"open", "invite", "admin", "outside"} }

// DeviceKinds are what devices are.
func DeviceKinds() []string { return []string{"phone", "tablet", "desktop", "web", "other"} }

// SignOutReasons are why logins end.
func SignOutReasons() []string {
	return []string{SignOutLogout, SignOutReplaced, SignOutPassword, SignOutReuse, SignOutAdmin, SignOutExpired}
}

// EndedBy gives the logins that an event ended.
func EndedBy(e Event) []EndedLogin {
	switch e := e.(type) {
	case SignedIn:
		return e.Ended
	case SignedOut:
		return e.Ended
	case Banned:
		return e.Ended
	case AccountClosed:
		return e.Ended
	case Added, Asked, Audited, ContactChanged, Created, Deleted, Delivered, DeviceSet, ProfileSet, PrivacySet, NotificationsSet, PushForgotten, Dismissed, Hidden, InfoSet, Invited, Joined, Left,
		Muted, Overridden, Pinned, PolicySet, Reacted, Read, Refused, Removed, Reported, Revoked, RoleSet, Sent, SessionSet, SignedUp, Unbanned,
		Uninvited:
	}
	return nil
}

func validateSigning(op Op) *Error {
	switch op := op.(type) {
	case SignUp:
		if !slices.Contains(SignUpMethods(), op.Method) {
			return Errorf(CodeInvalidArgument, "no such way of signing up")
		}
	case SignIn:
		switch {
		case !ValidName(op.Login), !ValidName(op.Device), !slices.Contains(DeviceKinds(), op.Kind):
			return Errorf(CodeInvalidArgument, "the login, its device or the kind of that is not valid")
		case !validLabel(op.Client):
			return Errorf(CodeInvalidArgument, "the client is over %d bytes or not UTF-8", MaxNameBytes)
		}
	case SignOut:
		return op.validate()
	case Ban:
		return validReason(op.Reason)()
	case Add, Ask, Audit, CloseAccount, Contact, Create, Delete, Dismiss, Hide, Invite, Join, Leave, MarkDelivered, MarkRead, Mute, Override,
		Pin, React, Refuse, Remove, Report, Revoke, Send, SetDevice, SetPrivacy, SetNotifications, ForgetPush, SetProfile, SetInfo, SetPolicy, SetRole, SetSession, Unban, Uninvite:
	}
	return nil
}

func (op SignOut) validate() *Error {
	switch named := len(op.Devices) + len(op.Logins); {
	case named > MaxLogins:
		return Errorf(CodeInvalidArgument, "more than %d devices and logins are named", MaxLogins)
	case op.All == (named > 0):
		return Errorf(CodeInvalidArgument, "name devices or logins, or all")
	case op.Except != "" && (!op.All || !ValidName(op.Except)):
		return Errorf(CodeInvalidArgument, "what stays is a login, where all end")
	case !slices.Contains(SignOutReasons(), op.Reason):
		return Errorf(CodeInvalidArgument, "no such reason")
	}
	for _, name := range slices.Concat(op.Devices, op.Logins) {
		if !ValidName(name) {
			return Errorf(CodeInvalidArgument, "the name of a device or login is not valid")
		}
	}
	return nil
}

func (SignUp) isOp()  {}
func (SignIn) isOp()  {}
func (SignOut) isOp() {}
func (Ban) isOp()     {}
func (Unban) isOp()   {}

func (SignedUp) isEvent()  {}
func (SignedIn) isEvent()  {}
func (SignedOut) isEvent() {}
func (Banned) isEvent()    {}
func (Unbanned) isEvent()  {}

// Name is "sign_up".
func (SignUp) Name() string { return "sign_up" }

// Name is "sign_in".
func (SignIn) Name() string { return "sign_in" }

// Name is "sign_out".
func (SignOut) Name() string { return "sign_out" }

// Name is "ban".
func (Ban) Name() string { return "ban" }

// Name is "unban".
func (Unban) Name() string { return "unban" }

// Name is "signed_up".
func (SignedUp) Name() string { return "signed_up" }

// Name is "signed_in".
func (SignedIn) Name() string { return "signed_in" }

// Name is "signed_out".
func (SignedOut) Name() string { return "signed_out" }

// Name is "banned".
func (Banned) Name() string { return "banned" }

// Name is "unbanned".
func (Unbanned) Name() string { return "unbanned" }
