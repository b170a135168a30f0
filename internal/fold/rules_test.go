package fold_test

import (
	"context"
	"log/slog"
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"annal/internal/devstack"
	"annal/internal/fold"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// TestRulesFoldAndViewAgree: whatever people do, the rows of the production rules, the
// fold of the log and the view, fed in any batches with repeats, say the same.
func TestRulesFoldAndViewAgree(t *testing.T) {
	server, store := newStore(t)
	rapid.Check(t, func(rt *rapid.T) {
		a := newAuthor(t)
		for range rapid.IntRange(1, 200).Draw(rt, "commands") {
			a.act(rt)
		}
		log := logOf(t, a.said)
		defer log.Close()
		var report fold.Report
		sessions := folded(t, log, &report)
		if report.Found != 0 || report.Sessions != len(a.opened) || report.Commands != len(a.said) {
			rt.Fatalf("fold has %d sessions of %d commands, %d problems %v; want %d of %d, none",
				report.Sessions, report.Commands, report.Found, report.Problems, len(a.opened), len(a.said))
		}
		for id, r := range a.sessions {
			compareRows(rt, sessions[id], r)
		}
		server.FlushAll()
		feed(t, rt, store, a.said)
		if err := fold.Compare(t.Context(), store.Reader(), window, sessions, &report); err != nil {
			rt.Fatalf("compare: %v", err)
		}
		if report.Found != 0 {
			rt.Fatalf("view has %d problems, want none: %v", report.Found, report.Problems)
		}
	})
}

// window is short, so that most sessions outgrow it.
const window = 10

func newStore(t *testing.T) (*devstack.Miniredis, *redis.Redis) {
	t.Helper()
	server, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	o := redis.Defaults()
	o.Addrs, o.Embedded, o.Partitions, o.Window, o.Log = []string{server.Addr()}, true, partitions, window, slog.New(slog.DiscardHandler)
	o.TallyFrom = 3
	store, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, store
}

// feed applies what was said, in batches some of which begin with what was applied before.
func feed(t *testing.T, rt *rapid.T, store hot.Store, said []hottest.Said) {
	t.Helper()
	setViews(t, store, false)
	for from := 0; from < len(said); {
		n := rapid.IntRange(1, 50).Draw(rt, "batch")
		repeated := rapid.IntRange(0, min(from, 30)).Draw(rt, "repeated")
		apply(t, store, said[from-repeated:min(from+n, len(said))])
		from += n
	}
	setViews(t, store, true)
}

func setViews(t *testing.T, store hot.Store, whole bool) {
	t.Helper()
	run, err := store.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for p := range int32(partitions) {
		if err := store.SetView(t.Context(), p, hot.ViewState{ID: "1", Whole: whole, Run: run}); err != nil {
			t.Fatalf("set the view of partition %d: %v", p, err)
		}
	}
}

func apply(t *testing.T, store hot.Store, said []hottest.Said) {
	t.Helper()
	changes := hottest.Changes(said...)
	if err := store.Apply(t.Context(), "1", changes); err != nil {
		t.Fatalf("apply: %v", err)
	}
	users := map[events.UserID][]events.SessionID{}
	var registered []hot.Registration
	for _, s := range changes {
		for _, c := range s.Changes {
			if c.Registered != nil {
				registered = append(registered, *c.Registered)
			}
			for _, m := range c.In {
				users[m.User] = append(users[m.User], s.Session)
			}
		}
	}
	if len(registered) > 0 {
		if err := store.AddHolders(t.Context(), registered); err != nil {
			t.Fatalf("note registrations: %v", err)
		}
	}
	if len(users) == 0 {
		return
	}
	if err := store.AddSessions(t.Context(), users); err != nil {
		t.Fatalf("note users' sessions: %v", err)
	}
}

func folded(t *testing.T, log eventlog.Log, report *fold.Report) map[events.SessionID]*fold.Session {
	t.Helper()
	sessions, err := fold.Log(context.Background(), log, report)
	if err != nil {
		t.Fatalf("fold: %v", err)
	}
	return sessions
}

// compareRows holds a folded session against the rules' rows.
func compareRows(rt *rapid.T, s *fold.Session, r rows) {
	want, ok := r[events.HeadKey].(events.Head)
	if !ok || s == nil {
		rt.Fatalf("a session is missing: rows have %t, fold has %t", ok, s != nil)
	}
	got := events.Head{
		Kind: s.Head.Kind, Base: s.Head.Base, Seq: s.Head.Seq, Index: s.Head.Index, Members: s.Head.Members,
		Policy: s.Head.Policy, Closed: s.Head.Closed, Title: s.Head.Title, Hash: s.Hash, Created: want.Created,
		Banned: s.Head.Banned, Logins: uint32(len(s.Facts.Logins)), Devices: uint32(len(s.Devices)),
		// No view has these.
		SignIns: want.SignIns, SignedUp: want.SignedUp,
	}
	if got != want {
		rt.Fatalf("%s: folded head %+v, rows have %+v", s.ID, got, want)
	}
	members := 0
	for _, u := range crowd {
		want, ok := r[events.MemberKey(u)].(events.Member)
		if !ok {
			continue
		}
		members++
		if got := s.Members[u]; got == nil || !reflect.DeepEqual(*got, want) {
			rt.Fatalf("%s: folded %s %+v, rows have %+v", s.ID, u, got, want)
		}
	}
	if members != len(s.Members) {
		rt.Fatalf("%s: %d members folded, rows have %d", s.ID, len(s.Members), members)
	}
	for device, got := range s.Facts.Logins {
		if want := r[events.LoginKey(device)]; want != got {
			rt.Fatalf("%s: folded login on %s %+v, rows have %+v", s.ID, device, got, want)
		}
	}
	devices := map[string]events.DeviceRow{}
	for k, row := range r {
		if device, is := row.(events.DeviceRow); is {
			devices[string(k[1:])] = device
		}
	}
	if !maps.Equal(s.Devices, devices) {
		rt.Fatalf("%s: folded devices %+v, rows have %+v", s.ID, s.Devices, devices)
	}
	if want, _ := r[events.NotificationsKey].(events.Notifications); s.Notifications != want {
		rt.Fatalf("%s: folded notifications %+v, rows have %+v", s.ID, s.Notifications, want)
	}
	for seq, m := range s.Messages {
		want, ok := r[events.MessageKey(seq)].(events.Message)
		if !ok || m.Index != want.Index || m.State.Revoked != want.Revoked || m.State.Deleted != want.Deleted ||
			m.State.Overridden != want.Overridden {
			rt.Fatalf("%s: folded message %d %+v, rows have %+v (%t)", s.ID, seq, *m, want, ok)
		}
	}
}
