package webpushfake

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sample reads a file of testdata: names and what they are.
func sample(t *testing.T, name string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(printed.Sample(t, name)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[name] = value
	}
	return values
}

func TestDecryptSample(t *testing.T) {
	s := sample(t, "rfc8291.txt")
	private, err := ecdh.P256().NewPrivateKey(unbase64(t, s["private"]))
	if err != nil {
		t.Fatal(err)
	}
	auth, body := unbase64(t, s["auth"]), unbase64(t, s["body"])
	if got, err := decrypt(private, auth, body); err != nil || !bytes.Equal(got, unbase64(t, s["says"])) {
		t.Fatalf("%q, %v", got, err)
	}
	// What is not whole, or altered anywhere, says nothing.
	for i := range body {
		altered := bytes.Clone(body)
		altered[i] ^= 1
		// A record size that is larger is still one.
		if _, err := decrypt(private, auth, altered); err == nil && (i < 16 || i > 19) {
			t.Errorf("byte %d altered: decrypted", i)
		}
		if _, err := decrypt(private, auth, body[:i]); err == nil {
			t.Errorf("%d bytes: decrypted", i)
		}
	}
}

func TestVapidSample(t *testing.T) {
	v, ok := parseVapid(strings.TrimSpace(printed.Sample(t, "rfc8292.txt")))
	if !ok || v.claims != (claims{"https://push.example.net", 1453523768, "mailto:push@example.com"}) || !v.genuine() {
		t.Errorf("%+v, genuine: %v", v.claims, v.genuine())
	}
	v.signature[0] ^= 1
	if v.genuine() {
		t.Error("altered, and genuine")
	}
}

// fixture is a fake and a message that it takes, whose parts tests change.
type fixture struct {
	*Fake
	phones *pushfakes.Phones
	key    *ecdsa.PrivateKey
	token  string
}

const origin = "https://push.example"

var clock = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func newFixture(t *testing.T) *fixture {
	t.Helper()
	phones := pushfakes.NewPhones()
	f, err := New(phones, "chat.example", func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.ParseRawPrivateKey(curve, unbase64(t, f.private))
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{Fake: f, phones: phones, key: key, token: f.Token(origin)}
}

// authorize signs claims with a key.
func authorize(t *testing.T, key *ecdsa.PrivateKey, head string, c claims) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return "vapid t=" + signed + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)) +
		", k=" + base64.RawURLEncoding.EncodeToString(public)
}

const head = `{"typ":"JWT","alg":"ES256"}`

func (f *fixture) claims() claims {
	return claims{origin, clock.Add(time.Hour).Unix(), "mailto:a@b.example"}
}

