package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
)

// skippedAs is who was passed over and why.
func skippedAs(all []*logv1.Skipped) string {
	var out []string
	for _, s := range all {
		out = append(out, s.GetUser()+":"+s.GetCode())
	}
	return strings.Join(out, " ")
}

// TestPrivacyGoesWithTheCommand: who does not let it is not added nor written to, over any gateway, at once.
func TestPrivacyGoesWithTheCommand(t *testing.T) {
	run(t, nil, func(b *bench) {
		elsewhere := b.another("g2")
		c, u2, u3 := b.hello("u1"), b.hello("u2"), elsewhere.hello("u3")
		s := b.group(nil, "u9")
		came := func(frame string) string {
			f := c.ask(frame)
			if e := f.GetError(); e != nil {
				return strings.TrimSpace(fmt.Sprint(e.GetCode(), " ", skippedAs(e.GetSkipped())))
			}
			return strings.TrimSpace(fmt.Sprint(f.GetAck().GetAnswered(), skippedAs(f.GetAck().GetSkipped())))
		}
		u2.ask(`{"id":"p","client_id":"p","set_privacy":{"privacy":{"add_me":"AUDIENCE_NOBODY","write_first":"AUDIENCE_NOBODY"}}}`)
		u3.ask(`{"id":"p","client_id":"p","set_privacy":{"privacy":{"add_me":"AUDIENCE_CONTACTS","write_first":"AUDIENCE_CONTACTS"}}}`)
		add := func(id, users string) string {
			members := `{"user":"` + strings.ReplaceAll(users, " ", `"},{"user":"`) + `"}`
			return came(`{"id":"a","client_id":"` + id + `","add":{"session":"` + string(s) + `","members":[` + members + `]}}`)
		}
		want(b, "some", add("1", "u2 u3 u4"), "u2:PRIVACY_REFUSED u3:PRIVACY_REFUSED")
		want(b, "one alone", add("2", "u2"), "PRIVACY_REFUSED u2:PRIVACY_REFUSED")
		direct := func(id, user string) string {
			return came(`{"id":"d","client_id":"` + id + `","create":{"kind":"KIND_DIRECT","members":[{"user":"` + user + `"}],"text":"it is me"}}`)
		}
		want(b, "a pair with who lets nobody", direct("3", "u2"), "PRIVACY_REFUSED u2:PRIVACY_REFUSED")
		want(b, "a pair with who lets contacts", direct("4", "u3"), "")
		pair := events.NewDirectID("u1", "u3")
		send := `{"id":"s","client_id":"5","send":{"session":"` + string(pair) + `","text":"hello"}}`
		want(b, "writing before they are", came(send), "NOT_A_CONTACT")
		want(b, "adding before they are", add("6", "u3"), "PRIVACY_REFUSED u3:PRIVACY_REFUSED")
		b.does("u3", pair, events.Contact{Step: events.ContactAccept})
		want(b, "adding a contact", add("7", "u3"), "")
		group := `{"id":"g","client_id":"8","create":{"kind":"KIND_GROUP","members":[{"user":"u3"},{"user":"u2"}]}}`
		want(b, "a group with both", came(group), "PRIVACY_REFUSED u2:PRIVACY_REFUSED")
		b.does("u3", pair, events.Contact{Step: events.ContactRemove})
		u3.ask(`{"id":"p","client_id":"q","set_privacy":{"privacy":{"write_first":"AUDIENCE_NOBODY"}}}`)
		ask := `{"id":"k","client_id":"9","contact":{"session":"` + string(pair) + `","step":"CONTACT_STEP_ASK"}}`
		want(b, "asking who lets nobody", came(ask), "PRIVACY_REFUSED")
		want(b, "again", came(ask), "PRIVACY_REFUSED")

		// Nobody makes themselves a contact of who lets contacts do more than others.
		u5 := b.hello("u5")
		u5.ask(`{"id":"p","client_id":"p","set_privacy":{"privacy":{"last_seen":"AUDIENCE_CONTACTS"}}}`)
		want(b, "a pair with who lets contacts see more", direct("11", "u5"), "")
		send = `{"id":"s","client_id":"12","send":{"session":"` + string(events.NewDirectID("u1", "u5")) + `","text":"hello"}}`
		want(b, "writing before they are contacts", came(send), "NOT_A_CONTACT")
		b.does("u5", events.NewDirectID("u1", "u5"), events.Contact{Step: events.ContactAccept})
		want(b, "writing to a contact", came(send), "NOT_A_CONTACT")

		b.world.Rebuild(true)
		want(b, "while it can't be read", add("10", "u2"), "TRY_AGAIN")
		b.world.Rebuild(false)
		elsewhere.stop()
	})
}

// TestPrivacyBindsServices: a service that acts for somebody is bound like them, an import is not.
func TestPrivacyBindsServices(t *testing.T) {
	run(t, nil, func(b *bench) {
		u2 := b.hello("u2")
		u2.ask(`{"id":"p","client_id":"p","set_privacy":{"privacy":{"add_me":"AUDIENCE_NOBODY","write_first":"AUDIENCE_NOBODY"}}}`)
		bot := b.connect()
		bot.hello(auth.Identity{User: "bot", Service: "bridge"})
		code := func(frame string) string { return bot.ask(frame).GetError().GetCode() }
		create := func(more string) string {
			return `{"id":"c","client_id":"c","as_user":"u1"` + more + `,"create":{"kind":"KIND_DIRECT","members":[{"user":"u2"}]}}`
		}
		want(b, "for somebody", code(create("")), "PRIVACY_REFUSED")
		want(b, "of before", code(create(`,"origin_time_ms":"1000"`)), "")
	})
}

