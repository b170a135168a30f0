package fcmfake

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"annal/internal/devstack/pushfakes"
)

// message is what of a request comes to a phone.
type message struct {
	ValidateOnly bool `json:"-"`
	Token        string
	Topic        string
	Condition    string
	Data         map[string]string
	Notification *struct{ Title, Body string }
	Android      struct {
		CollapseKey  string `json:"collapse_key"`
		Priority     string
		TTL          string
		Package      string `json:"restricted_package_name"`
		Data         map[string]string
		Notification *struct {
			Title, Body, Tag string
			Count            int `json:"notification_count"`
		}
	}
}

const (
	// maxPayload is how many bytes keys and values may have.
	maxPayload  = 4096
	maxLifetime = 28 * 24 * time.Hour
)

// Google does not say what the form of a token is, but that one that is cut or has more is refused for that.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9_-]{22}:APA91b[A-Za-z0-9_-]{134}$`)

// parse reads a request, or says what is wrong with it.
func parse(h http.Header, body []byte) (*message, *refusal) {
	// Google's older samples have "application/json; UTF-8", which is no media type's form.
	if media, _, _ := strings.Cut(h.Get("Content-Type"), ";"); strings.TrimSpace(media) != "application/json" {
		return nil, field("", "Invalid JSON payload received. Content-Type is none of JSON.")
	}
	var given any
	if err := json.Unmarshal(body, &given); err != nil {
		return nil, field("", "Invalid JSON payload received. "+err.Error())
	}
	understood, bad := request.check("", given)
	if bad != nil {
		return nil, bad
	}
	clean, err := json.Marshal(understood)
	if err != nil {
		return nil, field("", err.Error())
	}
	var r struct {
		ValidateOnly bool `json:"validate_only"`
		Message      *message
	}
	if err := json.Unmarshal(clean, &r); err != nil {
		return nil, field("", err.Error())
	}
	if r.Message == nil {
		return nil, field("message", "Message is not set.")
	}
	r.Message.ValidateOnly = r.ValidateOnly
	return r.Message, r.Message.check()
}

// check says what is wrong with a message whose fields are right.
func (m *message) check() *refusal {
	targets := 0
	for _, to := range []string{m.Token, m.Topic, m.Condition} {
		if to != "" {
			targets++
		}
	}
	switch {
	case targets == 0:
		return invalid("Recipient of the message is not set.")
	case targets > 1:
		return field("message", "oneof field 'target' is already set.")
	case m.Token == "":
		return invalid("Messages to topics are not of this service.")
	}
	for _, data := range []map[string]string{m.Data, m.Android.Data} {
		for key := range data {
			if key == "" || key == "from" || key == "message_type" || strings.HasPrefix(key, "google.") || strings.HasPrefix(key, "gcm.notification.") {
				return invalid("Invalid data payload key: " + key)
			}
		}
	}
	if ttl := m.Android.TTL; ttl != "" {
		if seconds, err := strconv.ParseFloat(strings.TrimSuffix(ttl, "s"), 64); err != nil || seconds > maxLifetime.Seconds() {
			return field("message.android.ttl", "Invalid value at 'message.android.ttl': "+ttl)
		}
	}
	if m.size() > maxPayload {
		return invalid("Android message is too big")
	}
	return nil
}

func (m *message) size() int {
	n := 0
	for key, value := range m.data() {
		n += len(key) + len(value)
	}
	if m.Notification != nil || m.Android.Notification != nil {
		title, body := m.texts()
		n += len("title") + len(title) + len("body") + len(body)
	}
	return n
}

// data is what the app gets: that for Android takes the place of the other.
func (m *message) data() map[string]string {
	if m.Android.Data != nil {
		return m.Android.Data
	}
	return m.Data
}

func (m *message) texts() (title, body string) {
	if m.Notification != nil {
		title, body = m.Notification.Title, m.Notification.Body
	}
	if n := m.Android.Notification; n != nil {
		if n.Title != "" {
			title = n.Title
		}
		if n.Body != "" {
			body = n.Body
		}
	}
	return title, body
}

// show does what a phone does: a notification is the system's to show, data alone is given to an app, which keeps to what the connector
// documents.
func (f *Fake) show(m *message, id string) {
	at := pushfakes.Phone{Service: f.Name(), Package: f.app, Token: m.Token}
	data := m.data()
	if m.Notification == nil && m.Android.Notification == nil {
		if tag := data["withdraw"]; tag != "" {
			badge, err := strconv.Atoi(data["badge"])
			if err != nil {
				badge = -1
			}
			f.phones.Withdraw(at, tag, "", badge)
		}
		return
	}
	s := pushfakes.Shown{
		ID: data["event"], Vendor: id, Thread: data["thread"], Link: data["link"], Data: data, Urgent: strings.EqualFold(m.Android.Priority, "high"), At: f.now(),
	}
	s.Title, s.Body = m.texts()
	badge := -1
	if n := m.Android.Notification; n != nil {
		s.Collapse = n.Tag
		if n.Count > 0 {
			badge = n.Count
		}
	}
	f.phones.Show(at, s, badge)
}
