package annaltest

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

// Connect dials as user, with a token of the user's own or a service's; the endpoints
// file is read anew at each connection.
func Connect(t *testing.T, file, token, user string) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{
		Locate: func(context.Context) (string, error) {
			f, err := endpoints.Read(file)
			return f.WS, err
		},
		Token: client.StaticToken(token), AsUser: user, Device: "test", InFlight: 32,
	})
	if err != nil {
		t.Fatalf("connect as %q: %v", user, err)
	}
	t.Cleanup(c.Close)
	return c
}

// Pair is two people in a direct session, of whom each hears the other.
type Pair struct {
	Alice, Bob     *client.Client
	Session        string
	AtAlice, AtBob *client.Stream
}

// Meet opens the session.
func Meet(t *testing.T, alice, bob *client.Client) *Pair {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	ack, err := alice.Create(ctx, client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: bob.User()}}})
	if err != nil {
		t.Fatalf("open a direct session: %v", err)
	}
	p := &Pair{Alice: alice, Bob: bob, Session: ack.GetSession()}
	if p.AtAlice, err = alice.Subscribe(ctx, p.Session, 0); err != nil {
		t.Fatalf("alice subscribes: %v", err)
	}
	if p.AtBob, err = bob.Subscribe(ctx, p.Session, 0); err != nil {
		t.Fatalf("bob subscribes: %v", err)
	}
	return p
}

// Next gives the stream's next event.
func Next(t *testing.T, s *client.Stream) *clientv1.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
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

// Until passes over events until one is as wanted.
func Until(t *testing.T, s *client.Stream, wanted func(*clientv1.Event) bool) *clientv1.Event {
	t.Helper()
	for {
		if e := Next(t, s); wanted(e) {
			return e
		}
	}
}

// Converse sends, overrides, revokes and marks as read, and sees the other see it.
func (p *Pair) Converse(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	do := func(what string, ack client.Ack, err error) uint64 {
		t.Helper()
		if err != nil || ack.GetAnswered() != "" {
			t.Fatalf("%s: %v, answered %q; want it accepted", what, err, ack.GetAnswered())
		}
		return ack.GetSeq()
	}
	ack, err := p.Alice.Send(ctx, p.Session, "first")
	first := do("send", ack, err)
	ack, err = p.Alice.Send(ctx, p.Session, "second")
	second := do("send", ack, err)
	ack, err = p.Alice.Override(ctx, p.Session, first, "first, edited")
	edit := do("override", ack, err)
	ack, err = p.Alice.Revoke(ctx, p.Session, second)
	revoke := do("revoke", ack, err)
	seqs := []uint64{first, second, edit, revoke}
	if want := []uint64{first, first + 1, first + 2, first + 3}; !slices.Equal(seqs, want) {
		t.Fatalf("seqs are %v, want %v", seqs, want)
	}
	atSeq := func(seq uint64) func(*clientv1.Event) bool {
		return func(e *clientv1.Event) bool { return e.GetSeq() == seq }
	}
	if e := Until(t, p.AtBob, atSeq(first)); e.GetSent() == nil || e.GetUser() != p.Alice.User() {
		t.Errorf("bob sees %v at %d, want the first message", e, first)
	}
	Until(t, p.AtBob, atSeq(second))
	if e := Next(t, p.AtBob); e.GetOverridden().GetTarget() != first || e.GetOverridden().GetText() != "first, edited" {
		t.Errorf("bob sees %v, want an edit of %d", e, first)
	}
	if e := Next(t, p.AtBob); e.GetRevoked().GetTarget() != second {
		t.Errorf("bob sees %v, want a revoke of %d", e, second)
	}
	if _, err := p.Bob.MarkRead(ctx, p.Session, revoke); err != nil {
		t.Fatalf("bob marks %d as read: %v", revoke, err)
	}
	e := Until(t, p.AtAlice, func(e *clientv1.Event) bool { return e.GetRead() != nil && e.GetUser() == p.Bob.User() })
	if e.GetRead().GetMarker() != revoke {
		t.Errorf("alice sees bob's mark at %d, want %d", e.GetRead().GetMarker(), revoke)
	}
}

// sendEvery is the pace of a running stream of sends.
const sendEvery = 4 * time.Millisecond

func text(i int) string { return fmt.Sprintf("message %d", i) }
