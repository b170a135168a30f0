package hot

import (
	"fmt"

	"annal/pkg/events"
)

// Own is what a user says of themselves and lets others do: of their own session.
type Own struct {
	Profile events.Profile
	// Privacy is the zero value for who said nothing of it.
	Privacy events.Privacy
}

// The facts of a self session that others' gateways read: each all of it, as the rules store it, so that it is read without the
// rest of the session's.
const (
	factOwn     = "u:"
	factProfile = factOwn + "profile"
	factPrivacy = factOwn + "privacy"
)

// OwnFields are the facts that ParseOwn reads, in its order.
func OwnFields() []string { return []string{factProfile, factPrivacy} }

// ParseOwn reads the values of OwnFields, empty for none.
func ParseOwn(values []string) (o Own, err error) {
	for i, to := range []struct {
		key events.Key
		set func(events.Row)
	}{
		{events.ProfileKey, func(row events.Row) { o.Profile, _ = row.(events.Profile) }},
		{events.PrivacyKey, func(row events.Row) { o.Privacy, _ = row.(events.Privacy) }},
	} {
		if values[i] == "" {
			continue
		}
		row, err := events.DecodeRow(to.key, []byte(values[i]))
		if err != nil {
			return Own{}, fmt.Errorf("hot: what a user says of themselves: %w", err)
		}
		to.set(row)
	}
	return o, nil
}

// ownFact sets a fact to a row's stored bytes.
func ownFact(field string, row events.Row) []Fact {
	value, err := events.EncodeRow(row)
	if err != nil {
		return nil // a row of a decoded event has nothing that can't be written
	}
	return []Fact{{FactSet, field, string(value)}}
}

func (f *Facts) addOwn(name, value string) error {
	values := []string{"", ""}
	switch factOwn + name {
	case factProfile:
		values[0] = value
	case factPrivacy:
		values[1] = value
	}
	o, err := ParseOwn(values)
	switch {
	case err != nil:
		return err
	case values[0] != "":
		f.Own.Profile = o.Profile
	case values[1] != "":
		f.Own.Privacy = o.Privacy
	}
	return nil
}
