package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annal/pkg/events"
)

// Audience is what a token's aud must hold.
const Audience = "annal"

// Leeway is how far ahead of this machine's clock a token's iat and nbf may lie.
// exp has none: a token is dead from that second on.
const Leeway = 5 * time.Second

// maxTokenBytes is the limit of a token's text.
const maxTokenBytes = 8 << 10

// Identity is whom a token speaks for.
type Identity struct {
	User events.UserID
	// Service holds the token and may act for other users; empty for a user's own.
	Service string
	// Login is the sign-in that the token comes from, and Device the device that signed in: the token is good on that device alone, and no
	// longer than the login. Both are empty for a token that nobody signed in for.
	Login, Device string
	// Client is the OAuth client that the token was given to; empty: none.
	Client string
	// Scopes are what a service may do, or a program that a user signed in with and did not write all for; nil: all of them.
	Scopes []Scope
	// Issuer signed the token; empty: whoever holds the keys, and gave no name.
	Issuer string
	// Expires is the first moment at which the token is no longer good.
	Expires time.Time
}

// Scope is something that a service may be allowed to do.
type Scope string

// The scopes. A service that acts for a user needs the one for what it does.
const (
	// ScopeRead lets a service read and hear what users may.
	ScopeRead Scope = "read"
	// ScopeWrite lets it do what users may.
	ScopeWrite Scope = "write"
	// ScopeImport lets it say when something was said elsewhere (origin_time_ms), and where numbering begins.
	ScopeImport Scope = "import"
	// ScopeAccounts lets it sign users in and out, ban them, and change their accounts.
	ScopeAccounts Scope = "accounts"
)

// Scopes are all scopes.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeWrite, ScopeImport, ScopeAccounts} }

// Lets says whether a token is good for something: it has that scope, or no bounds of its own.
func (i Identity) Lets(s Scope) bool { return i.Scopes == nil || slices.Contains(i.Scopes, s) }

// May says whether a service may do something that users may not.
func (i Identity) May(s Scope) bool {
	return i.Service != "" && i.Lets(s)
}

type claims struct {
	jwt.RegisteredClaims
	Service string  `json:"svc,omitempty"`
	Login   string  `json:"sid,omitempty"`
	Device  string  `json:"dev,omitempty"`
	Client  string  `json:"client_id,omitempty"`
	Scope   *string `json:"scope,omitempty"`
	May     *string `json:"may,omitempty"`
}

// scopes gives what a scope claim says (RFC 8693: names with spaces between); what is no scope of ours, such as openid, says nothing here.
func (c *claims) scopes() []Scope {
	said := c.May // of a user's token scope may say anything: who signs their own tokens has their own scopes
	if c.Service != "" {
		said = c.Scope
	}
	if said == nil {
		return nil
	}
	scopes := []Scope{}
	for name := range strings.FieldsSeq(*said) {
		if slices.Contains(Scopes(), Scope(name)) {
			scopes = append(scopes, Scope(name))
		}
	}
	return scopes
}

// KeySource gives the public keys that tokens are checked with: Keys, or a File.
type KeySource interface {
	Find(kid string) (ed25519.PublicKey, bool)
}

// Issuer checks the tokens of an issuer that is not Annal's own. Errors are BAD_TOKEN, TOKEN_EXPIRED, and TRY_AGAIN when the issuer's keys
// cannot be had.
type Issuer interface {
	Verify(token string) (Identity, *events.Error)
}

// Verifier checks tokens. It may be used by many goroutines at once.
type Verifier struct {
	keys    KeySource
	issuer  string
	outside map[string]Issuer
	now     func() time.Time
	parser  *jwt.Parser
}

// NewVerifier checks tokens with keys by the clock now.
func NewVerifier(keys KeySource, now func() time.Time) *Verifier {
	// Times are checked below by the injected clock, each with its own leeway.
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithoutClaimsValidation())
	return &Verifier{keys: keys, now: now, parser: parser}
}

// WithIssuers wants own as the issuer of tokens that name one, unless it is empty, and lets others check the tokens of theirs, by what
// their iss says.
func (v *Verifier) WithIssuers(own string, outside map[string]Issuer) *Verifier {
	w := *v
	w.issuer, w.outside = own, outside
	return &w
}

