package session

import (
	"slices"
	"strings"
	"unicode/utf8"

	"annal/pkg/events"
)

const (
	// maxDetailBytes is the limit of a rejection's detail.
	maxDetailBytes = 512
	// maxSealedAddressBytes is the limit of a sealed address kept with an outcome.
	maxSealedAddressBytes = 1024
)

// Malformed is the outcome of a record that cannot be decoded as a command,
// rejected under the record's key. It looks at the head only
// (events.HeadKey).
func Malformed(rows Rows, key events.SessionID, at At, detail string) events.Outcome {
	head, _ := headOf(rows)
	return events.Outcome{
		ID: at.ID, Session: sessionName(key), Time: at.Time, PrevHash: head.Hash,
		Result: events.Rejected{Code: events.CodeMalformed, Detail: cut(detail, maxDetailBytes)},
	}
}

// outcomeOf gives the outcome's envelope. Names and labels that are not valid are
// left out: they stand in the rejected command, and no row is ever named by them.
func outcomeOf(c *events.Command, at At) events.Outcome {
	o := events.Outcome{
		ID: at.ID, Session: sessionName(c.Session), Actor: events.Actor{User: name(c.Actor.User), Service: label(c.Actor.Service)},
		ClientID: name(c.ClientID), Origin: c.Origin, Time: at.Time,
		Client:  events.ClientContext{Device: label(c.Client.Device), Version: label(c.Client.Version), Address: address(c.Client.Address)},
		ReplyTo: events.ReplyTo{Instance: label(c.ReplyTo.Instance), Request: c.ReplyTo.Request},
	}
	if c.Op != nil {
		o.Digest = events.DigestOf(c.Op)
	}
	return o
}

// sessionName gives a record's key as a session id. A key that cannot be one is cut
// and made readable: no session has it.
func sessionName(key events.SessionID) events.SessionID {
	if events.ValidName(string(key)) {
		return key
	}
	return events.SessionID(cut(string(key), events.MaxNameBytes))
}

func name[S ~string](s S) S {
	if events.ValidName(string(s)) {
		return s
	}
	return ""
}

func label(s string) string {
	if len(s) <= events.MaxNameBytes && utf8.ValidString(s) {
		return s
	}
	return ""
}

func address(a events.Address) events.Address {
	if s := a.Sealed; s != nil {
		if len(s.KeyID)+len(s.Nonce)+len(s.Ciphertext) > maxSealedAddressBytes {
			return events.Address{}
		}
		return a
	}
	return events.Address{Plain: label(a.Plain)}
}

