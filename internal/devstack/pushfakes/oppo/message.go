package oppofake

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"annal/internal/devstack/pushfakes"
)

// maxBatch is how many messages a batch has at most (11238).
const maxBatch = 1000

// message is what 11238 calls message: whom for, and the notification.
type message struct {
	TargetType   *int          `json:"target_type"`
	TargetValue  string        `json:"target_value"`
	Verify       bool          `json:"verify_registration_id"`
	Notification *notification `json:"notification"`
}

// notification are the fields of 11236 that unicast has; those of pictures and of broadcasts are left out.
type notification struct {
	AppMessageID     string `json:"app_message_id"`
	Style            int    `json:"style"`
	Title            string `json:"title"`
	SubTitle         string `json:"sub_title"`
	Content          string `json:"content"`
	ClickActionType  int    `json:"click_action_type"`
	ClickActivity    string `json:"click_action_activity"`
	ClickURL         string `json:"click_action_url"`
	ActionParameters string `json:"action_parameters"`
	OffLine          *bool  `json:"off_line"`
	OffLineTTL       *int   `json:"off_line_ttl"`
	ChannelID        string `json:"channel_id"`
	NotifyID         int32  `json:"notify_id"`
	Category         string `json:"category"`
	NotifyLevel      *int   `json:"notify_level"`
	BadgeOperation   *int   `json:"badge_operation_type"`
	BadgeCount       *int   `json:"badge_message_count"`
}

// categories are those of 13189; the app of a fake was granted all of them, and the level 16.
var categories = []string{"IM", "ACCOUNT", "DEVICE_REMINDER", "ORDER", "TODO", "SUBSCRIPTION", "NEWS", "CONTENT", "MARKETING", "SOCIAL"}

// unicast brings one message (11238).
func (f *Fake) unicast(w http.ResponseWriter, r *http.Request) {
	if bad := f.checkAccess(r); bad != nil {
		refuse(w, bad)
		return
	}
	var m message
	if bad := parse(r.PostForm.Get("message"), "message", &m); bad != nil {
		refuse(w, bad)
		return
	}
	if bad := check(&m); bad != nil {
		refuse(w, bad)
		return
	}
	results, whole, cut := f.bring(w, r, []message{m})
	switch {
	case cut:
		pushfakes.Cut()
	case whole != nil:
		refuse(w, whole)
	case results[0].why != nil:
		refuse(w, results[0].why)
	default:
		succeed(w, map[string]any{"messageId": results[0].id})
	}
}

// unicastBatch brings many, each with its own content (11238).
func (f *Fake) unicastBatch(w http.ResponseWriter, r *http.Request) {
	if bad := f.checkAccess(r); bad != nil {
		refuse(w, bad)
		return
	}
	var messages []message
	if bad := parse(r.PostForm.Get("messages"), "messages", &messages); bad != nil {
		refuse(w, bad)
		return
	}
	if len(messages) == 0 || len(messages) > maxBatch {
		refuse(w, invalid("messages"))
		return
	}
	for i := range messages {
		if bad := check(&messages[i]); bad != nil {
			refuse(w, bad)
			return
		}
	}
	results, whole, cut := f.bring(w, r, messages)
	switch {
	case cut:
		pushfakes.Cut()
	case whole != nil:
		refuse(w, whole)
	default:
		items := make([]map[string]any, len(results))
		for i, res := range results {
			items[i] = map[string]any{"registrationId": messages[i].TargetValue, "messageId": res.id}
			if res.why != nil {
				items[i]["errorCode"], items[i]["errorMessage"] = res.why.code, res.why.text
			}
		}
		succeed(w, items)
	}
}

func parse(text, name string, into any) *refusal {
	switch {
	case text == "":
		return missing(name)
	case json.Unmarshal([]byte(text), into) != nil:
		return invalid(name)
	}
	return nil
}

// check refuses what 11236 and 11238 don't allow.
func check(m *message) *refusal {
	switch {
	case m.TargetType == nil:
		return missing("target_type")
	case *m.TargetType != 2: // 5 is an alias, of which there are none here
		return invalid("target_type")
	case m.TargetValue == "":
		return missing("target_value")
	case m.Notification == nil:
		return missing("notification")
	}
	n := m.Notification
	if bad := checkText(n); bad != nil {
		return bad
	}
	if bad := checkAction(n); bad != nil {
		return bad
	}
	switch {
	case n.OffLineTTL != nil && *n.OffLineTTL <= 0:
		return invalid("off_line_ttl")
	case n.Category != "" && !slices.Contains(categories, n.Category):
		return badCategory
	case n.NotifyLevel != nil && (n.Category == "" || *n.NotifyLevel != 1 && *n.NotifyLevel != 2 && *n.NotifyLevel != 16):
		return badCategory
	case n.BadgeOperation != nil && *n.BadgeOperation != 0 && *n.BadgeOperation != 1:
		return invalid("badge_operation_type")
	case n.BadgeCount != nil && *n.BadgeCount < 0:
		return invalid("badge_message_count")
	}
	return nil
}