func (f *fixture) send(t *testing.T, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	var sub struct{ Endpoint string }
	if err := json.Unmarshal([]byte(f.token), &sub); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, sub.Endpoint, nil)
	r.Header.Set("TTL", "30")
	r.Header.Set("Authorization", authorize(t, f.key, head, f.claims()))
	change(r)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestStrict(t *testing.T) {
	f := newFixture(t)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	signed := func(head string, change func(*claims)) func(*http.Request) {
		c := f.claims()
		change(&c)
		return set("Authorization", authorize(t, f.key, head, c))
	}
	body := func(size int, encoding string) func(*http.Request) {
		return func(r *http.Request) {
			other := httptest.NewRequest(r.Method, "/", strings.NewReader(strings.Repeat("x", size)))
			r.Body, r.ContentLength = other.Body, other.ContentLength
			r.Header.Set("Content-Encoding", encoding)
		}
	}
	stranger := newFixture(t).key
	same := func(*claims) {}
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		status int
		says   string
	}{
		{"nothing wrong", func(*http.Request) {}, 201, ""},
		{"a topic", set("Topic", "upd-1_A"), 201, ""}, {"an urgency", set("Urgency", "very-low"), 201, ""},
		{"4096 bytes", body(4096, "aes128gcm"), 201, ""},
		{"another way", func(r *http.Request) { r.Method = http.MethodGet }, 405, ""},
		{"no such subscription", func(r *http.Request) { r.URL.Path += "x" }, 404, ""},
		{"nowhere", func(r *http.Request) { r.URL.Path = "/" }, 404, ""},
		{"no TTL", func(r *http.Request) { r.Header.Del("TTL") }, 400, "TTL"}, {"no seconds", set("TTL", "-1"), 400, "TTL"},
		{"a long topic", set("Topic", strings.Repeat("x", 33)), 400, "Topic"}, {"a topic of other letters", set("Topic", "a+b"), 400, "Topic"},
		{"an urgency that is none", set("Urgency", "urgent"), 400, "Urgency"},
		{"4097 bytes", body(4097, "aes128gcm"), 413, ""}, {"the older encoding", body(100, "aesgcm"), 400, "Content-Encoding"},
		{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }, 401, ""},
		{"another scheme", set("Authorization", "WebPush x.y.z"), 403, "BadJwtToken"},
		{"another's key", set("Authorization", authorize(t, stranger, head, f.claims())), 403, "another key"},
		{"another's signature", func(r *http.Request) {
			own, _, _ := strings.Cut(r.Header.Get("Authorization"), ", k=")
			_, k, _ := strings.Cut(authorize(t, stranger, head, f.claims()), ", k=")
			r.Header.Set("Authorization", own+", k="+k)
		}, 403, "BadJwtToken"},
		{"another algorithm", signed(`{"typ":"JWT","alg":"none"}`, same), 403, "BadJwtToken"},
		{"another origin", signed(head, func(c *claims) { c.Aud = "https://push.example:444" }), 403, "BadJwtToken"},
		{"another origin that the request names as well", func(r *http.Request) {
			signed(head, func(c *claims) { c.Aud = "https://PUSH.example:443" })(r)
			r.Host = "PUSH.example:443"
		}, 403, "BadJwtToken"},
		{"the whole address", signed(head, func(c *claims) { c.Aud = origin + "/" }), 403, "BadJwtToken"},
		{"too late", signed(head, func(c *claims) { c.Exp = clock.Unix() }), 403, "BadJwtToken"},
		{"for too long", signed(head, func(c *claims) { c.Exp = clock.Add(24*time.Hour + time.Second).Unix() }), 403, "BadJwtToken"},
		{"nobody", signed(head, func(c *claims) { c.Sub = "" }), 403, "BadJwtToken"},
		{"an address twice", signed(head, func(c *claims) { c.Sub = "mailto:mailto:a@b.example" }), 403, "BadJwtToken"},
	} {
		w := f.send(t, c.change)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if c.status == 201 && (w.Header().Get("Location") == "" || w.Header().Get("TTL") != "30") {
			t.Errorf("%s: %v", c.name, w.Header())
		}
	}
	// What was taken and cannot be decrypted is not shown.
	if s := f.phones.Screens(); len(s) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestFaults(t *testing.T) {
	f := newFixture(t)
	for name, want := range map[string]struct {
		status int
		says   string
	}{
		"410": {410, "410"}, "429": {429, ""}, "503": {503, ""}, "BadJwtToken": {403, `{"reason":"BadJwtToken"}`},
		"VapidPkHashMismatch": {400, `{"reason":"VapidPkHashMismatch"}`}, "channelthrottled": {406, ""}, "no name of ours": {501, "no name of ours"},
	} {
		f.Faults().Add(pushfakes.Fault{Token: f.token, Name: name, RetryAfter: 7 * time.Second})
		w := f.send(t, func(*http.Request) {})
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.says) || w.Header().Get("Retry-After") != "7" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := f.send(t, func(*http.Request) {}); w.Code != http.StatusCreated {
		t.Errorf("afterwards: %d", w.Code)
	}
}

// encrypt is the other side of decrypt: one record of what is given, its end included.
func encrypt(t *testing.T, to *ecdh.PublicKey, auth, record []byte, size uint32) []byte {
	t.Helper()
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := own.ECDH(to)
	if err != nil {
		t.Fatal(err)
	}
	salt := make([]byte, 16)
	derive := func(secret, salt []byte, info string, length int) []byte {
		key, err := hkdf.Key(sha256.New, secret, salt, info, length)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	ikm := derive(shared, auth, "WebPush: info\x00"+string(to.Bytes())+string(own.PublicKey().Bytes()), 32)
	block, err := aes.NewCipher(derive(ikm, salt, "Content-Encoding: aes128gcm\x00", 16))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	body := append(binary.BigEndian.AppendUint32(salt, size), 65)
	body = append(body, own.PublicKey().Bytes()...)
	return gcm.Seal(body, derive(ikm, salt, "Content-Encoding: nonce\x00", 12), record, nil)
}

// TestRecords: what RFC 8188 says of the one record that there may be.
func TestRecords(t *testing.T) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := []byte("sixteen bytes of")
	for _, c := range []struct {
		name, record string
		size         uint32
		want         string
		ok           bool
	}{
		{"as it is", "hi\x02", 4096, "hi", true}, {"padded", "hi\x02\x00\x00", 4096, "hi", true}, {"exactly full", "hi\x02", 19, "hi", true},
		{"nothing", "\x02", 18, "", true}, {"zeros of its own", "\x00\x00\x02", 4096, "\x00\x00", true},
		{"not the last", "hi\x01", 4096, "", false}, {"without an end", "hi", 4096, "", false}, {"zeros alone", "\x00\x00", 4096, "", false}, {"empty", "", 4096, "", false},
		{"longer than it says", "hi\x02", 18, "", false}, {"too short a size", "\x02", 17, "", false},
	} {
		got, err := decrypt(private, auth, encrypt(t, private.PublicKey(), auth, []byte(c.record), c.size))
		if string(got) != c.want || (err == nil) != c.ok {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}
