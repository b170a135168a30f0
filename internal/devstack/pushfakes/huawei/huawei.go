// Package huaweifake is Huawei's Push Kit, version 1 of its REST interface, the OAuth service in front of it, and the phones behind it
// (https://developer.huawei.com/consumer/en/doc/HMSCore-References/https-send-api-0000001050986197).
package huaweifake

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"annal/internal/devstack/pushfakes"
)

const (
	appID     = "104857600"
	tokenPath = "/oauth2/v3/token"
	sendPath  = "/v1/" + appID + "/messages:send"
	// life is how long an access token is good.
	life    = time.Hour
	maxBody = 1 << 20
)

// Fake is a pushfakes.Fake.
type Fake struct {
	phones *pushfakes.Phones
	app    string
	now    func() time.Time
	faults pushfakes.Faults
	secret string

	mu sync.Mutex
	// access has access tokens, and when each ends; pushed what phones registered with.
	access map[string]time.Time
	pushed map[string]bool
	// badges are the numbers at the icon, which add_num adds to.
	badges map[string]int
	sent   int
}

var _ pushfakes.Fake = (*Fake)(nil)

// New makes one with one app.
func New(phones *pushfakes.Phones, app string, now func() time.Time) (*Fake, error) {
	return &Fake{
		phones: phones, app: app, now: now, secret: rand.Text(), access: map[string]time.Time{}, pushed: map[string]bool{}, badges: map[string]int{},
	}, nil
}

// Name implements pushfakes.Fake.
func (f *Fake) Name() string { return "huawei" }

// Faults implements pushfakes.Fake. Names are codes of Push Kit, such as 80300007, statuses, such as 503, and for access tokens
// codes of the OAuth service, such as 1101/12304.
func (f *Fake) Faults() *pushfakes.Faults { return &f.faults }

// Settings implements pushfakes.Fake.
func (f *Fake) Settings(url string) map[string]string {
	return map[string]string{
		"app_id": appID, "app_secret": f.secret, "badge_class": f.app + ".MainActivity", "endpoint": url, "token_endpoint": url + tokenPath,
	}
}

// Token implements pushfakes.Fake.
func (f *Fake) Token(string) string {
	token := "0" + rand.Text() + rand.Text() + "000" + rand.Text()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pushed[token] = true
	return token
}

// Revoke ends all access tokens now, as when the app's secret is made anew.
func (f *Fake) Revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.access)
}

// ServeHTTP implements pushfakes.Fake.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		pushfakes.Cut()
	}
	switch r.URL.Path {
	case tokenPath:
		f.authorize(w, r, body)
	case sendPath:
		f.send(w, r, body)
	default:
		http.NotFound(w, r)
	}
}

// pushCodes are those that an access token is not asked for with.
var pushCodes = regexp.MustCompile(`^8[01][0-9]{6}$`)

// fault takes a fault that is for one of these, "" being the call as a whole, and begins it.
func (f *Fake) fault(w http.ResponseWriter, r *http.Request, tokens ...string) (fault pushfakes.Fault) {
	for _, token := range tokens {
		var is bool
		if fault, is = f.faults.Next(token); is {
			break
		}
	}
	fault.Begin(w, r)
	return fault
}

func (f *Fake) send(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if code, msg := f.bearer(r); code != "" {
		answer(w, code, msg, "")
		return
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		answer(w, "80100001", "Content-Type is not application/json", "")
		return
	}
	m, bad := read(body)
	if bad != nil {
		answer(w, bad.code, bad.msg, "")
		return
	}
	fault := f.fault(w, r, m.Token...)
	// These are of a token; others of the whole request.
	gone := ""
	switch fault.Name {
	case "80300007", "80100000":
		gone = fault.Token
	case "", pushfakes.CutAfter:
	default:
		answer(w, fault.Name, "as asked", "")
		return
	}
	illegal := f.deliver(m, gone)
	if fault.Name == pushfakes.CutAfter {
		pushfakes.Cut()
	}
	f.mu.Lock()
	f.sent++
	id := fmt.Sprintf("%s%06d", f.now().UTC().Format("20060102150405"), f.sent)
	f.mu.Unlock()
	switch len(illegal) {
	case 0:
		answer(w, "80000000", "Success", id)
	case len(m.Token):
		answer(w, "80300007", "All the tokens are invalid", id)
	default:
		msg, _ := json.Marshal(map[string]any{"success": len(m.Token) - len(illegal), "failure": len(illegal), "illegal_tokens": illegal})
		answer(w, "80100000", string(msg), id)
	}
}

// statuses are what HTTP says besides a code; of others it says 200.
var statuses = map[string]int{
	"80200001": 401, "80200003": 401, "80200005": 401, "81000001": 500, "80100001": 400, "80100003": 400, "80100004": 400, "80100013": 400, "80100016": 400,
	"80100017": 400, "80100018": 400, "80300002": 400, "80300008": 400, "80300010": 400, "80300011": 400, "80300013": 400, "80600003": 500,
}

// answer says a code, or a status alone where it is one.
func answer(w http.ResponseWriter, code, msg, id string) {
	if status, err := strconv.Atoi(code); err == nil && status >= 100 && status < 600 {
		w.WriteHeader(status)
		fmt.Fprint(w, msg)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if status := statuses[code]; status != 0 {
		w.WriteHeader(status)
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "msg": msg, "requestId": id}) // the caller may be gone
}

// deliver shows a message on the phones it is for, and gives the tokens that are of none.
func (f *Fake) deliver(m *message, gone string) (illegal []string) {
	for _, token := range m.Token {
		f.mu.Lock()
		known := f.pushed[token] && token != gone
		f.mu.Unlock()
		switch {
		case !known:
			illegal = append(illegal, token)
		case m.Android != nil && m.Android.Notification != nil:
			f.show(m, token)
		}
	}
	return illegal
}

func (f *Fake) show(m *message, token string) {
	n := m.Android.Notification
	shown := pushfakes.Shown{Collapse: n.Tag, Urgent: m.Android.Category == "IM" || m.Android.Category == "VOIP", At: f.now()}
	if shown.Collapse == "" && n.NotifyID != nil && *n.NotifyID >= 0 {
		shown.Collapse = "notify " + strconv.Itoa(*n.NotifyID)
	}
	shown.Title, shown.Body = m.shown()
	data := m.Data
	if m.Android.Data != "" {
		data = m.Android.Data
	}
	// What is no JSON object the app would have to know itself.
	if json.Unmarshal([]byte(data), &shown.Data) == nil {
		shown.Data = maps.Clone(shown.Data)
		shown.ID, shown.Thread = shown.Data["event"], shown.Data["thread"]
	}
	shown.Link = opened(n.ClickAction)
	f.phones.Show(pushfakes.Phone{Service: f.Name(), Package: f.app, Token: token}, shown, f.number(token, n.Badge))
}

// number is what the icon has then: set_num, else what there was and add_num, else one more.
func (f *Fake) number(token string, b *badge) int {
	if b == nil {
		return -1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case b.SetNum != nil:
		f.badges[token] = *b.SetNum
	case b.AddNum != nil:
		f.badges[token] += *b.AddNum
	default:
		f.badges[token]++
	}
	return f.badges[token]
}

// opened is the link that a tap opens: that of an intent, as Android reads one (Intent.parseUri).
func opened(c *clickAction) string {
	if link, is := pushfakes.IntentLink(c.Intent); is && c.Type == 1 {
		return link
	}
	return c.URL
}
