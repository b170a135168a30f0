package hot

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"annal/pkg/events"
)

// The fields of facts. What follows a colon is part of the field.
const (
	factMuted   = "muted"
	factContact = "contact"
	factBlocks  = "blocks"
	factInfo    = "i:" // avatar, notice, description
	factCustom  = "c:" // a custom field's name
	factPin     = "p:" // a seq
	factAsk     = "a:" // a user: "seq text"
	factInvite  = "v:" // a code's hash: "expires uses"
	factUsed    = "w:" // a code's hash: how often it was used
	factSetting = "o:" // a session, NUL, the setting's name
	factHides   = "h:" // a session that the user hid messages of
	factLogin   = "l:" // a device: "seq since kind login client"
	factBanned  = "banned"

	traitMuted     = "@m:"
	traitDelivered = "@g:"
	traitBlocks    = "@b:"
)

// factsOf gives what an event does to the facts.
func factsOf(o *events.Outcome, e events.Event) []Fact {
	switch e := e.(type) {
	case events.Created:
		if e.Contact == events.Contacts {
			return nil
		}
		return []Fact{contactFact(e.Contact, o.Actor.User)}
	case events.Added:
		return unasked(usersOf(e.Members))
	case events.Joined:
		facts := unasked([]events.UserID{o.Actor.User})
		if e.Invite != (events.Hash{}) {
			facts = append(facts, Fact{FactAdd, factUsed + hex.EncodeToString(e.Invite[:]), "1"})
		}
		return facts
	case events.Revoked:
		return []Fact{{FactDelete, factPin + number(e.Target), ""}}
	case events.Deleted:
		return []Fact{{FactDelete, factPin + number(e.Target), ""}}
	case events.Pinned:
		if e.Off {
			return []Fact{{FactDelete, factPin + number(e.Target), ""}}
		}
		return []Fact{{FactSet, factPin + number(e.Target), "1"}}
	case events.InfoSet:
		return infoFacts(e.Info)
	case events.Muted:
		return mutedFacts(e)
	case events.Asked:
		return []Fact{{FactSet, factAsk + string(o.Actor.User), fmt.Sprintf("%d %s", seqOf(o), e.Text)}}
	case events.Refused:
		return unasked(e.Users)
	case events.Invited:
		code := hex.EncodeToString(e.Code[:])
		return []Fact{{FactSet, factInvite + code, fmt.Sprintf("%d %d", e.Expires, e.Uses)}, {FactDelete, factUsed + code, ""}}
	case events.Uninvited:
		code := hex.EncodeToString(e.Code[:])
		return []Fact{{FactDelete, factInvite + code, ""}, {FactDelete, factUsed + code, ""}}
	case events.Delivered:
		return []Fact{{FactRaise, traitDelivered + string(o.Actor.User), fmt.Sprintf("%d %d", e.Marker, e.MarkerIndex)}}
	case events.ContactChanged:
		return contactFacts(o.Actor.User, e)
	case events.SessionSet:
		return settingFacts(e)
	case events.Hidden:
		return hiddenFacts(e)
	case events.ProfileSet:
		return ownFact(factProfile, e.Profile)
	case events.PrivacySet:
		return ownFact(factPrivacy, e.Privacy)
	case events.DeviceSet:
		return deviceFact(o, e)
	case events.PushForgotten:
		return ownFact(traitDevice+e.Device, events.DeviceRow{})
	case events.NotificationsSet:
		return notificationsFact(e.Notifications)
	case events.Reacted:
		return []Fact{reactionFact(o.Actor.User, e)}
	case events.Sent:
		return mentionsOf(e)
	case events.SignedIn, events.SignedOut, events.Banned, events.Unbanned, events.AccountClosed:
		return loginFacts(o, e)
	case events.Removed, events.Left, events.Overridden, events.Read, events.PolicySet, events.RoleSet, events.Dismissed,
		events.Reported, events.Audited, events.SignedUp:
	}
	return nil
}

// HiddenBy is under what the hidden messages of a session stand among the mentions of the self session of who
// hid them. No user is called so.
func HiddenBy(s events.SessionID) string { return "\x01" + string(s) }

func hiddenFacts(e events.Hidden) []Fact {
	facts := []Fact{{FactSet, factHides + string(e.Session), "1"}}
	for _, m := range e.Messages {
		facts = append(facts, Fact{FactMention, HiddenBy(e.Session), number(m.Index)})
	}
	return facts
}

func number[N ~uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }

// mentionAll stands for everybody.
const mentionAll = "*"

func mentionsOf(e events.Sent) []Fact {
	var facts []Fact
	for _, u := range e.Refs.Mentions {
		facts = append(facts, Fact{FactMention, string(u), number(e.Index)})
	}
	if e.Refs.MentionAll {
		facts = append(facts, Fact{FactMention, mentionAll, number(e.Index)})
	}
	return facts
}

