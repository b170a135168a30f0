package client_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
	"annal/pkg/client/clienttest"
	"annal/pkg/gateway/protocol"
)

// nextPresence waits for news of a user.
func nextPresence(t *testing.T, w *client.Watching) *clientv1.PresenceState {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := w.Next(ctx)
	if err != nil {
		t.Fatalf("nothing more is told: %v", err)
	}
	return s
}

// A client watches on whatever connection it has, and hears what changes.
func TestPresence(t *testing.T) {
	for codec := range protocol.Codecs {
		t.Run(codec.String(), func(t *testing.T) {
			s := clienttest.Serve(t)
			dial := func(user string) *client.Client {
				opts := s.Options(user)
				opts.Codec, opts.Kind = codec, "desktop"
				return s.Dial(opts)
			}
			alice := dial("alice")
			op := client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: "bob", Role: logv1.Role_ROLE_MEMBER}}}
			if _, err := alice.Create(t.Context(), op); err != nil {
				t.Fatal(err)
			}
			w := alice.WatchPresence([]string{"bob"})
			if is := nextPresence(t, w); is.GetUser() != "bob" || is.GetOnline() {
				t.Errorf("at first: %v", is)
			}
			bob := dial("bob")
			if is := nextPresence(t, w); !is.GetOnline() || is.GetAway() || len(is.GetKinds()) != 1 || is.GetKinds()[0] != "desktop" {
				t.Errorf("bob is there: %v", is)
			}
			bob.SetAway(true)
			if is := nextPresence(t, w); !is.GetAway() {
				t.Errorf("bob is away: %v", is)
			}
			s.Kill()
			s.Start()
			// What is told on the new connection depends on who is back first; in the end it is as it was.
			dave := dial("alice").WatchPresence([]string{"bob"})
			for is := nextPresence(t, dave); !is.GetAway(); is = nextPresence(t, dave) {
			}
			bob.Close()
			for is := nextPresence(t, w); is.GetOnline() || is.GetLastSeenMs() == 0; is = nextPresence(t, w) {
			}
			page, err := alice.Presence(t.Context(), []string{"bob", "alice"})
			if err != nil || len(page.GetUsers()) != 2 || page.GetUsers()[0].GetOnline() || len(page.GetUsers()[1].GetDevices()) == 0 {
				t.Errorf("asked: %v, %v", page, err)
			}
			other := alice.WatchPresence([]string{"a b"})
			for err = nil; err == nil; { // there may be news yet
				_, err = w.Next(t.Context())
			}
			if !errors.Is(err, io.EOF) {
				t.Errorf("the watching of before ends with %v", err)
			}
			var refusal *client.Error
			if _, err := other.Next(t.Context()); !errors.As(err, &refusal) || refusal.Code != "INVALID_FIELD" {
				t.Errorf("watching no user ends with %v", err)
			}
		})
	}
}
