package push

// Reason is why a notification was brought or not; stable codes, docs/push.md says what each means.
type Reason string

// Sending is the reason of what is to be brought, until it is known what came of it.
const Sending Reason = "sending"

// What came of sending.
const (
	// Brought: the service took it.
	Brought Reason = "delivered"
	// NotTaken: the service refused this one.
	NotTaken Reason = "refused"
	// TokenGone: the service says that the token is good no more.
	TokenGone Reason = "token_gone"
	// GaveUp: MaxAttempts failed.
	GaveUp Reason = "too_many_attempts"
	// Expired: it was not worth showing any more before the service took it.
	Expired Reason = "expired"
	// WrongSettings: it expired while the service did not accept us.
	WrongSettings Reason = "misconfigured"
	// Overload: more waits for the service than MaxQueued.
	Overload Reason = "overload"
	// Superseded: a later one, that takes its place on the phone, was there first.
	Superseded Reason = "superseded"
)

// Why a user gets none, on whatever device.
const (
	WasRead     Reason = "read"
	WasRevoked  Reason = "revoked"
	WasDeleted  Reason = "deleted"
	WasHidden   Reason = "hidden"
	WasAnswered Reason = "answered"
	// WasBlocked: one of the two of a direct session blocks the other.
	WasBlocked Reason = "blocked"
	HasLeft    Reason = "left"
	IsBanned   Reason = "banned"
	IsClosed   Reason = "account_closed"
	IsMuted    Reason = "muted"
	// IsHidden: the user put the session out of their sight.
	IsHidden     Reason = "session_hidden"
	IsPaused     Reason = "paused"
	IsResting    Reason = "resting"
	MentionsOnly Reason = "mentions_only"
	WantsNone    Reason = "wants_none"
	UserActive   Reason = "user_active"
	NoDevice     Reason = "no_device"
)

// Why a device gets none.
const (
	DeviceActive  Reason = "device_active"
	NoToken       Reason = "no_token"
	NotConfigured Reason = "not_configured"
	// TokenMoved: another user registered it since, or the same one under another device id. TokenReplaced: the device registered one of another app or service.
	TokenMoved    Reason = "token_moved"
	TokenReplaced Reason = "token_replaced"
	// Unable: the service cannot do that.
	Unable Reason = "unable"
	// Unchanged: the phone has that number already.
	Unchanged Reason = "unchanged"
)
