package chat

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	clientv1 "annal/gen/annal/client/v1"
)

// line says an event in a line: its time, its seq, and what happened.
func line(e *clientv1.Event, k knowing, zone *time.Location) string {
	at := time.UnixMilli(e.GetTimeMs()).In(zone).Format("15:04:05")
	if e.GetSeq() == 0 {
		return fmt.Sprintf("%s %s", at, what(e, k))
	}
	return fmt.Sprintf("%s #%d %s", at, e.GetSeq(), what(e, k))
}

func what(e *clientv1.Event, k knowing) string {
	who := name(e.GetUser(), k)
	switch kind := e.GetEvent().(type) {
	case *clientv1.Event_Created:
		return fmt.Sprintf("* %s opened this with %s", who, people(kind.Created, e.GetUser(), k))
	case *clientv1.Event_Added:
		var users []string
		for _, m := range kind.Added.GetMembers() {
			users = append(users, name(m.GetUser(), k))
		}
		return fmt.Sprintf("* %s added %s", who, strings.Join(users, ", "))
	case *clientv1.Event_Removed:
		var users []string
		for _, u := range kind.Removed.GetUsers() {
			users = append(users, name(u, k))
		}
		return fmt.Sprintf("* %s removed %s", who, strings.Join(users, ", ")) + promoted(kind.Removed.GetPromoted(), k)
	case *clientv1.Event_Joined:
		return fmt.Sprintf("* %s joined", who)
	case *clientv1.Event_Left:
		return fmt.Sprintf("* %s left", who) + promoted(kind.Left.GetPromoted(), k)
	case *clientv1.Event_Sent:
		return sent(who, k, kind.Sent)
	case *clientv1.Event_Revoked:
		return fmt.Sprintf("* %s revoked #%d", who, kind.Revoked.GetTarget())
	case *clientv1.Event_Overridden:
		return fmt.Sprintf("* %s edited #%d: %s", who, kind.Overridden.GetTarget(), said(kind.Overridden.GetText(), kind.Overridden.GetContent()))
	case *clientv1.Event_Deleted:
		return fmt.Sprintf("* %s deleted #%d", who, kind.Deleted.GetTarget()) + because(kind.Deleted.GetReason())
	}
	return more(e, who, k)
}

func sent(who string, k knowing, m *clientv1.Sent) string {
	switch {
	case m.GetRevoked() > 0:
		return fmt.Sprintf("%s: (revoked)", who)
	case m.GetDeleted() > 0:
		return fmt.Sprintf("%s: (deleted)", who)
	case m.GetHidden():
		return fmt.Sprintf("%s: (hidden)", who)
	}
	text := said(m.GetText(), m.GetContent())
	if doing, ok := strings.CutPrefix(text, "/me "); ok {
		text = fmt.Sprintf("* %s %s", who, doing)
	} else {
		text = fmt.Sprintf("%s%s: %s", who, refers(m.GetRefs(), k), text)
	}
	if m.GetOverridden() > 0 {
		text += " (edited)"
	}
	return text
}

func people(m *clientv1.Created, creator string, k knowing) string {
	var users []string
	for _, u := range m.GetMembers() {
		if u.GetUser() != creator {
			users = append(users, name(u.GetUser(), k))
		}
	}
	if len(users) > 5 {
		return fmt.Sprintf("%s and %d more", strings.Join(users[:5], ", "), len(users)-5)
	}
	if len(users) == 0 {
		return "nobody else"
	}
	return strings.Join(users, ", ")
}

func promoted(user string, k knowing) string {
	if user == "" {
		return ""
	}
	return fmt.Sprintf("; the owner is %s now", name(user, k))
}

// clean keeps others' texts from steering the terminal: control characters become
// visible, and further lines are set in.
func clean(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n':
			b.WriteString("\n    ")
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			b.WriteRune('\uFFFD')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
