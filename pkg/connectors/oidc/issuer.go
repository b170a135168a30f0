package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// Bounds of what an issuer is asked.
const (
	askTime = 5 * time.Second
	// askEvery is how often an issuer is asked for its keys at most: whoever makes tokens up does not have it asked for each.
	askEvery = 5 * time.Second
	// keepKeys is for how long keys are kept without asking: a key that was withdrawn serves no longer.
	keepKeys  = 10 * time.Minute
	maxAnswer = 1 << 20
	maxKeys   = 64
)

// algorithms are those with a key to check and another one to sign.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA}

// Issuer checks the tokens of another provider. It may be used by many goroutines at once.
type Issuer struct {
	mapping Mapping
	now     func() time.Time
	log     *slog.Logger
	metrics *Metrics
	client  *http.Client
	checks  *oidc.Config

	mu      sync.Mutex
	keysURL string
	keys    []jose.JSONWebKey
	asked   time.Time
	got     time.Time
	// asking is closed when the issuer has answered that is being asked; nil when none is.
	asking chan struct{}
}

// Metrics are what operators watch.
type Metrics struct {
	checked *prometheus.CounterVec
	asked   *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		checked: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "annal_issuer_tokens_total", Help: "Tokens of other issuers, by issuer and what came of them."}, []string{"issuer", "outcome"}),
		asked:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "annal_issuer_keys_total", Help: "How often an issuer was asked for its keys, by issuer and what came of it."}, []string{"issuer", "outcome"}),
	}
	r.MustRegister(m.checked, m.asked)
	return m
}

// NewIssuer checks by a mapping. It asks the issuer for nothing before the first token.
func NewIssuer(m Mapping, now func() time.Time, logger *slog.Logger, metrics *Metrics) *Issuer {
	i := &Issuer{mapping: m, now: now, log: logger.With("issuer", m.Issuer), metrics: metrics, client: &http.Client{Timeout: askTime}, keysURL: m.KeysURL}
	names := make([]string, len(algorithms))
	for n, a := range algorithms {
		names[n] = string(a)
	}
	i.checks = &oidc.Config{ClientID: m.Audience, SupportedSigningAlgs: names, Now: now, SkipExpiryCheck: true}
	return i
}

var (
	errAway    = errors.New("oidc: the issuer's keys cannot be had")
	errUnknown = errors.New("oidc: the issuer has no such key")
	errBad     = errors.New("oidc: the signature is not the key's")
)

// Verify implements auth.Issuer.
func (i *Issuer) Verify(token string) (auth.Identity, *events.Error) {
	id, bad := i.verify(token)
	outcome := "ok"
	if bad != nil {
		outcome = string(bad.Code)
	}
	i.metrics.checked.WithLabelValues(i.mapping.Issuer, outcome).Inc()
	return id, bad
}

func (i *Issuer) verify(token string) (auth.Identity, *events.Error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	keys := &keySet{i: i}
	t, err := oidc.NewVerifier(i.mapping.Issuer, keys, i.checks).Verify(ctx, token)
	switch {
	case keys.away:
		return auth.Identity{}, events.Errorf(events.CodeTryAgain, "the keys of %s cannot be had now", i.mapping.Issuer)
	case err != nil:
		return auth.Identity{}, events.Errorf(events.CodeBadToken, "%v", err)
	}
	claims := map[string]any{}
	if err := t.Claims(&claims); err != nil {
		return auth.Identity{}, events.Errorf(events.CodeBadToken, "%v", err)
	}
	for name, want := range i.mapping.Require {
		if !holds(claims[name], want) {
			return auth.Identity{}, events.Errorf(events.CodeBadToken, "claim %s is not %q", name, want)
		}
	}
	of := i.mapping.User
	if of == "" {
		of = "sub"
	}
	user, _ := claims[of].(string)
	if user == "" || !events.ValidName(*i.mapping.Prefix+user) {
		return auth.Identity{}, events.Errorf(events.CodeBadToken, "claim %s is no user's name", of)
	}
	id := auth.Identity{User: events.UserID(*i.mapping.Prefix + user), Issuer: i.mapping.Issuer, Expires: t.Expiry}
	if i.mapping.Device != "" {
		id.Device, _ = claims[i.mapping.Device].(string)
		if id.Device != "" && !events.ValidName(id.Device) {
			return auth.Identity{}, events.Errorf(events.CodeBadToken, "claim %s is no device's name", i.mapping.Device)
		}
	}
	now := i.now()
	for _, name := range []string{"iat", "nbf"} {
		if at, is := claims[name].(float64); is && time.Unix(int64(at), 0).After(now.Add(auth.Leeway)) {
			return auth.Identity{}, events.Errorf(events.CodeBadToken, "%s lies in the future", name)
		}
	}
	if !now.Before(t.Expiry) {
		return auth.Identity{}, events.Errorf(events.CodeTokenExpired, "expired at %s", t.Expiry.UTC().Format(time.RFC3339))
	}
	return id, nil
}

