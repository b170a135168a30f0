package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/events"
	"annal/pkg/gateway/gatewaytest"
)

// TestLastSeen: who lets whom see when they were last there; what can't be read is not let.
func TestLastSeen(t *testing.T) {
	w := gatewaytest.New()
	now := time.Now()
	g := &Gateway{ports: Ports{View: w}, owns: newOwns(w, func() time.Time { return now }, NewMetrics(prometheus.NewRegistry()))}
	policies := DefaultPolicies()
	for u, audience := range map[events.UserID]events.Audience{"all": events.AudienceEveryone, "few": events.AudienceContacts, "none": events.AudienceNobody} {
		w.Must(u, "self", events.NewSelfID(u), events.Create{Kind: events.KindSelf, Policy: policies[events.KindSelf]})
		if audience != events.AudienceEveryone {
			w.Must(u, "p", events.NewSelfID(u), events.SetPrivacy{Privacy: events.Privacy{LastSeen: audience}})
		}
	}
	direct := events.Create{Kind: events.KindDirect, Policy: policies[events.KindDirect], Members: []events.NewMember{{User: "few", Role: events.RoleMember}}}
	w.Must("friend", "d", events.NewDirectID("friend", "few"), direct)
	seen := func(viewer events.UserID) string {
		out := ""
		all := []events.UserID{"all", "few", "none", "nobody", "friend"}
		let, err := g.lastSeenOf(t.Context(), viewer, all)
		if err != nil {
			return err.Error()
		}
		for _, u := range all {
			out += fmt.Sprint(let[u], " ")
		}
		return out
	}
	for viewer, want := range map[events.UserID]string{"friend": "true true false true true ", "other": "true false false true true ", "none": "true false false true true "} {
		if got := seen(viewer); got != want {
			t.Errorf("%s sees %s, want %s", viewer, got, want)
		}
	}
	w.Rebuild(true)
	now = now.Add(2 * keptFor)
	if _, err := g.lastSeenOf(t.Context(), "friend", []events.UserID{"all"}); err == nil {
		t.Error("it is said while it can't be read")
	}
}

// TestOwnsAreBounded: who was asked for least lately goes, by number and by bytes.
func TestOwnsAreBounded(t *testing.T) {
	w := gatewaytest.New()
	o := newOwns(w, time.Now, NewMetrics(prometheus.NewRegistry()))
	o.mu.Lock()
	defer o.mu.Unlock()
	size := (&keptOwn{user: "u000001"}).size()
	for i := range mostKept + 10 {
		o.keep(&keptOwn{user: events.UserID(fmt.Sprintf("u%06d", i))})
	}
	if o.order.Len() != mostKept || o.bytes != mostKept*size || o.kept["u000000"] != nil || o.kept["u000010"] == nil {
		t.Errorf("%d are kept in %d bytes", o.order.Len(), o.bytes)
	}
	for i := range 1000 {
		k := &keptOwn{user: events.UserID(fmt.Sprintf("v%06d", i))}
		for f := range events.MaxCustomFields {
			k.own.Profile.Custom = append(k.own.Profile.Custom, events.CustomField{Name: fmt.Sprint(f), Value: string(make([]byte, events.MaxReasonBytes))})
		}
		o.keep(k)
	}
	if o.bytes > mostKeptBytes || o.order.Len() >= mostKept || o.kept["v000999"] == nil || len(o.kept) != o.order.Len() {
		t.Errorf("%d are kept in %d bytes", o.order.Len(), o.bytes)
	}
}
