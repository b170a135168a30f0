package bench

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	logv1 "annal/gen/annal/log/v1"
	"annal/internal/endpoints"
	"annal/pkg/client"
)

const (
	// directSessions have two people each, both connected and subscribed.
	directSessions = 200
	// channelMembers are in the one big channel, of whom channelOnline are connected.
	channelMembers = 10_000
	channelOnline  = 8
	// textBytes is the size of a message.
	textBytes = 200
	// addBatch is the most people one command may add.
	addBatch = 1000
	// settleTime bounds how long messages may come behind their acks.
	settleTime = 10 * time.Second
)

// fleet is a number of clients that send in turns to sessions of their own.
type fleet struct {
	sockets  []*socket
	sessions []string // of each socket
	text     string
	// hearers are how many of the sockets hear each message.
	hearers int64
	next    int
	sent    int64
}

// start sends the next message; it is a measurement's start.
func (f *fleet) start(m *meter, due time.Time) {
	i := f.next % len(f.sockets)
	f.next++
	f.sent++
	f.sockets[i].send(f.sessions[i], f.text, m, due)
}

// measure measures sends under a load, and checks that everybody heard them all.
func (f *fleet) measure(ctx context.Context, name string, l Load, span time.Duration) (Result, error) {
	r, err := measure(ctx, name, l, span, f.start)
	if err != nil {
		return Result{}, err
	}
	if err := f.settle(ctx); err != nil {
		return Result{}, fmt.Errorf("bench: %s: %w", name, err)
	}
	return r, nil
}

// settle waits until every message was heard by everybody once.
func (f *fleet) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	want := f.sent * f.hearers
	for {
		var heard int64
		for _, s := range f.sockets {
			heard += s.heard.Load()
		}
		switch {
		case heard == want:
			return nil
		case heard > want:
			return fmt.Errorf("%d messages were delivered, want %d", heard, want)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d messages were delivered, want %d: %w", heard, want, ctx.Err())
		}
	}
}

func (f *fleet) close() {
	for _, s := range f.sockets {
		s.close()
	}
}

// connectAtOnce bounds handshakes under way.
const connectAtOnce = 16

// join connects users, each subscribed to the session of the same place.
func join(ctx context.Context, at endpoints.File, users, sessions []string, hearers int64) (*fleet, error) {
	f := &fleet{sockets: make([]*socket, len(users)), sessions: sessions, hearers: hearers, text: strings.Repeat("word ", textBytes/5)}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(connectAtOnce)
	for i, user := range users {
		group.Go(func() error {
			s, err := dial(ctx, at.WS, at.Token, user)
			if err != nil {
				return err
			}
			if err := s.subscribe(sessions[i]); err != nil {
				s.ws.Close()
				return err
			}
			go s.read()
			f.sockets[i] = s
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		for _, s := range f.sockets {
			if s != nil {
				s.close()
			}
		}
		return nil, err
	}
	return f, nil
}

// directFleet opens direct sessions and connects everybody in them.
func directFleet(ctx context.Context, c *client.Client, at endpoints.File) (*fleet, error) {
	var mu sync.Mutex
	var failed error // the first
	var acks sync.WaitGroup
	users, sessions := make([]string, 2*directSessions), make([]string, 2*directSessions)
	for i := range directSessions {
		a, b := fmt.Sprintf("u%04d", 2*i), fmt.Sprintf("u%04d", 2*i+1)
		users[2*i], users[2*i+1] = a, b
		acks.Add(1)
		op := client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: b}}}
		c.Go(ctx, op, func(ack client.Ack, err error) {
			defer acks.Done()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = cmp.Or(failed, err)
				return
			}
			sessions[2*i], sessions[2*i+1] = ack.GetSession(), ack.GetSession()
		}, client.AsUser(a), client.ClientID("bench"))
	}
	acks.Wait()
	if failed != nil {
		return nil, fmt.Errorf("bench: open direct sessions: %w", failed)
	}
	return join(ctx, at, users, sessions, 2)
}

// channelFleet opens one big channel and connects some of its members.
func channelFleet(ctx context.Context, c *client.Client, at endpoints.File) (*fleet, error) {
	policy := &logv1.Policy{WriteRole: logv1.Role_ROLE_MEMBER}
	ack, err := c.Create(ctx, client.Create{Kind: logv1.Kind_KIND_CHANNEL, Name: "bench", Policy: policy}, client.AsUser("owner"), client.ClientID("bench"))
	if err != nil {
		return nil, fmt.Errorf("bench: open a channel: %w", err)
	}
	for first := 0; first < channelMembers; first += addBatch {
		members := make([]*logv1.NewMember, addBatch)
		for i := range members {
			members[i] = &logv1.NewMember{User: fmt.Sprintf("c%05d", first+i)}
		}
		if _, err := c.Add(ctx, ack.GetSession(), members, client.AsUser("owner")); err != nil {
			return nil, fmt.Errorf("bench: fill a channel: %w", err)
		}
	}
	users, sessions := make([]string, channelOnline), make([]string, channelOnline)
	for i := range users {
		users[i], sessions[i] = fmt.Sprintf("c%05d", i), ack.GetSession()
	}
	return join(ctx, at, users, sessions, channelOnline)
}
