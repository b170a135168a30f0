package fcm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"annal/pkg/projections/push"
)

const (
	// maxPayload is how many bytes Google takes of keys and values, 4096 (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode);
	// here the JSON of the message without its token is counted, which is more.
	maxPayload = 4096
	// maxLifetime is for how long Google keeps a message for a phone that is away.
	maxLifetime = 28 * 24 * time.Hour
)

// message is Google's Message, as far as it is used
// (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages).
type message struct {
	Token        string            `json:"token,omitempty"`
	Notification *notification     `json:"notification,omitempty"`
	Data         map[string]string `json:"data"`
	Android      android           `json:"android"`
}

type notification struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

// android is what is for Android alone. One field is not used: collapse_key has no say in notifications, which collapse on Google's servers in any case, and of what has one Google keeps four keys
// for a phone that is away, whichever they are: withdrawals of a fifth session would be lost. What is shown takes its place by the tag
// (https://firebase.google.com/docs/cloud-messaging/customize-messages/collapsible-message-types).
type android struct {
	// Priority HIGH wakes a phone that sleeps. Google takes it back from apps that show nothing for it.
	Priority string `json:"priority"`
	// TTL is in seconds, with an s behind.
	TTL string `json:"ttl,omitempty"`
	// Package is what the token has to be of.
	Package      string               `json:"restricted_package_name"`
	Notification *androidNotification `json:"notification,omitempty"`
}

type androidNotification struct {
	Tag          string `json:"tag,omitempty"`
	ChannelID    string `json:"channel_id"`
	Priority     string `json:"notification_priority,omitempty"`
	DefaultSound bool   `json:"default_sound,omitempty"`
	// Count is the number at the icon, where the launcher has one; 0 counts by itself.
	Count int `json:"notification_count,omitempty"`
}

// body gives the request's JSON for a letter, no longer than Google takes if cutting what is shown can do that.
func body(app string, l push.Letter, now time.Time) ([]byte, error) {
	m := compose(app, l.Note, now)
	if n := m.Notification; n != nil {
		// Whether it fits in the end is Google's to say.
		n.Title, n.Body, _ = push.Fit(n.Title, n.Body, func(title, body string) bool {
			short := m
			short.Notification = &notification{title, body}
			b, err := encode(short)
			return err == nil && len(b) <= maxPayload
		})
	}
	m.Token = l.Token
	return encode(map[string]message{"message": m})
}

func compose(app string, n push.Note, now time.Time) message {
	data := make(map[string]string, len(n.Data)+3)
	for key, value := range n.Data {
		data[key] = value
	}
	for key, value := range map[string]string{"link": n.Link, "thread": n.Thread} {
		if value != "" {
			data[key] = value
		}
	}
	m := message{Data: data, Android: android{Priority: "NORMAL", Package: app}}
	if !n.Expires.IsZero() {
		m.Android.TTL = strconv.Itoa(int(min(n.Expires.Sub(now), maxLifetime)/time.Second)) + "s"
	}
	if n.Kind == push.Withdraw {
		data["withdraw"] = n.Collapse
		if n.Badge >= 0 {
			data["badge"] = strconv.Itoa(n.Badge)
		}
		return m
	}
	m.Notification = &notification{n.Title, n.Body}
	m.Android.Notification = &androidNotification{Tag: n.Collapse, ChannelID: string(n.Kind), DefaultSound: n.Urgent, Count: max(n.Badge, 0)}
	if n.Urgent || n.Kind == push.Call {
		m.Android.Priority = "HIGH"
	}
	if n.Kind == push.Call {
		m.Android.Notification.Priority = "PRIORITY_MAX"
	}
	return m
}

func encode(what any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // <, > and & would take six bytes each
	if err := e.Encode(what); err != nil {
		return nil, fmt.Errorf("fcm: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
