package meizu

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
	"unicode/utf16"

	"annal/pkg/projections/push"
)

// Limits of a notification: characters, and how long it waits for a phone that is away.
const (
	maxTitle   = 32
	maxContent = 100
	maxHours   = 72
)

// What the fields' numbers say.
const (
	private = 1

	opensApp = 0
	opensURI = 2
)

// message is messageJson of pushByPushId, as far as notes have something for it.
type message struct {
	NoticeBar noticeBar `json:"noticeBarInfo"`
	ClickType clickType `json:"clickTypeInfo"`
	PushTime  pushTime  `json:"pushTimeInfo"`
	Advance   advance   `json:"advanceInfo"`
}

type (
	noticeBar struct {
		NoticeMsgType int    `json:"noticeMsgType"`
		Title         string `json:"title"`
		Content       string `json:"content"`
	}
	clickType struct {
		ClickType  int               `json:"clickType"`
		URL        string            `json:"url,omitempty"`
		Parameters map[string]string `json:"parameters,omitempty"`
	}
	// pushTime says whether a message waits for a phone that is away, and for how many hours.
	pushTime struct {
		OffLine   int `json:"offLine"`
		ValidTime int `json:"validTime,omitempty"`
	}
	advance struct {
		Suspend          int              `json:"suspend"` // floats above what is on the screen
		ClearNoticeBar   int              `json:"clearNoticeBar"`
		NotificationType notificationType `json:"notificationType"`
		// NotifyKey is what notifications have in common of which phones show the last one: 8 of A-Z a-z 0-9 - _ at most.
		NotifyKey string `json:"notifyKey,omitempty"`
	}
	notificationType struct {
		Vibrate int `json:"vibrate"`
		Lights  int `json:"lights"`
		Sound   int `json:"sound"`
	}
)

// newMessage writes a note as the vendor takes it.
func newMessage(n *push.Note, now time.Time) message {
	m := message{
		NoticeBar: noticeBar{NoticeMsgType: private, Title: cut(n.Title, maxTitle), Content: cut(n.Body, maxContent)},
		ClickType: clickType{ClickType: opensApp, Parameters: n.Data},
		PushTime:  waits(n.Expires, now),
		Advance:   advance{ClearNoticeBar: 1, NotifyKey: notifyKey(n.Collapse)},
	}
	if n.Link != "" {
		m.ClickType.ClickType, m.ClickType.URL = opensURI, n.Link
	}
	if n.Urgent || n.Kind == push.Call {
		m.Advance.Suspend, m.Advance.NotificationType = 1, notificationType{Vibrate: 1, Lights: 1, Sound: 1}
	}
	return m
}

// waits: hours are whole ones. What ends within the hour, such as a call, is for phones that are there now.
func waits(expires, now time.Time) pushTime {
	switch left := expires.Sub(now); {
	case expires.IsZero():
		return pushTime{OffLine: 1, ValidTime: maxHours}
	case left < time.Hour:
		return pushTime{}
	default:
		return pushTime{OffLine: 1, ValidTime: min(int(left/time.Hour), maxHours)}
	}
}

// notifyKey makes 8 characters of what notes have in common, the same ones each time. Two sessions of one phone have the same ones once in 2⁴⁸.
func notifyKey(collapse string) string {
	if collapse == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(collapse))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// length counts characters as a server in Java does.
func length(text string) int {
	n := 0
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return n
}

// cut shortens a text to so many characters, the last of which then is an ellipsis.
func cut(text string, most int) string {
	_, short, _ := push.Fit("", text, func(_, text string) bool { return length(text) <= most })
	return short
}
