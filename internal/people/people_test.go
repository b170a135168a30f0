package people

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"annal/pkg/accounts"
	"annal/pkg/accounts/accountstest"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/gatewaytest"
	"annal/pkg/login"
)

// commands do commands in a world, as a gateway would.
type commands struct{ w *gatewaytest.World }

func (c commands) Do(_ context.Context, cmd events.Command) (*events.Outcome, *events.Error) {
	if err := cmd.Validate(); err != nil {
		return nil, err
	}
	o, _ := c.w.Do(cmd)
	return &o, nil
}

func (c commands) BeginSelf(_ context.Context, actor events.Actor) *events.Error {
	op := events.Create{Kind: events.KindSelf, Policy: gateway.DefaultPolicies()[events.KindSelf]}
	c.w.Do(events.Command{Session: events.NewSelfID(actor.User), Actor: actor, ClientID: "self", Op: op})
	return nil
}

func (commands) Begun(context.Context, events.UserID) (bool, *events.Error) { return true, nil }

func (commands) GoesOn(context.Context, *auth.Identity) *events.Error { return nil }

func newAdmin(t *testing.T) (*Admin, *gatewaytest.World) {
	t.Helper()
	w := gatewaytest.New()
	return &Admin{Table: accountstest.Follow(t, eventlog.NewMemory(eventlog.MemoryOptions{})), Passwords: accountstest.NewPasswords(t), Self: login.Selves{Commands: commands{w}}, View: w, Now: time.Now}, w
}

func TestAccounts(t *testing.T) {
	a, w := newAdmin(t)
	ctx := t.Context()
	want := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	want("create", a.Create(ctx, "ann", "correct horse", ""), nil)
	want("again", a.Create(ctx, "ann", "correct horse", ""), login.ErrExists)
	want("a short password", a.Create(ctx, "bob", "short", ""), accounts.ErrPassword)
	want("no hash", a.Create(ctx, "bob", "", "x"), accounts.ErrHash)
	want("no name", a.Create(ctx, "a\nb", "correct horse", ""), ErrUser)
	want("nobody", a.Ban(ctx, "nobody", ""), ErrNoUser)
	want("show nobody", func() error { _, err := a.Show(ctx, "nobody"); return err }(), ErrNoUser)
	if _, err := a.Self.SignIn(ctx, login.SignIn{User: "ann", Login: "l1", Device: "pixel", Kind: "phone", Client: "app"}); err != nil {
		t.Fatal(err)
	}
	u, err := a.Show(ctx, "ann")
	if err != nil || !u.Account || u.Banned || u.Closed || u.PasswordSet == nil || len(u.Logins) != 1 || u.Logins[0].Device != "pixel" {
		t.Errorf("shown: %+v, %v", u, err)
	}
	want("ban", a.Ban(ctx, "ann", "spam"), nil)
	if u, err := a.Show(ctx, "ann"); err != nil || !u.Banned || len(u.Logins) != 0 {
		t.Errorf("banned: %+v, %v", u, err)
	}
	if _, err := a.Self.SignIn(ctx, login.SignIn{User: "ann", Login: "l2", Device: "pixel", Kind: "phone", Client: "app"}); err == nil || err.Code != events.CodeAccountBanned {
		t.Errorf("a banned user signs in: %v", err)
	}
	want("unban", a.Unban(ctx, "ann"), nil)
	if _, err := a.Self.SignIn(ctx, login.SignIn{User: "ann", Login: "l3", Device: "pixel", Kind: "phone", Client: "app"}); err != nil {
		t.Errorf("signs in again: %v", err)
	}
	before, _ := a.Table.Get(accounts.KindAccount, "ann")
	want("reset", a.ResetPassword(ctx, "ann", "another horse"), nil)
	after, _ := a.Table.Get(accounts.KindAccount, "ann")
	if u, err := a.Show(ctx, "ann"); err != nil || len(u.Logins) != 0 || before.GetAccount().GetPassword() == after.GetAccount().GetPassword() {
		t.Errorf("reset: %+v, %v", u, err)
	}
	want("reset of nobody", a.ResetPassword(ctx, "nobody", "another horse"), login.ErrNoAccount)
	want("close", a.Close(ctx, "ann"), nil)
	want("close again", a.Close(ctx, "ann"), nil)
	if e, _ := a.Table.Get(accounts.KindAccount, "ann"); e.GetAccount().GetPassword() != "" {
		t.Error("the password of a closed account is kept")
	}
	if u, err := a.Show(ctx, "ann"); err != nil || !u.Closed || u.PasswordSet != nil {
		t.Errorf("closed: %+v, %v", u, err)
	}
	want("reset of a closed one", a.ResetPassword(ctx, "ann", "another horse"), login.ErrNoAccount)
	want("the name again", a.Create(ctx, "ann", "correct horse", ""), login.ErrExists)
	// Who comes from another issuer has no account here, and is banned all the same.
	w.Must("corp:zoe", "self", events.NewSelfID("corp:zoe"), events.Create{Kind: events.KindSelf, Policy: gateway.DefaultPolicies()[events.KindSelf]})
	want("ban of an outsider", a.Ban(ctx, "corp:zoe", ""), nil)
	if u, err := a.Show(ctx, "corp:zoe"); err != nil || u.Account || !u.Banned {
		t.Errorf("an outsider: %+v, %v", u, err)
	}
}

