package login

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ory/fosite"

	"annal/pkg/events"
	"annal/pkg/gateway/rest"
	"annal/pkg/limits"
	"annal/pkg/nodes"
)

// Grant types.
const (
	grantPassword = "password"
	grantCode     = "authorization_code"
	grantRefresh  = "refresh_token"
	grantClient   = "client_credentials"
)

// token answers POST PathToken (RFC 6749, 3.2). Besides the standard's parameters it takes device and device_kind: which device signs in; who
// gives none has a new one each time. The answer names the login, the device and, where there are gateways, the one to connect to.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if !post(w, r) {
		return
	}
	if err := r.ParseForm(); err != nil {
		s.refuseOAuth(w, fosite.ErrInvalidRequest.WithHint("The body is not a form, or too large."))
		return
	}
	grant, of, c := r.PostForm.Get("grant_type"), newSession(), &call{}
	ctx := withCall(r.Context(), c)
	r = r.WithContext(ctx)
	// The library takes several, and spaces around them: what is counted here and what is done there must be the same.
	if len(r.PostForm["grant_type"]) != 1 {
		s.refuseOAuth(w, fosite.ErrInvalidRequest.WithHint("Give one grant_type."))
		return
	}
	if !slices.Contains([]string{grantPassword, grantCode, grantRefresh, grantClient}, grant) {
		s.refuseOAuth(w, fosite.ErrUnsupportedGrantType)
		return
	}
	if err := s.mayAskToken(ctx, grant, r); err != nil {
		s.refuse(w, err)
		return
	}
	ar, err := s.oauth.NewAccessRequest(ctx, r, of)
	if err == nil {
		err = s.complete(ctx, grant, ar, r)
	}
	var answer fosite.AccessResponder
	if err == nil {
		if answer, err = s.oauth.NewAccessResponse(ctx, ar); err == nil {
			err = s.confirm(ctx, grant, ar)
		}
		if err != nil && !c.used && grant != grantRefresh {
			s.undo(ctx, ar)
		}
	}
	switch {
	case c.refused != nil:
		s.failed(grant, ar, r, string(c.refused.Code))
		s.refuse(w, c.refused)
	case c.used:
		s.failed(grant, ar, r, "used")
		s.usedAtOnce(ctx, grant, ar)
		s.refuseOAuth(w, fosite.ErrInvalidGrant.WithHint("It was used at the same time."))
	case err != nil:
		s.failed(grant, ar, r, fosite.ErrorToRFC6749Error(err).ErrorField)
		s.refuseOAuth(w, err)
	default:
		s.answerToken(ctx, w, ar, answer)
	}
}

func post(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodPost {
		return true
	}
	w.Header().Set("Allow", http.MethodPost)
	http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	return false
}

// mayAskToken counts a request before anything is done for it.
func (s *Server) mayAskToken(ctx context.Context, grant string, r *http.Request) *events.Error {
	if grant == grantPassword {
		return s.mayTry(ctx, r.PostForm.Get("username"), rest.RemoteAddress(r))
	}
	return s.may(ctx, limits.Connect, limits.Who{Address: rest.RemoteAddress(r)})
}

// complete gives a request that fosite found good what is Annal's own, and has the log know who signed in.
func (s *Server) complete(ctx context.Context, grant string, ar fosite.AccessRequester, r *http.Request) error {
	of, c := ar.GetSession().(*session), callOf(ctx)
	switch grant {
	case grantPassword:
		device, kind, err := deviceOf(r)
		if err != nil {
			return err
		}
		of.Device, of.Kind, of.Authenticated, of.Requested, of.Passwords = device, kind, s.ports.Now(), s.ports.Now(), c.passwords
		of.Login = rand.Text()
		ar.SetID(of.Login)
		for _, scope := range ar.GetRequestedScopes() {
			ar.GrantScope(scope)
		}
	case grantClient:
		of.User, of.Service = ar.GetClient().GetID(), ar.GetClient().GetID()
		scopes := ar.GetRequestedScopes()
		if len(scopes) == 0 {
			scopes = ar.GetClient().GetScopes()
		}
		for _, scope := range scopes {
			ar.GrantScope(scope)
		}
		s.ports.Metrics.signIns.WithLabelValues(grant, "ok").Inc()
		return nil
	case grantRefresh:
		if device := r.PostForm.Get("device"); device != "" && device != of.Device {
			return fosite.ErrInvalidGrant.WithHint("The refresh token is of another device.")
		}
		s.ports.Metrics.signIns.WithLabelValues(grant, "ok").Inc()
		return nil
	}
	c.refused = s.signIn(ctx, grant, SignIn{
		User: events.UserID(of.User), Login: ar.GetID(), Device: of.Device, Kind: of.Kind, Client: ar.GetClient().GetID(), Address: rest.RemoteAddress(r),
	})
	if c.refused != nil {
		return c.refused
	}
	return nil
}

// deviceOf is the device that a request names; a new one when it names none.
func deviceOf(r *http.Request) (device, kind string, err error) {
	device, kind = r.FormValue("device"), r.FormValue("device_kind")
	if device == "" {
		device = "d-" + rand.Text()[:16]
	}
	if kind == "" {
		kind = "other"
	}
	if !events.ValidName(device) || !slices.Contains(events.DeviceKinds(), kind) {
		return "", "", fosite.ErrInvalidRequest.WithHintf("A device has 1 to %d bytes without control characters; its kind is one of %v.", events.MaxNameBytes, events.DeviceKinds())
	}
	return device, kind, nil
}

