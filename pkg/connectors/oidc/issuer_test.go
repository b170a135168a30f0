package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/events"
)

// provider is an OpenID provider that somebody else runs.
type provider struct {
	*httptest.Server
	mu    sync.Mutex
	keys  []jose.JSONWebKey
	asked atomic.Int64
	away  atomic.Bool
	named string
	// slow: it answers when answer is closed.
	slow   atomic.Bool
	answer chan struct{}
}

// settle waits until the issuer was asked that is being asked.
func (i *Issuer) settle() {
	i.mu.Lock()
	asking := i.asking
	i.mu.Unlock()
	if asking != nil {
		<-asking
	}
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{answer: make(chan struct{})}
	mux := http.NewServeMux()
	reply := func(f func() any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if p.slow.Load() {
				<-p.answer
			}
			if p.away.Load() {
				http.Error(w, "away", http.StatusServiceUnavailable)
				return
			}
			if err := json.NewEncoder(w).Encode(f()); err != nil {
				t.Error(err)
			}
		}
	}
	mux.HandleFunc("/.well-known/openid-configuration", reply(func() any { return map[string]string{"issuer": p.named, "jwks_uri": p.URL + "/jwks"} }))
	mux.HandleFunc("/jwks", reply(func() any {
		p.asked.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		return jose.JSONWebKeySet{Keys: p.keys}
	}))
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.named = p.URL
	return p
}

func (p *provider) publish(kid string, public any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, jose.JSONWebKey{KeyID: kid, Key: public, Use: "sig"})
}