func usersOf(members []events.NewMember) []events.UserID {
	users := make([]events.UserID, len(members))
	for i, m := range members {
		users[i] = m.User
	}
	return users
}

// unasked removes requests, be there such or not.
func unasked(users []events.UserID) []Fact {
	facts := make([]Fact, len(users))
	for i, u := range users {
		facts[i] = Fact{FactDelete, factAsk + string(u), ""}
	}
	return facts
}

func infoFacts(c events.InfoChange) (facts []Fact) {
	set := func(field, value string) {
		if value == "" {
			facts = append(facts, Fact{FactDelete, field, ""})
		} else {
			facts = append(facts, Fact{FactSet, field, value})
		}
	}
	for _, f := range []struct {
		name  string
		value *string
	}{{"avatar", c.Avatar}, {"notice", c.Notice}, {"description", c.Description}} {
		if f.value != nil {
			set(factInfo+f.name, *f.value)
		}
	}
	for _, f := range c.Custom {
		set(factCustom+f.Name, f.Value)
	}
	return facts
}

func mutedFacts(e events.Muted) []Fact {
	until := func(field string) Fact {
		if e.Until == 0 {
			return Fact{FactDelete, field, ""}
		}
		return Fact{FactSet, field, strconv.FormatInt(int64(e.Until), 10)}
	}
	if len(e.Users) == 0 {
		return []Fact{until(factMuted)}
	}
	facts := make([]Fact, len(e.Users))
	for i, u := range e.Users {
		facts[i] = until(traitMuted + string(u))
	}
	return facts
}

func contactFact(state events.ContactState, by events.UserID) Fact {
	if state == events.Contacts {
		return Fact{FactDelete, factContact, ""}
	}
	return Fact{FactSet, factContact, fmt.Sprintf("%d %s", state, by)}
}

// ContactFields are the facts that AreContacts reads, in its order.
func ContactFields() []string { return []string{factContact, factBlocks} }

// AreContacts says, by the values of ContactFields of a direct session, empty for none, whether the two are contacts and
// neither blocks the other.
func AreContacts(values []string) bool {
	return values[0] == "" && (values[1] == "" || values[1] == "0")
}

func contactFacts(actor events.UserID, e events.ContactChanged) []Fact {
	switch e.Step {
	case events.ContactBlock:
		return []Fact{{FactSet, traitBlocks + string(actor), "1"}, {FactAdd, factBlocks, "1"}}
	case events.ContactUnblock:
		return []Fact{{FactDelete, traitBlocks + string(actor), ""}, {FactAdd, factBlocks, "-1"}}
	case events.ContactAsk, events.ContactAccept, events.ContactRefuse, events.ContactRemove:
	}
	if e.State != events.ContactAsked {
		actor = ""
	}
	return []Fact{contactFact(e.State, actor)}
}

func settingField(s events.SessionID, name string) string {
	return factSetting + string(s) + "\x00" + name
}

func settingFacts(e events.SessionSet) (facts []Fact) {
	set := func(name, value string, is bool) {
		field := settingField(e.Session, name)
		if is {
			facts = append(facts, Fact{FactSet, field, value})
		} else {
			facts = append(facts, Fact{FactDelete, field, ""})
		}
	}
	c := e.Settings
	if c.MuteUntil != nil {
		set("mute", strconv.FormatInt(int64(*c.MuteUntil), 10), *c.MuteUntil != 0)
	}
	if c.Draft != nil {
		set("draft", *c.Draft, *c.Draft != "")
	}
	for _, f := range []struct {
		name  string
		value *bool
	}{{"pinned", c.Pinned}, {"hidden", c.Hidden}, {"unread", c.Unread}} {
		if f.value != nil {
			set(f.name, "1", *f.value)
		}
	}
	return facts
}

func seqOf(o *events.Outcome) events.Seq {
	a, _ := o.Result.(events.Accepted)
	return a.Seq
}

// Facts are what a session says and keeps besides head, members and timeline.
type Facts struct {
	Info events.Info
	// Pins are the pinned messages, ascending.
	Pins []events.Seq
	// Asks are by user, Invites by code, Settings (of a self session) by session.
	Asks     map[events.UserID]Ask
	Invites  map[events.Hash]events.InviteRow
	Settings map[events.SessionID]events.Settings
	// Logins are by device, of the user of a self session.
	Logins map[string]events.LoginRow
	// Hides are the sessions that the user of a self session hid messages of: see View.Hidden.
	Hides map[events.SessionID]bool
	// Own is what the user of a self session says of themselves and lets others do.
	Own Own
}

// Ask is a request to be let in.
type Ask struct {
	Seq  events.Seq
	Text string
}

// ParseFacts reads a session's facts by field. Errors name a field that nothing writes.
func ParseFacts(fields map[string]string) (Facts, error) {
	f := Facts{Asks: map[events.UserID]Ask{}, Invites: map[events.Hash]events.InviteRow{}, Settings: map[events.SessionID]events.Settings{}, Hides: map[events.SessionID]bool{}, Logins: map[string]events.LoginRow{}}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if err := f.add(field, fields[field]); err != nil {
			return Facts{}, fmt.Errorf("hot: fact %q, %q: %w", field, fields[field], err)
		}
	}
	slices.Sort(f.Pins)
	return f, nil
}