func TestImport(t *testing.T) {
	a, w := newAdmin(t)
	const file = "\ufeffuser,password,name,password_hash\nann,correct horse,Ann of the Hill,\nbob,,,\"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc\"\n" +
		"\"c\nd\",correct horse,,\nzoe,short,,\neve,correct horse,,x\nkiosk,,,\n"
	var lines []int
	tally, err := a.Import(t.Context(), strings.NewReader(file), func(line int, _ error) { lines = append(lines, line) })
	if err != nil || tally != (Tally{Created: 3, Refused: 3}) || len(lines) != 3 || lines[0] != 4 || lines[1] != 6 || lines[2] != 7 {
		t.Fatalf("%+v, %v, refused %v", tally, err, lines)
	}
	owns, err := w.Own(t.Context(), []events.UserID{"ann", "bob"})
	if err != nil || owns["ann"].Profile.Name != "Ann of the Hill" || owns["bob"].Profile.Name != "" {
		t.Errorf("profiles: %+v, %v", owns, err)
	}
	if ok, _, err := a.Passwords.Check(t.Context(), passwordOf(a, "ann"), "correct horse"); !ok || err != nil {
		t.Errorf("ann's password: %v, %v", ok, err)
	}
	if passwordOf(a, "kiosk") != "" {
		t.Error("who has no password has one")
	}
	again, err := a.Import(t.Context(), strings.NewReader(file), func(int, error) {})
	if err != nil || again.Created != 0 || again.There != 3 {
		t.Errorf("again: %+v, %v", again, err)
	}
	for _, bad := range []string{"", "name\nann\n", "user,what\nann,x\n", "user,user\nann,ann\n"} {
		if _, err := a.Import(t.Context(), strings.NewReader(bad), func(int, error) {}); !errors.Is(err, ErrColumns) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := a.Import(t.Context(), strings.NewReader("user,name\nx\n"), func(int, error) {}); err == nil {
		t.Error("a line that lacks a field is taken")
	}
}

func passwordOf(a *Admin, user string) string {
	e, _ := a.Table.Get(accounts.KindAccount, user)
	return e.GetAccount().GetPassword()
}

func TestClients(t *testing.T) {
	a, _ := newAdmin(t)
	scopes, err := Scopes([]string{"read", "write"})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := a.AddClient(t.Context(), login.NewClient{ID: "bridge", Scopes: scopes}, false)
	if err != nil || len(secret) < 40 {
		t.Errorf("%q, %v", secret, err)
	}
	if secret, err := a.AddClient(t.Context(), login.NewClient{ID: "app2", Redirects: []string{"https://chat.example/x"}}, true); err != nil || secret != "" {
		t.Errorf("%q, %v", secret, err)
	}
	if all := a.Clients(); len(all) != 2 || all[0].ID != "app2" || !all[0].Public || all[1].Public {
		t.Errorf("%+v", all)
	}
	if err := a.RemoveClient(t.Context(), "app2"); err != nil || len(a.Clients()) != 1 {
		t.Errorf("%v, %+v", err, a.Clients())
	}
	for id, want := range map[string]error{"app2": ErrNoClient, "app": ErrOwnClient} {
		if err := a.RemoveClient(t.Context(), id); !errors.Is(err, want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := Scopes([]string{"everything"}); err == nil {
		t.Error("a scope that is not there is taken")
	}
	for uses, lasts := range map[uint32]time.Duration{0: time.Hour, 1: 0, 2: 2 * longestInvitation, mostInvited + 1: time.Hour} {
		if _, err := a.Invite(t.Context(), uses, lasts); !errors.Is(err, ErrInvite) {
			t.Errorf("%d for %v: %v", uses, lasts, err)
		}
	}
}
