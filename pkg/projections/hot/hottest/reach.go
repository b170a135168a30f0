package hottest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// self opens users' own sessions.
func (b *bench) self(users ...events.UserID) {
	b.Helper()
	for _, u := range users {
		opens := events.Created{Kind: events.KindSelf, Members: []events.NewMember{{User: u, Role: events.RoleOwner}}}
		b.apply(b.Accept(events.NewSelfID(u), u, opens))
	}
}

// own applies events of a user's own session.
func (b *bench) own(u events.UserID, all ...events.Event) {
	b.Helper()
	for _, e := range all {
		b.apply(b.Accept(events.NewSelfID(u), u, e))
	}
}

// reach is how users are notified of what is said in a session, a line each. Times are after the first event's.
func (b *bench) reach(s events.SessionID, users ...events.UserID) string {
	b.Helper()
	all, err := b.View.Reach(b.ctx, s, users)
	if err != nil {
		b.Fatalf("reach: %v", err)
	}
	var lines []string
	for _, u := range slices.Sorted(maps.Keys(all)) {
		r := all[u]
		line := string(u) + ":"
		for _, name := range slices.Sorted(maps.Keys(r.Devices)) {
			line += fmt.Sprintf(" %s=%s", name, r.Devices[name].Push.Token)
		}
		if r.Notifications != (events.Notifications{}) {
			line += fmt.Sprintf(" %+v", r.Notifications)
		}
		for _, is := range []struct {
			what string
			is   bool
		}{{fmt.Sprint("muted until ", r.MuteUntil), r.MuteUntil != 0}, {"hidden", r.Hidden}, {"banned", r.Banned}, {"closed", r.Closed}} {
			if is.is {
				line += " " + is.what
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func device(name, token string) events.DeviceSet {
	return events.DeviceSet{Device: name, Push: events.PushToken{Service: "fcm", Package: "org.example", Token: token, Locale: "pt-BR"}}
}

func off(name string) events.DeviceSet { return events.DeviceSet{Device: name, Off: true} }

// testReach: where and whether users are notified is read together; devices go as the rules say.
func testReach(t *testing.T, f Fixture) {
	b := newBench(t, f)
	b.self("ann", "bob", "cid")
	wantEqual(b, "in the beginning", b.reach("g_1", "ann", "bob", "nobody"), "ann:; bob:")
	in := func(login, device string, ended ...events.EndedLogin) events.SignedIn {
		return events.SignedIn{Login: login, Device: device, Kind: "phone", Client: "app", Ended: ended}
	}
	of := func(login, device string) events.EndedLogin {
		return events.EndedLogin{Login: login, Device: device}
	}
	b.own("ann", in("l1", "phone"), in("l2", "pad"), device("phone", "k1"), device("phone", "k2"), device("pad", "k3"), device("web", "k4"), device("old", "k5"), off("old"))
	b.own("bob", device("phone", "k6"), events.NotificationsSet{Notifications: events.Notifications{
		Content: events.ShowSender, PauseUntil: 7, Rest: events.Rest{From: 1320, To: 420, Zone: "Europe/Lisbon"},
	}})
	until, yes := events.Millis(1)<<40, true
	b.own("bob", events.SessionSet{Session: "g_1", Settings: events.SettingsChange{MuteUntil: &until, Hidden: &yes}})
	wantEqual(b, "of a session", b.reach("g_1", "ann", "bob"),
		"ann: pad=k3 phone=k2 web=k4; bob: phone=k6 {Content:1 Messages:0 Active:0 PauseUntil:1970-01-01T00:00:00.007Z Rest:{From:1320 To:420 Zone:Europe/Lisbon}} muted until 2004-11-03T19:53:47.776Z hidden")
	b.own("bob", events.NotificationsSet{})
	wantEqual(b, "of another session", b.reach("g_2", "bob"), "bob: phone=k6")

	b.own("ann", in("l3", "phone", of("l1", "phone")))
	wantEqual(b, "signed in anew", b.reach("g_1", "ann"), "ann: pad=k3 phone=k2 web=k4")
	b.own("ann", in("l4", "new", of("l2", "pad")))
	wantEqual(b, "displaced by a login elsewhere", b.reach("g_1", "ann"), "ann: phone=k2 web=k4")
	b.own("ann", events.PushForgotten{Device: "web", Reason: events.ForgetGone})
	wantEqual(b, "forgotten", b.reach("g_1", "ann"), "ann: phone=k2 web=")
	b.own("ann", events.SignedOut{Ended: []events.EndedLogin{of("l3", "phone")}, Reason: events.SignOutLogout}, device("new", "k7"))
	wantEqual(b, "signed out", b.reach("g_1", "ann"), "ann: new=k7 web=")
	b.own("ann", events.Banned{Ended: []events.EndedLogin{of("l4", "new")}})
	wantEqual(b, "banned", b.reach("g_1", "ann"), "ann: web= banned")
	b.own("ann", events.Unbanned{}, in("l5", "phone"), device("phone", "k8"), events.AccountClosed{Ended: []events.EndedLogin{of("l5", "phone")}})
	wantEqual(b, "closed", b.reach("g_1", "ann"), "ann: web= closed")

	all, err := b.View.Reach(b.ctx, "g_1", []events.UserID{"bob"})
	if err != nil || all["bob"].Devices["phone"].Since == 0 || all["bob"].Devices["phone"].Push.Locale != "pt-BR" {
		t.Errorf("got %+v, %v; want the whole row, with its time", all["bob"], err)
	}
	wantEqual(b, "of nobody", fmt.Sprint(b.View.Reach(b.ctx, "g_1", nil)), "map[] <nil>")
	b.Drop(t, events.NewSelfID("bob"), "traits")
	if got, err := b.View.Reach(b.ctx, "g_1", []events.UserID{"cid", "bob"}); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("of one whose devices were lost: %v, %v; want ErrRebuilding", got, err)
	}
}

// holders are those of tokens, in their order.
func (b *bench) holders(tokens ...string) string {
	b.Helper()
	pushes := make([]events.PushToken, len(tokens))
	for i, t := range tokens {
		pushes[i] = device("", t).Push
	}
	all, err := b.View.Holders(b.ctx, pushes)
	if err != nil {
		b.Fatalf("holders: %v", err)
	}
	lines := make([]string, len(all))
	for i := range all {
		for _, h := range all[i] {
			lines[i] += fmt.Sprintf("%s/%s@%d ", h.User, h.Device, h.Since)
		}
	}
	return strings.Join(lines, "; ")
}

// testHolders: who registered a token last is its holder, in whatever order, and how often, partitions tell of it.
func testHolders(t *testing.T, f Fixture) {
	b := newBench(t, f)
	at := func(u events.UserID, device string, token string, since events.Millis) hot.Registration {
		return hot.Registration{
			Push:   events.PushToken{Service: "fcm", Package: "org.example", Token: token, AppVersion: fmt.Sprint(since)},
			Holder: hot.Holder{User: u, Device: device, Since: since},
		}
	}
	add := func(all ...hot.Registration) {
		t.Helper()
		if err := b.Store.AddHolders(b.ctx, all); err != nil {
			t.Fatalf("note registrations: %v", err)
		}
	}
	wantEqual(b, "in the beginning", b.holders("k1", "k2"), "; ")
	const late = 1_764_000_000_123
	add(at("bob", "pad", "k1", late+2), at("ann", "phone", "k1", late), at("ann", "phone", "k2", 5))
	want := fmt.Sprintf("bob/pad@%d ann/phone@%d ; ann/phone@5 ; ", late+2, late)
	wantEqual(b, "of several", b.holders("k1", "k2", "k3"), want)
	add(at("bob", "pad", "k1", 7), at("ann", "phone", "k1", 7))
	wantEqual(b, "after repeats of what was before", b.holders("k1", "k2", "k3"), want)
	add(at("ann", "phone", "k1", late+2), at("ann", "web", "k1", late+2))
	wantEqual(b, "of one time", b.holders("k1"), fmt.Sprintf("bob/pad@%d ann/web@%d ann/phone@%d ", late+2, late+2, late+2))
	other := device("", "k1").Push
	other.Service = "apns"
	if got, err := b.View.Holders(b.ctx, []events.PushToken{other}); err != nil || len(got) != 1 || len(got[0]) != 0 {
		t.Errorf("of the same token of another service: %v, %v", got, err)
	}

	// Of many the newest stay, whoever comes first.
	var many []hot.Registration
	for i := range 2 * hot.MaxHolders {
		u, since := events.UserID(fmt.Sprint("u", i)), events.Millis(i)
		many = append(many, at(u, "d", "up", 100+since), at(u, "d", "down", 100+2*hot.MaxHolders-since))
	}
	add(many...)
	up := strings.Fields(b.holders("up"))
	wantEqual(b, "how many", len(up), hot.MaxHolders)
	wantEqual(b, "the newest", cmp.Or(up...), fmt.Sprintf("u%d/d@%d", 2*hot.MaxHolders-1, 100+2*hot.MaxHolders-1))
	down := strings.Fields(b.holders("down"))
	wantEqual(b, "the newest, told first", down[0]+" "+down[hot.MaxHolders-1], fmt.Sprintf("u0/d@%d u%d/d@%d", 100+2*hot.MaxHolders, hot.MaxHolders-1, 101+hot.MaxHolders))
	if got, err := b.View.Holders(b.ctx, nil); err != nil || len(got) > 0 {
		t.Errorf("of no token: %v, %v", got, err)
	}

	// Who registers says so in their own session.
	b.self("ann", "bob")
	b.own("ann", device("phone", "k9"))
	b.own("bob", device("pad", "k9"), off("pad"))
	wantEqual(b, "of registrations", strings.Join(names(b.holders("k9")), " "), "bob/pad ann/phone")
	b.views(newer, false)
	if got, err := b.View.Holders(b.ctx, []events.PushToken{other}); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("while the view is built: %v, %v; want ErrRebuilding", got, err)
	}
	if got, err := b.View.Reach(b.ctx, "g_1", []events.UserID{"ann"}); !errors.Is(err, hot.ErrRebuilding) {
		t.Errorf("reach while the view is built: %v, %v; want ErrRebuilding", got, err)
	}
}

// names leaves the times out of holders.
func names(holders string) []string {
	all := strings.Fields(holders)
	for i := range all {
		all[i], _, _ = strings.Cut(all[i], "@")
	}
	return all
}
