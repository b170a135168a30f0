package vivofake

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"annal/internal/devstack/pushfakes"
)

// message has the fields of /message/send, and of /message/saveListPayload, which has no phone.
type message struct {
	AppID           json.RawMessage   `json:"appId"`
	RegID           string            `json:"regId"`
	Alias           string            `json:"alias"`
	NotifyType      int               `json:"notifyType"`
	Title           string            `json:"title"`
	Content         string            `json:"content"`
	TimeToLive      *int              `json:"timeToLive"`
	SkipType        int               `json:"skipType"`
	SkipContent     string            `json:"skipContent"`
	NetworkType     json.RawMessage   `json:"networkType"`
	Classification  int               `json:"classification"`
	Category        string            `json:"category"`
	ClientCustomMap map[string]string `json:"clientCustomMap"`
	RequestID       string            `json:"requestId"`
	PushMode        int               `json:"pushMode"`
	NotifyID        int32             `json:"notifyId"`
}

// invalid stands for fields whose number is in none of the pages at hand.
func invalid(name string) *refusal { return &refusal{code: 10045, text: name + "不合法"} }

// Categories are those of doc/359: conversation and the like, and advertisement.
var (
	system     = []string{"IM", "ACCOUNT", "TODO", "DEVICE_REMINDER", "ORDER", "SUBSCRIPTION"}
	operations = []string{"NEWS", "CONTENT", "MARKETING", "SOCIAL"}
)

// send brings a message to one phone.
func (f *Fake) send(w http.ResponseWriter, r *http.Request, body *json.Decoder) {
	var m message
	if bad := f.read(r, body, &m); bad != nil {
		refuse(w, bad)
		return
	}
	if m.RegID == "" && m.Alias == "" {
		refuse(w, &refusal{code: 10050, text: "alias和regId不能都为空"})
		return
	}
	task := f.task(nil)
	useless, whole, cut := f.bring(w, r, m, task, []string{m.RegID})
	switch {
	case cut:
		pushfakes.Cut()
	case whole != nil:
		refuse(w, whole)
	case len(useless) > 0:
		refuse(w, useless[0])
	default:
		pushfakes.Answer(w, http.StatusOK, map[string]any{"result": 0, "desc": "请求成功", "taskId": task})
	}
}

// save keeps what is to go to many.
func (f *Fake) save(w http.ResponseWriter, r *http.Request, body *json.Decoder) {
	var m message
	if bad := f.read(r, body, &m); bad != nil {
		refuse(w, bad)
		return
	}
	if fault, ok := f.faults.Next(""); ok {
		refuse(w, act(w, r, fault, ""))
		return
	}
	pushfakes.Answer(w, http.StatusOK, map[string]any{"result": 0, "desc": "请求成功", "taskId": f.task(&m)})
}

// push brings what was kept to 2 to 1000 phones.
func (f *Fake) push(w http.ResponseWriter, r *http.Request, body *json.Decoder) {
	var l struct {
		AppID     json.RawMessage `json:"appId"`
		RegIDs    []string        `json:"regIds"`
		TaskID    string          `json:"taskId"`
		RequestID string          `json:"requestId"`
		PushMode  int             `json:"pushMode"`
	}
	if body.Decode(&l) != nil {
		refuse(w, broken)
		return
	}
	f.mu.Lock()
	m, kept := f.saved[l.TaskID]
	f.mu.Unlock()
	bad := f.checkAccess(r)
	switch {
	case bad != nil:
	case len(l.AppID) > 0 && bare(l.AppID) != f.id:
		bad = otherApp
	case len(l.RegIDs) < 2 || len(l.RegIDs) > 1000:
		bad = invalid("regIds")
	case !kept:
		bad = invalid("taskId")
	case l.RequestID == "" || len(l.RequestID) > 64:
		bad = invalid("requestId")
	case l.PushMode != 0 && l.PushMode != 1:
		bad = invalid("pushMode")
	}
	if bad != nil {
		refuse(w, bad)
		return
	}
	useless, whole, cut := f.bring(w, r, m, l.TaskID, l.RegIDs)
	switch {
	case cut:
		pushfakes.Cut()
	case whole != nil:
		refuse(w, whole)
	default:
		done := map[string]any{"requestId": l.RequestID, "result": 0, "desc": "请求成功"}
		if len(useless) > 0 {
			done["invalidUsers"] = invalidUsers(useless)
		}
		pushfakes.Answer(w, http.StatusOK, done)
	}
}

// read takes a message, and refuses one whose access or fields are wrong.
func (f *Fake) read(r *http.Request, body *json.Decoder, m *message) *refusal {
	if body.Decode(m) != nil {
		return broken
	}
	if bad := f.checkAccess(r); bad != nil {
		return bad
	}
	if len(m.AppID) > 0 && bare(m.AppID) != f.id {
		return otherApp
	}
	if bad := checkText(m); bad != nil {
		return bad
	}
	return checkRest(m)
}