// holds says whether a claim is something, or a list that holds it.
func holds(claim any, want string) bool {
	switch c := claim.(type) {
	case []any:
		return slices.ContainsFunc(c, func(one any) bool { return holds(one, want) })
	case nil:
		return false
	}
	return fmt.Sprint(claim) == want
}

// keySet is how go-oidc has one token's signature checked.
type keySet struct {
	i *Issuer
	// away: there were no keys to check it with. go-oidc keeps of an error its text alone.
	away bool
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSigned(token, algorithms)
	if err != nil {
		return nil, err
	}
	if len(signed.Signatures) != 1 {
		return nil, errBad
	}
	keys, err := k.i.keysOf(ctx, signed.Signatures[0].Header.KeyID)
	k.away = errors.Is(err, errAway)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errBad
}

// keysOf gives the issuer's keys of a kid. Those that are known are given at once, and renewed behind when they are old: an issuer that does not
// answer holds nobody up, and shuts nobody out. For a kid that is not known the issuer is asked, by one for all who wait.
func (i *Issuer) keysOf(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	i.mu.Lock()
	found, fresh := i.known(kid), i.fresh()
	var asking <-chan struct{}
	if len(found) == 0 || !fresh {
		asking = i.begin()
	}
	skipped := asking == nil && len(found) == 0
	i.mu.Unlock()
	if len(found) > 0 {
		return found, nil
	}
	if asking != nil {
		select {
		case <-asking:
		case <-ctx.Done():
			return nil, errAway
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	found, fresh = i.known(kid), i.fresh()
	switch {
	case len(found) > 0:
		return found, nil
	case !fresh, skipped:
		// The issuer may have made the key since it was last asked, a moment ago.
		return nil, errAway
	}
	return nil, errUnknown
}

// fresh says whether what is known of the issuer is new. The lock is held.
func (i *Issuer) fresh() bool { return !i.got.IsZero() && i.now().Sub(i.got) < keepKeys }

// begin asks the issuer for its keys, unless that is under way, or was done too lately: then there is nothing to wait for. The lock is held.
func (i *Issuer) begin() <-chan struct{} {
	now := i.now()
	if i.asking != nil || !i.asked.IsZero() && now.Sub(i.asked) < askEvery {
		return i.asking
	}
	done := make(chan struct{})
	i.asked, i.asking = now, done
	url := i.keysURL
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		found, keys, err := i.ask(ctx, url)
		i.mu.Lock()
		defer i.mu.Unlock()
		outcome := "ok"
		if err != nil {
			outcome = "failed"
			i.keysURL = i.mapping.KeysURL // they may have moved
			i.log.Warn("an issuer's keys cannot be had", "error", err)
		} else {
			i.keysURL, i.keys, i.got = found, keys, now
		}
		i.metrics.asked.WithLabelValues(i.mapping.Issuer, outcome).Inc()
		i.asking = nil
		close(done)
	}()
	return done
}

func (i *Issuer) known(kid string) []jose.JSONWebKey {
	var found []jose.JSONWebKey
	for _, k := range i.keys {
		if k.KeyID == kid || kid == "" {
			found = append(found, k)
		}
	}
	return found
}

// ask fetches the keys, from where they are known to be, or are found to be by discovery.
func (i *Issuer) ask(ctx context.Context, url string) (found string, keys []jose.JSONWebKey, err error) {
	if url == "" {
		var said struct {
			Issuer  string `json:"issuer"`
			KeysURL string `json:"jwks_uri"`
		}
		if err := i.get(ctx, i.mapping.Issuer+"/.well-known/openid-configuration", &said); err != nil {
			return "", nil, err
		}
		if said.Issuer != i.mapping.Issuer {
			return "", nil, fmt.Errorf("oidc: it calls itself %q", said.Issuer)
		}
		if err := checkURL(said.KeysURL); err != nil {
			return "", nil, err
		}
		url = said.KeysURL
	}
	var set jose.JSONWebKeySet
	if err := i.get(ctx, url, &set); err != nil {
		return "", nil, err
	}
	for _, k := range set.Keys {
		if k.Valid() && k.IsPublic() && (k.Use == "" || k.Use == "sig") && len(keys) < maxKeys {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return "", nil, errors.New("oidc: it publishes no keys to check with")
	}
	return url, keys, nil
}

func (i *Issuer) get(ctx context.Context, url string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("oidc: %w", err)
	}
	w, err := i.client.Do(r)
	if err != nil {
		return fmt.Errorf("oidc: %w", err)
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK {
		return fmt.Errorf("oidc: %s answers %s", url, w.Status)
	}
	if err := json.NewDecoder(io.LimitReader(w.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("oidc: %s: %w", url, err)
	}
	return nil
}

// Issuers gives the issuers of mappings, by their URLs.
func Issuers(all []Mapping, now func() time.Time, logger *slog.Logger, m *Metrics) map[string]auth.Issuer {
	issuers := map[string]auth.Issuer{}
	for _, mapping := range all {
		issuers[mapping.Issuer] = NewIssuer(mapping, now, logger, m)
	}
	return issuers
}
