package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/endpoints"
	"annal/pkg/client"
)

// connect dials as user, with a token of the user's own or a service's; the endpoints
// file is read anew at each connection.
func connect(t *testing.T, file, token, user string) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{
		Locate: func(context.Context) (string, error) {
			f, err := endpoints.Read(file)
			return f.WS, err
		},
		Token: client.StaticToken(token), AsUser: user, Device: "e2e", InFlight: 32,
	})
	if err != nil {
		t.Fatalf("connect as %q: %v", user, err)
	}
	t.Cleanup(c.Close)
	return c
}

// pair is two people in a direct session, of whom each hears the other.
type pair struct {
	alice, bob     *client.Client
	session        string
	atAlice, atBob *client.Stream
}

// meet opens the session.
func meet(t *testing.T, alice, bob *client.Client) *pair {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ack, err := alice.Create(ctx, client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: bob.User()}}})
	if err != nil {
		t.Fatalf("open a direct session: %v", err)
	}
	p := &pair{alice: alice, bob: bob, session: ack.GetSession()}
	if p.atAlice, err = alice.Subscribe(ctx, p.session, 0); err != nil {
		t.Fatalf("alice subscribes: %v", err)
	}
	if p.atBob, err = bob.Subscribe(ctx, p.session, 0); err != nil {
		t.Fatalf("bob subscribes: %v", err)
	}
	return p
}

// next gives the stream's next event.
func next(t *testing.T, s *client.Stream) *clientv1.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	item, err := s.Next(ctx)
	if err != nil {
		t.Fatalf("the next event above %d: %v", s.Last(), err)
	}
	e, ok := item.(client.Event)
	if !ok {
		t.Fatalf("the stream gives %#v, want an event", item)
	}
	return e.Event
}

// until passes over events until one is as wanted.
func until(t *testing.T, s *client.Stream, wanted func(*clientv1.Event) bool) *clientv1.Event {
	t.Helper()
	for {
		if e := next(t, s); wanted(e) {
			return e
		}
	}
}

// converse sends, overrides, revokes and marks as read, and sees the other see it.
func (p *pair) converse(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	do := func(what string, ack client.Ack, err error) uint64 {
		t.Helper()
		if err != nil || ack.GetAnswered() != "" {
			t.Fatalf("%s: %v, answered %q; want it accepted", what, err, ack.GetAnswered())
		}
		return ack.GetSeq()
	}
	ack, err := p.alice.Send(ctx, p.session, "first")
	first := do("send", ack, err)
	ack, err = p.alice.Send(ctx, p.session, "second")
	second := do("send", ack, err)
	ack, err = p.alice.Override(ctx, p.session, first, "first, edited")
	edit := do("override", ack, err)
	ack, err = p.alice.Revoke(ctx, p.session, second)
	revoke := do("revoke", ack, err)
	seqs := []uint64{first, second, edit, revoke}
	if want := []uint64{first, first + 1, first + 2, first + 3}; !slices.Equal(seqs, want) {
		t.Fatalf("seqs are %v, want %v", seqs, want)
	}
	atSeq := func(seq uint64) func(*clientv1.Event) bool {
		return func(e *clientv1.Event) bool { return e.GetSeq() == seq }
	}
	if e := until(t, p.atBob, atSeq(first)); e.GetSent() == nil || e.GetUser() != p.alice.User() {
		t.Errorf("bob sees %v at %d, want the first message", e, first)
	}
	until(t, p.atBob, atSeq(second))
	if e := next(t, p.atBob); e.GetOverridden().GetTarget() != first || e.GetOverridden().GetText() != "first, edited" {
		t.Errorf("bob sees %v, want an edit of %d", e, first)
	}
	if e := next(t, p.atBob); e.GetRevoked().GetTarget() != second {
		t.Errorf("bob sees %v, want a revoke of %d", e, second)
	}
	if _, err := p.bob.MarkRead(ctx, p.session, revoke); err != nil {
		t.Fatalf("bob marks %d as read: %v", revoke, err)
	}
	e := until(t, p.atAlice, func(e *clientv1.Event) bool { return e.GetRead() != nil && e.GetUser() == p.bob.User() })
	if e.GetRead().GetMarker() != revoke {
		t.Errorf("alice sees bob's mark at %d, want %d", e.GetRead().GetMarker(), revoke)
	}
}

// sendEvery is the pace of a running stream of sends.
const sendEvery = 4 * time.Millisecond

func text(i int) string { return fmt.Sprintf("message %d", i) }
