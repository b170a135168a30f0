package client

import (
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// Commands about a session and its members.
type (
	// SetInfo changes what a session says of itself: what is unset stays, what is empty is removed.
	SetInfo struct {
		Session string
		Info    *logv1.InfoChange
	}
	// SetPolicy changes a session's policy: what is unset stays.
	SetPolicy struct {
		Session string
		Policy  *logv1.PolicyChange
	}
	// SetRole changes a member's role. Giving ownership makes the owner of before an admin.
	SetRole struct {
		Session string
		User    string
		Role    logv1.Role
	}
	// Mute keeps people from writing until a time: those named, or without any everybody below
	// admin. A time that has passed, such as the zero one, ends it.
	Mute struct {
		Session string
		Users   []string
		Until   time.Time
	}
	// Dismiss closes a session for all.
	Dismiss struct{ Session string }
	// Ask asks to be let in, where joining is by approval.
	Ask struct{ Session, Text string }
	// Refuse answers those who ask; of oneself it takes the request back.
	Refuse struct {
		Session string
		Users   []string
	}
	// Invite makes a code good for coming in: 16 to 128 bytes that are hard to guess, such as
	// crypto/rand.Text gives. It expires at a time, unless that is zero; of 0 uses it can be used
	// by any number of people.
	Invite struct {
		Session string
		Code    string
		Expires time.Time
		Uses    uint32
	}
	// Uninvite makes a code useless.
	Uninvite struct{ Session, Code string }
)

// Commands about messages, and about the two of a direct session.
type (
	// React puts a reaction on a message, or with Off takes it back.
	React struct {
		Session string
		Seq     uint64
		Emoji   string
		Off     bool
	}
	// Pin pins a message, or with Off unpins it.
	Pin struct {
		Session string
		Seq     uint64
		Off     bool
	}
	// MarkDelivered says how far the user's devices have got, where nobody read.
	MarkDelivered struct {
		Session string
		Seq     uint64
	}
	// Contact is a step of one of the two of a direct session. Text goes with asking.
	Contact struct {
		Session string
		Step    logv1.ContactStep
		Text    string
	}
	// Report tells the session's admins and the operators of a message.
	Report struct {
		Session string
		Seq     uint64
		Reason  string
	}
)

// Commands about the user alone, in their self session.
type (
	// Hide deletes messages of a session for the user alone, on all own devices: their seqs, and of
	// each its index.
	Hide struct {
		Session       string
		Seqs, Indexes []uint64
	}
	// SetSession changes how a session is shown to the user, on all own devices: what is unset
	// stays.
	SetSession struct {
		Session  string
		Settings *logv1.SessionSettings
	}
	// SetDevice registers a device of the user's and where its notifications go, or with Off
	// forgets it.
	SetDevice struct {
		Device string
		Push   *logv1.PushToken
		Off    bool
	}
	// SetProfile changes what the user says of themselves: what is unset stays, what is empty is removed.
	SetProfile struct{ Profile *logv1.ProfileChange }
	// SetPrivacy changes whom the user lets see and do what: what is unset stays.
	SetPrivacy struct{ Privacy *logv1.Privacy }
	// SetNotifications says which notifications the user wants, all of it.
	SetNotifications struct{ Notifications *logv1.Notifications }
	// CloseAccount ends the user's own session, and then, one by one, the user's part in all others.
	CloseAccount struct{}
)

func (o SetInfo) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SetInfo{SetInfo: &clientv1.SetInfo{Session: o.Session, Info: o.Info}}
}

func (o SetPolicy) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SetPolicy{SetPolicy: &clientv1.SetPolicy{Session: o.Session, Policy: o.Policy}}
}

func (o SetRole) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SetRole{SetRole: &clientv1.SetRole{Session: o.Session, User: o.User, Role: o.Role}}
}

func (o Mute) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Mute{Mute: &clientv1.Mute{Session: o.Session, Users: o.Users, UntilMs: millis(o.Until)}}
}

func (o Dismiss) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Dismiss{Dismiss: &clientv1.Dismiss{Session: o.Session}}
}

func (o Ask) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Ask{Ask: &clientv1.Ask{Session: o.Session, Text: o.Text}}
}

func (o Refuse) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Refuse{Refuse: &clientv1.Refuse{Session: o.Session, Users: o.Users}}
}

func (o Invite) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Invite{Invite: &clientv1.Invite{Session: o.Session, Code: o.Code, ExpiresMs: millis(o.Expires), Uses: o.Uses}}
}

func (o Uninvite) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Uninvite{Uninvite: &clientv1.Uninvite{Session: o.Session, Code: o.Code}}
}

func (o React) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_React{React: &clientv1.React{Session: o.Session, Seq: o.Seq, Emoji: o.Emoji, Off: o.Off}}
}

func (o Pin) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Pin{Pin: &clientv1.Pin{Session: o.Session, Seq: o.Seq, Off: o.Off}}
}

func (o MarkDelivered) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_MarkDelivered{MarkDelivered: &clientv1.MarkDelivered{Session: o.Session, Seq: o.Seq}}
}

func (o Contact) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Contact{Contact: &clientv1.Contact{Session: o.Session, Step: o.Step, Text: o.Text}}
}

func (o Report) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Report{Report: &clientv1.Report{Session: o.Session, Seq: o.Seq, Reason: o.Reason}}
}

func (o Hide) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_Hide{Hide: &clientv1.Hide{Session: o.Session, Seqs: o.Seqs, Indexes: o.Indexes}}
}

func (o SetSession) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SetSession{SetSession: &clientv1.SetSession{Session: o.Session, Settings: o.Settings}}
}

func (o SetDevice) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SetDevice{SetDevice: &clientv1.SetDevice{Device: o.Device, Push: o.Push, Off: o.Off}}
}

func (o SetProfile) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SetProfile{SetProfile: &clientv1.SetProfile{Profile: o.Profile}}
}

func (o SetNotifications) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SetNotifications{SetNotifications: &clientv1.SetNotifications{Notifications: o.Notifications}}
}

func (o SetPrivacy) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_SetPrivacy{SetPrivacy: &clientv1.SetPrivacy{Privacy: o.Privacy}}
}

func (CloseAccount) frame(m *clientv1.ClientFrame) {
	m.Op = &clientv1.ClientFrame_CloseAccount{CloseAccount: &clientv1.CloseAccount{}}
}

// millis is a time on the wire: 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// selfLane keeps the order of commands in the user's self session.
const selfLane = "self"

func (o SetInfo) lane() string        { return o.Session }
func (o SetPolicy) lane() string      { return o.Session }
func (o SetRole) lane() string        { return o.Session }
func (o Mute) lane() string           { return o.Session }
func (o Dismiss) lane() string        { return o.Session }
func (o Ask) lane() string            { return o.Session }
func (o Refuse) lane() string         { return o.Session }
func (o Invite) lane() string         { return o.Session }
func (o Uninvite) lane() string       { return o.Session }
func (o React) lane() string          { return o.Session }
func (o Pin) lane() string            { return o.Session }
func (o MarkDelivered) lane() string  { return o.Session }
func (o Contact) lane() string        { return o.Session }
func (o Report) lane() string         { return o.Session }
func (Hide) lane() string             { return selfLane }
func (SetSession) lane() string       { return selfLane }
func (SetDevice) lane() string        { return selfLane }
func (SetProfile) lane() string       { return selfLane }
func (SetNotifications) lane() string { return selfLane }
func (SetPrivacy) lane() string       { return selfLane }
func (CloseAccount) lane() string     { return selfLane }