// checkText: characters are counted as such, an emoji as one.
func checkText(n *notification) *refusal {
	most, known := map[int]int{0: 50, 1: 50, 2: 128}[n.Style] // 3 is a picture, which only broadcasts have
	switch {
	case n.Title == "":
		return missing("title")
	case utf8.RuneCountInString(n.Title) > 50:
		return invalid("title")
	case utf8.RuneCountInString(n.SubTitle) > 10:
		return invalid("sub_title")
	case !known:
		return invalid("style")
	case n.Content == "":
		return missing("content")
	case utf8.RuneCountInString(n.Content) > most:
		return invalid("content")
	}
	return nil
}

func checkAction(n *notification) *refusal {
	var object map[string]any
	switch {
	case !slices.Contains([]int{0, 1, 2, 4, 5}, n.ClickActionType):
		return invalid("click_action_type")
	case (n.ClickActionType == 1 || n.ClickActionType == 4) && n.ClickActivity == "":
		return missing("click_action_activity")
	case utf8.RuneCountInString(n.ClickActivity) > 500:
		return invalid("click_action_activity")
	case (n.ClickActionType == 2 || n.ClickActionType == 5) && n.ClickURL == "":
		return missing("click_action_url")
	case utf8.RuneCountInString(n.ClickURL) > 2000:
		return invalid("click_action_url")
	case utf8.RuneCountInString(n.ActionParameters) > 4000, n.ActionParameters != "" && json.Unmarshal([]byte(n.ActionParameters), &object) != nil:
		return invalid("action_parameters")
	}
	return nil
}

// result is what came of a message: an id, or why not.
type result struct {
	id  string
	why *refusal
}

// bring shows messages, but for what faults say: a code from 10000 on is of its message, another one of the whole call, which then shows
// nothing. cut says that the answer is to be lost.
func (f *Fake) bring(w http.ResponseWriter, r *http.Request, messages []message) (results []result, whole *refusal, cut bool) {
	results = make([]result, len(messages))
	for i := range messages {
		fault, ok := f.faults.Next(messages[i].TargetValue)
		switch {
		case !ok:
		case fault.Name == pushfakes.CutAfter:
			cut = true
		default:
			if bad := act(w, r, fault); bad.code >= badRegistration.code {
				results[i].why = bad
			} else {
				whole = bad
			}
		}
	}
	if whole != nil {
		return nil, whole, cut
	}
	for i := range messages {
		if results[i].why == nil {
			results[i] = f.show(&messages[i])
		}
	}
	return results, nil, cut
}

// show has a phone show a message, unless it had it before (app_message_id, 11236).
func (f *Fake) show(m *message) result {
	n := m.Notification
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ids[m.TargetValue] {
		return result{why: badRegistration}
	}
	was := [2]string{m.TargetValue, n.AppMessageID}
	if id := f.sent[was]; id != "" {
		return result{id: id}
	}
	id := f.key + "-1-1-" + pushfakes.Random(16)
	if n.AppMessageID != "" {
		f.sent[was] = id
	}
	shown := pushfakes.Shown{Vendor: id, Title: n.Title, Body: n.Content, Link: n.ClickURL, Urgent: n.NotifyLevel != nil && *n.NotifyLevel >= 2, At: f.now()}
	if n.NotifyID != 0 {
		shown.Collapse = strconv.Itoa(int(n.NotifyID))
	}
	shown.ID = n.AppMessageID
	if json.Unmarshal([]byte(n.ActionParameters), &shown.Data) == nil {
		shown.ID = cmp.Or(shown.Data["event"], shown.ID)
	}
	at := pushfakes.Phone{Service: f.Name(), Package: f.app, Token: m.TargetValue}
	f.phones.Show(at, shown, f.badge(at, n))
	return result{id: id}
}

// badge is the number that a notification sets, negative for none. Operation 0 sets it, 1 counts one up.
func (f *Fake) badge(at pushfakes.Phone, n *notification) int {
	switch {
	case n.BadgeOperation == nil:
		return -1
	case *n.BadgeOperation == 1:
		return max(f.phones.Screen(at).Badge, 0) + 1
	case n.BadgeCount == nil:
		return -1
	}
	return *n.BadgeCount
}
