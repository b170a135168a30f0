package e2e

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
)

// Who closes their account is let out of all sessions: ownership passes on, who was alone closes
// the group, nobody else is touched; and again whenever somebody lets them in. The steward is
// killed meanwhile: doing it twice changes nothing.
func TestClosedAccount(t *testing.T) {
	d := annaltest.Deploy(t)
	d.Serve(t, "steward")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ann := annaltest.Connect(t, d.File(), d.Token(t, "ann"), "")
	bob := annaltest.Connect(t, d.File(), d.Token(t, "bob"), "")
	create := func(c *client.Client, kind logv1.Kind, users ...string) string {
		t.Helper()
		var members []*logv1.NewMember
		for _, u := range users {
			members = append(members, &logv1.NewMember{User: u})
		}
		ack, err := c.Create(ctx, client.Create{Kind: kind, Members: members})
		if err != nil {
			t.Fatal(err)
		}
		return ack.GetSession()
	}
	shared := create(ann, logv1.Kind_KIND_GROUP, "bob", "cid")
	alone := create(ann, logv1.Kind_KIND_GROUP)
	direct := create(ann, logv1.Kind_KIND_DIRECT, "bob")
	if _, err := ann.Send(ctx, shared, "I was here"); err != nil {
		t.Fatal(err)
	}
	later := create(bob, logv1.Kind_KIND_GROUP)

	d.Roles["steward"].Crash(t)
	if _, err := ann.CloseAccount(ctx); err != nil {
		t.Fatal(err)
	}
	// Nobody gets in as ann any more, but a service.
	ann = annaltest.Connect(t, d.File(), d.ServiceToken(t), "ann")
	if _, err := bob.Add(ctx, later, []*logv1.NewMember{{User: "ann"}, {User: "cid"}}); err != nil {
		t.Fatal(err)
	}

	state := func(c *client.Client, session string) *clientv1.SessionState {
		t.Helper()
		page, err := c.Sync(ctx, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.GetSessions() {
			if s.GetSession() == session {
				return s
			}
		}
		t.Fatalf("no session %s", session)
		return nil
	}
	out := func(session string) func() bool {
		return func() bool { return !state(ann, session).GetMember() }
	}
	eventually := func(what string, is func() bool) {
		t.Helper()
		annaltest.Eventually(t, 20*time.Second, func() error {
			if !is() {
				return errors.New("not yet: " + what)
			}
			return nil
		})
	}
	d.Serve(t, "steward")
	eventually("ann is out of the shared group", out(shared))
	eventually("ann is out of the group she was alone in", out(alone))
	eventually("ann is out of the group she was let into later", out(later))
	eventually("they are no contacts", func() bool {
		return state(bob, direct).GetContact() == logv1.ContactState_CONTACT_STATE_NONE
	})
	if s := state(bob, shared); s.GetRole() != logv1.Role_ROLE_OWNER || s.GetMembers() != 2 || s.GetPreview().GetSent().GetText() != "I was here" {
		t.Errorf("the shared group is %v, want bob its owner with one other, and ann's text", s)
	}
	if !state(ann, alone).GetClosed() {
		t.Error("a group that nobody is left in is open")
	}
	before := state(bob, shared).GetSeq()

	// Started anew without its progress it does all of it again, and nothing changes.
	d.Roles["steward"].Crash(t)
	d.Launch(t, "steward-2").AwaitReady(t)
	if _, err := bob.Add(ctx, shared, []*logv1.NewMember{{User: "ann"}}); err != nil {
		t.Fatal(err)
	}
	eventually("ann is out again", out(shared))
	page, err := bob.History(ctx, shared, client.After(before), 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range page.GetEvents() {
		got = append(got, e.GetUser())
	}
	if want := []string{"bob", "ann"}; !slices.Equal(got, want) {
		t.Errorf("events of %v came, want one of each of %v", got, want)
	}
	annaltest.Verify(t, d.File())
}