func TestIssuer(t *testing.T) {
	p := newProvider(t)
	began := time.Now()
	var clock atomic.Int64 // what was added
	current := func() time.Time { return began.Add(time.Duration(clock.Load())) }
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.publish("r1", private.Public())
	prefix := "corp:"
	mapping := Mapping{Issuer: p.URL, Audience: "chat", User: "preferred_username", Prefix: &prefix, Device: "device", Require: map[string]string{"groups": "staff"}}
	i := NewIssuer(mapping, current, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
	token := func(kid string, method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		t.Helper()
		c := jwt.MapClaims{
			"iss": p.URL, "aud": []string{"chat", "other"}, "sub": "4711", "preferred_username": "ann", "groups": []string{"all", "staff"}, "device": "pixel",
			"iat": current().Unix(), "exp": current().Add(time.Hour).Unix(),
		}
		if change != nil {
			change(c)
		}
		made := jwt.NewWithClaims(method, c)
		made.Header["kid"] = kid
		text, err := made.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	want := func(what, token string, code events.Code) {
		t.Helper()
		id, bad := i.Verify(token)
		switch {
		case code == "" && (bad != nil || id.User != "corp:ann" || id.Device != "pixel" || id.Service != "" || id.Issuer != p.URL || id.Login != ""):
			t.Errorf("%s: %+v, %v", what, id, bad)
		case code != "" && (bad == nil || bad.Code != code):
			t.Errorf("%s: %v, want %s", what, bad, code)
		}
	}
	good := token("r1", jwt.SigningMethodRS256, private, nil)
	p.away.Store(true)
	want("while the issuer was never reached", good, events.CodeTryAgain)
	p.away.Store(false)
	clock.Add(int64(askEvery))
	want("good", good, "")
	want("expired", token("r1", jwt.SigningMethodRS256, private, func(c jwt.MapClaims) { c["exp"] = current().Unix() }), events.CodeTokenExpired)
	want("not yet", token("r1", jwt.SigningMethodRS256, private, func(c jwt.MapClaims) { c["nbf"] = current().Add(time.Minute).Unix() }), events.CodeBadToken)
	want("another audience", token("r1", jwt.SigningMethodRS256, private, func(c jwt.MapClaims) { c["aud"] = "other" }), events.CodeBadToken)
	want("another issuer", token("r1", jwt.SigningMethodRS256, private, func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }), events.CodeBadToken)
	want("not of the group", token("r1", jwt.SigningMethodRS256, private, func(c jwt.MapClaims) { c["groups"] = []string{"all"} }), events.CodeBadToken)
	want("no groups", token("r1", jwt.SigningMethodRS256, private, func(c jwt.MapClaims) { delete(c, "groups") }), events.CodeBadToken)
	want("nobody", token("r1", jwt.SigningMethodRS256, private, func(c jwt.MapClaims) { delete(c, "preferred_username") }), events.CodeBadToken)
	want("no name", token("r1", jwt.SigningMethodRS256, private, func(c jwt.MapClaims) { c["preferred_username"] = "a\x00" }), events.CodeBadToken)
	want("alg none", token("r1", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), events.CodeBadToken)
	want("key confusion", token("r1", jwt.SigningMethodHS256, private.N.Bytes(), nil), events.CodeBadToken)
	want("another's key", token("r1", jwt.SigningMethodES256, curve, nil), events.CodeBadToken)
	want("nonsense", "x.y.z", events.CodeBadToken)
	asked := p.asked.Load()
	clock.Add(int64(askEvery))
	want("a made up kid", token("made up", jwt.SigningMethodES256, curve, nil), events.CodeBadToken)
	for range 100 {
		want("one more, before it is asked again", token("made up", jwt.SigningMethodES256, curve, nil), events.CodeTryAgain)
	}
	if n := p.asked.Load() - asked; n > 1 {
		t.Errorf("made up tokens had the issuer asked %d times", n)
	}
	// A new key is found by its first token.
	p.publish("e1", curve.Public())
	clock.Add(int64(askEvery))
	want("a new key", token("e1", jwt.SigningMethodES256, curve, nil), "")
	want("the old key", good, "")
	p.away.Store(true)
	clock.Add(int64(keepKeys))
	want("while the issuer is away", token("r1", jwt.SigningMethodRS256, private, nil), "")
	i.settle()
	p.away.Store(false)
	p.mu.Lock()
	p.keys = p.keys[1:]
	p.mu.Unlock()
	clock.Add(int64(keepKeys))
	want("the old key, withdrawn since nobody knows when", token("r1", jwt.SigningMethodRS256, private, nil), "")
	i.settle()
	clock.Add(int64(askEvery))
	want("the old key, withdrawn", token("r1", jwt.SigningMethodRS256, private, nil), events.CodeBadToken)
	// One that does not answer holds nobody up whose key is known.
	p.slow.Store(true)
	clock.Add(int64(keepKeys))
	asking := time.Now()
	want("while the issuer is silent", token("e1", jwt.SigningMethodES256, curve, nil), "")
	if took := time.Since(asking); took > askTime/2 {
		t.Errorf("it took %v", took)
	}
	p.slow.Store(false)
	close(p.answer)
	i.settle()
}

func TestIssuerOfAnotherName(t *testing.T) {
	p := newProvider(t)
	p.named = "https://somebody.example"
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.publish("k", private.Public())
	prefix := ""
	i := NewIssuer(Mapping{Issuer: p.URL, Audience: "chat", Prefix: &prefix}, time.Now, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
	made := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": p.URL, "aud": "chat", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix()})
	made.Header["kid"] = "k"
	text, err := made.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	if _, bad := i.Verify(text); bad == nil || bad.Code != events.CodeTryAgain {
		t.Errorf("an issuer that calls itself otherwise: %v", bad)
	}
}

func TestMappings(t *testing.T) {
	good := "- issuer: https://id.example\n  audience: chat\n  prefix: ''\n  require: {groups: staff}\n"
	if all, err := ParseMappings([]byte(good)); err != nil || len(all) != 1 || *all[0].Prefix != "" || all[0].Require["groups"] != "staff" {
		t.Errorf("%+v, %v", all, err)
	}
	for _, bad := range []string{
		"", "x", "[]", good + good, strings.Replace(good, "prefix: ''", "x: ''", 1), strings.Replace(good, "  prefix: ''\n", "", 1), strings.Replace(good, "  audience: chat\n", "", 1),
		strings.Replace(good, "https", "http", 1), strings.Replace(good, "https://", "", 1), good + "  jwks_uri: ftp://id.example\n",
	} {
		if _, err := ParseMappings([]byte(bad)); !errors.Is(err, ErrMappings) && !errors.Is(err, ErrURL) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := ReadMappings("/nonexistent"); err == nil {
		t.Error("a file that is not there is taken")
	}
}
