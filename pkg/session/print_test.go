package session

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"annal/pkg/events"
)

var (
	roleNames = map[events.Role]string{0: "none", events.RoleMember: "member", events.RoleAdmin: "admin", events.RoleOwner: "owner"}
	kindNames = map[events.Kind]string{
		events.KindDirect: "direct", events.KindGroup: "group", events.KindSelf: "self", events.KindChannel: "channel",
	}
)

func (s *script) printOutcome(o events.Outcome) string {
	switch r := o.Result.(type) {
	case events.Accepted:
		if r.Seq == 0 {
			return fmt.Sprintf("%s %s", o.Actor.User, printEvent(r.Event))
		}
		return fmt.Sprintf("seq %d %s %s", r.Seq, o.Actor.User, printEvent(r.Event))
	case events.Rejected:
		out := fmt.Sprintf("rejected %s", r.Code)
		if r.Seq != 0 {
			out += fmt.Sprintf(" seq %d", r.Seq)
		}
		if r.Detail != "" {
			out += fmt.Sprintf(" (%s)", r.Detail)
		}
		if r.Command == nil {
			out += ", command left out"
		}
		return out + printSkipped(r.Skipped)
	case events.Answered:
		return fmt.Sprintf("answered %s%s", r.Code, s.printEarlier(r.Earlier))
	}
	return "no result"
}

func (s *script) printEarlier(e events.Earlier) string {
	out := ""
	if e.Code != "" {
		out += fmt.Sprintf(" was %s", e.Code)
	}
	if e.Seq != 0 {
		out += fmt.Sprintf(" seq %d", e.Seq)
	}
	if e.Index != 0 {
		out += fmt.Sprintf(" index %d", e.Index)
	}
	if e.ID != (events.ID{}) {
		out += " of " + s.number(e.ID)
	}
	if e.Time != 0 {
		out += " at " + printTime(e.Time)
	}
	return out
}

// number gives an outcome's number in the log.
func (s *script) number(id events.ID) string {
	for i, st := range s.world.log {
		if st.outcome.ID == id {
			return fmt.Sprintf("#%d", i+1)
		}
	}
	return "#?"
}

func printTime(t events.Millis) string { return fmt.Sprintf("+%.12gs", float64(t-epoch)/1000) }

func printEvent(e events.Event) string {
	switch e := e.(type) {
	case events.Created:
		title := ""
		if e.Title != "" {
			title = fmt.Sprintf(" %q", e.Title)
		}
		return fmt.Sprintf("created %s%s with %s", kindNames[e.Kind], title, printMembers(e.Members))
	case events.Added:
		return "added " + printMembers(e.Members) + printSkipped(e.Skipped)
	case events.Removed:
		return "removed " + printPeople(e.Users) + printSuccession(e.Promoted, e.Closed) + printSkipped(e.Skipped)
	case events.Joined:
		return "joined"
	case events.Left:
		return "left" + printSuccession(e.Promoted, e.Closed)
	case events.Sent:
		return fmt.Sprintf("sent message %d %s", e.Index, printBody(e.Body))
	case events.Revoked:
		return fmt.Sprintf("revoked %d, message %d", e.Target, e.TargetIndex)
	case events.Overridden:
		return fmt.Sprintf("overrode %d, message %d, with %s", e.Target, e.TargetIndex, printBody(e.Body))
	case events.Deleted:
		return fmt.Sprintf("deleted %d, message %d", e.Target, e.TargetIndex)
	case events.Read:
		return fmt.Sprintf("read up to %d, message %d", e.Marker, e.MarkerIndex)
	}
	return "nothing"
}

func printBody(b events.Body) string {
	if b.Sealed != nil {
		return fmt.Sprintf("%d sealed bytes", len(b.Sealed.Ciphertext))
	}
	text, _ := b.Plain.(events.Text)
	if len(text) > 60 {
		return fmt.Sprintf("a text of %d bytes", len(text))
	}
	return fmt.Sprintf("%q", string(text))
}

// few cuts a long list short.
func few(words []string) string {
	if len(words) > 8 {
		return fmt.Sprintf("%s … %s, %d in all", words[0], words[len(words)-1], len(words))
	}
	return strings.Join(words, " ")
}

func printMembers(ms []events.NewMember) string {
	var words []string
	for _, m := range ms {
		words = append(words, string(m.User)+":"+roleNames[m.Role])
	}
	return few(words)
}

func printPeople(us []events.UserID) string {
	var words []string
	for _, u := range us {
		words = append(words, string(u))
	}
	return few(words)
}

func printSkipped(ss []events.Skipped) string {
	if len(ss) == 0 {
		return ""
	}
	var words []string
	for _, s := range ss {
		words = append(words, string(s.User)+":"+string(s.Code))
	}
	return ", passed over " + few(words)
}

func printSuccession(promoted events.UserID, closed bool) string {
	switch {
	case closed:
		return ", session closed"
	case promoted != "":
		return ", " + string(promoted) + " is owner"
	}
	return ""
}

func seqOf(k events.Key, at int) uint64 { return binary.BigEndian.Uint64([]byte(k[at : at+8])) }

// printRows gives all rows but client ids and the head's hash.
func printRows(t table) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(t)) {
		switch r := t[k].(type) {
		case events.Head:
			fmt.Fprintf(&b, "head %s base %d seq %d index %d members %d closed %v\n", kindNames[r.Kind], r.Base, r.Seq, r.Index, r.Members, r.Closed)
		case events.Member:
			fmt.Fprintf(&b, "member %s %s, marker %d (%d), stays", k[1:], roleNames[r.Role], r.Marker, r.MarkerIndex)
			for _, s := range r.Stays {
				fmt.Fprintf(&b, " %d (%d) to %d (%d)", s.From, s.FromIndex, s.To, s.ToIndex)
			}
			b.WriteString("\n")
		case events.Message:
			fmt.Fprintf(&b, "%d message %d by %s", seqOf(k, 1), r.Index, r.Sender)
			for _, p := range []struct {
				name string
				seq  events.Seq
			}{{"revoked", r.Revoked}, {"deleted", r.Deleted}, {"overridden", r.Overridden}} {
				if p.seq != 0 {
					fmt.Fprintf(&b, ", %s by %d", p.name, p.seq)
				}
			}
			b.WriteString("\n")
		case events.Standing:
			fmt.Fprintf(&b, "standing %s %s since %d\n", roleNames[events.Role(k[1])], events.StandingUser(k), seqOf(k, 2))
		case events.Place:
			fmt.Fprintf(&b, "%d no message, %d before\n", seqOf(k, 1), r.Index)
		case events.ClientID:
		}
	}
	return b.String()
}

func printIDs(t table) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(t)) {
		if r, ok := t[k].(events.ClientID); ok {
			user, id, _ := strings.Cut(string(k[1:]), "\x00")
			code := string(r.Code)
			if code == "" {
				code = "accepted"
			}
			fmt.Fprintf(&b, "%s %s %s seq %d index %d %s\n", user, id, code, r.Seq, r.Index, printTime(r.Time))
		}
	}
	return b.String()
}
