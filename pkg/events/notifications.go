package events

import (
	"slices"
	"strings"
)

// What a user wants to be notified of, and where that goes. All of it is in their self session.

// ShownContent is what notifications show of a message.
type ShownContent uint8

// What notifications show.
const (
	ShowAll ShownContent = iota
	ShowSender
	ShowNothing
)

// NotifiedMessages are those that notifications are sent of.
type NotifiedMessages uint8

// The messages that notifications are sent of.
const (
	NotifyAll NotifiedMessages = iota
	// NotifyMentions are those that mention the user, or all.
	NotifyMentions
	NotifyNone
)

// WhileActive is who gets notifications while the user is active on a device.
type WhileActive uint8

// Who gets notifications then.
const (
	// QuietWhileActive: no device.
	QuietWhileActive WhileActive = iota
	// OthersWhileActive: the devices that the user is not active on.
	OthersWhileActive
)

// Notifications is which notifications a user wants; the zero value is that of users who said nothing of it. It is a row of
// their self session too.
type Notifications struct {
	Content  ShownContent
	Messages NotifiedMessages
	Active   WhileActive
	// PauseUntil is a log time: none come until then.
	PauseUntil Millis
	Rest       Rest
}

// Rest is a time of each day: from the minute From on, up to the minute To, over midnight where To is less. With an empty zone
// there is none.
type Rest struct {
	From, To uint16
	// Zone is as in the IANA time zone database. Whether there is such a zone is not looked at here: rules have no such table.
	Zone string
}

// Reasons for forgetting where notifications go.
const (
	// ForgetGone: the vendor says that nobody is reached there any more.
	ForgetGone = "gone"
	// ForgetMoved: the token was registered later by somebody else, or for another device.
	ForgetMoved = "moved"
)

// ForgetReasons are why it is forgotten where notifications go.
func ForgetReasons() []string { return []string{ForgetGone, ForgetMoved} }

type (
	// ForgetPush takes from a device of the user's where its notifications went, if it has that token still and was not registered
	// after the log time Until; services only.
	ForgetPush struct {
		Device string
		Token  string
		Until  Millis
		// Reason is one of ForgetReasons.
		Reason string
	}
	// SetNotifications says which notifications the actor wants, all of it; in their self session.
	SetNotifications struct{ Notifications Notifications }
)

type (
	// PushForgotten took from a device where its notifications went. The device stays known.
	PushForgotten struct{ Device, Reason string }
	// NotificationsSet has which notifications the actor wants from here on.
	NotificationsSet struct{ Notifications Notifications }
)

// minutesOfDay is how many a day has, as rests count them.
const minutesOfDay = 24 * 60

func (n *Notifications) validate() *Error {
	switch r := n.Rest; {
	case n.Content > ShowNothing, n.Messages > NotifyNone, n.Active > OthersWhileActive:
		return Errorf(CodeInvalidArgument, "no such notifications")
	case n.PauseUntil < 0:
		return Errorf(CodeInvalidArgument, "the time is negative")
	case r.From >= minutesOfDay, r.To >= minutesOfDay:
		return Errorf(CodeInvalidArgument, "a minute of the day is 0 to %d", minutesOfDay-1)
	case r.Zone == "" && r != (Rest{}):
		return Errorf(CodeInvalidArgument, "a rest without a zone")
	case len(r.Zone) > MaxTagBytes, strings.ContainsFunc(r.Zone, func(c rune) bool { return !inZone(c) }):
		return Errorf(CodeInvalidArgument, "a zone is %d bytes at most, as in the IANA time zone database", MaxTagBytes)
	}
	return nil
}

// inZone says whether a zone's name may have the character.
func inZone(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("/_+-", c)
}

func (op *ForgetPush) validate() *Error {
	switch {
	case !ValidName(op.Device), op.Token == "", !validString(op.Token, MaxNoteBytes):
		return Errorf(CodeInvalidArgument, "the device's id, or its token, is not valid")
	case op.Until < 0:
		return Errorf(CodeInvalidArgument, "the time is negative")
	case !slices.Contains(ForgetReasons(), op.Reason):
		return Errorf(CodeInvalidArgument, "no such reason")
	}
	return nil
}

func (ForgetPush) isOp()       {}
func (SetNotifications) isOp() {}

func (PushForgotten) isEvent()    {}
func (NotificationsSet) isEvent() {}

func (Notifications) isRow() {}

// Name is "forget_push".
func (ForgetPush) Name() string { return "forget_push" }

// Name is "set_notifications".
func (SetNotifications) Name() string { return "set_notifications" }

// Name is "push_forgotten".
func (PushForgotten) Name() string { return "push_forgotten" }

// Name is "notifications_set".
func (NotificationsSet) Name() string { return "notifications_set" }
