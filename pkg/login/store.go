package login

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/ory/fosite"

	accountsv1 "annal/gen/annal/accounts/v1"
	"annal/pkg/accounts"
	"annal/pkg/events"
)

// store is fosite's storage in the accounts. Access tokens are not stored: they say all themselves.
type store struct{ s *Server }

// kept are the parameters of a request for a code that the code's redemption is held against.
var kept = []string{"redirect_uri", "code_challenge", "code_challenge_method", "nonce", "max_age", "prompt", "acr_values"}

// errUsed says that somebody else used the same at the same time.
var errUsed = errors.New("login: used at the same time")

// GetClient implements fosite.ClientManager.
func (st *store) GetClient(_ context.Context, id string) (fosite.Client, error) {
	c, ok := st.s.client(id)
	if !ok {
		return nil, fosite.ErrNotFound
	}
	return c, nil
}

// ClientAssertionJWTValid implements fosite.ClientManager: clients have secrets, and make no assertions.
func (st *store) ClientAssertionJWTValid(context.Context, string) error {
	return fosite.ErrInvalidClient
}

// SetClientAssertionJWT implements fosite.ClientManager.
func (st *store) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrInvalidClient
}

// Authenticate implements oauth2.ResourceOwnerPasswordCredentialsGrantStorage.
func (st *store) Authenticate(ctx context.Context, name, secret string) (string, error) {
	c := callOf(ctx)
	passwords, err := st.s.authenticate(ctx, name, secret)
	if err != nil {
		if err.Code == events.CodeBadCredentials {
			return "", fosite.ErrNotFound
		}
		c.refused = err
		return "", err
	}
	c.passwords = passwords
	return name, nil
}

// CreateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage: what is kept is written when all is known of it (saveCode).
func (st *store) CreateAuthorizeCodeSession(ctx context.Context, id string, _ fosite.Requester) error {
	callOf(ctx).code = id
	return nil
}

// saveCode keeps the code of a request.
func (st *store) saveCode(ctx context.Context, r fosite.Requester) error {
	of := r.GetSession().(*session)
	parameters := map[string]string{}
	for _, name := range kept {
		if v := r.GetRequestForm().Get(name); v != "" {
			parameters[name] = v
		}
	}
	return st.s.ports.Table.Change(ctx, accounts.KindCode, callOf(ctx).code, func(e *accounts.Entry) error {
		e.Removed = false
		e.Kind = &accountsv1.Entry_Code{Code: &accountsv1.Code{
			User: of.User, Client: r.GetClient().GetID(), Scopes: r.GetGrantedScopes(), Parameters: parameters, Login: r.GetID(),
			Device: of.Device, DeviceKind: of.Kind, RequestedMs: of.Requested.UnixMilli(), AuthenticatedMs: of.Authenticated.UnixMilli(),
			ExpiresMs: st.s.ports.Now().Add(codeTTL).UnixMilli(), Passwords: of.Passwords,
		}}
		return nil
	})
}

// GetAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage.
func (st *store) GetAuthorizeCodeSession(ctx context.Context, id string, _ fosite.Session) (fosite.Requester, error) {
	if _, known := st.s.ports.Table.Get(accounts.KindCode, id); !known {
		// Another server may have given it just now.
		if err := st.s.ports.Table.Sync(ctx); err != nil {
			return nil, err
		}
	}
	r, used, err := st.codeOf(id)
	if err == nil {
		callOf(ctx).user = events.UserID(r.GetSession().GetSubject())
	}
	if err == nil && used {
		err = fosite.ErrInvalidatedAuthorizeCode
	}
	return r, err
}

func (st *store) codeOf(id string) (r fosite.Requester, used bool, err error) {
	e, ok := st.s.ports.Table.Get(accounts.KindCode, id)
	c := e.GetCode()
	if !ok || c.GetExpiresMs() <= st.s.ports.Now().UnixMilli() {
		return nil, false, fosite.ErrNotFound
	}
	client, ok := st.s.client(c.GetClient())
	if !ok {
		return nil, false, fosite.ErrNotFound
	}
	of := newSession()
	of.User, of.Device, of.Kind, of.Passwords = c.GetUser(), c.GetDevice(), c.GetDeviceKind(), c.GetPasswords()
	of.Requested, of.Authenticated = time.UnixMilli(c.GetRequestedMs()), time.UnixMilli(c.GetAuthenticatedMs())
	form := url.Values{}
	for k, v := range maps.All(c.GetParameters()) {
		form.Set(k, v)
	}
	return request(client, c.GetLogin(), c.GetScopes(), form, of), c.GetUsed(), nil
}

