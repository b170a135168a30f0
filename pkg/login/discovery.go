package login

import (
	"context"
	"net/http"

	"github.com/ory/fosite"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/rest"
	"annal/pkg/limits"
)

// discovery answers GET PathDiscovery (OpenID Connect Discovery 1.0) and PathMetadata (RFC 8414).
func (s *Server) discovery(w http.ResponseWriter, r *http.Request) {
	if !get(w, r) {
		return
	}
	scopes := userScopes()
	for _, scope := range auth.Scopes() {
		scopes = append(scopes, string(scope))
	}
	at := func(path string) string { return s.config.Issuer + path }
	rest.Answer(w, http.StatusOK, map[string]any{
		"issuer": s.config.Issuer, "authorization_endpoint": at(PathAuthorize), "token_endpoint": at(PathToken), "jwks_uri": at(PathKeys),
		"introspection_endpoint": at(PathIntrospect), "revocation_endpoint": at(PathRevoke), "userinfo_endpoint": at(PathUserinfo),
		"end_session_endpoint": at(PathLogout), "scopes_supported": scopes, "response_types_supported": []string{"code"}, "response_modes_supported": []string{"query"},
		"grant_types_supported":                          []string{grantCode, grantRefresh, grantPassword, grantClient},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"EdDSA"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "none"},
		"introspection_endpoint_auth_methods_supported":  []string{"client_secret_basic"},
		"revocation_endpoint_auth_methods_supported":     []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":               []string{"S256"},
		"claims_supported":                               []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "preferred_username"},
		"authorization_response_iss_parameter_supported": true,
	})
}

// keys answers GET PathKeys: a JWK Set (RFC 7517) of all keys that tokens may be signed with, those to come too.
func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	if !get(w, r) {
		return
	}
	content, err := auth.MarshalKeys(s.ports.Keys.Ring().Public(s.ports.Now()))
	if err != nil {
		s.refuse(w, &events.Error{Code: events.CodeTryAgain})
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(content) // whoever asked is gone if that fails
}

func get(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", http.MethodGet)
	http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	return false
}

// userinfo answers GET and POST PathUserinfo (OpenID Connect Core, 5.3).
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	id, err := rest.Bearer(r, s.ports.Tokens)
	if err == nil && id.Login == "" {
		err = events.Errorf(events.CodeBadToken, "the token is of no login")
	}
	if err == nil {
		err = s.goesOn(r.Context(), id)
	}
	if err != nil {
		rest.Refuse(w, err)
		return
	}
	rest.Answer(w, http.StatusOK, map[string]any{"sub": id.User, "preferred_username": id.User})
}

// goesOn says whether the login of a token goes on. Errors are LOGIN_ENDED and TRY_AGAIN.
func (s *Server) goesOn(ctx context.Context, id auth.Identity) *events.Error {
	if id.Login == "" {
		return nil
	}
	on, err := s.ports.Self.LoggedIn(ctx, id.User, id.Device, id.Login)
	if err == nil && !on {
		err = &events.Error{Code: events.CodeLoginEnded}
	}
	return err
}

// introspect answers POST PathIntrospect (RFC 7662), for clients that have a secret.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	if !post(w, r) {
		return
	}
	ctx := withCall(r.Context(), &call{})
	r = r.WithContext(ctx)
	if err := s.may(ctx, limits.Connect, limits.Who{Address: rest.RemoteAddress(r)}); err != nil {
		s.refuse(w, err)
		return
	}
	// Who asks with a token might hold it from anybody: a secret is wanted.
	if _, _, ok := r.BasicAuth(); !ok || r.FormValue("access_token") != "" {
		s.refuseOAuth(w, fosite.ErrInvalidClient)
		return
	}
	answer, err := s.oauth.NewIntrospectionRequest(ctx, r, newSession())
	if refused := callOf(ctx).refused; refused != nil {
		s.refuse(w, refused)
		return
	}
	if err != nil {
		s.oauth.WriteIntrospectionError(ctx, w, err)
		return
	}
	s.oauth.WriteIntrospectionResponse(ctx, w, answer)
}

// introspector is how fosite looks into tokens.
type introspector struct{ s *Server }

// IntrospectToken implements fosite.TokenIntrospector. A token of a login that has ended is as good as none.
func (i *introspector) IntrospectToken(ctx context.Context, token string, _ fosite.TokenUse, r fosite.AccessRequester, scopes []string) (fosite.TokenUse, error) {
	if _, is := parseRefreshToken(token); is {
		of, err := (&store{i.s}).GetRefreshTokenSession(ctx, token, nil)
		if err == nil {
			err = (&tokens{i.s}).ValidateRefreshToken(ctx, of, token)
		}
		if err != nil {
			return "", fosite.ErrTokenSignatureMismatch
		}
		r.Merge(of)
		return fosite.RefreshToken, nil
	}
	id, bad := i.s.ports.Tokens.Verify(token)
	if bad != nil {
		return "", fosite.ErrTokenSignatureMismatch
	}
	if err := i.s.goesOn(ctx, id); err != nil {
		if err.Code != events.CodeLoginEnded {
			callOf(ctx).refused = err
		}
		return "", fosite.ErrTokenSignatureMismatch
	}
	of := newSession()
	of.User, of.Device, of.Service = string(id.User), id.Device, id.Service
	of.SetExpiresAt(fosite.AccessToken, id.Expires)
	var granted []string
	for _, scope := range id.Scopes {
		granted = append(granted, string(scope))
	}
	for _, scope := range scopes {
		if !fosite.ExactScopeStrategy(granted, scope) {
			return "", fosite.ErrInvalidScope
		}
	}
	client, ok := i.s.client(id.Client)
	if !ok {
		client = &fosite.DefaultClient{ID: id.Client}
	}
	is := request(client, id.Login, granted, nil, of)
	is.GrantAudience(auth.Audience)
	r.Merge(is)
	return fosite.AccessToken, nil
}
