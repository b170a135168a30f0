package hottest

import (
	"maps"
	"slices"
	"strconv"

	"pgregory.net/rapid"

	"annal/pkg/events"
)

// signs is what is said of logins. A view takes it in any session.
func (c *crowd) signs(rt *rapid.T, r *room, actor events.UserID) Said {
	if r.logins == nil {
		r.logins = map[string]string{}
	}
	device := rapid.SampledFrom([]string{"phone", "pad"}).Draw(rt, "device")
	all := []string{device}
	ends := func() (ended []events.EndedLogin) {
		for _, d := range all {
			if l := r.logins[d]; l != "" {
				ended = append(ended, events.EndedLogin{Login: l, Device: d})
				delete(r.logins, d)
			}
		}
		return ended
	}
	switch rapid.IntRange(0, 4).Draw(rt, "signs") {
	case 0:
		return c.b.Accept(r.id, actor, events.SignedOut{Ended: ends(), Reason: events.SignOutLogout})
	case 1:
		all = slices.Sorted(maps.Keys(r.logins))
		return c.b.Accept(r.id, actor, events.Banned{Ended: ends()})
	case 2:
		return c.b.Accept(r.id, actor, events.Unbanned{})
	}
	e := events.SignedIn{Device: device, Kind: "phone", Client: rapid.SampledFrom([]string{"", "an app", "b"}).Draw(rt, "client"), Ended: ends()}
	r.signIns++
	e.Login = "l" + strconv.Itoa(r.signIns)
	r.logins[device] = e.Login
	return c.b.Accept(r.id, actor, e)
}
