package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/pkg/client"
)

// phone is the device of somebody who signed in, and the gateways and tokens that it was given.
type phone struct {
	*client.Client

	mu     sync.Mutex
	told   []string
	tokens map[string]bool
}

func (p *phone) given(gateway, token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if gateway != "" {
		p.told = append(p.told, gateway)
	}
	if token != "" {
		p.tokens[token] = true
	}
}

// has are the gateways that it was told, in order, and how many tokens it was given.
func (p *phone) has() (told []string, tokens int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.told), len(p.tokens)
}

// connectPhone signs somebody in and connects to the gateway that these servers tell.
func (s *signing) connectPhone(t *testing.T, user string, servers map[string]*annaltest.Server) *phone {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), annaltest.Patience)
	defer cancel()
	s.mustSignUp(t, user)
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
			p.given(url, "")
			return url, err
		},
		Token: func(ctx context.Context) (string, error) {
			token, err := tokens.Token(ctx)
			p.given("", token)
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
	told, _ := alice.has()
	killed := told[0]
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
		if _, n := p.has(); n < 2 {
			t.Errorf("%s had %d tokens, which were to be renewed", p.User(), n)
		}
	}
	if told, _ = alice.has(); told[len(told)-1] == killed || gateways[told[len(told)-1]] == nil {
		t.Errorf("alice was told %q, of which the first was killed", told)
	}
	for _, g := range gateways {
		if ended, _ := g.HasEnded(); !ended {
			annaltest.Verify(t, g.File)
		}
	}
}
