// Package xiaomifake is Mi Push and the phones behind it, as https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1559 has it: messages to registration ids,
// and taking them back, both in version 3.
package xiaomifake

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"annal/internal/devstack/pushfakes"
)

const (
	sendPath, revokePath = "/v3/message/regid", "/v3/message/regid/revoke"
	maxBody              = 1 << 20
)

// Fake is a pushfakes.Fake.
type Fake struct {
	phones *pushfakes.Phones
	app    string
	now    func() time.Time
	faults pushfakes.Faults
	secret string

	mu sync.Mutex
	// ids are the registration ids of phones, jobs the jobkeys that each has seen.
	ids  map[string]bool
	jobs map[string]map[string]bool
	sent int
}

var _ pushfakes.Fake = (*Fake)(nil)

// New makes one with one app.
func New(phones *pushfakes.Phones, app string, now func() time.Time) (*Fake, error) {
	return &Fake{phones: phones, app: app, now: now, secret: rand.Text(), ids: map[string]bool{}, jobs: map[string]map[string]bool{}}, nil
}

// Name implements pushfakes.Fake.
func (f *Fake) Name() string { return "xiaomi" }

// Faults implements pushfakes.Fake. Names are codes of Mi Push, such as 10002, its name bad_regids for an id that is good no more, and statuses, such as HTTP503.
func (f *Fake) Faults() *pushfakes.Faults { return &f.faults }

// Settings implements pushfakes.Fake: those of the app's public channel.
func (f *Fake) Settings(at string) map[string]string {
	return map[string]string{"app_secret": f.secret, "channel_id": "100001", "endpoint": at}
}

// Private are settings of the app's private channel, in place of those of the public one.
func (f *Fake) Private() map[string]string {
	return map[string]string{"channel_id": "100002", "template_id": "P10000", "title_keyword": "sender", "body_keyword": "text"}
}

// Token implements pushfakes.Fake.
func (f *Fake) Token(string) string {
	b := make([]byte, 48)
	_, _ = rand.Read(b) // never fails
	id := base64.StdEncoding.EncodeToString(b)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids[id], f.jobs[id] = true, map[string]bool{}
	return id
}

// ServeHTTP implements pushfakes.Fake.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		pushfakes.Cut()
	}
	switch {
	case r.URL.Path != sendPath && r.URL.Path != revokePath:
		http.NotFound(w, r)
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		form, err := url.ParseQuery(string(body))
		if bad := f.who(r, form, err); bad != nil {
			refuse(w, *bad)
			return
		}
		if r.URL.Path == revokePath {
			f.revoke(w, r, form)
			return
		}
		f.send(w, r, form)
	}
}

// who checks whose request it is.
func (f *Fake) who(r *http.Request, form url.Values, unreadable error) *refusal {
	switch app := form.Get("restricted_package_name"); {
	case r.Header.Get("Authorization") != "key="+f.secret:
		return &refusal{"21301", "authentication failed"}
	case unreadable != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return &refusal{"10012", "illegal request"}
	case app == "":
		return missing("restricted_package_name")
	case app != f.app:
		return &refusal{"10017", "Invalid package name."} // as printed; the list of codes has 22022 for it too
	}
	return nil
}

// fault takes a fault for one of these, and begins it. It answers itself where the whole request fails: then over is true. gone is an id that is said to
// be good no more.
func (f *Fake) fault(w http.ResponseWriter, r *http.Request, ids []string) (gone string, cutAfter, over bool) {
	var fault pushfakes.Fault
	for _, id := range ids {
		var is bool
		if fault, is = f.faults.Next(id); is {
			break
		}
	}
	fault.Begin(w, r)
	switch fault.Name {
	case "":
		return "", false, false
	case pushfakes.CutAfter:
		return "", true, false
	case "bad_regids":
		return fault.Token, false, false
	default:
		refuse(w, refusal{fault.Name, "as asked"})
		return "", false, true
	}
}

