// Package oppofake is OPPO PUSH as its documents have it: the access token, unicast and its batch, refused as the vendor refuses.
//
// Written from copies of the pages 11234, 11235, 11236, 11238 and 13189 under https://open.oppomobile.com/new/developmentDoc/info?id=, read on 2026-11-28. Fields that
// the pages don't have are not looked at: one of their samples has some.
package oppofake

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"annal/internal/devstack/pushfakes"
)

// Times of the access token (11234): how long it is good, and how far the caller's clock may be off.
const (
	tokenLife = 24 * time.Hour
	clockSkew = 10 * time.Minute
)

// maxForm bounds a call: 1000 messages of some KiB.
const maxForm = 16 << 20

// Fake is the service for one app. It implements pushfakes.Fake.
type Fake struct {
	phones      *pushfakes.Phones
	app         string
	now         func() time.Time
	key, secret string
	faults      pushfakes.Faults

	mu sync.Mutex
	// ids are the registration ids made, access the tokens given and when they end, sent the message of each target and app_message_id.
	ids    map[string]bool
	access map[string]time.Time
	sent   map[[2]string]string
}

var _ pushfakes.Fake = (*Fake)(nil)

// New gives the service for a package, with credentials of its own.
func New(phones *pushfakes.Phones, app string, now func() time.Time) (*Fake, error) {
	return &Fake{
		phones: phones, app: app, now: now, key: pushfakes.Random(16), secret: pushfakes.Random(16),
		ids: map[string]bool{}, access: map[string]time.Time{}, sent: map[[2]string]string{},
	}, nil
}

// Name implements pushfakes.Fake.
func (f *Fake) Name() string { return "oppo" }

// Faults implements pushfakes.Fake. Names are the codes of 11235 and 11238.
func (f *Fake) Faults() *pushfakes.Faults { return &f.faults }

// Settings implements pushfakes.Fake.
func (f *Fake) Settings(url string) map[string]string {
	return map[string]string{"endpoint": url, "app_key": f.key, "master_secret": f.secret}
}

// Token implements pushfakes.Fake: the registration id of a phone sold in China (11235).
func (f *Fake) Token(string) string {
	id := "OPPO_CN_" + pushfakes.Random(16)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids[id] = true
	return id
}

// Revoke ends all access tokens that were given, before their time.
func (f *Fake) Revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.access)
}

// refusal is an answer other than success.
type refusal struct {
	code int
	text string
}

// The codes that it gives by itself (11235, 11238).
var (
	unavailable     = &refusal{-1, "Service Currently Unavailable"}
	badAccess       = &refusal{11, "Invalid AuthToken"}
	badHTTP         = &refusal{12, "Http Action Not Allowed"}
	badKey          = &refusal{14, "Invalid App Key"}
	noKey           = &refusal{15, "Missing App Key"}
	badSignature    = &refusal{16, "Invalid Signature"}
	noSignature     = &refusal{17, "Missing Signature"}
	noTimestamp     = &refusal{18, "Missing Timestamp"}
	badTimestamp    = &refusal{19, "Invalid Timestamp"}
	badMethod       = &refusal{20, "Invalid Method"}
	badEncoding     = &refusal{25, "Invalid Encoding"}
	noAccess        = &refusal{29, "Missing Auth Token"}
	badCategory     = &refusal{67, "Category error/Private classify channel notify_level invalid"}
	badRegistration = &refusal{10000, "Invalid Registration_id"}
)

func missing(name string) *refusal { return &refusal{40, "Missing Required Arguments:" + name} }
func invalid(name string) *refusal { return &refusal{41, "Invalid Arguments:" + name} }

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve, known := map[string]func(http.ResponseWriter, *http.Request){
		"/server/v1/auth":                               f.auth,
		"/server/v1/message/notification/unicast":       f.unicast,
		"/server/v1/message/notification/unicast_batch": f.unicastBatch,
	}[r.URL.Path]
	if !known {
		refuse(w, badMethod)
		return
	}
	if r.Method != http.MethodPost {
		refuse(w, badHTTP)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		refuse(w, badEncoding)
		return
	}
	for _, values := range r.PostForm {
		if !utf8.ValidString(values[0]) {
			refuse(w, badEncoding)
			return
		}
	}
	serve(w, r)
}

// auth gives an access token (11234).
func (f *Fake) auth(w http.ResponseWriter, r *http.Request) {
	if fault, ok := f.faults.Next(""); ok {
		if bad := act(w, r, fault); bad != nil {
			refuse(w, bad)
			return
		}
	}
	now := f.now()
	if bad := f.checkAuth(r, now); bad != nil {
		refuse(w, bad)
		return
	}
	token := pushfakes.Random(16)
	f.mu.Lock()
	f.access[token] = now.Add(tokenLife)
	f.mu.Unlock()
	succeed(w, map[string]any{"auth_token": token, "create_time": now.UnixMilli()})
}

func (f *Fake) checkAuth(r *http.Request, now time.Time) *refusal {
	key, timestamp, sign := r.PostForm.Get("app_key"), r.PostForm.Get("timestamp"), r.PostForm.Get("sign")
	ms, err := strconv.ParseInt(timestamp, 10, 64)
	sum := sha256.Sum256([]byte(key + timestamp + f.secret))
	switch {
	case key == "":
		return noKey
	case key != f.key:
		return badKey
	case timestamp == "":
		return noTimestamp
	case err != nil || len(timestamp) != 13 || now.Sub(time.UnixMilli(ms)).Abs() > clockSkew:
		return badTimestamp
	case sign == "":
		return noSignature
	case sign != hex.EncodeToString(sum[:]):
		return badSignature
	}
	return nil
}

// checkAccess looks at auth_token, which is in the form (11235).
func (f *Fake) checkAccess(r *http.Request) *refusal {
	token := r.PostForm.Get("auth_token")
	f.mu.Lock()
	defer f.mu.Unlock()
	until, given := f.access[token]
	switch {
	case token == "":
		return noAccess
	case !given || !f.now().Before(until):
		return badAccess
	}
	return nil
}

// act does what a fault does to the call at once, or gives the answer that it names.
func act(w http.ResponseWriter, r *http.Request, fault pushfakes.Fault) *refusal {
	fault.Begin(w, r)
	code, err := strconv.Atoi(fault.Name)
	switch {
	case fault.Name == pushfakes.CutAfter:
		pushfakes.Cut()
	case err != nil:
		return unavailable // no code of the vendor's
	}
	return &refusal{code, "fault " + fault.Name}
}

func refuse(w http.ResponseWriter, why *refusal) {
	pushfakes.Answer(w, http.StatusOK, map[string]any{"code": why.code, "message": why.text})
}

func succeed(w http.ResponseWriter, data any) {
	pushfakes.Answer(w, http.StatusOK, map[string]any{"code": 0, "message": "success", "data": data})
}
