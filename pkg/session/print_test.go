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
		asked := ""
		if e.Contact == events.ContactAsked {
			asked = fmt.Sprintf(", asked to be contacts %q", e.Text)
		}
		return fmt.Sprintf("created %s%s with %s%s", kindNames[e.Kind], title, printMembers(e.Members), asked)
	case events.Added:
		return "added " + printMembers(e.Members) + printSkipped(e.Skipped)
	case events.Removed:
		return "removed " + printPeople(e.Users) + printSuccession(e.Promoted, e.Closed) + printSkipped(e.Skipped)
	case events.Joined:
		if e.Invite != (events.Hash{}) {
			return "joined by " + printCode(e.Invite)
		}
		return "joined"
	case events.Left:
		return "left" + printSuccession(e.Promoted, e.Closed)
	case events.Sent:
		return fmt.Sprintf("sent message %d %s%s", e.Index, printBody(e.Body), printRefs(e.Refs))
	case events.Revoked:
		return fmt.Sprintf("revoked %d, message %d", e.Target, e.TargetIndex)
	case events.Overridden:
		return fmt.Sprintf("overrode %d, message %d, with %s", e.Target, e.TargetIndex, printBody(e.Body))
	case events.Deleted:
		return fmt.Sprintf("deleted %d, message %d%s", e.Target, e.TargetIndex, printReason(e.Reason))
	case events.Read:
		return fmt.Sprintf("read up to %d, message %d", e.Marker, e.MarkerIndex)
	case events.Reacted:
		return fmt.Sprintf("reacted %s to %d, message %d%s", e.Emoji, e.Target, e.TargetIndex, printOff(e.Off))
	case events.Pinned:
		return fmt.Sprintf("pinned %d, message %d%s", e.Target, e.TargetIndex, printOff(e.Off))
	case events.Delivered:
		return fmt.Sprintf("got up to %d, message %d", e.Marker, e.MarkerIndex)
	case events.Reported:
		return fmt.Sprintf("reported %d, message %d%s", e.Target, e.TargetIndex, printReason(e.Reason))
	case events.Audited:
		return fmt.Sprintf("audited: %s %d %s%s", e.What, e.Seq, e.About, printReason(e.Reason))
	case events.Hidden:
		var seqs []events.Seq
		for _, m := range e.Messages {
			seqs = append(seqs, m.Seq)
		}
		return fmt.Sprintf("hid %v of %s", seqs, e.Session)
	case events.SessionSet:
		return fmt.Sprintf("set %s: %+v", e.Session, e.Settings.Of(events.Settings{}))
	case events.DeviceSet:
		return fmt.Sprintf("set device %s %q%s", e.Device, e.Push.Token, printOff(e.Off))
	case events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited,
		events.Uninvited, events.ContactChanged, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed:
		return printSessionEvent(e)
	case events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
		return printSigning(e)
	}
	return "nothing"
}

