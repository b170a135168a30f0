package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/pkg/client"
)

// phone is the device of somebody who signed in, and what it was given: its own client's goroutine notes that.
type phone struct {
	*client.Client
	told   []string
	tokens map[string]bool
}

// connectPhone signs somebody in and connects to the gateway that these servers tell.
func (s *signing) connectPhone(t *testing.T, user string, servers map[string]*annaltest.Server) *phone {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), annaltest.Patience)
	defer cancel()
	s.signUp(t, user)
	tokens, err := client.LoginServer{URL: s.issuer, Device: "phone", Kind: "phone"}.Password(ctx, user, testPassword)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, server := range servers {
		at = append(at, server.At.HTTP)
	}
	p, l := &phone{tokens: map[string]bool{}}, client.NewLocator(tokens.Token, tokens.Device(), at...)
	p.Client, err = client.Dial(ctx, client.Options{
		Reached: l.Reached, Device: tokens.Device(), InFlight: 32,
		Locate: func(ctx context.Context) (string, error) {
			url, err := l.Locate(ctx)
			if err == nil {
				p.told = append(p.told, url)
			}
			return url, err
		},
		Token: func(ctx context.Context) (string, error) {
			token, err := tokens.Token(ctx)
			if err == nil {
				p.tokens[token] = true
			}
			return token, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestNodesSignedIn: people who signed in, and whose tokens are renewed every few seconds, are told another gateway when theirs is killed, and lose
// nothing.
func TestNodesSignedIn(t *testing.T) {
	t.Parallel()
	const batch = 20
	s := signingOn(t, annaltest.NewDeployment(t), []string{"gateway", "gateway-2", "login"}, "--access-ttl", "5s")
	gateways := map[string]*annaltest.Server{} // by what clients are told
	for _, name := range []string{"gateway", "gateway-2"} {
		gateways[s.Roles[name].At.WS] = s.Roles[name]
	}
	alice, bob := s.connectPhone(t, "alice", gateways), s.connectPhone(t, "bob", gateways)
	pair := annaltest.Meet(t, alice.Client, bob.Client)
	sent := 0
	converse := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), annaltest.Patience)
		defer cancel()
		for range batch {
			if _, err := pair.Alice.Send(ctx, pair.Session, fmt.Sprint("message ", sent)); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		for i := sent - batch; i < sent; {
			if text := annaltest.Next(t, pair.AtBob).GetSent().GetText(); text == fmt.Sprint("message ", i) {
				i++
			} else if text != "" {
				t.Fatalf("bob hears %q where %d is next", text, i)
			}
		}
	}
	converse()
	killed := alice.told[0]
	began := time.Now()
	gateways[killed].Kill()
	converse()
	t.Logf("%.1f s from the kill until bob had heard %d more", time.Since(began).Seconds(), batch)
	// Over the ends of tokens: they are renewed on live connections.
	annaltest.Eventually(t, annaltest.Patience, func() error {
		converse()
		if time.Since(began) < 8*time.Second {
			return fmt.Errorf("the first tokens are still good")
		}
		return nil
	})
	for _, p := range []*phone{alice, bob} {
		p.Close()
		if len(p.tokens) < 2 {
			t.Errorf("%s had %d tokens, which were to be renewed", p.User(), len(p.tokens))
		}
	}
	if last := alice.told[len(alice.told)-1]; last == killed || gateways[last] == nil {
		t.Errorf("alice was told %q, of which the first was killed", alice.told)
	}
	for _, g := range gateways {
		if ended, _ := g.HasEnded(); !ended {
			annaltest.Verify(t, g.File)
		}
	}
}