// Verify says whom a token speaks for. Errors are BAD_TOKEN and TOKEN_EXPIRED; the
// latter only for a token that was once good.
func (v *Verifier) Verify(token string) (Identity, *events.Error) {
	if len(token) > maxTokenBytes {
		return Identity{}, events.Errorf(events.CodeBadToken, "the token is over %d bytes", maxTokenBytes)
	}
	if len(v.outside) > 0 {
		// Whose a token says it is decides only who checks it.
		var said jwt.RegisteredClaims
		if _, _, err := v.parser.ParseUnverified(token, &said); err != nil {
			return Identity{}, events.Errorf(events.CodeBadToken, "%v", err)
		}
		if issuer := v.outside[said.Issuer]; issuer != nil {
			return issuer.Verify(token)
		}
	}
	var c claims
	if _, err := v.parser.ParseWithClaims(token, &c, v.key); err != nil {
		return Identity{}, events.Errorf(events.CodeBadToken, "%v", err)
	}
	now := v.now()
	switch {
	case !events.ValidName(c.Subject):
		return Identity{}, events.Errorf(events.CodeBadToken, "sub is not a user id")
	case c.Service != "" && !events.ValidName(c.Service):
		return Identity{}, events.Errorf(events.CodeBadToken, "svc is not a service name")
	case c.Login != "" && !events.ValidName(c.Login), c.Device != "" && !events.ValidName(c.Device):
		return Identity{}, events.Errorf(events.CodeBadToken, "sid or dev is not a name")
	case c.Issuer != "" && v.issuer != "" && c.Issuer != v.issuer:
		return Identity{}, events.Errorf(events.CodeBadToken, "iss is not %q", v.issuer)
	case !slices.Contains(c.Audience, Audience):
		return Identity{}, events.Errorf(events.CodeBadToken, "aud does not hold %q", Audience)
	case c.ExpiresAt == nil:
		return Identity{}, events.Errorf(events.CodeBadToken, "exp is missing")
	case c.NotBefore != nil && c.NotBefore.After(now.Add(Leeway)):
		return Identity{}, events.Errorf(events.CodeBadToken, "nbf lies in the future")
	case c.IssuedAt != nil && c.IssuedAt.After(now.Add(Leeway)):
		return Identity{}, events.Errorf(events.CodeBadToken, "iat lies in the future")
	case !now.Before(c.ExpiresAt.Time):
		return Identity{}, events.Errorf(events.CodeTokenExpired, "expired at %s", c.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return Identity{
		User: events.UserID(c.Subject), Service: c.Service, Login: c.Login, Device: c.Device, Client: c.Client, Scopes: c.scopes(),
		Issuer: c.Issuer, Expires: c.ExpiresAt.Time,
	}, nil
}

var errUnknownKey = errors.New("auth: no such key")

// typeAccess is the typ of access tokens (RFC 9068). Tokens of others may have none, or say just that they are JWTs.
const typeAccess = "at+jwt"

var errType = errors.New("auth: typ is not " + typeAccess)

func (v *Verifier) key(t *jwt.Token) (any, error) {
	if typ, is := t.Header["typ"].(string); is && !strings.EqualFold(typ, "jwt") && !strings.EqualFold(typ, typeAccess) && !strings.EqualFold(typ, "application/"+typeAccess) {
		return nil, errType
	}
	id, _ := t.Header["kid"].(string)
	key, ok := v.keys.Find(id)
	if !ok {
		return nil, fmt.Errorf("%w: kid %q", errUnknownKey, id)
	}
	return key, nil
}

// Issue signs a token for id, good from now until id.Expires (cut to seconds).
func Issue(k Key, id Identity, now time.Time) (string, error) {
	if !events.ValidName(string(id.User)) {
		return "", fmt.Errorf("auth: user %q is not a user id", id.User)
	}
	var scope, may *string
	if id.Scopes != nil {
		names := make([]string, len(id.Scopes))
		for i, s := range id.Scopes {
			names[i] = string(s)
		}
		text := strings.Join(names, " ")
		if scope = &text; id.Service == "" {
			may = &text
		}
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID:        rand.Text(),
			Issuer:    id.Issuer,
			Subject:   string(id.User),
			Audience:  jwt.ClaimStrings{Audience},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(id.Expires),
		},
		Service: id.Service, Login: id.Login, Device: id.Device, Client: id.Client, Scope: scope, May: may,
	})
	t.Header["kid"], t.Header["typ"] = k.ID, typeAccess
	s, err := t.SignedString(k.Private)
	if err != nil {
		return "", fmt.Errorf("auth: sign: %w", err)
	}
	return s, nil
}
