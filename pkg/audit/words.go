package audit

import (
	"encoding/json"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// MarshalJSON has kind and policy in words, and what the two of a direct session are.
func (s *State) MarshalJSON() ([]byte, error) {
	type plain State
	contact := ""
	if s.Kind == events.KindDirect {
		contact = word(s.Contact, "contacts", "asked", "none")
	}
	return json.Marshal(struct {
		*plain
		Kind    string          `json:"kind"`
		Contact string          `json:"contact,omitempty"`
		Policy  json.RawMessage `json:"policy"`
	}{
		(*plain)(s), word(s.Kind, "", "direct", "group", "self", "channel"), contact,
		json.RawMessage(archive.PolicyText(s.Policy)),
	})
}

// MarshalJSON has the role in words, out for who is out.
func (m *Member) MarshalJSON() ([]byte, error) {
	type plain Member
	return json.Marshal(struct {
		*plain
		Role string `json:"role"`
	}{(*plain)(m), m.Word()})
}

// Word is the member's role for people.
func (m *Member) Word() string { return word(m.Role, "out", "member", "admin", "owner") }

// word names a number; one of a newer program is unknown.
func word[N ~uint8](n N, names ...string) string {
	if int(n) < len(names) {
		return names[n]
	}
	return "unknown"
}