// request is a request as it was when what is kept of it was made.
func request(c fosite.Client, login string, scopes []string, form url.Values, of *session) *fosite.Request {
	r := fosite.NewRequest()
	r.Client, r.Form, r.Session = c, form, of
	r.SetID(login)
	of.Login = login
	r.SetRequestedScopes(scopes)
	for _, scope := range scopes {
		r.GrantScope(scope)
	}
	return r
}

// InvalidateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage.
func (st *store) InvalidateAuthorizeCodeSession(ctx context.Context, id string) error {
	err := st.s.ports.Table.Change(ctx, accounts.KindCode, id, func(e *accounts.Entry) error {
		if e.GetRemoved() || e.GetCode().GetUsed() {
			return errUsed
		}
		e.GetCode().Used = true
		return nil
	})
	if errors.Is(err, errUsed) {
		callOf(ctx).used = true
	}
	return err
}

// GetPKCERequestSession implements pkce.PKCERequestStorage.
func (st *store) GetPKCERequestSession(_ context.Context, id string, _ fosite.Session) (fosite.Requester, error) {
	r, _, err := st.codeOf(id)
	return r, err
}

// CreatePKCERequestSession implements pkce.PKCERequestStorage: a code's record has all of it.
func (st *store) CreatePKCERequestSession(context.Context, string, fosite.Requester) error {
	return nil
}

// DeletePKCERequestSession implements pkce.PKCERequestStorage: it ends with its code.
func (st *store) DeletePKCERequestSession(context.Context, string) error { return nil }

// CreateOpenIDConnectSession implements openid.OpenIDConnectRequestStorage: a code's record has all of it.
func (st *store) CreateOpenIDConnectSession(context.Context, string, fosite.Requester) error {
	return nil
}

// GetOpenIDConnectSession implements openid.OpenIDConnectRequestStorage. It is asked for once the code is used.
func (st *store) GetOpenIDConnectSession(_ context.Context, code string, _ fosite.Requester) (fosite.Requester, error) {
	r, _, err := st.codeOf(idOf(code))
	if err == nil && !r.GetGrantedScopes().Has("openid") {
		return nil, fosite.ErrNotFound
	}
	return r, err
}

// DeleteOpenIDConnectSession implements openid.OpenIDConnectRequestStorage: it ends with its code.
func (st *store) DeleteOpenIDConnectSession(context.Context, string) error { return nil }

// CreateAccessTokenSession implements oauth2.AccessTokenStorage.
func (st *store) CreateAccessTokenSession(context.Context, string, fosite.Requester) error {
	return nil
}

// DeleteAccessTokenSession implements oauth2.AccessTokenStorage.
func (st *store) DeleteAccessTokenSession(context.Context, string) error { return nil }

// GetAccessTokenSession implements oauth2.AccessTokenStorage, for a revocation: a token of a login ends that.
func (st *store) GetAccessTokenSession(ctx context.Context, token string, _ fosite.Session) (fosite.Requester, error) {
	id, bad := st.s.ports.Tokens.Verify(token)
	if bad != nil || id.Login == "" {
		return nil, fosite.ErrNotFound
	}
	client, ok := st.s.client(id.Client)
	if !ok {
		return nil, fosite.ErrNotFound
	}
	of := newSession()
	of.User, of.Device = string(id.User), id.Device
	callOf(ctx).user = id.User
	return request(client, id.Login, nil, url.Values{}, of), nil
}

