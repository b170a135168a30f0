// Package meizufake is Flyme Push as its documents have it: pushByPushId of notifications, signed, refused as the vendor refuses.
//
// Written from https://github.com/MEIZUPUSH/PushAPI (README.md of 2025-04-09), read on 2026-11-28. That a phone has too many of one message in a minute (520) comes by
// fault alone.
package meizufake

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"annal/internal/devstack/pushfakes"
)

// maxForm bounds a call: 100 phones and one message.
const maxForm = 1 << 20

// maxPhones is how many phones a call has at most.
const maxPhones = 100

// Fake is the service for one app. It implements pushfakes.Fake.
type Fake struct {
	phones     *pushfakes.Phones
	app        string
	now        func() time.Time
	id, secret string
	faults     pushfakes.Faults
	// Requests are those that came.
	Requests pushfakes.Requests

	mu  sync.Mutex
	ids map[string]bool // the pushIds made
}

var _ pushfakes.Fake = (*Fake)(nil)

// New gives the service for a package, with credentials of its own.
func New(phones *pushfakes.Phones, app string, now func() time.Time) (*Fake, error) {
	return &Fake{phones: phones, app: app, now: now, id: "100999", secret: pushfakes.Random(16), ids: map[string]bool{}}, nil
}

// Name implements pushfakes.Fake.
func (f *Fake) Name() string { return "meizu" }

// Faults implements pushfakes.Fake. Names are the vendor's codes; as 110010 is both of a call and of a phone, value-110010 is that of the phone.
func (f *Fake) Faults() *pushfakes.Faults { return &f.faults }

// Settings implements pushfakes.Fake.
func (f *Fake) Settings(url string) map[string]string {
	return map[string]string{"endpoint": url, "app_id": f.id, "app_secret": f.secret}
}

// Token implements pushfakes.Fake: a pushId.
func (f *Fake) Token(string) string {
	id := "J" + pushfakes.Random(22)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids[id] = true
	return id
}

// refusal is a code of a call other than 200.
type refusal struct{ code, text string }

func (r *refusal) with(what string) *refusal { return &refusal{r.code, r.text + ": " + what} }

// The codes that it gives by itself.
var (
	badArgument  = &refusal{"1005", "参数错误"}
	badSignature = &refusal{"1006", "签名认证失败"}
	badID        = &refusal{"110000", "appId不合法"}
	noArgument   = &refusal{"110004", "参数不能为空"}
)

// Codes of phones, in value.
const (
	unsubscribed = "110002"
	badPushID    = "110003"
)

// ofPhones are the codes in value.
var ofPhones = []string{"201", "501", "513", "518", "519", "520", unsubscribed, badPushID, "110011"}

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/garcia/api/server/push/varnished/pushByPushId":
		http.NotFound(w, r)
		return
	case r.Method != http.MethodPost:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	f.Requests.Add(r, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil || r.ParseForm() != nil {
		refuse(w, badArgument)
		return
	}
	var m message
	if bad := f.check(r, &m); bad != nil {
		refuse(w, bad)
		return
	}
	f.push(w, r, &m, strings.Split(r.PostForm.Get("pushIds"), ","))
}

// check refuses what is not signed, or not as the page has it.
func (f *Fake) check(r *http.Request, m *message) *refusal {
	for _, name := range []string{"appId", "pushIds", "messageJson", "sign"} {
		if r.PostForm.Get(name) == "" {
			return noArgument.with(name)
		}
	}
	switch {
	case r.PostForm.Get("appId") != f.id:
		return badID
	case r.PostForm.Get("sign") != signature(r.PostForm, f.secret):
		return badSignature
	case strings.Count(r.PostForm.Get("pushIds"), ",") >= maxPhones:
		return badArgument.with("pushIds")
	case json.Unmarshal([]byte(r.PostForm.Get("messageJson")), m) != nil:
		return badArgument.with("messageJson")
	}
	return m.check()
}

// signature is MD5 of all fields but sign, by name, as name=value, and of the secret.
func signature(form map[string][]string, secret string) string {
	var names []string
	for name := range form {
		if name != "sign" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all strings.Builder
	for _, name := range names {
		all.WriteString(name + "=" + form[name][0])
	}
	sum := md5.Sum([]byte(all.String() + secret))
	return hex.EncodeToString(sum[:])
}

// push shows a message on phones, but for what faults say: of phones, or of the whole call, which then shows nothing.
func (f *Fake) push(w http.ResponseWriter, r *http.Request, m *message, ids []string) {
	out := map[string]string{} // the code of a phone that gets nothing
	var whole *refusal
	cut := false
	for _, id := range ids {
		fault, ok := f.faults.Next(id)
		fault.Begin(w, r)
		phone, of := strings.CutPrefix(fault.Name, "value-")
		switch {
		case !ok:
		case fault.Name == pushfakes.CutAfter:
			cut = true
		case of || slices.Contains(ofPhones, fault.Name):
			out[id] = phone
		default:
			whole = &refusal{fault.Name, "fault " + fault.Name}
		}
	}
	if whole != nil {
		refuse(w, whole)
		return
	}
	task := pushfakes.Random(16)
	value := map[string][]string{}
	for _, id := range ids {
		if code := f.show(m, task, id, out[id]); code != "" {
			value[code] = append(value[code], id)
		}
	}
	if cut {
		pushfakes.Cut()
	}
	pushfakes.Answer(w, http.StatusOK, map[string]any{"code": "200", "message": "", "value": value, "msgId": task, "redirect": ""})
}

// show has a phone show a message, and says why it does not.
func (f *Fake) show(m *message, task, id, code string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case code != "":
		return code
	case !f.ids[id]:
		return badPushID
	}
	data := m.ClickType.Parameters
	f.phones.Show(pushfakes.Phone{Service: f.Name(), Package: f.app, Token: id}, pushfakes.Shown{
		ID: data["event"], Vendor: task, Collapse: m.Advance.NotifyKey, Title: m.NoticeBar.Title, Body: m.NoticeBar.Content, Link: m.ClickType.URL, Data: data,
		Urgent: m.Advance.Suspend == nil || *m.Advance.Suspend == 1, At: f.now(),
	}, -1)
	return ""
}

func refuse(w http.ResponseWriter, why *refusal) {
	pushfakes.Answer(w, http.StatusOK, map[string]any{"code": why.code, "message": why.text, "value": "", "redirect": ""})
}