func (f *Fake) send(w http.ResponseWriter, r *http.Request, form url.Values) {
	ids, bad := targets(form, "registration_id")
	if bad == nil {
		bad = check(form)
	}
	var shown pushfakes.Shown
	if bad == nil {
		shown.Title, shown.Body, bad = fill(form)
	}
	if bad != nil {
		refuse(w, *bad)
		return
	}
	gone, cutAfter, over := f.fault(w, r, ids)
	if over {
		return
	}
	f.mu.Lock()
	f.sent++
	shown.Vendor = fmt.Sprintf("scm%010d%d", f.sent, f.now().UnixMilli())
	f.mu.Unlock()
	shown.Collapse, shown.At = place(form), f.now()
	if json.Unmarshal([]byte(form.Get("payload")), &shown.Data) == nil {
		shown.ID, shown.Thread = shown.Data["event"], shown.Data["thread"]
	}
	shown.Link = opened(form)
	var badIDs []string
	for _, id := range ids {
		if !f.known(id, gone) {
			badIDs = append(badIDs, id)
		} else if form.Get("pass_through") != "1" && f.first(id, form.Get("extra.jobkey")) {
			f.phones.Show(f.phone(id), shown, -1)
		}
	}
	if cutAfter {
		pushfakes.Cut()
	}
	f.taken(w, ids, badIDs, map[string]string{"id": shown.Vendor})
}

func (f *Fake) revoke(w http.ResponseWriter, r *http.Request, form url.Values) {
	ids, bad := targets(form, "registration_ids")
	if bad == nil {
		bad = named(form, revokeFields, false)
	}
	switch {
	case bad != nil:
	case form.Get("notify_id") == "":
		bad = missing("notify_id")
	case !whole(form, "notify_id", 0, 1<<31-1):
		bad = wrong("notify_id")
	}
	if bad != nil {
		refuse(w, *bad)
		return
	}
	gone, cutAfter, over := f.fault(w, r, ids)
	if over {
		return
	}
	var badIDs []string
	for _, id := range ids {
		if !f.known(id, gone) {
			badIDs = append(badIDs, id)
			continue
		}
		f.phones.Withdraw(f.phone(id), place(form), "", -1)
	}
	if cutAfter {
		pushfakes.Cut()
	}
	f.taken(w, ids, badIDs, map[string]string{})
}

// taken answers a request that went to all of these but for the bad ones.
func (f *Fake) taken(w http.ResponseWriter, ids, bad []string, data map[string]string) {
	if len(bad) == len(ids) {
		refuse(w, refusal{"20301", "No valid targets!"})
		return
	}
	if len(bad) > 0 {
		data["bad_regids"] = strings.Join(bad, ",")
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the caller may be gone
		"result": "ok", "trace_id": rand.Text(), "code": 0, "description": "成功", "info": fmt.Sprintf("Received push messages for %d REGID", len(ids)), "data": data,
	})
}

// refuse answers with a code, or with a status alone where it is one of HTTP's.
func refuse(w http.ResponseWriter, bad refusal) {
	if status, err := strconv.Atoi(strings.TrimPrefix(bad.code, "HTTP")); err == nil && strings.HasPrefix(bad.code, "HTTP") {
		w.WriteHeader(status)
		fmt.Fprint(w, bad.reason)
		return
	}
	code, err := strconv.Atoi(bad.code)
	if err != nil {
		w.WriteHeader(http.StatusNotImplemented)
		fmt.Fprint(w, "no such fault: ", bad.code)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"result": "error", "reason": bad.reason, "trace_id": rand.Text(), "code": code, "description": cmp.Or(descriptions[bad.code], "失败")}) // the caller may be gone
}

func (f *Fake) phone(id string) pushfakes.Phone {
	return pushfakes.Phone{Service: f.Name(), Package: f.app, Token: id}
}

func (f *Fake) known(id, gone string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ids[id] && id != gone
}

// first says whether a phone has not seen a jobkey: of those with the same one it shows the first.
func (f *Fake) first(id, job string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if job == "" {
		return true
	}
	seen := f.jobs[id][job]
	f.jobs[id][job] = true
	return !seen
}

// place is under which number a notification is shown; without one all have the same.
func place(form url.Values) string {
	if id := form.Get("notify_id"); id != "" {
		return "notify " + id
	}
	return "notify 0"
}

// opened is the link that a tap opens: that of an intent, as Android reads one (Intent.parseUri).
func opened(form url.Values) string {
	if link, is := pushfakes.IntentLink(form.Get("extra.intent_uri")); is && form.Get("extra.notify_effect") == "2" {
		return link
	}
	return form.Get("extra.web_uri")
}
