package huawei

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

// request is a call of messages:send (https://developer.huawei.com/consumer/en/doc/HMSCore-References/https-send-api-0000001050986197).
type request struct {
	Message message `json:"message"`
}

type message struct {
	// Data goes to the app when the notification is tapped: a JSON object, as a string.
	Data    string   `json:"data"`
	Android android  `json:"android"`
	Token   []string `json:"token"`
}

type android struct {
	// Category has the message brought at once, as an instant message or a call, where the app has the right to say so; else Huawei classifies it itself.
	Category     string       `json:"category"`
	TTL          string       `json:"ttl"`
	Notification notification `json:"notification"`
}

type notification struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	// Tag: of messages with the same one the newest is shown.
	Tag         string      `json:"tag,omitempty"`
	ClickAction clickAction `json:"click_action"`
	Badge       *badge      `json:"badge,omitempty"`
}

type clickAction struct {
	Type   int    `json:"type"`
	Intent string `json:"intent,omitempty"`
}

// Types of clickAction.
const (
	clickIntent = 1
	clickApp    = 3
)

type badge struct {
	Class  string `json:"class"`
	SetNum int    `json:"set_num"`
}

const (
	// maxMessage is how long a request can be, in bytes, without its tokens.
	maxMessage = 4096
	maxBadge   = 99
	longestTTL = 15 * 24 * time.Hour
)

// Three fields of theirs are left alone. collapse_key has 101 values, of which each keeps one message for a phone that is off: two sessions that shared one would
// lose messages. group shows the newest of a group alone; a note's Thread is in the data. And urgency is of messages that show nothing, and HIGH needs a
// right of its own.

// compose writes a note, without whom it is for. ok is false if even with nothing to show it is too long.
func (s *Service) compose(n *push.Note, left time.Duration) (r request, ok bool) {
	r.Message.Data = data(n)
	r.Message.Token = []string{}
	a := &r.Message.Android
	a.Category = "IM"
	if n.Kind == push.Call {
		a.Category = "VOIP"
	}
	a.TTL = fmt.Sprintf("%ds", int(max(min(left, longestTTL), time.Second)/time.Second))
	a.Notification = notification{Tag: n.Collapse, ClickAction: s.click(n.Link)}
	if n.Badge >= 0 && s.config.BadgeClass != "" {
		a.Notification.Badge = &badge{Class: s.config.BadgeClass, SetNum: min(n.Badge, maxBadge)}
	}
	a.Notification.Title, a.Notification.Body, ok = push.Fit(n.Title, n.Body, func(title, body string) bool {
		a.Notification.Title, a.Notification.Body = title, body
		return len(written(r)) <= maxMessage
	})
	return r, ok
}

func written(r any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(r) // strings and numbers can be encoded
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// data is what the app gets: the note's own, its thread and its link; nothing that is of one device, so that one request may be for many.
func data(n *push.Note) string {
	d := maps.Clone(n.Data)
	if d == nil {
		d = map[string]string{}
	}
	if n.Thread != "" {
		d["thread"] = n.Thread
	}
	if n.Link != "" {
		d["link"] = n.Link
	}
	return string(written(d))
}

// click opens a link in the app, by an intent as Android writes them
// (https://developer.android.com/reference/android/content/Intent#toUri(int)), or the app itself.
func (s *Service) click(link string) clickAction {
	u, err := url.Parse(link)
	if err != nil || u.Scheme == "" {
		return clickAction{Type: clickApp}
	}
	rest := strings.TrimPrefix(link[len(u.Scheme):], ":")
	return clickAction{Type: clickIntent, Intent: "intent:" + rest + "#Intent;scheme=" + u.Scheme + ";package=" + s.app + ";launchFlags=0x4000000;end"}
}