func printSessionEvent(e events.Event) string {
	switch e := e.(type) {
	case events.InfoSet:
		out := "set info"
		for _, f := range []struct {
			name  string
			value *string
		}{{"name", e.Info.Title}, {"avatar", e.Info.Avatar}, {"notice", e.Info.Notice}, {"description", e.Info.Description}} {
			if f.value != nil {
				out += fmt.Sprintf(" %s %q", f.name, *f.value)
			}
		}
		for _, f := range e.Info.Custom {
			out += fmt.Sprintf(" %s %q", f.Name, f.Value)
		}
		return out
	case events.PolicySet:
		p := e.Policy
		return fmt.Sprintf("set policy: write %s, joining %d, history %d, limit %d, pin %d, revoke %d ms", roleNames[p.WriteRole], p.Joining, p.History, p.MemberLimit, p.PinRole, p.RevokeWindow)
	case events.RoleSet:
		out := fmt.Sprintf("made %s %s", e.User, roleNames[e.Role])
		if e.Demoted != "" {
			out += fmt.Sprintf(", %s is admin", e.Demoted)
		}
		return out
	case events.Muted:
		whom := "all"
		if len(e.Users) > 0 {
			whom = printPeople(e.Users)
		}
		if e.Until == 0 {
			return "unmuted " + whom + printSkipped(e.Skipped)
		}
		return "muted " + whom + " until " + printTime(e.Until) + printSkipped(e.Skipped)
	case events.Dismissed:
		return "dismissed"
	case events.Asked:
		return fmt.Sprintf("asked %q", e.Text)
	case events.Refused:
		return "refused " + printPeople(e.Users) + printSkipped(e.Skipped)
	case events.Invited:
		out := "invited by " + printCode(e.Code)
		if e.Expires != 0 {
			out += " until " + printTime(e.Expires)
		}
		if e.Uses != 0 {
			out += fmt.Sprintf(", %d uses", e.Uses)
		}
		return out
	case events.Uninvited:
		return "uninvited " + printCode(e.Code)
	case events.ContactChanged:
		step := ""
		for name, s := range contactSteps {
			if s == e.Step {
				step = name
			}
		}
		out := fmt.Sprintf("contact %s: %s", step, contactNames[e.State])
		if e.Text != "" {
			out += fmt.Sprintf(" %q", e.Text)
		}
		return out
	case events.ProfileSet:
		return fmt.Sprintf("set profile %+v", e.Profile)
	case events.PushForgotten:
		return fmt.Sprintf("forgot push of device %s (%s)", e.Device, e.Reason)
	case events.NotificationsSet:
		return fmt.Sprintf("set notifications %+v", e.Notifications)
	case events.PrivacySet:
		return fmt.Sprintf("set privacy %+v", e.Privacy)
	case events.AccountClosed:
		return "closed the account" + printEnded(e.Ended)
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Revoked, events.Overridden,
		events.Deleted, events.Read, events.Reacted, events.Pinned, events.Delivered, events.Reported, events.Hidden, events.SessionSet, events.DeviceSet,
		events.Audited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
	return "nothing"
}

var contactNames = map[events.ContactState]string{events.Contacts: "contacts", events.ContactAsked: "asked", events.NoContacts: "none"}

func printCode(code events.Hash) string { return strings.TrimRight(string(code[:]), "\x00") }

func printReason(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf(" %q", s)
}

func printOff(off bool) string {
	if off {
		return ", off"
	}
	return ""
}

func printRefs(r events.Refs) string {
	out := ""
	if r.ReplyTo != 0 {
		out += fmt.Sprintf(" to %d", r.ReplyTo)
	}
	if r.Thread != 0 {
		out += fmt.Sprintf(" in thread %d", r.Thread)
	}
	if r.MentionAll {
		out += " for all"
	}
	if len(r.Mentions) > 0 {
		out += " for " + printPeople(r.Mentions)
	}
	return out
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
			fmt.Fprintf(&b, "head %s base %d seq %d index %d members %d closed %v%s\n", kindNames[r.Kind], r.Base, r.Seq, r.Index, r.Members, r.Closed, printHead(r))
		case events.Member:
			fmt.Fprintf(&b, "member %s %s, marker %d (%d), stays", k[1:], roleNames[r.Role], r.Marker, r.MarkerIndex)
			for _, s := range r.Stays {
				fmt.Fprintf(&b, " %d (%d) to %d (%d)", s.From, s.FromIndex, s.To, s.ToIndex)
			}
			if r.Delivered != 0 {
				fmt.Fprintf(&b, ", got %d (%d)", r.Delivered, r.DeliveredIndex)
			}
			if r.MutedUntil != 0 {
				fmt.Fprintf(&b, ", muted until %s", printTime(r.MutedUntil))
			}
			if r.Blocks {
				b.WriteString(", blocks")
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
			if r.Thread != 0 {
				fmt.Fprintf(&b, ", in thread %d", r.Thread)
			}
			if r.Pinned {
				b.WriteString(", pinned")
			}
			b.WriteString("\n")
		case events.Standing:
			fmt.Fprintf(&b, "standing %s %s since %d\n", roleNames[events.Role(k[1])], events.StandingUser(k), seqOf(k, 2))
		case events.Place:
			fmt.Fprintf(&b, "%d no message, %d before\n", seqOf(k, 1), r.Index)
		case events.Info:
			fmt.Fprintf(&b, "info avatar %q notice %q description %q %v\n", r.Avatar, r.Notice, r.Description, r.Custom)
		case events.AskRow:
			fmt.Fprintf(&b, "%s asks by %d\n", k[1:], r.Seq)
		case events.InviteRow:
			fmt.Fprintf(&b, "invite %s, %d of %d used\n", strings.TrimRight(string(k[1:]), "\x00"), r.Used, r.Uses)
		case events.Noted:
			fmt.Fprintf(&b, "noted %q\n", string(k))
		case events.EmojiRow:
			fmt.Fprintf(&b, "%d with %s on %d\n", r.Count, k[9:], seqOf(k, 1))
		case events.SettingsRow:
			fmt.Fprintf(&b, "settings of %s %+v\n", k[1:], r.Settings)
		case events.DeviceRow:
			b.WriteString(printDevice(string(k[1:]), r))
		case events.LoginRow:
			fmt.Fprintf(&b, "login %s on %s (%s) of %q, by %d since %s\n", r.Login, k[1:], r.Kind, r.Client, r.Seq, printTime(r.Since))
		case events.Profile:
			fmt.Fprintf(&b, "profile %+v\n", r)
		case events.Privacy:
			fmt.Fprintf(&b, "privacy %+v\n", r)
		case events.Notifications:
			fmt.Fprintf(&b, "notifications %+v\n", r)
		case events.ClientID:
		}
	}
	return b.String()
}

func printDevice(name string, r events.DeviceRow) string {
	if r == (events.DeviceRow{}) {
		return fmt.Sprintf("device %s without a token\n", name)
	}
	return fmt.Sprintf("device %s %q since %s\n", name, r.Push.Token, printTime(r.Since))
}

// printHead gives what few sessions have.
func printHead(h events.Head) string {
	out := ""
	if h.Title != "" {
		out += fmt.Sprintf(" %q", h.Title)
	}
	if h.MutedUntil != 0 {
		out += " muted until " + printTime(h.MutedUntil)
	}
	if h.Contact != events.Contacts {
		out += fmt.Sprintf(" contact %s by %q", contactNames[h.Contact], h.ContactBy)
	}
	for _, c := range []struct {
		name string
		n    uint32
	}{{"blocks", h.Blocks}, {"pins", h.Pins}, {"asks", h.Asks}, {"invites", h.Invites}, {"devices", h.Devices}, {"logins", h.Logins}, {"sign-ins", h.SignIns}} {
		if c.n != 0 {
			out += fmt.Sprintf(" %s %d", c.name, c.n)
		}
	}
	if h.SignedUp {
		out += " signed up"
	}
	if h.Banned {
		out += " banned"
	}
	return out
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
