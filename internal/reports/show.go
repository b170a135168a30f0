package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// form is a message as JSON.
type form struct {
	Session    string       `json:"session"`
	Seq        uint64       `json:"seq,string"`
	Index      uint64       `json:"index,string"`
	Author     string       `json:"author"`
	Sent       string       `json:"sent"`
	Text       string       `json:"text"`
	Versions   int          `json:"versions"`
	Fate       Fate         `json:"fate"`
	FateBy     string       `json:"fate_by,omitempty"`
	FateReason string       `json:"fate_reason,omitempty"`
	Count      int          `json:"count"`
	Reports    []formReport `json:"reports"`
}

type formReport struct {
	Time   string `json:"time"`
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// WriteJSON writes a message as one line of JSON.
func WriteJSON(w io.Writer, m *Message) error {
	f := form{
		Session: string(m.Session), Seq: uint64(m.Seq), Index: uint64(m.Index), Author: string(m.Author), Sent: m.Sent.String(), Text: m.Text,
		Versions: m.Versions, Fate: m.Fate, FateBy: string(m.FateBy), FateReason: m.FateReason, Count: m.Count,
	}
	for _, r := range m.Reports {
		f.Reports = append(f.Reports, formReport{r.Time.String(), string(r.By), r.Reason})
	}
	if err := json.NewEncoder(w).Encode(f); err != nil {
		return fmt.Errorf("reports: %w", err)
	}
	return nil
}

// Write writes a message for people: a line of what it is and says, and one for each report.
func Write(w io.Writer, m *Message) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d, %s by %s: %s%s\n", m.Session, m.Seq, m.Sent, m.Author, strconv.Quote(m.Text), m.became())
	if more := m.Count - len(m.Reports); more > 0 {
		fmt.Fprintf(&b, "    %d earlier ones\n", more)
	}
	for _, r := range m.Reports {
		fmt.Fprintf(&b, "    %s reported by %s%s\n", r.Time, r.By, quoted(r.Reason))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("reports: %w", err)
	}
	return nil
}

func (m *Message) became() string {
	text := ""
	if m.Versions > 0 {
		text = fmt.Sprintf(" (overridden %d times)", m.Versions)
	}
	if m.Fate != Open {
		text += fmt.Sprintf(" (%s by %s%s)", m.Fate, m.FateBy, quoted(m.FateReason))
	}
	return text
}

func quoted(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + strconv.Quote(reason)
}