// errEnded says that a login was ended while it was begun.
var errEnded = fosite.ErrInvalidGrant.WithHint("The login was ended at the same time.")

// confirm says whether a login that was just begun goes on: whoever ended it before it could be renewed must have ended it for good, and so
// whoever changed the password that it was begun with.
func (s *Server) confirm(ctx context.Context, grant string, ar fosite.AccessRequester) error {
	if grant != grantPassword && grant != grantCode {
		return nil
	}
	of, c := ar.GetSession().(*session), callOf(ctx)
	if err := s.ports.Table.Sync(ctx); err != nil {
		return err
	}
	on, err := s.ports.Self.LoggedIn(ctx, events.UserID(of.User), of.Device, ar.GetID())
	switch {
	case err != nil:
		c.refused = err
		return err
	case !on, !s.stands(of.User, ar.GetID(), of.Passwords):
		return errEnded
	}
	return nil
}

// endTime bounds ending a login whose request is over.
const endTime = 10 * time.Second

// undo ends a login that was begun and cannot be given to whoever asked.
func (s *Server) undo(ctx context.Context, ar fosite.AccessRequester) {
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	of := ar.GetSession().(*session)
	if of.Service != "" {
		return
	}
	if err := s.endLogin(ending, events.UserID(of.User), ar.GetID(), events.SignOutLogout); err != nil {
		s.log.Warn("a login that was given to nobody goes on", "user", of.User, "error", err)
	}
}

// usedAtOnce ends the login of a code that two redeem at once: one of them has it from somebody it was not given to.
func (s *Server) usedAtOnce(ctx context.Context, grant string, ar fosite.AccessRequester) {
	if grant == grantCode {
		if err := s.endLogin(ctx, events.UserID(ar.GetSession().GetSubject()), ar.GetID(), events.SignOutReuse); err != nil {
			s.log.Warn("a login whose code was used twice goes on", "error", err)
		}
	}
}

// failed notes an attempt that failed; it says nothing of what was tried.
func (s *Server) failed(grant string, ar fosite.AccessRequester, r *http.Request, outcome string) {
	s.ports.Metrics.signIns.WithLabelValues(grant, outcome).Inc()
	user := r.PostForm.Get("username")
	if ar != nil && user == "" && ar.GetSession() != nil {
		user = ar.GetSession().GetSubject()
	}
	if len(user) > events.MaxNameBytes {
		user = user[:events.MaxNameBytes]
	}
	s.log.Info("a sign-in was refused", "grant", grant, "outcome", outcome, "user", user, "address", rest.RemoteAddress(r))
}

// answerToken answers with the tokens.
func (s *Server) answerToken(ctx context.Context, w http.ResponseWriter, ar fosite.AccessRequester, a fosite.AccessResponder) {
	of := ar.GetSession().(*session)
	body := a.ToMap()
	if of.Service == "" {
		body["user"], body["login"], body["device"] = of.User, ar.GetID(), of.Device
		if n, ok := s.nodeOf(ctx, of); ok {
			body["node"], body["url"] = n.ID, n.URL
		}
	}
	w.Header().Set("Cache-Control", "no-store") // RFC 6749, 5.1
	rest.Answer(w, http.StatusOK, body)
}

// nodeOf is the gateway that a login is to connect to. Who is not told one asks for it later.
func (s *Server) nodeOf(ctx context.Context, of *session) (nodes.Node, bool) {
	if s.ports.Nodes == nil {
		return nodes.Node{}, false
	}
	asking, cancel := context.WithTimeout(ctx, nodeTime)
	defer cancel()
	n, err := s.ports.Nodes.Of(asking, nodes.Login{User: of.User, Device: of.Device}, "")
	if err != nil && !errors.Is(err, nodes.ErrNoNode) {
		s.log.Warn("a login cannot be told its gateway", "error", err)
	}
	return n, err == nil
}

const nodeTime = time.Second

// oauthError is an error as RFC 6749, 5.2 has it, with Annal's code where there is one.
type oauthError struct {
	Error       string      `json:"error"`
	Description string      `json:"error_description"`
	Code        events.Code `json:"code,omitempty"`
}

// refuseOAuth answers with an error of the protocol.
func (s *Server) refuseOAuth(w http.ResponseWriter, err error) {
	e := fosite.ErrorToRFC6749Error(err)
	status := e.CodeField
	if status >= http.StatusInternalServerError {
		s.log.Warn("a sign-in failed", "error", err)
		rest.Answer(w, http.StatusServiceUnavailable, oauthError{Error: "temporarily_unavailable", Description: "It cannot be done now. Try again.", Code: events.CodeTryAgain})
		return
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="annal"`)
	}
	rest.Answer(w, status, oauthError{Error: e.ErrorField, Description: e.GetDescription()})
}

// refuse answers an OAuth request with an error of Annal's.
func (s *Server) refuse(w http.ResponseWriter, e *events.Error) {
	body := oauthError{Error: "invalid_grant", Description: e.Detail, Code: e.Code}
	if body.Description == "" {
		body.Description = e.Code.Info().Text
	}
	status := http.StatusBadRequest
	switch {
	case e.Code == events.CodeRateLimited:
		body.Error, status = "slow_down", http.StatusTooManyRequests
	case e.Code.Info().Retry == events.RetryLater:
		body.Error, status = "temporarily_unavailable", http.StatusServiceUnavailable
	}
	if status != http.StatusBadRequest {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int((e.After+time.Second-1)/time.Second))))
	}
	rest.Answer(w, status, body)
}
