package apnsfake

import (
	"encoding/json"
	"net/http"

	"annal/internal/devstack/pushfakes"
)

// notification is a payload (generating-a-remote-notification), and what of the headers a device comes to know.
type notification struct {
	kind, collapse string
	urgent         bool
	aps            struct {
		Alert             json.RawMessage `json:"alert"`
		Badge             *int            `json:"badge"`
		Sound             json.RawMessage `json:"sound"`
		ThreadID          string          `json:"thread-id"`
		ContentAvailable  int             `json:"content-available"`
		InterruptionLevel string          `json:"interruption-level"`
	}
	title, body string
	// custom is what stands beside aps.
	custom map[string]json.RawMessage
}

// parse reads a payload. Apple has no reason for one that is no JSON object; its nearest is PayloadEmpty. It says that it may refuse
// one that is not what the push type says.
func parse(h http.Header, body []byte) (n notification, reason string) {
	if json.Unmarshal(body, &n.custom) != nil || n.custom["aps"] == nil || json.Unmarshal(n.custom["aps"], &n.aps) != nil {
		return n, "PayloadEmpty"
	}
	delete(n.custom, "aps")
	n.kind, n.collapse = h.Get("apns-push-type"), h.Get("apns-collapse-id")
	n.urgent = h.Get("apns-priority") != "5" && h.Get("apns-priority") != "1"
	if n.aps.Alert != nil && !n.readAlert() {
		return n, "PayloadEmpty"
	}
	interacts := n.aps.Alert != nil || n.aps.Badge != nil || n.aps.Sound != nil
	switch {
	case n.kind == "background" && (interacts || n.aps.ContentAvailable != 1), n.kind == "alert" && !interacts:
		return n, "InvalidPushType"
	}
	return n, ""
}

// readAlert reads a text, or a dictionary with title and body.
func (n *notification) readAlert() bool {
	if json.Unmarshal(n.aps.Alert, &n.body) == nil {
		return true
	}
	var parts struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	}
	err := json.Unmarshal(n.aps.Alert, &parts)
	n.title, n.body = parts.Title, parts.Body
	return err == nil
}

// text gives one of the custom values, as JSON if it is none.
func (n *notification) text(key string) string {
	var s string
	if json.Unmarshal(n.custom[key], &s) != nil {
		return string(n.custom[key])
	}
	return s
}

// show does what a device does, and on it an app that keeps to what the connector documents.
func (f *Fake) show(at pushfakes.Phone, n notification, id string) {
	badge := -1
	if n.aps.Badge != nil {
		badge = *n.aps.Badge
	}
	switch {
	case n.aps.Alert != nil:
		s := pushfakes.Shown{
			ID: n.text("event"), Vendor: id, Collapse: n.collapse, Title: n.title, Body: n.body, Thread: n.aps.ThreadID,
			Link: n.text("link"), Urgent: n.urgent, At: f.now(), Data: map[string]string{},
		}
		if s.ID == "" {
			s.ID = id
		}
		for key := range n.custom {
			s.Data[key] = n.text(key)
		}
		f.phones.Show(at, s, badge)
	case n.kind == "background" && n.custom["withdraw"] != nil:
		var number int
		if json.Unmarshal(n.custom["badge"], &number) == nil {
			badge = number
		}
		f.phones.Withdraw(at, n.text("withdraw"), "", badge)
	case badge >= 0:
		f.phones.SetBadge(at, badge)
	}
}
