package login

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/ory/fosite"

	accountsv1 "annal/gen/annal/accounts/v1"
	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// AppClient is the first-party client, which is always there: it has no secret, and may ask for passwords itself.
const AppClient = "app"

// Scopes that a person's client may ask for.
const (
	scopeOpenID  = "openid"
	scopeOffline = "offline_access"
	scopeProfile = "profile"
)

func userScopes() []string { return []string{scopeOpenID, scopeOffline, scopeProfile} }

// client gives a client.
func (s *Server) client(id string) (fosite.Client, bool) {
	if id == AppClient {
		return &fosite.DefaultClient{ID: AppClient, Public: true, GrantTypes: []string{grantPassword, grantRefresh}, Scopes: userScopes()}, true
	}
	e, ok := s.ports.Table.Get(accounts.KindClient, id)
	if !ok {
		return nil, false
	}
	c := e.GetClient()
	return &fosite.DefaultClient{
		ID: id, Secret: c.GetSecret(), Public: len(c.GetSecret()) == 0, GrantTypes: c.GetGrants(), RedirectURIs: c.GetRedirects(), Scopes: c.GetScopes(),
		ResponseTypes: []string{"code"},
	}, true
}

// ErrClient says what a client looks like.
var ErrClient = errors.New("login: a client has a name that is not app or annal, and either redirect URIs, which are https, or http on a loopback address, or scopes of a service")

// NewClient is what a client is to be.
type NewClient struct {
	ID   string
	Name string
	// Redirects are where codes may go: then it signs people in.
	Redirects []string
	// Scopes are what it may do as a service.
	Scopes []auth.Scope
}

// Entry makes of it what is kept, for a secret; empty: a public client, which signs people in with PKCE alone.
func (n NewClient) Entry(secret string) (*accountsv1.Client, error) {
	c := &accountsv1.Client{Name: n.Name}
	if secret != "" {
		c.Secret = hashOf(secret)
	}
	if !events.ValidName(n.ID) || n.ID == AppClient || n.ID == auth.Audience || len(n.Redirects) == 0 && len(n.Scopes) == 0 || len(n.Redirects) > 20 {
		return nil, ErrClient
	}
	for _, text := range n.Redirects {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Fragment != "" || len(text) > 1024 || !fosite.IsRedirectURISecureStrict(context.Background(), u) {
			return nil, fmt.Errorf("%w, not %q", ErrClient, text)
		}
		c.Redirects = append(c.Redirects, text)
	}
	if len(c.Redirects) > 0 {
		c.Grants = append(c.Grants, grantCode, grantRefresh)
		c.Scopes = append(c.Scopes, append(userScopes(), string(auth.ScopeRead), string(auth.ScopeWrite))...)
	}
	for _, scope := range n.Scopes {
		if !slices.Contains(auth.Scopes(), scope) || secret == "" {
			return nil, fmt.Errorf("%w (a service has a secret, and some of the scopes %v)", ErrClient, auth.Scopes())
		}
		if !slices.Contains(c.Scopes, string(scope)) {
			c.Scopes = append(c.Scopes, string(scope))
		}
	}
	if len(n.Scopes) > 0 {
		c.Grants = append(c.Grants, grantClient)
	}
	return c, nil
}

// secrets compares the secrets of clients, which are random and long.
type secrets struct{}

// Compare implements fosite.Hasher.
func (secrets) Compare(_ context.Context, hash, data []byte) error {
	if !same(hash, hashOf(string(data))) {
		return fosite.ErrInvalidClient
	}
	return nil
}

// Hash implements fosite.Hasher.
func (secrets) Hash(_ context.Context, data []byte) ([]byte, error) { return hashOf(string(data)), nil }
