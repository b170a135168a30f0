package vivo

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"annal/pkg/projections/push"
)

// Limits of a notification (doc/362): characters, of which Chinese ones count two, and times.
const (
	maxTitle   = 40
	maxContent = 100
	minLive    = time.Minute
	maxLive    = 7 * 24 * time.Hour
)

// What the fields' numbers say (doc/362).
const (
	silent         = 1
	ringAndVibrate = 4

	opensApp  = 1
	opensPage = 4

	anyNetwork    = -1
	systemMessage = 1
)

// payload has the fields of /message/send and of /message/saveListPayload that notes have something for.
type payload struct {
	AppID      string `json:"appId"`
	Title      string `json:"title"`
	Content    string `json:"content"`
	NotifyType int    `json:"notifyType"` // on Android 8 and before; later ones have it from the category
	TimeToLive int    `json:"timeToLive,omitempty"`
	SkipType   int    `json:"skipType"`
	// SkipContent is an intent in the form of a URI.
	SkipContent     string            `json:"skipContent,omitempty"`
	NetworkType     int               `json:"networkType"`
	Classification  int               `json:"classification"`
	Category        string            `json:"category"`
	ClientCustomMap map[string]string `json:"clientCustomMap,omitempty"`
	PushMode        int               `json:"pushMode"`
	// NotifyID is the number under which phones show it: a later one takes the place of an earlier one.
	NotifyID int32 `json:"notifyId,omitempty"`
}

// single is what /message/send takes, saved what /message/saveListPayload does, list what /message/pushToList does.
type (
	single struct {
		payload
		RegID     string `json:"regId"`
		RequestID string `json:"requestId"`
	}
	saved struct {
		payload
		RequestID string `json:"requestId"`
	}
	list struct {
		AppID     string   `json:"appId"`
		RegIDs    []string `json:"regIds"`
		TaskID    string   `json:"taskId"`
		RequestID string   `json:"requestId"`
		PushMode  int      `json:"pushMode"`
	}
)

// payload writes a note as the vendor takes it.
func (s *Service) payload(n *push.Note, now time.Time) payload {
	p := payload{
		AppID: s.config.AppID, Title: cut(n.Title, maxTitle), Content: cut(n.Body, maxContent), NotifyType: silent, SkipType: opensApp, NetworkType: anyNetwork,
		Classification: systemMessage, Category: s.config.Category, ClientCustomMap: n.Data, PushMode: s.config.PushMode, NotifyID: notifyID(n.Collapse),
	}
	if !n.Expires.IsZero() {
		p.TimeToLive = int((min(max(n.Expires.Sub(now), minLive), maxLive) + time.Second - 1) / time.Second)
	}
	if n.Urgent || n.Kind == push.Call {
		p.NotifyType = ringAndVibrate
	}
	if n.Link != "" {
		p.SkipType, p.SkipContent = opensPage, intent(n.Link, s.app)
	}
	return p
}

// intent writes a link as an intent of the app's (https://developer.android.com/reference/android/content/Intent#toUri(int), URI_INTENT_SCHEME): the vendor
// opens links themselves in the browser.
func intent(link, app string) string {
	scheme, rest, _ := strings.Cut(link, ":")
	return "intent:" + rest + "#Intent;scheme=" + scheme + ";package=" + app + ";end"
}

// notifyID makes a number of what notes have in common, the same one each time. Two sessions of one phone have the same one once in 2³¹.
func notifyID(collapse string) int32 {
	if collapse == "" {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(collapse))
	return int32(h.Sum32()&0x7fffffff) | 1
}

// requestOf names a call by the notes of its letters.
func requestOf(letters []*push.Letter) string {
	notes := make([]string, len(letters))
	for i, l := range letters {
		notes[i] = l.Note.ID
	}
	return requestID(notes)
}

// requestID names a call by notes, in 64 characters at most: the same when it is made again for the same ones. The vendor does not say within what
// it has to be unique.
func requestID(notes []string) string {
	sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(slices.Values(notes)), "\x00")))
	return hex.EncodeToString(sum[:16])
}

// length counts characters as the vendor does: two for what is not ASCII.
func length(text string) int {
	n := 0
	for _, r := range text {
		n += width(r)
	}
	return n
}

func width(r rune) int {
	if r < 0x80 {
		return 1
	}
	return 2
}

// cut shortens a text to so many characters, the last two of which then are an ellipsis.
func cut(text string, most int) string {
	_, short, _ := push.Fit("", text, func(_, text string) bool { return length(text) <= most })
	return short
}
