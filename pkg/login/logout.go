package login

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/ory/fosite"

	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/gateway/rest"
	"annal/pkg/limits"
)

// revoke answers POST PathRevoke (RFC 7009): an access token or a refresh token ends its login.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	if !post(w, r) {
		return
	}
	c := &call{why: events.SignOutLogout}
	ctx := withCall(r.Context(), c)
	r = r.WithContext(ctx)
	if err := s.may(ctx, limits.Connect, limits.Who{Address: rest.RemoteAddress(r)}); err != nil {
		s.refuse(w, err)
		return
	}
	err := s.oauth.NewRevocationRequest(ctx, r)
	if c.refused != nil {
		s.refuse(w, c.refused)
		return
	}
	if errors.Is(err, fosite.ErrUnauthorizedClient) {
		s.refuseOAuth(w, err) // RFC 7009, 2.1; fosite says that all is well
		return
	}
	s.oauth.WriteRevocationResponse(ctx, w, err)
}

// logout answers GET and POST PathLogout (OpenID Connect RP-Initiated Logout 1.0): the ID token says whose login ends. Where the client has a
// place for it, the browser goes back there. With a bearer token, as a first-party client has it, that one's login ends: 204.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if r.Header.Get("Authorization") != "" {
		if !post(w, r) {
			return
		}
		id, err := rest.Bearer(r, s.ports.Tokens)
		if err == nil && id.Login != "" {
			err = s.endLogin(ctx, id.User, id.Login, events.SignOutLogout)
		}
		if err != nil {
			rest.Refuse(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := r.ParseForm(); err != nil {
		s.refuseOAuth(w, fosite.ErrInvalidRequest.WithHint("The body is not a form, or too large."))
		return
	}
	claims, err := (&signer{s}).hint(r.Form.Get("id_token_hint"))
	if err != nil {
		s.refuseOAuth(w, fosite.ErrInvalidRequest.WithHint("The parameter id_token_hint is an ID token of here."))
		return
	}
	login, _ := claims["sid"].(string)
	user, _ := claims["sub"].(string)
	client := ""
	if aud, err := claims.GetAudience(); err == nil && len(aud) > 0 {
		client = aud[0]
	}
	if login != "" {
		if err := s.endLogin(ctx, events.UserID(user), login, events.SignOutLogout); err != nil {
			rest.Refuse(w, err)
			return
		}
	}
	s.goBack(w, r, client)
}

// goBack sends the browser where the client wants it, if that is at one of the places its codes go to.
func (s *Server) goBack(w http.ResponseWriter, r *http.Request, client string) {
	to := r.Form.Get("post_logout_redirect_uri")
	e, ok := s.ports.Table.Get(accounts.KindClient, client)
	if to == "" || !ok || !slices.Contains(origins(e.GetClient().GetRedirects()), originOf(to)) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("You are signed out.\n")) // whoever asked is gone if that fails
		return
	}
	u, err := url.Parse(to)
	if err != nil {
		s.refuseOAuth(w, fosite.ErrInvalidRequest)
		return
	}
	if state := r.Form.Get("state"); state != "" {
		q := u.Query()
		q.Set("state", state)
		u.RawQuery = q.Encode()
	}
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}

func origins(urls []string) []string {
	out := make([]string, len(urls))
	for i, u := range urls {
		out[i] = originOf(u)
	}
	return out
}

// originOf is a URL's scheme, host and port; of what has none it is something that no client has.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "none"
	}
	return u.Scheme + "://" + u.Host
}