// cut gives valid UTF-8 of at most limit bytes.
func cut(s string, limit int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// fit keeps the outcome within MaxEventBytes as encoded: an event that is too large
// becomes a rejection, a rejected command that is too large is left out.
func fit(o events.Outcome, c *events.Command) events.Outcome {
	if sizeBound(c) <= events.MaxEventBytes {
		return o
	}
	rec, err := events.EncodeOutcome(o, events.Stamp{}, events.Envelope{})
	if err == nil && len(rec.Value) <= events.MaxEventBytes {
		return o
	}
	switch r := o.Result.(type) {
	case events.Accepted:
		o.Result = events.Rejected{Code: events.CodeEventTooLarge}
	case events.Rejected:
		r.Command = nil
		o.Result = r
	case events.Answered:
		// Of bounded size whatever the command.
	}
	return o
}

// sizeBound is a cheap upper bound of the encoded outcome of a command: all that
// can come of it, including the command itself in a rejection, in bytes.
func sizeBound(c *events.Command) int {
	const fixed = 4096
	n := fixed + len(c.Session) + len(c.Actor.User) + len(c.Actor.Service) + len(c.ClientID) +
		wishesSize(c.Wishes) + len(c.Client.Device) + len(c.Client.Version) + len(c.Client.Address.Plain) + len(c.ReplyTo.Instance) + sealedSize(c.Client.Address.Sealed)
	return n + opSize(c.Op)
}

// endedSize is what logins take that an event ends, all that there may be.
const endedSize = events.MaxLogins * (2*events.MaxNameBytes + perPerson)

// perPerson is what one of a list takes besides its name.
const perPerson = 48

// opSize bounds what an operation's parts of any size take, be they in the event or in a
// rejection; of a batch, people can be in both lists of an event.
func opSize(op events.Op) int {
	switch op := op.(type) {
	case events.Create:
		return len(op.Title) + len(op.Text) + 2*membersSize(op.Members)
	case events.Add:
		return 2 * membersSize(op.Members)
	case events.Remove:
		return 2 * usersSize(op.Users)
	case events.Send:
		return op.Body.Size() + usersSize(op.Refs.Mentions)
	case events.Override:
		return op.Body.Size()
	case events.Delete:
		return len(op.Reason)
	case events.SetInfo:
		n := 0
		for _, s := range []*string{op.Info.Title, op.Info.Avatar, op.Info.Notice, op.Info.Description} {
			if s != nil {
				n += len(*s)
			}
		}
		for _, f := range op.Info.Custom {
			n += len(f.Name) + len(f.Value) + perPerson
		}
		return n
	case events.Mute:
		return 2 * usersSize(op.Users)
	case events.Refuse:
		return 2 * usersSize(op.Users)
	case events.Ask:
		return len(op.Text)
	case events.Contact:
		return len(op.Text)
	case events.React:
		return len(op.Emoji)
	case events.Report:
		return len(op.Reason)
	case events.Audit:
		return len(op.What) + len(op.About) + len(op.Reason)
	case events.SetRole:
		return len(op.User)
	case events.Hide:
		return len(op.Session) + perPerson*len(op.Messages)
	case events.SetSession:
		if op.Settings.Draft != nil {
			return len(op.Session) + len(*op.Settings.Draft)
		}
		return len(op.Session)
	case events.SetDevice:
		p := op.Push
		return len(op.Device) + len(p.Service) + len(p.Package) + len(p.Token) + len(p.AppVersion) + len(p.Locale)
	case events.ForgetPush:
		return len(op.Device) + len(op.Token) + len(op.Reason)
	case events.SetNotifications:
		return len(op.Notifications.Rest.Zone)
	case events.SetProfile:
		// The event has the whole profile, which is of bounded size.
		return profileRoom
	case events.SignUp:
		return len(op.Method)
	case events.SignIn:
		return len(op.Login) + 2*len(op.Device) + len(op.Kind) + len(op.Client) + endedSize
	case events.SignOut:
		n := len(op.Except) + endedSize
		for _, name := range slices.Concat(op.Devices, op.Logins) {
			n += len(name) + perPerson
		}
		return n
	case events.Ban:
		return len(op.Reason) + endedSize
	case events.CloseAccount:
		return endedSize
	case events.Join, events.Leave, events.Revoke, events.SetPrivacy, events.MarkRead, events.SetPolicy, events.Dismiss, events.Invite, events.Uninvite,
		events.Pin, events.MarkDelivered, events.Unban:
	}
	return 0
}

// profileRoom is more than a profile and a change of it can take together.
const profileRoom = 2 * (events.MaxCustomFields*(events.MaxTagBytes+events.MaxReasonBytes+perPerson) + events.MaxURLBytes + events.MaxReasonBytes)

func wishesSize(wishes []events.Wish) int {
	n := 0
	for _, w := range wishes {
		n += len(w.User) + perPerson
	}
	return n
}

func usersSize(users []events.UserID) int {
	n := 0
	for _, u := range users {
		n += len(u) + perPerson
	}
	return n
}

func membersSize(ms []events.NewMember) int {
	n := 0
	for _, m := range ms {
		n += len(m.User) + perPerson
	}
	return n
}

func sealedSize(s *events.Sealed) int {
	if s == nil {
		return 0
	}
	return len(s.KeyID) + len(s.Nonce) + len(s.Ciphertext)
}
