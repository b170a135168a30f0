// Package vivofake is vivo Push as its documents have it: the access token, a message to one phone and one to many, refused as the vendor refuses.
//
// Written from copies of https://dev.vivo.com.cn/documentCenter/doc/362 (edition 2.9.2 and that of 2024-03) and …/doc/359, read on 2026-11-28. No copy had the whole list of codes: some are
// as the vendor's users have them. Fields that the pages don't have are not looked at.
package vivofake

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"

	"annal/internal/devstack/pushfakes"
)

// Times and rates of the access token.
const (
	tokenLife    = 24 * time.Hour
	clockSkew    = 10 * time.Minute
	authInSecond = 10
)

// maxBody bounds a call: 1000 phones, or one message.
const maxBody = 1 << 20

// Fake is the service for one app. It implements pushfakes.Fake.
type Fake struct {
	phones          *pushfakes.Phones
	app             string
	now             func() time.Time
	id, key, secret string
	faults          pushfakes.Faults
	// Requests are those that came.
	Requests pushfakes.Requests

	mu sync.Mutex
	// ids are the regIds made, access the tokens given and when they end, asked the last calls for those, saved what is kept for many, by task.
	ids    map[string]bool
	access map[string]time.Time
	asked  []time.Time
	saved  map[string]message
	tasks  int
}

var _ pushfakes.Fake = (*Fake)(nil)

// New gives the service for a package, with credentials of its own.
func New(phones *pushfakes.Phones, app string, now func() time.Time) (*Fake, error) {
	return &Fake{
		phones: phones, app: app, now: now, id: "10004", key: pushfakes.Random(16), secret: pushfakes.Random(16),
		ids: map[string]bool{}, access: map[string]time.Time{}, saved: map[string]message{},
	}, nil
}

// Name implements pushfakes.Fake.
func (f *Fake) Name() string { return "vivo" }

// Faults implements pushfakes.Fake. Names are the vendor's codes, 500, which is a status, user-1 to user-4, which say that the regId is of no use and why, and
// list-named and list-unnamed, with which it has a list refused as a whole, and is named or is not.
func (f *Fake) Faults() *pushfakes.Faults { return &f.faults }

// Settings implements pushfakes.Fake.
func (f *Fake) Settings(url string) map[string]string {
	return map[string]string{"endpoint": url, "app_id": f.id, "app_key": f.key, "app_secret": f.secret}
}

// Token implements pushfakes.Fake: a regId, of 23 characters.
func (f *Fake) Token(string) string {
	id := pushfakes.Random(12)[1:]
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

// refusal is an answer other than success. One without a code is the status 500.
type refusal struct {
	code int
	text string
	// user is the regId that it is about, and its state.
	user  string
	state int
	// named are those of a list that is refused for them.
	named []*refusal
}

// The codes that it gives by itself.
var (
	broken       = &refusal{text: "Internet server error!"}
	badAccess    = &refusal{code: 10000, text: "权限认证失败"}
	tooOften     = &refusal{code: 10093, text: "鉴权频率超过限制"}
	otherApp     = &refusal{code: 10094, text: "appId与鉴权信息不一致"}
	noID         = &refusal{code: 10200, text: "appId不能为空"}
	noKey        = &refusal{code: 10201, text: "appKey不能为空"}
	badKey       = &refusal{code: 10202, text: "appKey不合法"}
	noTimestamp  = &refusal{code: 10203, text: "timestamp不能为空"}
	noSign       = &refusal{code: 10204, text: "sign不能为空"}
	unknownID    = &refusal{code: 10205, text: "appId不存在"}
	badSign      = &refusal{code: 10206, text: "sign不正确"}
	badTimestamp = &refusal{code: 10207, text: "timestamp不合法"}
)

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve, known := map[string]func(http.ResponseWriter, *http.Request, *json.Decoder){
		"/message/auth": f.auth, "/message/send": f.send, "/message/saveListPayload": f.save, "/message/pushToList": f.push,
	}[r.URL.Path]
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request entity too large", http.StatusRequestEntityTooLarge)
		return
	}
	f.Requests.Add(r, body)
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case !known:
		http.NotFound(w, r)
	case r.Method != http.MethodPost:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case err != nil || kind != "application/json":
		http.Error(w, "unsupported media type", http.StatusUnsupportedMediaType)
	default:
		serve(w, r, json.NewDecoder(bytes.NewReader(body)))
	}
}

