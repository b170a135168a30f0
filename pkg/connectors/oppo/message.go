package oppo

import (
	"encoding/json"
	"hash/fnv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"annal/pkg/projections/push"
)

// Limits of a notification (11236), in characters.
const (
	maxTitle   = 50
	maxContent = 50
	maxLong    = 128
	maxURL     = 2000
	maxParams  = 4000
	maxOffline = 10 * 24 * time.Hour
	// maxToken is how long a registration id is taken for one, in bytes; those of the vendor's samples have some 40.
	maxToken = 256
)

// What the fields' numbers say (11236, 11238).
const (
	toRegistrationID = 2

	standard = 1
	longText = 2

	opensApp  = 0
	opensLink = 5

	inList     = 1
	lockScreen = 2

	overwrites = 0
)

// message is one of the parameter messages (11238).
type message struct {
	TargetType  int    `json:"target_type"`
	TargetValue string `json:"target_value"`
	// Verify has the phone drop what is not for the registration it has now.
	Verify       bool         `json:"verify_registration_id"`
	Notification notification `json:"notification"`
}

// notification has the fields of 11236 that notes have something for.
type notification struct {
	// AppMessageID is the note's: the vendor brings one with the same id to the same phone once.
	AppMessageID    string `json:"app_message_id"`
	Style           int    `json:"style"`
	Title           string `json:"title"`
	Content         string `json:"content"`
	ClickActionType int    `json:"click_action_type"`
	ClickActionURL  string `json:"click_action_url,omitempty"`
	// ActionParameters are what the app is given when the notification is opened, as JSON.
	ActionParameters string `json:"action_parameters"`
	OffLine          bool   `json:"off_line"`
	OffLineTTL       int    `json:"off_line_ttl,omitempty"` // seconds
	ChannelID        string `json:"channel_id,omitempty"`
	// NotifyID is the number under which phones show it: a later one takes the place of an earlier one.
	NotifyID          int32  `json:"notify_id,omitempty"`
	Category          string `json:"category"`
	NotifyLevel       int    `json:"notify_level"`
	TemplateID        string `json:"private_msg_template_id,omitempty"`
	TitleParameters   string `json:"private_title_parameters,omitempty"`
	ContentParameters string `json:"private_content_parameters,omitempty"`
	// Badge is given with the operation that sets it, or not at all.
	BadgeOperation *int `json:"badge_operation_type,omitempty"`
	Badge          *int `json:"badge_message_count,omitempty"`
}

// message writes a letter as the vendor takes it.
func (s *Service) message(l *push.Letter, now time.Time) message {
	note := &l.Note
	n := notification{
		AppMessageID: note.ID, Style: standard, Title: cut(note.Title, maxTitle), Content: note.Body, ClickActionType: opensApp,
		ActionParameters: object(note.Data), OffLine: true, ChannelID: s.config.ChannelID, NotifyID: notifyID(note.Collapse),
		Category: s.config.Category, NotifyLevel: inList,
	}
	if length(n.Content) > maxContent {
		n.Style, n.Content = longText, cut(n.Content, maxLong)
	}
	if note.Link != "" {
		n.ClickActionType, n.ClickActionURL = opensLink, note.Link
	}
	if !note.Expires.IsZero() {
		n.OffLineTTL = int((min(note.Expires.Sub(now), maxOffline) + time.Second - 1) / time.Second)
	}
	if note.Urgent {
		n.NotifyLevel = lockScreen
	}
	if note.Kind == push.Call {
		n.ChannelID, n.NotifyLevel = s.config.CallChannelID, s.config.CallNotifyLevel
	}
	if note.Badge >= 0 {
		operation := overwrites
		n.BadgeOperation, n.Badge = &operation, &note.Badge
	}
	n.TemplateID = s.config.TemplateID
	n.TitleParameters, n.ContentParameters = parameter(s.config.TitleParameter, n.Title), parameter(s.config.ContentParameter, n.Content)
	return message{TargetType: toRegistrationID, TargetValue: l.Token, Verify: true, Notification: n}
}

// fault is the vendor's code for what it would refuse of the message, 0 for nothing. A batch with one such is refused as a whole.
func (m *message) fault() int {
	switch n := &m.Notification; {
	case blank(n.Title) || blank(n.Content):
		return missingArgument
	case length(n.ClickActionURL) > maxURL || length(n.ActionParameters) > maxParams:
		return badArgument
	}
	return 0
}

// blank says whether nothing of a text is seen: it has spaces only, or characters without a width.
func blank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.Z, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
	})
}

// parameter is a template's one parameter, as JSON.
func parameter(name, value string) string {
	if name == "" {
		return ""
	}
	return object(map[string]string{name: value})
}

func object(fields map[string]string) string {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // strings always have a form in JSON
	}
	return string(b)
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

// length counts characters as a server in Java would at most: the vendor says that an emoji is one, and a text counted too long only loses its end.
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
