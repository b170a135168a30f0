package login

import (
	"context"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	jwt5 "github.com/golang-jwt/jwt/v5"
	"github.com/ory/fosite"
	"github.com/ory/fosite/token/jwt"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// tokens makes and checks tokens and codes. What fosite calls a token's signature, under which it is looked up, is the token here: the
// store knows what to keep of it.
type tokens struct{ s *Server }

// AccessTokenSignature implements oauth2.AccessTokenStrategy.
func (t *tokens) AccessTokenSignature(_ context.Context, token string) string { return token }

// GenerateAccessToken implements oauth2.AccessTokenStrategy.
func (t *tokens) GenerateAccessToken(_ context.Context, r fosite.Requester) (token, signature string, err error) {
	of := r.GetSession().(*session)
	key, err := t.s.ports.Keys.Ring().Signer(t.s.ports.Now())
	if err != nil {
		return "", "", err
	}
	id := auth.Identity{User: events.UserID(of.User), Device: of.Device, Client: r.GetClient().GetID(), Issuer: t.s.config.Issuer, Expires: of.GetExpiresAt(fosite.AccessToken)}
	if of.Service != "" {
		id.Service, id.Scopes = of.Service, []auth.Scope{}
		for _, scope := range r.GetGrantedScopes() {
			id.Scopes = append(id.Scopes, auth.Scope(scope))
		}
	} else if id.Login = r.GetID(); r.GetClient().GetID() != AppClient {
		id.Scopes = []auth.Scope{}
		for _, scope := range auth.Scopes() {
			if r.GetGrantedScopes().Has(string(scope)) {
				id.Scopes = append(id.Scopes, scope)
			}
		}
	}
	token, err = auth.Issue(key, id, t.s.ports.Now())
	return token, token, err
}

// ValidateAccessToken implements oauth2.AccessTokenStrategy.
func (t *tokens) ValidateAccessToken(_ context.Context, _ fosite.Requester, token string) error {
	if _, bad := t.s.ports.Tokens.Verify(token); bad != nil {
		return fosite.ErrTokenSignatureMismatch
	}
	return nil
}

// refreshToken is one in its parts: the login, what all tokens of the login have in common, and what this one has alone.
type refreshToken struct{ login, family, secret string }

const refreshPrefix = "art"

func (r refreshToken) String() string {
	return strings.Join([]string{refreshPrefix, r.login, r.family, r.secret}, "_")
}

func parseRefreshToken(text string) (r refreshToken, ok bool) {
	parts := strings.Split(text, "_")
	if len(text) > mostTokenBytes || len(parts) != 4 || parts[0] != refreshPrefix {
		return r, false
	}
	r = refreshToken{parts[1], parts[2], parts[3]}
	return r, r.login != "" && r.family != "" && r.secret != ""
}

const mostTokenBytes = 512

// RefreshTokenSignature implements oauth2.RefreshTokenStrategy.
func (t *tokens) RefreshTokenSignature(_ context.Context, token string) string { return token }

// GenerateRefreshToken implements oauth2.RefreshTokenStrategy.
func (t *tokens) GenerateRefreshToken(ctx context.Context, r fosite.Requester) (token, signature string, err error) {
	next := refreshToken{login: r.GetID(), family: rand.Text(), secret: rand.Text() + rand.Text()}
	if was := callOf(ctx).presented; was.login == next.login {
		next.family = was.family
	}
	return next.String(), next.String(), nil
}

// ValidateRefreshToken implements oauth2.RefreshTokenStrategy: the store has compared it.
func (t *tokens) ValidateRefreshToken(_ context.Context, r fosite.Requester, _ string) error {
	if at := r.GetSession().GetExpiresAt(fosite.RefreshToken); !at.IsZero() && !t.s.ports.Now().Before(at) {
		return fosite.ErrTokenExpired
	}
	return nil
}

// AuthorizeCodeSignature implements oauth2.AuthorizeCodeStrategy.
func (t *tokens) AuthorizeCodeSignature(_ context.Context, code string) string { return idOf(code) }

// GenerateAuthorizeCode implements oauth2.AuthorizeCodeStrategy.
func (t *tokens) GenerateAuthorizeCode(ctx context.Context, r fosite.Requester) (code, signature string, err error) {
	code = "acd_" + rand.Text() + rand.Text()
	return code, t.AuthorizeCodeSignature(ctx, code), nil
}

// ValidateAuthorizeCode implements oauth2.AuthorizeCodeStrategy: the store gives none that is over.
func (t *tokens) ValidateAuthorizeCode(context.Context, fosite.Requester, string) error { return nil }

// same compares hashes of secrets.
func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// signer signs ID tokens, with the same keys as access tokens.
type signer struct{ s *Server }

// Generate implements jwt.Signer.
func (g *signer) Generate(_ context.Context, claims jwt.MapClaims, _ jwt.Mapper) (token, signature string, err error) {
	key, err := g.s.ports.Keys.Ring().Signer(g.s.ports.Now())
	if err != nil {
		return "", "", err
	}
	t := jwt5.NewWithClaims(jwt5.SigningMethodEdDSA, jwt5.MapClaims(claims))
	t.Header["kid"] = key.ID
	token, err = t.SignedString(key.Private)
	if err != nil {
		return "", "", fmt.Errorf("login: sign: %w", err)
	}
	return token, token[strings.LastIndexByte(token, '.')+1:], nil
}

// Decode implements jwt.Signer, for an id_token_hint: one whose time is over tells all the same whose it is.
func (g *signer) Decode(_ context.Context, token string) (*jwt.Token, error) {
	claims, err := g.hint(token)
	if err != nil {
		return nil, err
	}
	return &jwt.Token{Claims: jwt.MapClaims(claims)}, nil
}

var errHint = errors.New("login: the ID token is not one of ours")

// hint reads an ID token of ours, however old.
func (g *signer) hint(token string) (jwt5.MapClaims, error) {
	if len(token) > 8<<10 {
		return nil, errHint
	}
	claims := jwt5.MapClaims{}
	ring, now := g.s.ports.Keys.Ring(), g.s.ports.Now()
	_, err := jwt5.NewParser(jwt5.WithValidMethods([]string{"EdDSA"}), jwt5.WithoutClaimsValidation()).ParseWithClaims(token, claims, func(t *jwt5.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		key, ok := ring.Find(kid, now)
		if !ok {
			return nil, errHint
		}
		return key, nil
	})
	if issuer, _ := claims["iss"].(string); err != nil || issuer != g.s.config.Issuer {
		return nil, errHint
	}
	return claims, nil
}

// Validate implements jwt.Signer.
func (g *signer) Validate(ctx context.Context, token string) (string, error) {
	if _, err := g.Decode(ctx, token); err != nil {
		return "", err
	}
	return g.GetSignature(ctx, token)
}

// Hash implements jwt.Signer.
func (g *signer) Hash(_ context.Context, in []byte) ([]byte, error) {
	sum := sha512.Sum512(in)
	return sum[:], nil
}

// GetSignature implements jwt.Signer.
func (g *signer) GetSignature(_ context.Context, token string) (string, error) {
	return token[strings.LastIndexByte(token, '.')+1:], nil
}

// GetSigningMethodLength implements jwt.Signer.
func (g *signer) GetSigningMethodLength(context.Context) int { return sha512.Size }