// CreateRefreshTokenSession implements oauth2.RefreshTokenStorage. The token replaces the one that was presented, if one was: of two that
// replace the same one is first.
func (st *store) CreateRefreshTokenSession(ctx context.Context, token, _ string, r fosite.Requester) error {
	next, ok := parseRefreshToken(token)
	if !ok {
		return fosite.ErrServerError
	}
	of, was := r.GetSession().(*session), callOf(ctx).presented
	err := st.s.ports.Table.Change(ctx, accounts.KindGrant, next.login, func(e *accounts.Entry) error {
		g := e.GetGrant()
		switch {
		case was.login == next.login && (e.GetRemoved() || !same(g.GetSecret(), hashOf(was.secret))):
			return errUsed
		case was.login == next.login:
		case !e.GetRemoved():
			return errUsed
		default:
			e.Removed = false
			g = &accountsv1.Grant{
				User: of.User, Device: of.Device, Client: r.GetClient().GetID(), Scopes: slices.Clone(r.GetGrantedScopes()), Family: hashOf(next.family),
				CreatedMs: st.s.ports.Now().UnixMilli(), AuthenticatedMs: of.Authenticated.UnixMilli(), Passwords: of.Passwords,
			}
			e.Kind = &accountsv1.Entry_Grant{Grant: g}
		}
		g.Secret, g.ExpiresMs = hashOf(next.secret), of.GetExpiresAt(fosite.RefreshToken).UnixMilli()
		return nil
	})
	if errors.Is(err, errUsed) {
		callOf(ctx).used = true
		return fosite.ErrInactiveToken
	}
	return err
}

// GetRefreshTokenSession implements oauth2.RefreshTokenStorage. One that was replaced is fosite.ErrInactiveToken.
func (st *store) GetRefreshTokenSession(ctx context.Context, token string, _ fosite.Session) (fosite.Requester, error) {
	t, ok := parseRefreshToken(token)
	if !ok {
		return nil, fosite.ErrNotFound
	}
	g := st.grantOf(t)
	if g == nil || !same(g.GetSecret(), hashOf(t.secret)) {
		// Another server may have made it just now, and this one would take the newest for one that was replaced.
		if err := st.s.ports.Table.Sync(ctx); err != nil {
			return nil, err
		}
		if g = st.grantOf(t); g == nil {
			return nil, fosite.ErrNotFound
		}
	}
	callOf(ctx).user = events.UserID(g.GetUser())
	client, ok := st.s.client(g.GetClient())
	if !ok {
		return nil, fosite.ErrNotFound
	}
	of := newSession()
	of.User, of.Device, of.Authenticated = g.GetUser(), g.GetDevice(), time.UnixMilli(g.GetAuthenticatedMs())
	of.SetExpiresAt(fosite.RefreshToken, time.UnixMilli(g.GetExpiresMs()))
	r := request(client, t.login, g.GetScopes(), url.Values{}, of)
	if !same(g.GetSecret(), hashOf(t.secret)) {
		return r, fosite.ErrInactiveToken
	}
	on, err := st.s.ports.Self.LoggedIn(ctx, events.UserID(g.GetUser()), g.GetDevice(), t.login)
	if err != nil {
		callOf(ctx).refused = err
		return nil, err
	}
	if on && !st.s.stands(g.GetUser(), t.login, g.GetPasswords()) {
		// The password was changed, and ending this login failed then.
		if err := st.s.endLogin(ctx, events.UserID(g.GetUser()), t.login, events.SignOutPassword); err != nil {
			return nil, err
		}
		on = false
	}
	if !on {
		if err := st.s.forget(ctx, t.login); err != nil {
			return nil, err
		}
		return nil, fosite.ErrNotFound
	}
	callOf(ctx).presented = t
	return r, nil
}

// grantOf gives the grant of a token's login, if the token was once of it.
func (st *store) grantOf(t refreshToken) *accountsv1.Grant {
	e, ok := st.s.ports.Table.Get(accounts.KindGrant, t.login)
	if g := e.GetGrant(); ok && same(g.GetFamily(), hashOf(t.family)) {
		return g
	}
	return nil
}

// RotateRefreshToken implements oauth2.RefreshTokenStorage: the next token takes the old one's place.
func (st *store) RotateRefreshToken(context.Context, string, string) error { return nil }

// DeleteRefreshTokenSession implements oauth2.RefreshTokenStorage: it ends with its login.
func (st *store) DeleteRefreshTokenSession(context.Context, string) error { return nil }

// RevokeRefreshToken implements oauth2.TokenRevocationStorage: it ends the login.
func (st *store) RevokeRefreshToken(ctx context.Context, login string) error {
	c := callOf(ctx)
	why := c.why
	if why == "" {
		why = events.SignOutReuse
	}
	if err := st.s.endLogin(ctx, c.user, login, why); err != nil {
		return err
	}
	return nil
}

// RevokeAccessToken implements oauth2.TokenRevocationStorage: access tokens end with their login.
func (st *store) RevokeAccessToken(context.Context, string) error { return nil }
