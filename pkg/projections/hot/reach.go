package hot

import (
	"fmt"
	"strings"

	"annal/pkg/events"
)

// Reach is whether and where a user can be notified of what is said in a session, all from their own session.
type Reach struct {
	// Devices are those that there are, by name. A row without a token is of one that is not reached.
	Devices       map[string]events.DeviceRow
	Notifications events.Notifications
	// MuteUntil and Hidden are how that session is shown to the user.
	MuteUntil events.Millis
	Hidden    bool
	// Hides: they hid messages of it from themselves (View.Hidden has which).
	Hides bool
	// Banned: nobody gets in as the user. Closed: they closed their account.
	Banned, Closed bool
}

// Where what Reach has is kept: rows as the rules store them. Devices are traits, so that they are read without the facts.
const (
	factNotifications = "n:"
	traitDevice       = "@d:" // a device
)

// ReachFields are the facts that ParseReach reads of a user's own session, in its order; s is the session that is spoken of.
func ReachFields(s events.SessionID) []string {
	return []string{factNotifications, settingField(s, "mute"), settingField(s, "hidden"), factBanned, factHides + string(s)}
}

// DeviceTraits begin the fields of the traits that ParseReach reads.
const DeviceTraits = traitDevice

// ParseReach reads the values of ReachFields, empty for none, and traits, a field and its value each in turn; what are no devices it
// passes over.
func ParseReach(values, traits []string) (r Reach, err error) {
	if values[0] != "" {
		row, err := events.DecodeRow(events.NotificationsKey, []byte(values[0]))
		if err != nil {
			return Reach{}, fmt.Errorf("hot: notifications: %w", err)
		}
		r.Notifications, _ = row.(events.Notifications)
	}
	if values[1] != "" {
		if _, err := fmt.Sscan(values[1], &r.MuteUntil); err != nil {
			return Reach{}, fmt.Errorf("hot: %q is no time: %w", values[1], err)
		}
	}
	r.Hidden, r.Banned, r.Hides = values[2] != "", values[3] != "", values[4] != ""
	r.Devices = map[string]events.DeviceRow{}
	for ; len(traits) >= 2; traits = traits[2:] {
		device, is := strings.CutPrefix(traits[0], traitDevice)
		if !is {
			continue
		}
		row, err := events.DecodeRow(events.DeviceKey(device), []byte(traits[1]))
		if err != nil {
			return Reach{}, fmt.Errorf("hot: the device %q: %w", device, err)
		}
		r.Devices[device], _ = row.(events.DeviceRow)
	}
	return r, nil
}

// deviceFact is what a registration of a device, or its end, does to the devices.
func deviceFact(o *events.Outcome, e events.DeviceSet) []Fact {
	if e.Off {
		return []Fact{{FactDelete, traitDevice + e.Device, ""}}
	}
	return ownFact(traitDevice+e.Device, events.DeviceRow{Push: e.Push, Since: o.Time})
}

// notificationsFact is what a user wants to be notified of.
func notificationsFact(n events.Notifications) []Fact {
	if n == (events.Notifications{}) {
		return []Fact{{FactDelete, factNotifications, ""}}
	}
	return ownFact(factNotifications, n)
}
