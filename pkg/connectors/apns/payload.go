package apns

import (
	"bytes"
	"encoding/json"
	"fmt"

	"annal/pkg/projections/push"
)

// Limits of a payload in bytes
// (https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification).
const (
	maxPayload     = 4096
	maxPayloadVoIP = 5120
)

// aps is what the system reads (same page, table "Apple-defined keys"); the rest of the payload is the app's.
type aps struct {
	Alert             *alert `json:"alert,omitempty"`
	Badge             *int   `json:"badge,omitempty"`
	Sound             string `json:"sound,omitempty"`
	ThreadID          string `json:"thread-id,omitempty"`
	ContentAvailable  int    `json:"content-available,omitempty"`
	InterruptionLevel string `json:"interruption-level,omitempty"`
}

type alert struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

// payload gives the JSON of a note in limit bytes at most, if cutting the body, and then the title, can do that.
func payload(n push.Note, limit int) ([]byte, error) {
	// Whether it fits in the end is Apple's to say.
	n.Title, n.Body, _ = push.Fit(n.Title, n.Body, func(title, body string) bool {
		short := n
		short.Title, short.Body = title, body
		b, err := encode(short)
		return err == nil && len(b) <= limit
	})
	return encode(n)
}

func encode(n push.Note) ([]byte, error) {
	top := make(map[string]any, len(n.Data)+4)
	for k, v := range n.Data {
		top[k] = v
	}
	if n.Link != "" {
		top["link"] = n.Link
	}
	var a aps
	if n.Kind == push.Withdraw {
		a.ContentAvailable = 1
		top["withdraw"] = n.Collapse
		if n.Badge >= 0 {
			top["badge"] = n.Badge
		}
	} else if n.Badge >= 0 {
		a.Badge = &n.Badge
	}
	if n.Kind.Shown() {
		a.Alert, a.ThreadID = &alert{n.Title, n.Body}, n.Thread
		if n.Urgent {
			a.Sound = "default"
		}
	}
	if n.Kind == push.Call {
		a.InterruptionLevel = "time-sensitive"
	}
	top["aps"] = a
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // <, > and & would take six bytes each
	if err := e.Encode(top); err != nil {
		return nil, fmt.Errorf("apns: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
