package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/openid"
	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/accounts"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/gateway/rest"
	"annal/pkg/nodes"
)

// Paths of what is served.
const (
	PathDiscovery  = "/.well-known/openid-configuration"
	PathMetadata   = "/.well-known/oauth-authorization-server"
	PathKeys       = "/oauth2/jwks"
	PathAuthorize  = "/oauth2/authorize"
	PathToken      = "/oauth2/token"
	PathIntrospect = "/oauth2/introspect"
	PathRevoke     = "/oauth2/revoke"
	PathUserinfo   = "/oauth2/userinfo"
	PathLogout     = "/oauth2/logout"
	PathSignUp     = "/v1/signup"
	PathPassword   = "/v1/password"
)

// SignIn is somebody's signing in.
type SignIn struct {
	User   events.UserID
	Login  string
	Device string
	// Kind is one of events.DeviceKinds.
	Kind string
	// Client is the OAuth client they signed in with.
	Client string
	// Most is how many devices of the kind may be signed in; the one that is so for longest makes room. 0: any number.
	Most uint32
	// Address is where they came from.
	Address string
}

// How a user came to be; some of events.SignUpMethods.
const (
	ByOpenSignUp = "open"
	ByInvitation = "invite"
	ByAdmin      = "admin"
)

// SelfSessions keep in users' self sessions that they signed up, in and out. Errors are those of the commands' outcomes, and TRY_AGAIN.
type SelfSessions interface {
	SignedUp(ctx context.Context, user events.UserID, how string) *events.Error
	// SignIn returns once the sign-in is in the log and in the view; ended are the logins that made room for it.
	SignIn(ctx context.Context, s SignIn) (ended []string, err *events.Error)
	// SignOut ends a login; one that has ended is no error.
	SignOut(ctx context.Context, user events.UserID, login, why string) *events.Error
	// Known says whether somebody acts here under that name already, whoever issues their tokens.
	Known(ctx context.Context, user events.UserID) (bool, *events.Error)
	// SignOutOthers ends all logins of a user but one; it may be empty.
	SignOutOthers(ctx context.Context, user events.UserID, except, why string) *events.Error
	// LoggedIn says whether a device's login goes on.
	LoggedIn(ctx context.Context, user events.UserID, device, login string) (bool, *events.Error)
}

// Keys are what tokens are signed with.
type Keys interface {
	Ring() auth.Ring
}

// SignUpMode is who may sign up.
type SignUpMode string

// The modes.
const (
	SignUpOff    SignUpMode = "off"
	SignUpInvite SignUpMode = "invite"
	SignUpOpen   SignUpMode = "open"
)

// Config is what a deployment decides.
type Config struct {
	// Issuer is the URL under which all paths are reached from outside, without a slash at its end.
	Issuer string
	SignUp SignUpMode
	// AccessTTL is for how long an access token is good, RefreshTTL a refresh token that is not used: who is away for longer signs in anew.
	AccessTTL, RefreshTTL time.Duration
	// Devices is how many devices of a kind may be signed in at once; kinds that are missing: any number.
	Devices map[string]uint32
	// Origins are the web pages' that may ask here; empty: all.
	Origins []string
}

// Bounds of a Config, and its defaults.
const (
	DefaultAccessTTL  = 15 * time.Minute
	DefaultRefreshTTL = 30 * 24 * time.Hour
	LeastAccessTTL    = 5 * time.Second
	MostAccessTTL     = 24 * time.Hour
	MostRefreshTTL    = 400 * 24 * time.Hour
	// codeTTL is for how long an authorization code may be redeemed (RFC 6749, 4.1.2: ten minutes at most).
	codeTTL = time.Minute
	// mostBody is what a request's body may have, in bytes.
	mostBody = 64 << 10
	// askTime bounds all that one request does.
	askTime = 20 * time.Second
)

// Errors of a Config.
var (
	// ErrIssuer says what an issuer's URL looks like.
	ErrIssuer = errors.New("login: an issuer is https://host, or http for a loopback address, with a port if it is not the usual one and a path if there is one, in lower case, and no slash at its end")
	// ErrTTL says for how long tokens may be good.
	ErrTTL = fmt.Errorf("login: access tokens are good for %s to %s, refresh tokens for longer and %s at most", LeastAccessTTL, MostAccessTTL, MostRefreshTTL)
	// ErrSignUp says which modes there are.
	ErrSignUp = errors.New("login: signing up is off, invite or open")
	// ErrDevices says how many devices may be signed in.
	ErrDevices = fmt.Errorf("login: devices are counted as KIND=N, N from 1, kinds %s", strings.Join(events.DeviceKinds(), ", "))
)

// Validate refuses what can't work.
func (c Config) Validate() error {
	if err := checkIssuer(c.Issuer); err != nil {
		return err
	}
	if c.AccessTTL < LeastAccessTTL || c.AccessTTL > MostAccessTTL || c.RefreshTTL <= c.AccessTTL || c.RefreshTTL > MostRefreshTTL {
		return ErrTTL
	}
	if c.SignUp != SignUpOff && c.SignUp != SignUpInvite && c.SignUp != SignUpOpen {
		return ErrSignUp
	}
	return nil
}

func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(issuer, "/") || u.Host != strings.ToLower(u.Host) ||
		u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" ||
		u.Scheme != "https" && (u.Scheme != "http" || !fosite.IsLocalhost(u)) {
		return fmt.Errorf("%w, not %q", ErrIssuer, issuer)
	}
	return nil
}

// Ports are what a server works with.
type Ports struct {
	Table     *accounts.Table
	Passwords *accounts.Passwords
	Keys      Keys
	// Tokens checks access tokens.
	Tokens *auth.Verifier
	Self   SelfSessions
	// Nodes tells which gateway a login is to connect to; nil: it is not told.
	Nodes   *nodes.Directory
	Limits  rest.Limits
	Now     func() time.Time
	Logger  *slog.Logger
	Metrics *Metrics
}