func (f *Facts) add(field, value string) error {
	if len(field) < 2 || field[1] != ':' {
		return nil // of the head, which has it
	}
	name := field[2:]
	switch field[:2] {
	case factInfo:
		to := map[string]*string{"avatar": &f.Info.Avatar, "notice": &f.Info.Notice, "description": &f.Info.Description}[name]
		if to == nil {
			return errors.New("no such info")
		}
		*to = value
	case factCustom:
		f.Info.Custom = append(f.Info.Custom, events.CustomField{Name: name, Value: value})
	case factPin:
		seq, err := strconv.ParseUint(name, 10, 64)
		f.Pins = append(f.Pins, events.Seq(seq))
		return err
	case factAsk:
		seq, text, _ := strings.Cut(value, " ")
		n, err := strconv.ParseUint(seq, 10, 64)
		f.Asks[events.UserID(name)] = Ask{Seq: events.Seq(n), Text: text}
		return err
	case factInvite, factUsed:
		return f.addInvite(field[:2], name, value)
	case factSetting:
		return f.addSetting(name, value)
	case factOwn:
		return f.addOwn(name, value)
	case factHides:
		f.Hides[events.SessionID(name)] = true
	case factLogin:
		row, err := parseLogin(value)
		f.Logins[name] = row
		return err
	}
	return nil
}

func (f *Facts) addInvite(what, name, value string) error {
	var code events.Hash
	if n, err := hex.Decode(code[:], []byte(name)); err != nil || n != len(code) {
		return errors.New("no hash")
	}
	row, there := f.Invites[code]
	var err error
	if what == factInvite {
		_, err = fmt.Sscanf(value, "%d %d", &row.Expires, &row.Uses)
	} else if there { // its own field sorts before
		_, err = fmt.Sscanf(value, "%d", &row.Used)
	} else {
		return nil // used in the moment it was taken back
	}
	f.Invites[code] = row
	return err
}

func (f *Facts) addSetting(name, value string) error {
	session, what, _ := strings.Cut(name, "\x00")
	s := f.Settings[events.SessionID(session)]
	switch what {
	case "mute":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return err
		}
		s.MuteUntil = events.Millis(n)
	case "draft":
		s.Draft = value
	case "pinned":
		s.Pinned = true
	case "hidden":
		s.Hidden = true
	case "unread":
		s.Unread = true
	}
	f.Settings[events.SessionID(session)] = s
	return nil
}

// Standing takes what facts and traits add to a head and a membership: the values of
// StandingFields, empty for none.
func (p *Person) Standing(values []string) error {
	for i, to := range []any{&p.Head.MutedUntil, &p.Head.Blocks} {
		if values[i] == "" {
			continue
		}
		if _, err := fmt.Sscan(values[i], to); err != nil {
			return fmt.Errorf("hot: %q is no number: %w", values[i], err)
		}
	}
	if values[2] != "" {
		state, by, _ := strings.Cut(values[2], " ")
		n, err := strconv.ParseUint(state, 10, 8)
		if err != nil {
			return fmt.Errorf("hot: %q is no contact: %w", values[2], err)
		}
		p.Head.Contact, p.Head.ContactBy = events.ContactState(n), events.UserID(by)
	}
	p.Head.Banned = values[3] != ""
	return AddTraits(&p.Member, values[4:])
}

// StandingFields are those that Standing reads, in its order, of the session and of a member.
func StandingFields(u events.UserID) []string {
	fields := []string{factMuted, factBlocks, factContact, factBanned}
	for _, t := range traitFields {
		fields = append(fields, t+string(u))
	}
	return fields
}

// traitFields begin the fields of a member's traits.
var traitFields = []string{traitMuted, traitDelivered, traitBlocks}

// DeliveredField is that of a member's delivery marker, a trait.
func DeliveredField(u events.UserID) string { return traitDelivered + string(u) }

// TraitFields begin the fields of a member's traits, which end with the user's id.
func TraitFields() []any {
	out := make([]any, len(traitFields))
	for i, t := range traitFields {
		out[i] = t
	}
	return out
}

// AddTraits takes the values of a member's traits, empty for none.
func AddTraits(m *events.Member, values []string) error {
	if values[0] != "" {
		n, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil {
			return fmt.Errorf("hot: %q is no time: %w", values[0], err)
		}
		m.MutedUntil = events.Millis(n)
	}
	if values[1] != "" {
		if _, err := fmt.Sscanf(values[1], "%d %d", &m.Delivered, &m.DeliveredIndex); err != nil {
			return fmt.Errorf("hot: %q is no delivery marker: %w", values[1], err)
		}
	}
	m.Blocks = values[2] != ""
	return nil
}
