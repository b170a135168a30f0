// Package webpushfake is a push service of browsers as RFC 8030 has it, with subscriptions that are restricted to one key (RFC 8292), and the browsers
// behind it: they decrypt (RFC 8291) and run the service worker of a page of ours, which shows what came.
package webpushfake

import (
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"annal/internal/devstack/pushfakes"
)

var curve = elliptic.P256()

const (
	// path is what subscriptions begin with, and receipts where what was taken is known by (RFC 8030, 5: the push message resource).
	path, receipts = "/wpush/v2/", "/m/"
	// maxBody is what a push service has to take (RFC 8030, 7.2); ours takes no more.
	maxBody = 4096
)

// subscription is a browser's.
type subscription struct {
	token string
	// origin is where the fake is reached, as it says itself.
	origin  string
	private *ecdh.PrivateKey
	auth    []byte
}

// Fake is a pushfakes.Fake.
type Fake struct {
	phones *pushfakes.Phones
	app    string
	now    func() time.Time
	faults pushfakes.Faults
	// Requests are those that came.
	Requests        pushfakes.Requests
	public, private string

	mu   sync.Mutex
	subs map[string]*subscription
	// taken numbers what was taken.
	taken int
}

var _ pushfakes.Fake = (*Fake)(nil)

// New makes one that serves the pages of an app, which subscribe with a key made here.
func New(phones *pushfakes.Phones, app string, now func() time.Time) (*Fake, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("webpushfake: %w", err)
	}
	return &Fake{
		phones: phones, app: app, now: now, subs: map[string]*subscription{},
		public: base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), private: base64.RawURLEncoding.EncodeToString(key.Bytes()),
	}, nil
}

// Name implements pushfakes.Fake.
func (f *Fake) Name() string { return "webpush" }

// Faults implements pushfakes.Fake. Names are statuses, such as 410, Apple's reasons BadJwtToken and VapidPkHashMismatch, and Windows'
// words appthrottled and channelthrottled.
func (f *Fake) Faults() *pushfakes.Faults { return &f.faults }

// Settings implements pushfakes.Fake.
func (f *Fake) Settings(at string) map[string]string {
	return map[string]string{
		"subject": "mailto:push@example.com", "public_key": f.public, "private_key": f.private, "hosts": strings.TrimPrefix(at, "https://") + path,
	}
}

// Token implements pushfakes.Fake: it subscribes, as pushManager.subscribe does.
func (f *Fake) Token(at string) string {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // there is no randomness, which Go does not survive either
	}
	auth := make([]byte, 16)
	_, _ = rand.Read(auth) // never fails
	return f.subscribe(at, rand.Text(), private, auth)
}

func (f *Fake) subscribe(at, id string, private *ecdh.PrivateKey, auth []byte) string {
	token, err := json.Marshal(map[string]any{
		"endpoint": at + path + id, "expirationTime": nil,
		"keys": map[string]string{"p256dh": base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes()), "auth": base64.RawURLEncoding.EncodeToString(auth)},
	})
	if err != nil {
		panic(err) // strings can be encoded
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subs[id] = &subscription{token: string(token), origin: at, private: private, auth: auth}
	return string(token)
}

// ServeHTTP implements pushfakes.Fake.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		pushfakes.Cut() // what is cut short on its way is not answered
	}
	f.Requests.Add(r, body)
	id, is := strings.CutPrefix(r.URL.Path, path)
	f.mu.Lock()
	sub := f.subs[id]
	f.mu.Unlock()
	switch {
	case !is || sub == nil:
		refuse(w, complaint{status: http.StatusNotFound, detail: "no such subscription"})
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, complaint{status: http.StatusMethodNotAllowed})
		return
	}
	fault, _ := f.faults.Next(sub.token)
	fault.Begin(w, r)
	switch fault.Name {
	case "", pushfakes.CutAfter:
	default:
		if strings.HasSuffix(fault.Name, "throttled") {
			w.Header().Set("X-WNS-Status", fault.Name)
		}
		refuse(w, named(fault.Name))
		return
	}
	if c := f.accept(r, sub, body); c != nil {
		refuse(w, *c)
		return
	}
	location := f.deliver(r, sub, body)
	if fault.Name == pushfakes.CutAfter {
		pushfakes.Cut()
	}
	w.Header().Set("Location", location)
	w.Header().Set("TTL", r.Header.Get("TTL"))
	w.WriteHeader(http.StatusCreated)
}

