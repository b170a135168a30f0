// Package logview shows the log to people: one line a record.
package logview

import (
	"fmt"
	"strconv"
	"strings"

	"annal/pkg/events"
)

// Line says in one line what an outcome is.
func Line(o *events.Outcome) string {
	who := string(o.Actor.User)
	if o.Actor.Service != "" {
		who += " (by " + o.Actor.Service + ")"
	}
	switch r := o.Result.(type) {
	case events.Accepted:
		number := "     -"
		if r.Seq != 0 {
			number = fmt.Sprintf("%6d", r.Seq)
		}
		return fmt.Sprintf("%s %s %s %s", o.Session, number, who, describe(r.Event))
	case events.Rejected:
		what := "something unreadable"
		if r.Command != nil {
			what = r.Command.Op.Name()
		}
		return fmt.Sprintf("%s      ! %s %s: rejected %s%s", o.Session, who, what, r.Code, about(r.Seq))
	case events.Answered:
		code := string(r.Code)
		if r.Earlier.Code != "" {
			code += " of " + string(r.Earlier.Code)
		}
		return fmt.Sprintf("%s      = %s %s: answered %s%s", o.Session, who, o.ClientID, code, about(r.Earlier.Seq))
	}
	return string(o.Session)
}

func about(s events.Seq) string {
	if s == 0 {
		return ""
	}
	return " (" + strconv.FormatUint(uint64(s), 10) + ")"
}

func describe(e events.Event) string {
	switch e := e.(type) {
	case events.Created:
		return fmt.Sprintf("created %s %q with %s", kindName(e.Kind), e.Title, people(memberUsers(e.Members)))
	case events.Added:
		return "added " + people(memberUsers(e.Members)) + skipped(e.Skipped)
	case events.Removed:
		return "removed " + people(e.Users) + skipped(e.Skipped) + succession(e.Promoted, e.Closed)
	case events.Joined:
		return "joined"
	case events.Left:
		return "left" + succession(e.Promoted, e.Closed)
	case events.Sent:
		return "sent " + body(e.Body)
	case events.Revoked:
		return fmt.Sprintf("revoked %d", e.Target)
	case events.Overridden:
		return fmt.Sprintf("overrode %d with %s", e.Target, body(e.Body))
	case events.Deleted:
		return fmt.Sprintf("deleted %d", e.Target)
	case events.Read:
		return fmt.Sprintf("read up to %d", e.Marker)
	}
	return ""
}

func kindName(k events.Kind) string {
	switch k {
	case events.KindDirect:
		return "direct"
	case events.KindGroup:
		return "group"
	case events.KindSelf:
		return "self"
	case events.KindChannel:
		return "channel"
	}
	return "session"
}

// shownPeople is how many names a line holds.
const shownPeople = 5

func people(users []events.UserID) string {
	var names []string
	for _, u := range users[:min(len(users), shownPeople)] {
		names = append(names, string(u))
	}
	if more := len(users) - shownPeople; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

func memberUsers(ms []events.NewMember) []events.UserID {
	users := make([]events.UserID, len(ms))
	for i, m := range ms {
		users[i] = m.User
	}
	return users
}

func skipped(ss []events.Skipped) string {
	if len(ss) == 0 {
		return ""
	}
	return fmt.Sprintf(", %d passed over", len(ss))
}

func succession(promoted events.UserID, closed bool) string {
	switch {
	case closed:
		return "; session closed"
	case promoted != "":
		return "; owner is now " + string(promoted)
	}
	return ""
}

// shownText is how many bytes of a text a line holds.
const shownText = 120

func body(b events.Body) string {
	if b.Sealed != nil {
		return fmt.Sprintf("sealed text (%d bytes, key %s)", len(b.Sealed.Ciphertext), b.Sealed.KeyID)
	}
	switch content := b.Plain.(type) {
	case events.Text:
		text := string(content)
		if len(text) > shownText {
			return strconv.Quote(strings.ToValidUTF8(text[:shownText], "")) + "…"
		}
		return strconv.Quote(text)
	case nil:
	}
	return "nothing"
}
