package apnsfake

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

const app = "com.example.MyApp"

type rig struct {
	fake   *Fake
	server *pushfakes.Server
	client *http.Client
	phones *pushfakes.Phones
	token  string
	clock  time.Time
}

func open(t *testing.T) *rig {
	t.Helper()
	r := &rig{phones: pushfakes.NewPhones(), clock: time.Now()}
	var err error
	if r.fake, err = New(r.phones, app, func() time.Time { return r.clock }); err != nil {
		t.Fatal(err)
	}
	if r.server, err = pushfakes.Serve(r.fake, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.server.Close(); err != nil {
			t.Error(err)
		}
	})
	r.client, r.token = r.server.Client(), r.fake.Token(r.server.URL)
	return r
}

func (r *rig) signed(t *testing.T, key *ecdsa.PrivateKey, kid string, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = kid
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return "bearer " + s
}

// asked is a request that is right, to be made wrong.
type asked struct {
	method, path, body string
	header             http.Header
	client             *http.Client
}

// good is the request that Apple prints, but for its device and token.
func (r *rig) good(t *testing.T) *asked {
	p, h := listingOf(t, "request"), http.Header{}
	for name, value := range p.header {
		if !strings.HasPrefix(name, ":") && name != "host" {
			h.Set(name, value)
		}
	}
	h.Set("authorization", r.signed(t, r.fake.key, keyID, jwt.MapClaims{"iss": teamID, "iat": r.clock.Unix()}))
	return &asked{p.header[":method"], "/3/device/" + r.token, p.body, h, r.client}
}

// send gives the answer to a request, and the answer's body.
func (r *rig) send(t *testing.T, a *asked) (*http.Response, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), a.method, r.server.URL+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header = a.header
	response, err := a.client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

func (r *rig) do(t *testing.T, a *asked) (status int, reason string, header http.Header) {
	t.Helper()
	response, body := r.send(t, a)
	var said struct{ Reason string }
	if len(body) > 0 {
		if err := json.Unmarshal(body, &said); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	}
	return response.StatusCode, said.Reason, response.Header
}

// TestLongHeaders: of a path that is longer than the connection takes, the fake sees nothing.
func TestLongHeaders(t *testing.T) {
	r := open(t)
	for _, c := range []struct {
		length int
		taken  bool
	}{{7000, true}, {8000, false}} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/3/device/"+strings.Repeat("a", c.length), nil)
		if err != nil {
			t.Fatal(err)
		}
		came := len(r.fake.Requests.All())
		resp, err := r.client.Do(q)
		if err == nil {
			_ = resp.Body.Close()
		}
		if taken := len(r.fake.Requests.All()) > came; taken != c.taken || taken && err != nil {
			t.Errorf("%d characters: taken %v, %v", c.length, taken, err)
		}
	}
}

