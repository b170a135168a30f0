// Package apnsfake speaks the protocol of Apple's push notification service as Apple's pages of
// https://developer.apple.com/documentation/usernotifications/ have it: sending-notification-requests-to-apns,
// generating-a-remote-notification, handling-notification-responses-from-apns, establishing-a-token-based-connection-to-apns.
package apnsfake

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"annal/internal/devstack/pushfakes"
)

// The ids of the key and of the team are those of Apple's examples.
const (
	keyID  = "ABC123DEFG"
	teamID = "DEF123GHIJ"
)

// Fake is Apple's service for one app.
type Fake struct {
	// Requests are those that came.
	Requests pushfakes.Requests
	phones   *pushfakes.Phones
	app      string
	now      func() time.Time
	faults   pushfakes.Faults
	key      *ecdsa.PrivateKey
	// file is the key as Apple gives it out.
	file string

	mu     sync.Mutex
	tokens map[string]bool
	// shown are the provider tokens that connections use, by the other side's address.
	shown map[string]usedToken
}

// New makes one, with a key of its own.
func New(phones *pushfakes.Phones, app string, now func() time.Time) (*Fake, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("apnsfake: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("apnsfake: %w", err)
	}
	file := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return &Fake{phones: phones, app: app, now: now, key: key, file: file, tokens: map[string]bool{}, shown: map[string]usedToken{}}, nil
}

// Name implements pushfakes.Fake.
func (f *Fake) Name() string { return "apns" }

// MaxHeaders implements pushfakes.Headed: what senders report of Apple's servers, whose pages do not say it.
func (f *Fake) MaxHeaders() int { return 8000 }

// Faults implements pushfakes.Fake.
func (f *Fake) Faults() *pushfakes.Faults { return &f.faults }

// Settings implements pushfakes.Fake.
func (f *Fake) Settings(url string) map[string]string {
	return map[string]string{"endpoint": url, "key": f.file, "key_id": keyID, "team_id": teamID}
}

// Token implements pushfakes.Fake: 32 bytes in hexadecimal, which is what Apple's are at present.
func (f *Fake) Token(string) string {
	var b [32]byte
	rand.Read(b[:])
	token := hex.EncodeToString(b[:])
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens[token] = true
	return token
}

func (f *Fake) knows(token string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens[token]
}

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		pushfakes.Cut()
	}
	f.Requests.Add(r, body)
	if r.ProtoMajor != 2 {
		// Apple's servers speak HTTP/2 alone.
		w.WriteHeader(http.StatusHTTPVersionNotSupported)
		return
	}
	id := r.Header.Get("apns-id")
	if !canonical(id) {
		id = strings.ToUpper(uuid.NewString()) // as Apple writes its own
	}
	w.Header().Set("apns-id", id)
	token, reason := path(r)
	if reason == "" {
		if fault, ok := f.faults.Next(token); ok {
			f.fail(w, r, token, id, body, fault)
			return
		}
		reason = f.take(r, token, id, body)
	}
	if reason != "" {
		f.refuse(w, reason, f.now())
	}
}

// take checks a notification and shows it, or says why not.
func (f *Fake) take(r *http.Request, token, id string, body []byte) string {
	if reason := f.check(r, token, body); reason != "" {
		return reason
	}
	n, reason := parse(r.Header, body)
	if reason != "" {
		return reason
	}
	f.show(pushfakes.Phone{Service: f.Name(), Package: f.app, Token: token}, n, id)
	return ""
}

func (f *Fake) fail(w http.ResponseWriter, r *http.Request, token, id string, body []byte, fault pushfakes.Fault) {
	fault.Begin(w, r) // with Retry-After: Apple's pages do not say that it sends it, but servers before its may
	if fault.Name == pushfakes.CutAfter {
		f.take(r, token, id, body)
		pushfakes.Cut()
	}
	f.refuse(w, fault.Name, fault.Since)
}

// refuse answers with one of Apple's reasons, or with a status alone if that is what the fault is called.
func (f *Fake) refuse(w http.ResponseWriter, reason string, since time.Time) {
	if status, err := strconv.Atoi(reason); err == nil {
		w.WriteHeader(status)
		return
	}
	status, known := statuses[reason]
	if !known {
		status = http.StatusBadRequest
	}
	answer := map[string]any{"reason": reason}
	if status == http.StatusGone {
		if since.IsZero() {
			since = f.now()
		}
		answer["timestamp"] = since.UnixMilli()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		pushfakes.Cut()
	}
}

// statuses are those that Apple's reasons come with.
var statuses = map[string]int{
	"BadCollapseId": 400, "BadDeviceToken": 400, "BadExpirationDate": 400, "BadMessageId": 400, "BadPriority": 400, "BadTopic": 400,
	"DeviceTokenNotForTopic": 400, "DuplicateHeaders": 400, "IdleTimeout": 400, "InvalidPushType": 400, "MissingDeviceToken": 400,
	"MissingTopic": 400, "PayloadEmpty": 400, "TopicDisallowed": 400,
	"BadCertificate": 403, "BadCertificateEnvironment": 403, "ExpiredProviderToken": 403, "Forbidden": 403, "InvalidProviderToken": 403,
	"MissingProviderToken": 403, "UnrelatedKeyIdInToken": 403, "BadEnvironmentKeyIdInToken": 403,
	"BadPath": 404, "MethodNotAllowed": 405, "ExpiredToken": 410, "Unregistered": 410, "PayloadTooLarge": 413,
	"TooManyProviderTokenUpdates": 429, "TooManyRequests": 429, "InternalServerError": 500, "ServiceUnavailable": 503, "Shutdown": 503,
}

// Reasons are all of Apple's words, which are names of faults.
func Reasons() []string {
	all := make([]string, 0, len(statuses))
	for reason := range statuses {
		all = append(all, reason)
	}
	return all
}
