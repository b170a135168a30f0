// Package fcmfake speaks the HTTP v1 protocol of Firebase Cloud Messaging, and that of Google's token endpoint for service accounts, as Google's pages have
// them: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and …/ErrorCode,
// https://firebase.google.com/docs/cloud-messaging/error-codes, https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
package fcmfake

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"annal/internal/devstack/pushfakes"
)

const (
	project = "myproject-b5ae1" // that of Google's examples
	email   = "firebase-adminsdk-fake@" + project + ".iam.gserviceaccount.com"
	// life is for how long an access token is good.
	life = 3599 * time.Second
)

// Fake is Google's service for one app, which is the only one of its project.
type Fake struct {
	// Requests are those that came, for messages and for access tokens.
	Requests pushfakes.Requests
	phones   *pushfakes.Phones
	app      string
	now      func() time.Time
	faults   pushfakes.Faults
	key      *rsa.PrivateKey
	// keyID and file are what the account's JSON has of the key.
	keyID, file string

	mu     sync.Mutex
	tokens map[string]bool
	// access are the access tokens, and when they end.
	access map[string]time.Time
}

// New makes one, with an account of its own.
func New(phones *pushfakes.Phones, app string, now func() time.Time) (*Fake, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("fcmfake: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("fcmfake: %w", err)
	}
	return &Fake{
		phones: phones, app: app, now: now, key: key, keyID: pushfakes.Random(20),
		file:   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		tokens: map[string]bool{}, access: map[string]time.Time{},
	}, nil
}

// Name implements pushfakes.Fake.
func (f *Fake) Name() string { return "fcm" }

// Faults implements pushfakes.Fake. Those without a token can meet a request for an access token.
func (f *Fake) Faults() *pushfakes.Faults { return &f.faults }

// Settings implements pushfakes.Fake.
func (f *Fake) Settings(url string) map[string]string {
	credentials, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": project, "private_key_id": f.keyID, "private_key": f.file, "client_email": email,
		"client_id": "111111111111111111111", "auth_uri": url + "/auth", "token_uri": url + "/token", "universe_domain": "googleapis.com",
	})
	if err != nil {
		return nil // of texts alone it is always made
	}
	return map[string]string{"endpoint": url, "token_endpoint": url + "/token", "credentials": string(credentials)}
}

// Token implements pushfakes.Fake: the id of an installation, and what Google signs of it.
func (f *Fake) Token(string) string {
	token := base64.RawURLEncoding.EncodeToString(random(16)) + ":APA91b" + base64.RawURLEncoding.EncodeToString(random(100))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens[token] = true
	return token
}

// Revoke ends all access tokens that were given, before their time.
func (f *Fake) Revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.access)
}

func (f *Fake) knows(token string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens[token]
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		pushfakes.Cut()
	}
	f.Requests.Add(r, body)
	name, is := strings.CutPrefix(r.URL.Path, "/v1/projects/")
	name, sends := strings.CutSuffix(name, "/messages:send")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/token":
		f.grant(w, r, body)
	case r.Method == http.MethodPost && is && sends && !strings.Contains(name, "/"):
		f.send(w, r, name, body)
	default:
		// What Google's servers have nothing for is a page for people.
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title><p>The requested URL was not found on this server.")
	}
}

func (f *Fake) send(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	if bad := f.authorized(r, name); bad != nil {
		bad.write(w)
		return
	}
	m, bad := parse(r.Header, body)
	if bad != nil {
		bad.write(w)
		return
	}
	id := "projects/" + project + "/messages/0:" + fmt.Sprint(f.now().UnixMicro()) + "%" + pushfakes.Random(8)
	if fault, ok := f.faults.Next(m.Token); ok {
		fault.Begin(w, r)
		if fault.Name == pushfakes.CutAfter {
			f.take(m, id)
			pushfakes.Cut()
		}
		provoked(fault.Name).write(w)
		return
	}
	if bad := f.take(m, id); bad != nil {
		bad.write(w)
		return
	}
	pushfakes.Answer(w, http.StatusOK, map[string]string{"name": id})
}

// take shows a message, or says why not.
func (f *Fake) take(m *message, id string) *refusal {
	switch pkg := m.Android.Package; {
	case !tokenForm.MatchString(m.Token):
		return invalid("The registration token is not a valid FCM registration token")
	case !f.knows(m.Token):
		return &refusal{status: 404, word: "NOT_FOUND", text: "Requested entity was not found.", code: "UNREGISTERED"}
	case pkg != "" && pkg != f.app:
		return invalid("The package name of the registration token does not match restricted_package_name")
	}
	if !m.ValidateOnly {
		f.show(m, id)
	}
	return nil
}
