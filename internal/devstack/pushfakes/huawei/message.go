package huaweifake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// request is the body of messages:send, version 1, with every field that Huawei documents for Android
// (https://developer.huawei.com/consumer/en/doc/HMSCore-References/https-send-api-0000001050986197). One that is none of them is refused.
type request struct {
	ValidateOnly bool            `json:"validate_only"`
	Message      *message        `json:"message"`
	Review       json.RawMessage `json:"review"`
}

type message struct {
	Data         string          `json:"data"`
	Notification *basic          `json:"notification"`
	Android      *android        `json:"android"`
	Apns         json.RawMessage `json:"apns"`
	Webpush      json.RawMessage `json:"webpush"`
	Token        []string        `json:"token"`
	Topic        string          `json:"topic"`
	Condition    string          `json:"condition"`
}

type basic struct{ Title, Body, Image string }

type android struct {
	BiTag          string        `json:"bi_tag"`
	Category       string        `json:"category"`
	CollapseKey    *int          `json:"collapse_key"`
	Data           string        `json:"data"`
	FastAppTarget  int           `json:"fast_app_target"`
	Notification   *notification `json:"notification"`
	ReceiptID      string        `json:"receipt_id"`
	TargetUserType int           `json:"target_user_type"`
	TTL            string        `json:"ttl"`
	Urgency        string        `json:"urgency"`
}

type notification struct {
	Title             string          `json:"title"`
	Body              string          `json:"body"`
	Icon              string          `json:"icon"`
	Color             string          `json:"color"`
	Sound             string          `json:"sound"`
	DefaultSound      bool            `json:"default_sound"`
	Tag               string          `json:"tag"`
	ClickAction       *clickAction    `json:"click_action"`
	BodyLocKey        string          `json:"body_loc_key"`
	BodyLocArgs       []string        `json:"body_loc_args"`
	TitleLocKey       string          `json:"title_loc_key"`
	TitleLocArgs      []string        `json:"title_loc_args"`
	MultiLangKey      json.RawMessage `json:"multi_lang_key"`
	ChannelID         string          `json:"channel_id"`
	NotifySummary     string          `json:"notify_summary"`
	Image             string          `json:"image"`
	Style             int             `json:"style"`
	BigTitle          string          `json:"big_title"`
	BigBody           string          `json:"big_body"`
	NotifyID          *int            `json:"notify_id"`
	Group             string          `json:"group"`
	Badge             *badge          `json:"badge"`
	Ticker            string          `json:"ticker"`
	When              string          `json:"when"`
	Importance        string          `json:"importance"`
	UseDefaultVibrate bool            `json:"use_default_vibrate"`
	UseDefaultLight   bool            `json:"use_default_light"`
	VibrateConfig     []string        `json:"vibrate_config"`
	Visibility        string          `json:"visibility"`
	LightSettings     json.RawMessage `json:"light_settings"`
	ForegroundShow    bool            `json:"foreground_show"`
	ProfileID         string          `json:"profile_id"`
	InboxContent      []string        `json:"inbox_content"`
	Buttons           json.RawMessage `json:"buttons"`
}

type clickAction struct {
	Type                int
	Intent, URL, Action string
}

type badge struct {
	AddNum *int   `json:"add_num"`
	SetNum *int   `json:"set_num"`
	Class  string `json:"class"`
}

// refusal is an error of Push Kit: its code, and what it says of it.
type refusal struct{ code, msg string }

// Limits of a message.
const (
	maxMessage, maxTokens = 4096, 1000
	longestTTL            = 1_296_000
)

var (
	ttls       = regexp.MustCompile(`^[0-9]{1,9}[sS]?$`)
	categories = []string{"", "IM", "VOIP", "SUBSCRIPTION", "TRAVEL", "HEALTH", "WORK", "ACCOUNT", "EXPRESS", "FINANCE", "DEVICE_REMINDER", "MAIL", "PLAY_VOICE", "MARKETING"}
)

