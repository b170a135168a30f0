package login_test

import (
	"net/http"
	"testing"

	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/login"
	"annal/pkg/projections/follow"
)

// What ends in the log, by whomever, ends here.
func TestFollower(t *testing.T) {
	h := serve(t, nil)
	for _, user := range []string{"ann", "bob"} {
		h.user(user)
	}
	phone, laptop, other := h.signIn("ann", "pixel"), h.signIn("ann", "laptop"), h.signIn("bob", "pixel")
	f := login.Follower{Table: h.table}
	say := func(user events.UserID, e events.Event) {
		t.Helper()
		o := follow.Outcome{Outcome: events.Outcome{Actor: events.Actor{User: user}, Result: events.Accepted{Event: e}}}
		refused := follow.Outcome{Outcome: events.Outcome{Actor: events.Actor{User: "bob"}, Result: events.Rejected{}}}
		for range 2 {
			if err := f.Handle(t.Context(), 0, []follow.Outcome{refused, o}); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := func(a answer) bool {
		_, there := h.table.Get(accounts.KindGrant, a.text("login"))
		return there
	}
	say("ann", events.SignedOut{Ended: []events.EndedLogin{{Login: phone.text("login"), Device: "pixel"}}})
	if kept(phone) || !kept(laptop) || !kept(other) {
		t.Error("after a sign-out elsewhere")
	}
	say("ann", events.Read{})
	say("ann", events.AccountClosed{})
	if kept(laptop) || !kept(other) {
		t.Error("after an account was closed")
	}
	if e, _ := h.table.Get(accounts.KindAccount, "ann"); e.GetAccount().GetPassword() != "" {
		t.Error("the password of a closed account is kept")
	}
	if a := h.refresh(other.text("refresh_token")); a.status != http.StatusOK {
		t.Errorf("somebody else: %+v", a)
	}
	say("nobody", events.AccountClosed{})
}