// named is the answer that a fault asks for.
func named(name string) complaint {
	switch name {
	case "BadJwtToken":
		return complaint{http.StatusForbidden, name, "as asked"}
	case "VapidPkHashMismatch":
		return complaint{http.StatusBadRequest, name, "as asked"}
	case "appthrottled", "channelthrottled":
		return complaint{status: http.StatusNotAcceptable, detail: "as asked: " + name}
	}
	status, err := strconv.Atoi(name)
	if err != nil || status < 300 || status > 599 {
		status = http.StatusNotImplemented
	}
	return complaint{status: status, detail: "as asked: " + name}
}

// refuse answers as push services do: Apple's JSON for what has a reason, and Mozilla's for the rest
// (https://mozilla-services.github.io/autopush-rs/errors.html).
func refuse(w http.ResponseWriter, c complaint) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(c.status)
	said := map[string]any{"code": c.status, "errno": 999, "error": http.StatusText(c.status), "message": c.detail}
	if c.reason != "" {
		said = map[string]any{"reason": c.reason}
	}
	_ = json.NewEncoder(w).Encode(said) // the caller may be gone
}

var (
	topics    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
	ttls      = regexp.MustCompile(`^[0-9]{1,10}$`)
	urgencies = map[string]bool{"": true, "very-low": true, "low": true, "normal": true, "high": true}
)

// accept checks what a push service can see of a message (RFC 8030, 5; RFC 8291, 4).
func (f *Fake) accept(r *http.Request, sub *subscription, body []byte) *complaint {
	h := r.Header
	topic := h.Values("Topic")
	switch {
	case !ttls.MatchString(h.Get("TTL")):
		return &complaint{status: http.StatusBadRequest, detail: "no TTL, or none of seconds"}
	case len(topic) > 1 || len(topic) == 1 && !topics.MatchString(topic[0]):
		return &complaint{status: http.StatusBadRequest, detail: "Topic is not 32 characters of base64url at most"}
	case !urgencies[h.Get("Urgency")]:
		return &complaint{status: http.StatusBadRequest, detail: "Urgency is none of RFC 8030, 5.3"}
	case len(body) > maxBody:
		return &complaint{status: http.StatusRequestEntityTooLarge, detail: "more than 4096 bytes"}
	case len(body) > 0 && h.Get("Content-Encoding") != "aes128gcm":
		return &complaint{status: http.StatusBadRequest, detail: "Content-Encoding is not aes128gcm"}
	}
	return f.check(r, sub.origin)
}

// shown is what the page's service worker knows of a push: see the connector's documentation, which is the contract with pages.
type shown struct {
	Kind, Title, Body, Tag, Thread, Link string
	Badge                                *int
	Data                                 map[string]string
}

// deliver gives a message to the browser, and says where the push service knows it by. What the browser cannot decrypt, and what the service worker cannot read,
// is not shown: the push service took it and knows nothing of that.
func (f *Fake) deliver(r *http.Request, sub *subscription, body []byte) (location string) {
	f.mu.Lock()
	f.taken++
	location = sub.origin + receipts + strconv.Itoa(f.taken)
	f.mu.Unlock()
	plain, err := decrypt(sub.private, sub.auth, body)
	if err != nil {
		return location
	}
	var s shown
	if json.Unmarshal(plain, &s) != nil || s.Title == "" {
		return location
	}
	badge := -1
	if s.Badge != nil {
		badge = *s.Badge
	}
	f.phones.Show(pushfakes.Phone{Service: f.Name(), Package: f.app, Token: sub.token}, pushfakes.Shown{
		ID: s.Data["event"], Vendor: location, Collapse: s.Tag, Title: s.Title, Body: s.Body, Thread: s.Thread, Link: s.Link, Data: s.Data,
		Urgent: r.Header.Get("Urgency") == "high", At: f.now(),
	}, badge)
	return location
}