func wrong(format string, args ...any) *refusal {
	return &refusal{"80100003", "Illegal payload, " + fmt.Sprintf(format, args...)}
}

// read reads a request and checks what can be checked without knowing who sent it.
func read(body []byte) (*message, *refusal) {
	var r request
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return nil, wrong("%v", err)
	}
	m := r.Message
	if m == nil {
		return nil, &refusal{"80300010", "The number of tokens does not fit"}
	}
	if targets := btoi(len(m.Token) > 0) + btoi(m.Topic != "") + btoi(m.Condition != ""); targets > 1 {
		return nil, wrong("one of token, topic and condition")
	}
	if len(m.Token) == 0 || len(m.Token) > maxTokens {
		return nil, &refusal{"80300010", "The number of tokens does not fit"}
	}
	if tokens, _ := json.Marshal(m.Token); len(body)-len(tokens) > maxMessage-len("[]") {
		return nil, &refusal{"80300008", "The size of the message body exceeds the default value (4096)"}
	}
	return m, m.check()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (m *message) check() *refusal {
	if m.Android == nil {
		if m.Notification != nil || m.Data == "" {
			return wrong("android is missing")
		}
		return nil
	}
	a := m.Android
	switch {
	case !slices.Contains(categories, a.Category):
		return wrong("category")
	case a.CollapseKey != nil && (*a.CollapseKey < -1 || *a.CollapseKey > 100):
		return &refusal{"80100013", "collapse_key"}
	case a.TTL != "" && !ttls.MatchString(a.TTL):
		return wrong("ttl")
	case !slices.Contains([]string{"", "HIGH", "NORMAL"}, a.Urgency):
		return wrong("urgency")
	case a.Urgency == "HIGH":
		return &refusal{"80300011", "No right to send messages of high priority"}
	}
	seconds, _ := strconv.Atoi(strings.TrimRight(a.TTL, "sS"))
	if a.TTL != "" && (seconds < 1 || seconds > longestTTL) {
		return &refusal{"80100004", "ttl"}
	}
	if a.Notification == nil {
		if m.Notification != nil || m.Data == "" && a.Data == "" {
			return wrong("android.notification is missing")
		}
		return nil
	}
	return m.checkNotification()
}

// title and body are of the general notification unless Android's has its own.
func (m *message) shown() (title, body string) {
	if m.Notification != nil {
		title, body = m.Notification.Title, m.Notification.Body
	}
	if n := m.Android.Notification; n.Title != "" {
		title = n.Title
	}
	if n := m.Android.Notification; n.Body != "" {
		body = n.Body
	}
	return title, body
}

func (m *message) checkNotification() *refusal {
	n := m.Android.Notification
	if title, body := m.shown(); title == "" || body == "" {
		return wrong("title and body must be set")
	}
	if c := n.ClickAction; c == nil || c.Type < 1 || c.Type > 3 || c.Type == 1 && c.Intent == "" && c.Action == "" || c.Type == 2 && !strings.HasPrefix(c.URL, "https://") {
		return wrong("click_action")
	}
	if n.Style == 1 && (n.BigTitle == "" || n.BigBody == "") || n.Style < 0 || n.Style > 3 || n.Style == 2 {
		return wrong("style")
	}
	if !slices.Contains([]string{"", "LOW", "NORMAL"}, n.Importance) {
		return wrong("importance")
	}
	if b := n.Badge; b != nil {
		switch {
		case b.Class == "":
			return wrong("badge class is missing")
		case b.AddNum != nil && (*b.AddNum < 1 || *b.AddNum > 99):
			return wrong("badge addNum value ranges from 1 to 99")
		case b.SetNum != nil && (*b.SetNum < 0 || *b.SetNum > 99):
			return wrong("badge setNum value ranges from 0 to 99")
		}
	}
	return nil
}