// TestStrict: everything of a request that Apple's pages ask for is missed.
func TestStrict(t *testing.T) {
	r := open(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) func(*asked) { return func(a *asked) { a.header.Set(name, value) } }
	claims := func(key *ecdsa.PrivateKey, kid string, c jwt.MapClaims) func(*asked) {
		return set("authorization", r.signed(t, key, kid, c))
	}
	now := r.clock.Unix()
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"iss": teamID, "iat": now}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	payload := func(kind, body string) func(*asked) {
		return func(a *asked) {
			a.body = body
			a.header.Set("apns-push-type", kind)
			if kind == "background" {
				a.header.Set("apns-priority", "5")
			}
		}
	}
	long := func(n int) string {
		return `{"aps":{"alert":"` + strings.Repeat("x", n-len(`{"aps":{"alert":""}}`)) + `"}}`
	}
	for name, c := range map[string]struct {
		change func(*asked)
		status int
		reason string
	}{
		"as printed":           {func(*asked) {}, 200, ""},
		"GET":                  {func(a *asked) { a.method = http.MethodGet }, 405, "MethodNotAllowed"},
		"another path":         {func(a *asked) { a.path = "/4/device/" + r.token }, 404, "BadPath"},
		"no device":            {func(a *asked) { a.path = "/3/device/" }, 400, "MissingDeviceToken"},
		"unknown device":       {func(a *asked) { a.path = "/3/device/00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0" }, 400, "BadDeviceToken"},
		"no provider token":    {func(a *asked) { a.header.Del("authorization") }, 403, "MissingProviderToken"},
		"another scheme":       {set("authorization", "basic abc"), 403, "MissingProviderToken"},
		"no JWT":               {set("authorization", "bearer abc"), 403, "InvalidProviderToken"},
		"unsigned":             {set("authorization", "bearer "+unsigned), 403, "InvalidProviderToken"},
		"another key":          {claims(other, keyID, jwt.MapClaims{"iss": teamID, "iat": now}), 403, "InvalidProviderToken"},
		"another key's id":     {claims(r.fake.key, "ABC123DEFH", jwt.MapClaims{"iss": teamID, "iat": now}), 403, "InvalidProviderToken"},
		"another team":         {claims(r.fake.key, keyID, jwt.MapClaims{"iss": "DEF123GHIK", "iat": now}), 403, "InvalidProviderToken"},
		"no iat":               {claims(r.fake.key, keyID, jwt.MapClaims{"iss": teamID}), 403, "InvalidProviderToken"},
		"an hour old":          {claims(r.fake.key, keyID, jwt.MapClaims{"iss": teamID, "iat": now - 3601}), 403, "ExpiredProviderToken"},
		"an hour ahead":        {claims(r.fake.key, keyID, jwt.MapClaims{"iss": teamID, "iat": now + 3602}), 403, "ExpiredProviderToken"},
		"no topic":             {func(a *asked) { a.header.Del("apns-topic") }, 400, "MissingTopic"},
		"another topic":        {set("apns-topic", "com.example.Other"), 400, "TopicDisallowed"},
		"no topic's form":      {set("apns-topic", "my app"), 400, "BadTopic"},
		"voip to the app":      {set("apns-push-type", "voip"), 400, "BadTopic"},
		"another push type":    {set("apns-push-type", "shout"), 400, "InvalidPushType"},
		"no UUID":              {set("apns-id", "1"), 400, "BadMessageId"},
		"a UUID in capitals":   {set("apns-id", "EABEAE54-14A8-11E5-B60B-1697F925EC7B"), 400, "BadMessageId"},
		"priority 7":           {set("apns-priority", "7"), 400, "BadPriority"},
		"expires tomorrow":     {set("apns-expiration", "tomorrow"), 400, "BadExpirationDate"},
		"collapse id of 65":    {set("apns-collapse-id", strings.Repeat("c", 65)), 400, "BadCollapseId"},
		"two topics":           {func(a *asked) { a.header.Add("apns-topic", app) }, 400, "DuplicateHeaders"},
		"no payload":           {func(a *asked) { a.body = "" }, 400, "PayloadEmpty"},
		"no JSON":              {func(a *asked) { a.body = "hello" }, 400, "PayloadEmpty"},
		"no aps":               {func(a *asked) { a.body = `{"alert":"x"}` }, 400, "PayloadEmpty"},
		"a badge that is text": {func(a *asked) { a.body = `{"aps":{"badge":"9"}}` }, 400, "PayloadEmpty"},
		"an alert of numbers":  {func(a *asked) { a.body = `{"aps":{"alert":9}}` }, 400, "PayloadEmpty"},
		"4097 bytes":           {func(a *asked) { a.body = long(4097) }, 413, "PayloadTooLarge"},
		"4096 bytes":           {func(a *asked) { a.body = long(4096) }, 200, ""},
		"background, at once":  {set("apns-push-type", "background"), 400, "BadPriority"},
		"background, shown":    {payload("background", `{"aps":{"content-available":1,"alert":"x"}}`), 400, "InvalidPushType"},
		"background, nothing":  {payload("background", `{"aps":{}}`), 400, "InvalidPushType"},
		"alert, nothing":       {payload("alert", printed.Sample(t, "background.json")), 400, "InvalidPushType"},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.good(t)
			c.change(a)
			a.client = r.server.Client() // a connection of its own: one does not get two provider tokens
			if status, reason, h := r.do(t, a); status != c.status || reason != c.reason || h.Get("apns-id") == "" {
				t.Errorf("%d %s, must be %d %s; apns-id %q", status, reason, c.status, c.reason, h.Get("apns-id"))
			}
		})
	}
	if s := r.screen(); len(s.Shown) != 1 || s.Came != 2 {
		t.Errorf("shown: %+v", s)
	}
}

func (r *rig) screen() pushfakes.Screen {
	return r.phones.Screen(pushfakes.Phone{Service: "apns", Package: app, Token: r.token})
}

// TestTokenUpdates: a connection may change its token when it has used one for 20 minutes.
func TestTokenUpdates(t *testing.T) {
	r := open(t)
	began := r.clock
	var a *asked
	for _, c := range []struct {
		after  time.Duration
		update bool
		reason string
	}{
		{0, true, ""}, {19 * time.Minute, true, "TooManyProviderTokenUpdates"}, {20 * time.Minute, true, ""}, {21 * time.Minute, true, "TooManyProviderTokenUpdates"},
		{39 * time.Minute, true, "TooManyProviderTokenUpdates"}, {40 * time.Minute, true, ""}, {70 * time.Minute, false, ""}, {71 * time.Minute, true, ""},
	} {
		r.clock = began.Add(c.after)
		if c.update {
			a = r.good(t)
		}
		if _, reason, _ := r.do(t, a); reason != c.reason {
			t.Errorf("after %v: %q", c.after, reason)
		}
	}
}

// TestOldHTTP: Apple's servers speak HTTP/2 alone.
func TestOldHTTP(t *testing.T) {
	r := open(t)
	a := r.good(t)
	a.client = r.server.Client()
	transport, ok := a.client.Transport.(*http.Transport)
	if !ok {
		t.Fatal("it has another transport")
	}
	transport.ForceAttemptHTTP2 = false
	if status, _, _ := r.do(t, a); status != http.StatusHTTPVersionNotSupported {
		t.Errorf("%d", status)
	}
}

// TestGone: the answer has the time in milliseconds, and is for one call.
func TestGone(t *testing.T) {
	r := open(t)
	r.fake.Faults().Add(pushfakes.Fault{Token: r.token, Name: "Unregistered", Since: time.UnixMilli(1_458_114_061_260)})
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/3/device/"+r.token, strings.NewReader(listingOf(t, "request").body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := r.client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusGone || !bytes.Equal(bytes.TrimSpace(body), []byte(`{"reason":"Unregistered","timestamp":1458114061260}`)) {
		t.Errorf("%d %s %v", response.StatusCode, body, err)
	}
	if status, _, _ := r.do(t, r.good(t)); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
}