// TestProfiles: what users say of themselves is told in one shape, kept for a moment, and anew once a change is heard of.
func TestProfiles(t *testing.T) {
	run(t, nil, func(b *bench) {
		c, u2 := b.hello("u1"), b.hello("u2")
		names := func() string {
			page := c.ask(`{"id":"n","profiles":{"users":["u2","u3","nobody"]}}`).GetProfiles()
			var out []string
			for _, p := range page.GetProfiles() {
				out = append(out, p.GetUser()+":"+p.GetProfile().GetName())
			}
			return strings.Join(out, " ")
		}
		want(b, "in the beginning", names(), "u2: u3: nobody:")
		reads := b.world.OwnReads()
		want(b, "again", names(), "u2: u3: nobody:")
		want(b, "reads of what is kept", fmt.Sprint(b.world.OwnReads()), fmt.Sprint(reads))
		u2.ask(`{"id":"p","client_id":"p","set_profile":{"profile":{"name":"Two","status":"away"}}}`)
		want(b, "after a change over this gateway", names(), "u2:Two u3: nobody:")
		elsewhere := b.another("g2")
		u3 := elsewhere.hello("u3")
		u3.ask(`{"id":"p","client_id":"p","set_profile":{"profile":{"name":"Three"}}}`)
		want(b, "after a change over another", names(), "u2:Two u3: nobody:")
		pass(4 * time.Second)
		want(b, "a moment later", names(), "u2:Two u3:Three nobody:")

		own := events.NewSelfID("u3")
		b.hello("u3").ask(`{"id":"s","subscribe":{"session":"` + string(own) + `"}}`)
		u3.ask(`{"id":"p","client_id":"q","set_profile":{"profile":{"name":"Tres"}}}`)
		want(b, "after a change that is heard of here", names(), "u2:Two u3:Tres nobody:")

		s := b.group(nil, "u2", "u3")
		members := c.ask(`{"id":"m","members":{"session":"` + string(s) + `","names":true}}`).GetMembers().GetMembers()
		want(b, "members", fmt.Sprint(members[0].GetName(), "|", members[1].GetName(), "|", members[2].GetName()), "|Two|Tres")
		members = c.ask(`{"id":"m","members":{"session":"` + string(s) + `"}}`).GetMembers().GetMembers()
		want(b, "members without names", fmt.Sprint(members[1].GetName()), "")
		b.world.Must("u1", "d", events.NewDirectID("u1", "u3"), events.Create{
			Kind: events.KindDirect, Policy: gateway.DefaultPolicies()[events.KindDirect], Members: []events.NewMember{{User: "u3", Role: events.RoleMember}},
		})
		b.does("u2", s, events.Send{Body: events.TextBody("hello")})
		listed := func(frame string) string {
			var out []string
			for _, state := range c.ask(frame).GetSync().GetSessions() {
				if state.GetKind() != logv1.Kind_KIND_SELF {
					out = append(out, fmt.Sprintf("%s,%s,%s", state.GetPeer(), state.GetPeerName(), state.GetPreviewName()))
				}
			}
			slices.Sort(out)
			return strings.Join(out, "; ")
		}
		want(b, "sync", listed(`{"id":"y","sync":{"names":true}}`), ",,Two; u3,Tres,")
		want(b, "sync without names", listed(`{"id":"y","sync":{}}`), ",,; ,,")
		for _, users := range []string{`[]`, `["a b"]`, `["u1"` + strings.Repeat(`,"u1"`, 100) + `]`} {
			want(b, users, c.ask(`{"id":"n","profiles":{"users":`+users+`}}`).GetError().GetCode(), "INVALID_FIELD")
		}
		b.world.Rebuild(true)
		want(b, "of whom nothing is kept", c.ask(`{"id":"n","profiles":{"users":["u7"]}}`).GetError().GetCode(), "TRY_AGAIN")
		b.world.Rebuild(false)
		elsewhere.stop()
	})
}

// TestProfilesThatDoNotFit: a reply is bounded; who did not fit is named, and told of when asked for again.
func TestProfilesThatDoNotFit(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.hello("u1")
		var change events.ProfileChange
		for i := range events.MaxCustomFields {
			change.Custom = append(change.Custom, events.CustomField{Name: fmt.Sprint(i), Value: strings.Repeat("x", events.MaxReasonBytes)})
		}
		users := make([]string, 12)
		for i := range users {
			users[i] = fmt.Sprint("big", i)
			u := events.UserID(users[i])
			b.world.Must(u, "self", events.NewSelfID(u), events.Create{Kind: events.KindSelf, Policy: gateway.DefaultPolicies()[events.KindSelf]})
			b.world.Must(u, "p", events.NewSelfID(u), events.SetProfile{Profile: change})
		}
		for left := users; len(left) > 0; {
			page := c.ask(`{"id":"n","profiles":{"users":["` + strings.Join(left, `","`) + `"]}}`).GetProfiles()
			told := len(page.GetProfiles())
			if told == 0 || told > 5 || page.GetProfiles()[0].GetUser() != left[0] || !slices.Equal(page.GetLeft(), left[told:]) {
				b.t.Fatalf("of %v %d are told, and %v are left", left, told, page.GetLeft())
			}
			left = page.GetLeft()
		}
	})
}
