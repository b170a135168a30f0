package hot

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"annal/pkg/events"
)

// A token has one holder: who registered it last, on which device. They register it in their own sessions, which lie in different
// partitions, so a store keeps by token when who registered it: of each device the newest time, whatever the order in which that is
// told. A session's rules know nothing of other sessions; the steward has the others forget the token.

// MaxHolders is how many holders of a token a store keeps: the newest.
const MaxHolders = 10

// KeepHolders is for how long a store keeps them: vendors forget tokens that were not used for less, and apps register at each start.
const KeepHolders = 400 * 24 * time.Hour

// Holder is a user's device that a token was registered for, and the log time when it last was.
type Holder struct {
	User   events.UserID
	Device string
	Since  events.Millis
}

// Registration is of a token, for a device.
type Registration struct {
	Push events.PushToken
	Holder
}

// TokenKey names a token: its service, package and token. The app's version and locale are the device's.
func TokenKey(p events.PushToken) string {
	sum := sha256.Sum256([]byte(p.Service + "\x00" + p.Package + "\x00" + p.Token))
	return hex.EncodeToString(sum[:16])
}

// SortHolders puts the newest first. Of one time, the one with the greater user and device counts as newer, for all alike.
func SortHolders(all []Holder) {
	slices.SortFunc(all, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(b.Since, a.Since), cmp.Compare(b.User, a.User), cmp.Compare(b.Device, a.Device))
	})
}

// registered gives the registration of a token, nil for other events.
func registered(o *events.Outcome, e events.Event) *Registration {
	set, is := e.(events.DeviceSet)
	if !is || set.Off || set.Push.Token == "" {
		return nil
	}
	return &Registration{Push: set.Push, Holder: Holder{User: o.Actor.User, Device: set.Device, Since: o.Time}}
}
