package login

import (
	"context"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/token/jwt"

	"annal/pkg/events"
)

// session is what fosite carries of who signs in.
type session struct {
	User   string
	Login  string
	Device string
	Kind   string
	// Passwords says which of their passwords the user gave.
	Passwords uint64
	// Service is set when it is no person that signs in.
	Service       string
	Authenticated time.Time
	Requested     time.Time
	Expires       map[fosite.TokenType]time.Time
	// claims are those of the ID token: fosite adds to them.
	claims *jwt.IDTokenClaims
}

func newSession() *session { return &session{Expires: map[fosite.TokenType]time.Time{}} }

// SetExpiresAt implements fosite.Session.
func (s *session) SetExpiresAt(key fosite.TokenType, at time.Time) { s.Expires[key] = at }

// GetExpiresAt implements fosite.Session.
func (s *session) GetExpiresAt(key fosite.TokenType) time.Time { return s.Expires[key] }

// GetUsername implements fosite.Session.
func (s *session) GetUsername() string { return s.User }

// GetSubject implements fosite.Session.
func (s *session) GetSubject() string { return s.User }

// SetSubject implements oauth2.Session: fosite tells whose password it was.
func (s *session) SetSubject(user string) { s.User = user }

// Clone implements fosite.Session.
func (s *session) Clone() fosite.Session {
	c := *s
	c.claims = nil
	c.Expires = make(map[fosite.TokenType]time.Time, len(s.Expires))
	for k, v := range s.Expires {
		c.Expires[k] = v
	}
	return &c
}

// IDTokenHeaders implements openid.Session. Of the algorithm's name fosite takes which hash at_hash is made with, by the digits behind two
// letters: for Ed25519 that is SHA-512.
func (s *session) IDTokenHeaders() *jwt.Headers {
	return &jwt.Headers{Extra: map[string]any{"alg": "Ed512"}}
}

// IDTokenClaims implements openid.Session.
func (s *session) IDTokenClaims() *jwt.IDTokenClaims {
	if s.claims == nil {
		s.claims = &jwt.IDTokenClaims{
			Subject: s.User, AuthTime: s.Authenticated, RequestedAt: s.Requested,
			Extra: map[string]any{"sid": s.Login, "preferred_username": s.User},
		}
	}
	return s.claims
}

// GetExtraClaims implements fosite.ExtraClaimsSession: what an introspection says besides.
func (s *session) GetExtraClaims() map[string]any {
	extra := map[string]any{}
	if s.Device != "" {
		extra["dev"] = s.Device
	}
	if s.Service != "" {
		extra["svc"] = s.Service
	}
	return extra
}

// call is what one request has to itself.
type call struct {
	// presented is the refresh token that is to be replaced.
	presented refreshToken
	// code is the authorization code that was made, under its hash.
	code string
	// user is who a login that the request may end is of.
	user events.UserID
	// passwords says which of their passwords a user gave.
	passwords uint64
	// why is why a login ends that the request ends.
	why string
	// refused is why, where it is no error of the protocol.
	refused *events.Error
	// used: a code or refresh token was used by another request at the same time.
	used bool
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}
