package login

import (
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
	"slices"

	"github.com/ory/fosite"

	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/rest"
	"annal/pkg/limits"
)

//go:embed authorize.html
var pageText string

var page = template.Must(template.New("authorize").Parse(pageText))

// view is what the page shows.
type view struct {
	Client string
	// Query is the request that led here, to come again with the password.
	Query   template.URL
	User    string
	Problem string
	// Asks is what the client is to be let do.
	Asks []string
}

// guard refuses what a page of another origin posts: nobody is signed in by somebody else's form.
var guard = http.NewCrossOriginProtection()

// authorize answers GET and POST PathAuthorize (RFC 6749, 3.1): it asks for the name and the password each time, and sends an authorization
// code to the client. There is no session of a browser to be stolen or ridden on.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	if err := guard.Check(r); err != nil {
		http.Error(w, "this form was not sent from here", http.StatusForbidden)
		return
	}
	ctx := withCall(r.Context(), &call{})
	r = r.WithContext(ctx)
	if err := s.may(ctx, limits.Connect, limits.Who{Address: rest.RemoteAddress(r)}); err != nil {
		rest.Refuse(w, err)
		return
	}
	ar, err := s.oauth.NewAuthorizeRequest(ctx, r)
	if err != nil {
		s.oauth.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	if ar.GetRequestForm().Get("prompt") == "none" {
		s.oauth.WriteAuthorizeError(ctx, w, ar, fosite.ErrLoginRequired)
		return
	}
	shown := view{Client: s.clientName(ar.GetClient().GetID()), Query: template.URL(r.URL.RawQuery), User: ar.GetRequestForm().Get("login_hint")} //nolint:gosec // the request's own query, in an attribute
	for scope, says := range map[auth.Scope]string{auth.ScopeRead: "read your conversations", auth.ScopeWrite: "write in your name"} {
		if ar.GetRequestedScopes().Has(string(scope)) {
			shown.Asks = append(shown.Asks, says)
		}
	}
	slices.Sort(shown.Asks)
	if r.Method == http.MethodGet {
		s.show(w, shown, http.StatusOK)
		return
	}
	user := r.PostForm.Get("username")
	shown.User = user
	refused := s.mayTry(ctx, user, rest.RemoteAddress(r))
	passwords := uint64(0)
	if refused == nil {
		passwords, refused = s.authenticate(ctx, user, r.PostForm.Get("password"))
	}
	if refused != nil {
		s.failed(grantCode, nil, r, string(refused.Code))
		shown.Problem = refused.Code.Info().Text
		s.show(w, shown, pageStatus(refused))
		return
	}
	device, kind, err := deviceOf(r)
	if err != nil {
		s.oauth.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	of := newSession()
	of.User, of.Device, of.Kind, of.Authenticated, of.Requested = user, device, kind, s.ports.Now(), ar.GetRequestedAt()
	of.Login, of.Passwords = rand.Text(), passwords
	ar.SetID(of.Login)
	for _, scope := range ar.GetRequestedScopes() {
		ar.GrantScope(scope)
	}
	ar.SetSession(of)
	answer, err := s.oauth.NewAuthorizeResponse(ctx, ar, of)
	if err == nil {
		err = (&store{s}).saveCode(ctx, ar)
	}
	if err != nil {
		s.log.Warn("a code cannot be given", "error", err)
		s.oauth.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	answer.AddParameter("iss", s.config.Issuer) // RFC 9207
	s.oauth.WriteAuthorizeResponse(ctx, w, ar, answer)
}

func pageStatus(e *events.Error) int {
	switch {
	case e.Code == events.CodeRateLimited:
		return http.StatusTooManyRequests
	case e.Code.Info().Retry == events.RetryLater:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnauthorized
}

func (s *Server) clientName(id string) string {
	if e, ok := s.ports.Table.Get(accounts.KindClient, id); ok && e.GetClient().GetName() != "" {
		return e.GetClient().GetName()
	}
	return id
}

// show shows the page: it loads nothing, and nobody shows it in theirs.
func (s *Server) show(w http.ResponseWriter, v view, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	if err := page.Execute(w, v); err != nil {
		s.log.Debug("the page was not taken", "error", err)
	}
}
