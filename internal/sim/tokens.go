package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/fold"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// tokens are the push tokens of all clients, each of a service: people use each other's devices.
var tokens = []string{"apns 1", "fcm 2", "huawei 3"}

func serviceOf(token string) string {
	service, _, _ := strings.Cut(token, " ")
	return service
}

// register has a client register its device, with a token that others may have had. The lock is held.
func (c *client) register() {
	token := pick(c.dice, tokens)
	push := &logv1.PushToken{Service: serviceOf(token), Package: "app", Token: token}
	c.w.vendors.renew(token)
	c.want(events.NewSelfID(c.user), &clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetDevice{SetDevice: &clientv1.SetDevice{Device: "phone", Push: push}}})
}

// misheld is the first push token that somebody has besides who registered it last, or that was taken from them though no service
// called it gone. A closed account's stays as it is: nothing is sent there.
func misheld(sessions map[events.SessionID]*fold.Session) string {
	gone := map[string]bool{}
	registered, newest := map[string][]hot.Holder{}, map[events.UserID]string{}
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		for _, seq := range slices.Sorted(maps.Keys(sessions[id].Timeline)) {
			o, err := events.DecodeOutcomeValue(sessions[id].Timeline[seq])
			accepted, _ := o.Result.(events.Accepted)
			if set, is := accepted.Event.(events.DeviceSet); is && err == nil {
				registered[set.Push.Token] = append(registered[set.Push.Token], hot.Holder{User: o.Actor.User, Device: set.Device, Since: o.Time})
				newest[o.Actor.User] = set.Push.Token
			}
			if f, is := accepted.Event.(events.PushForgotten); is && err == nil && f.Reason == events.ForgetGone {
				gone[newest[o.Actor.User]] = true
			}
		}
	}
	for _, token := range tokens {
		all := registered[token]
		hot.SortHolders(all)
		for i, h := range all {
			s := sessions[events.NewSelfID(h.User)]
			row := s.Devices[h.Device]
			switch {
			case s.Head.Closed:
			case i > 0 && h.User != all[0].User && row.Push.Token == token:
				return fmt.Sprintf("%s has the token %s since %d, which %s registered at %d", h.User, token, h.Since, all[0].User, all[0].Since)
			case i == 0 && newest[h.User] == token && row.Push.Token != token && !gone[token]:
				return fmt.Sprintf("the token %s was taken from %s, who registered it last", token, h.User)
			}
		}
	}
	return ""
}
