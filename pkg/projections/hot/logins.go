package hot

import (
	"errors"
	"fmt"
	"strings"

	"annal/pkg/events"
)

// loginFacts is what an event does to the logins of the user of a self session, and to whether they are banned.
func loginFacts(o *events.Outcome, e events.Event) []Fact {
	var facts []Fact
	in, _ := e.(events.SignedIn)
	for _, l := range events.EndedBy(e) {
		facts = append(facts, Fact{FactDelete, factLogin + l.Device, ""})
		if l.Device != in.Device { // which is signed in on anew, so notifications go where they went
			facts = append(facts, Fact{FactDelete, traitDevice + l.Device, ""})
		}
	}
	switch e := e.(type) {
	case events.SignedIn:
		// Behind the end of the device's login of before.
		value := fmt.Sprintf("%d %d %s %s %s", seqOf(o), o.Time, e.Kind, e.Login, e.Client)
		facts = append(facts, Fact{FactSet, factLogin + e.Device, value})
	case events.Banned:
		facts = append(facts, Fact{FactSet, factBanned, "1"})
	case events.Unbanned:
		facts = append(facts, Fact{FactDelete, factBanned, ""})
	case events.AccountClosed, events.Added, events.Asked, events.Audited, events.ContactChanged, events.Created, events.Deleted,
		events.Delivered, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Dismissed, events.Hidden, events.InfoSet, events.Invited, events.Joined, events.Left,
		events.Muted, events.Overridden, events.Pinned, events.PolicySet, events.Reacted, events.Read, events.Refused, events.Removed,
		events.Reported, events.Revoked, events.RoleSet, events.Sent, events.SessionSet, events.SignedOut, events.SignedUp, events.Uninvited:
	}
	return facts
}

func parseLogin(value string) (row events.LoginRow, err error) {
	parts := strings.SplitN(value, " ", 5) // a client's name may have spaces
	if len(parts) != 5 {
		return row, errors.New("no login")
	}
	row.Kind, row.Login, row.Client = parts[2], parts[3], parts[4]
	_, err = fmt.Sscanf(parts[0]+" "+parts[1], "%d %d", &row.Seq, &row.Since)
	return row, err
}
