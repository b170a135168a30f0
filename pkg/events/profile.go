package events

import (
	"maps"
	"slices"
)

// ProfileChange is a part of what a user says of themselves: what is nil stays, what is empty is removed.
type ProfileChange struct {
	Name   *string
	Avatar *string
	Status *string
	// Custom are fields of the applications; one of empty value is removed.
	Custom []CustomField
}

// Profile is what a user says of themselves. It is a row of their self session too.
type Profile struct {
	Name   string
	Avatar string
	Status string
	// Custom is ascending by name.
	Custom []CustomField
}

// Of gives the profile p with the change.
func (c *ProfileChange) Of(p Profile) Profile {
	set(&p.Name, c.Name)
	set(&p.Avatar, c.Avatar)
	set(&p.Status, c.Status)
	p.Custom = ChangeFields(p.Custom, c.Custom)
	return p
}

// ChangeFields gives custom fields with a change, ascending by name; nil for none.
func ChangeFields(had, change []CustomField) (out []CustomField) {
	if len(change) == 0 {
		return had
	}
	fields := make(map[string]string, len(had)+len(change))
	for _, f := range had {
		fields[f.Name] = f.Value
	}
	for _, f := range change {
		fields[f.Name] = f.Value
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] != "" {
			out = append(out, CustomField{Name: name, Value: fields[name]})
		}
	}
	return out
}

// IsZero says that it says nothing.
func (p *Profile) IsZero() bool {
	return p.Name == "" && p.Avatar == "" && p.Status == "" && len(p.Custom) == 0
}

// Size is what its texts take, in bytes, with something for each field.
func (p *Profile) Size() int {
	n := len(p.Name) + len(p.Avatar) + len(p.Status)
	for _, f := range p.Custom {
		n += len(f.Name) + len(f.Value) + 48
	}
	return n
}

// Audience is whom a user lets see or do something.
type Audience uint8

// The audiences.
const (
	AudienceEveryone Audience = iota + 1
	// AudienceContacts are those who are contacts of the user in a direct session where neither blocks the other.
	AudienceContacts
	AudienceNobody
)

// Privacy is what a user lets others see and do; it is a row of their self session too. In a change, what is 0 stays.
type Privacy struct {
	// LastSeen: see when the user was last there.
	LastSeen Audience
	// AddMe: add the user to groups and channels.
	AddMe Audience
	// WriteFirst: open a direct session with the user, or ask to be contacts in one. Where contacts may, others ask.
	WriteFirst Audience
}

// DefaultPrivacy is that of users who said nothing of it.
func DefaultPrivacy() Privacy { return Privacy{AudienceEveryone, AudienceEveryone, AudienceEveryone} }

// Of gives the privacy p, the zero value for one who said nothing of it, with the change p2.
func (c Privacy) Of(p Privacy) Privacy {
	if p == (Privacy{}) {
		p = DefaultPrivacy()
	}
	setUnlessZero(&p.LastSeen, c.LastSeen)
	setUnlessZero(&p.AddMe, c.AddMe)
	setUnlessZero(&p.WriteFirst, c.WriteFirst)
	return p
}

// Wish is what a person that a command is about lets others do, as a gateway read it when it took the command: a
// session's rows know nothing of its people's own. Of whom there is none, everybody may.
type Wish struct {
	User UserID
	// Lets is whom the person lets do what the command does.
	Lets Audience
	// Contact: the one who asks is a contact of theirs.
	Contact bool
}

// Grants says that the one who asks is let do it.
func (w Wish) Grants() bool {
	return w.Lets != AudienceNobody && (w.Lets != AudienceContacts || w.Contact)
}

func (c *ProfileChange) validate() *Error {
	if c.Name == nil && c.Avatar == nil && c.Status == nil && len(c.Custom) == 0 {
		return Errorf(CodeInvalidArgument, "no change is named")
	}
	for _, f := range []struct {
		name  string
		value *string
		limit int
	}{{"name", c.Name, MaxNameBytes}, {"avatar", c.Avatar, MaxURLBytes}, {"status", c.Status, MaxStatusBytes}} {
		if f.value != nil && !validString(*f.value, f.limit) {
			return Errorf(CodeInvalidArgument, "%s is over %d bytes or not UTF-8", f.name, f.limit)
		}
	}
	return validateFields(c.Custom)
}

func (c Privacy) validate() *Error {
	if c == (Privacy{}) {
		return Errorf(CodeInvalidArgument, "no change is named")
	}
	if max(c.LastSeen, c.AddMe, c.WriteFirst) > AudienceNobody {
		return Errorf(CodeInvalidArgument, "no such audience")
	}
	return nil
}

// validateWishes checks what a gateway put in.
func validateWishes(wishes []Wish) *Error {
	if len(wishes) > MaxBatchMembers {
		return Errorf(CodeTooManyMembersAtOnce, "%d wishes", len(wishes))
	}
	for _, w := range wishes {
		if !ValidName(string(w.User)) || w.Lets < AudienceEveryone || w.Lets > AudienceNobody {
			return Errorf(CodeInvalidArgument, "a wish's user or audience is not valid")
		}
	}
	return nil
}