// Server answers login's requests.
type Server struct {
	config Config
	ports  Ports
	log    *slog.Logger
	oauth  *fosite.Fosite
}

// New makes a server.
func New(c Config, p Ports) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Server{config: c, ports: p, log: p.Logger.With("role", "login")}
	config := &fosite.Config{
		AccessTokenLifespan: c.AccessTTL, RefreshTokenLifespan: c.RefreshTTL, AuthorizeCodeLifespan: codeTTL, IDTokenLifespan: c.AccessTTL,
		IDTokenIssuer: c.Issuer, AccessTokenIssuer: c.Issuer, TokenURL: c.Issuer + PathToken,
		ScopeStrategy: fosite.ExactScopeStrategy, AudienceMatchingStrategy: fosite.DefaultAudienceMatchingStrategy, EnforcePKCE: true, RefreshTokenScopes: []string{}, ClientSecretsHasher: secrets{},
		RedirectSecureChecker: fosite.IsRedirectURISecureStrict, SanitationWhiteList: []string{"refresh_token"},
	}
	st := &store{s}
	core := &tokens{s}
	strategy := &compose.CommonStrategy{
		CoreStrategy:               core,
		OpenIDConnectTokenStrategy: &openid.DefaultStrategy{Signer: &signer{s}, Config: config},
		Signer:                     &signer{s},
	}
	provider := compose.Compose(config, st, strategy,
		compose.OAuth2AuthorizeExplicitFactory, compose.OAuth2ClientCredentialsGrantFactory, compose.OAuth2RefreshTokenGrantFactory,
		compose.OAuth2ResourceOwnerPasswordCredentialsFactory, //nolint:staticcheck // discouraged for clients of others: here the first-party one alone has it
		compose.OpenIDConnectExplicitFactory, compose.OpenIDConnectRefreshFactory,
		compose.OAuth2TokenRevocationFactory, compose.OAuth2PKCEFactory)
	config.TokenIntrospectionHandlers.Append(&introspector{s})
	s.oauth = provider.(*fosite.Fosite) // it makes no other
	return s, nil
}

// Mount adds all paths to a mux.
func (s *Server) Mount(mux *http.ServeMux) {
	for path, h := range map[string]http.HandlerFunc{
		PathDiscovery: s.discovery, PathMetadata: s.discovery, PathKeys: s.keys, PathAuthorize: s.authorize, PathToken: s.token, PathIntrospect: s.introspect,
		PathRevoke: s.revoke, PathUserinfo: s.userinfo, PathLogout: s.logout, PathSignUp: s.signUp, PathPassword: s.changePassword,
	} {
		mux.Handle(path, s.bounded(path, h))
	}
}

// bounded bounds what a request may cost, and counts it.
func (s *Server) bounded(path string, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.ports.Now()
		ctx, cancel := context.WithTimeout(r.Context(), askTime)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		counted := &status{ResponseWriter: w, code: http.StatusOK}
		switch {
		case !s.share(counted, r):
		case s.ports.Table.Ready() != nil && path != PathDiscovery && path != PathMetadata && path != PathKeys:
			// What is not read yet would be taken for what is not there.
			rest.Refuse(counted, &events.Error{Code: events.CodeTryAgain})
		case r.Method == http.MethodPost && !bodyOf(path, r):
			http.Error(counted, "the body is application/x-www-form-urlencoded, or JSON below /v1", http.StatusUnsupportedMediaType)
		default:
			h(counted, r.WithContext(ctx))
		}
		s.ports.Metrics.requests.WithLabelValues(path, fmt.Sprint(counted.code)).Observe(s.ports.Now().Sub(began).Seconds())
	})
}

// bodyOf says whether a body is of the one kind that a path takes, if there is one: what is read in two ways may be read as two things.
func bodyOf(path string, r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if strings.HasPrefix(path, "/v1/") || r.ContentLength == 0 {
		return true
	}
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// share lets pages of the origins ask from a browser; false when it is answered.
func (s *Server) share(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	// What a form of a stranger's page posts to the page that asks for a password is refused there.
	if origin == "" || origin == s.origin() || r.URL.Path == PathAuthorize {
		return true
	}
	w.Header().Add("Vary", "Origin")
	allowed := len(s.config.Origins) == 0
	for _, o := range s.config.Origins {
		allowed = allowed || o == origin
	}
	if !allowed {
		http.Error(w, "this page's origin may not ask here", http.StatusForbidden)
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions {
		return true
	}
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
	w.WriteHeader(http.StatusNoContent)
	return false
}

// origin is the issuer's own.
func (s *Server) origin() string {
	u, err := url.Parse(s.config.Issuer)
	if err != nil {
		return "" // it was parsed before
	}
	return u.Scheme + "://" + u.Host
}

// status notes what was answered.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Metrics are what operators watch.
type Metrics struct {
	requests *prometheus.HistogramVec
	signIns  *prometheus.CounterVec
	ended    *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "annal_login_request_seconds", Help: "How long answering a request took, by path and status.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"path", "status"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_login_attempts_total", Help: "Attempts to sign in, by grant and what came of them.",
		}, []string{"grant", "outcome"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_login_ended_total", Help: "Logins that were ended here, by why.",
		}, []string{"why"}),
	}
	r.MustRegister(m.requests, m.signIns, m.ended)
	return m
}

// hashOf is under what something secret is kept: who sees it learns nothing. Secrets here are random and long, so one pass does.
func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func idOf(secret string) string { return hex.EncodeToString(hashOf(secret)) }