// auth gives an access token.
func (f *Fake) auth(w http.ResponseWriter, r *http.Request, body *json.Decoder) {
	if fault, ok := f.faults.Next(""); ok {
		refuse(w, act(w, r, fault, ""))
		return
	}
	var c struct {
		AppID     json.RawMessage
		AppKey    string
		Timestamp json.RawMessage
		Sign      string
	}
	if body.Decode(&c) != nil {
		refuse(w, broken)
		return
	}
	now := f.now()
	if bad := f.checkAuth(bare(c.AppID), c.AppKey, bare(c.Timestamp), c.Sign, now); bad != nil {
		refuse(w, bad)
		return
	}
	token := pushfakes.Random(16)
	f.mu.Lock()
	f.access[token] = now.Add(tokenLife)
	f.mu.Unlock()
	pushfakes.Answer(w, http.StatusOK, map[string]any{"result": 0, "desc": "请求成功", "authToken": token})
}

// bare is a number or a string of JSON, as both are sent.
func bare(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func (f *Fake) checkAuth(id, key, timestamp, sign string, now time.Time) *refusal {
	ms, err := strconv.ParseInt(timestamp, 10, 64)
	sum := md5.Sum([]byte(id + key + timestamp + f.secret))
	switch {
	case f.often(now):
		return tooOften
	case id == "":
		return noID
	case id != f.id:
		return unknownID
	case key == "":
		return noKey
	case key != f.key:
		return badKey
	case timestamp == "":
		return noTimestamp
	case err != nil || now.Sub(time.UnixMilli(ms)).Abs() > clockSkew:
		return badTimestamp
	case sign == "":
		return noSign
	case sign != hex.EncodeToString(sum[:]):
		return badSign
	}
	return nil
}

// often says whether there were more calls for tokens in this second than an app may make.
func (f *Fake) often(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, now)
	if len(f.asked) <= authInSecond {
		return false
	}
	f.asked = f.asked[len(f.asked)-authInSecond-1:]
	return now.Sub(f.asked[0]) < time.Second
}

// checkAccess looks at the header authToken.
func (f *Fake) checkAccess(r *http.Request) *refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	if until, given := f.access[r.Header.Get("authToken")]; !given || !f.now().Before(until) {
		return badAccess
	}
	return nil
}

// act does what a fault does to the call at once, or gives the answer that it names. Where CutAfter is to come later, that is the caller's business.
func act(w http.ResponseWriter, r *http.Request, fault pushfakes.Fault, id string) *refusal {
	fault.Begin(w, r)
	name := fault.Name
	switch name {
	case pushfakes.CutAfter:
		pushfakes.Cut()
	case "user-1", "user-2", "user-3", "user-4":
		return useless(id, int(name[len(name)-1]-'0'))
	}
	if name == listNamed || name == listUnnamed {
		return useless(id, 1) // alone it is no list
	}
	code, err := strconv.Atoi(name)
	switch {
	case err != nil || code == http.StatusInternalServerError:
		return broken
	case code == 10302:
		return useless(id, 1)
	}
	return &refusal{code: code, text: "fault " + name}
}

// useless is about a regId: 1 there is none, 2 uninstalled or notifications are off, 3 not seen for 90 days, 4 not one for tests.
func useless(id string, state int) *refusal {
	return &refusal{code: 10302, text: "regId不合法", user: id, state: state}
}

func refuse(w http.ResponseWriter, why *refusal) {
	if why.code == 0 {
		http.Error(w, why.text, http.StatusInternalServerError)
		return
	}
	body := map[string]any{"result": why.code, "desc": why.text}
	if why.user != "" {
		body["invalidUser"] = why.invalid()
	}
	if len(why.named) > 0 {
		body["invalidUsers"] = invalidUsers(why.named)
	}
	pushfakes.Answer(w, http.StatusOK, body)
}

func invalidUsers(useless []*refusal) []map[string]any {
	users := make([]map[string]any, len(useless))
	for i, u := range useless {
		users[i] = u.invalid()
	}
	return users
}

func (r *refusal) invalid() map[string]any {
	return map[string]any{"status": r.state, "userid": r.user}
}