// checkText: what is not ASCII counts two, but an emoji counts one.
func checkText(m *message) *refusal {
	switch {
	case m.Title == "":
		return &refusal{code: 10055, text: "title不能为空"}
	case length(m.Title) > 40:
		return &refusal{code: 10056, text: "title不能超过40个字符"}
	case m.Content == "":
		return &refusal{code: 10058, text: "content不能为空"}
	case length(m.Content) > 100:
		return &refusal{code: 10059, text: "content不能超过100个字符"}
	}
	return nil
}

func length(text string) int {
	n := 0
	for _, r := range text {
		if n++; r >= 0x80 && r < 0x1F000 {
			n++
		}
	}
	return n
}

func checkRest(m *message) *refusal {
	size := 0
	for k, v := range m.ClientCustomMap {
		size += utf8.RuneCountInString(k) + utf8.RuneCountInString(v)
	}
	switch {
	case m.NotifyType < 1 || m.NotifyType > 4:
		return &refusal{code: 10054, text: "notifyType不合法"}
	case m.TimeToLive != nil && (*m.TimeToLive < 60 || *m.TimeToLive > 7*24*60*60):
		return invalid("timeToLive")
	case m.SkipType < 1 || m.SkipType > 4:
		return invalid("skipType")
	case m.SkipType == 2 && (m.SkipContent == "" || utf8.RuneCountInString(m.SkipContent) > 1000), m.SkipType > 2 && (m.SkipContent == "" || utf8.RuneCountInString(m.SkipContent) > 1024):
		return invalid("skipContent")
	case !slices.Contains([]string{"", "-1", "1"}, bare(m.NetworkType)):
		return invalid("networkType")
	case m.Classification != 0 && m.Classification != 1, m.Category != "" && !slices.Contains([][]string{operations, system}[m.Classification], m.Category):
		return invalid("category")
	case len(m.ClientCustomMap) > 10:
		return &refusal{code: 10066, text: "自定义key和Value键值对个数不能超过10个"}
	case size > 1024:
		return &refusal{code: 10067, text: "自定义key和Value键值对总长度不能超过1024字符"}
	case m.RequestID == "" || len(m.RequestID) > 64:
		return invalid("requestId")
	case m.PushMode != 0 && m.PushMode != 1:
		return invalid("pushMode")
	}
	return nil
}

// task gives a number, and keeps what is to go to many under it.
func (f *Fake) task(kept *message) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tasks++
	id := strconv.Itoa(121397329 + f.tasks)
	if kept != nil {
		f.saved[id] = *kept
	}
	return id
}

// Faults of a list as a whole.
const (
	listNamed   = "list-named"
	listUnnamed = "list-unnamed"
)

// bring shows a message, but for what faults say: of phones that are of no use, or of the whole call, which then shows nothing. cut says that
// the answer is to be lost.
func (f *Fake) bring(w http.ResponseWriter, r *http.Request, m message, task string, ids []string) (useless []*refusal, whole *refusal, cut bool) {
	out := map[string]*refusal{}
	for _, id := range ids {
		fault, ok := f.faults.Next(id)
		switch {
		case !ok:
		case fault.Name == pushfakes.CutAfter:
			cut = true
		case len(ids) > 1 && (fault.Name == listNamed || fault.Name == listUnnamed):
			if whole == nil {
				whole = &refusal{code: 10302, text: "regId不合法"}
			}
			if fault.Name == listNamed {
				whole.named = append(whole.named, act(w, r, fault, id))
			}
		default:
			if bad := act(w, r, fault, id); bad.user != "" {
				out[id] = bad
			} else {
				whole = bad
			}
		}
	}
	if whole != nil {
		return nil, whole, cut
	}
	for _, id := range ids {
		bad := out[id]
		if bad == nil {
			bad = f.show(&m, task, id)
		}
		if bad != nil {
			useless = append(useless, bad)
		}
	}
	return useless, nil, cut
}

// show has a phone show a message.
func (f *Fake) show(m *message, task, id string) *refusal {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ids[id] {
		return useless(id, 1)
	}
	shown := pushfakes.Shown{
		ID: cmp.Or(m.ClientCustomMap["event"], m.RequestID), Vendor: task, Title: m.Title, Body: m.Content, Link: m.link(), Data: m.ClientCustomMap, Urgent: m.NotifyType == 4, At: f.now(),
	}
	if m.NotifyID != 0 {
		shown.Collapse = strconv.Itoa(int(m.NotifyID))
	}
	f.phones.Show(pushfakes.Phone{Service: f.Name(), Package: f.app, Token: id}, shown, -1)
	return nil
}

// link is what is opened: of an intent (skipType 4) the data, with the scheme that it names.
func (m *message) link() string {
	if m.SkipType != 4 {
		return m.SkipContent
	}
	if link, is := pushfakes.IntentLink(m.SkipContent); is {
		return link
	}
	return m.SkipContent
}
