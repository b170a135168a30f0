// Package logview shows the log to people: one line a record.
package logview

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

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
		if e.Invite != (events.Hash{}) {
			return "joined by " + code(e.Invite)
		}
		return "joined"
	case events.Left:
		return "left" + succession(e.Promoted, e.Closed)
	case events.Sent:
		return "sent " + Said(e.Body) + refs(e.Refs)
	case events.Revoked:
		return fmt.Sprintf("revoked %d", e.Target)
	case events.Overridden:
		return fmt.Sprintf("overrode %d with %s", e.Target, Said(e.Body))
	case events.Deleted:
		return fmt.Sprintf("deleted %d", e.Target) + reason(e.Reason)
	case events.Read:
		return fmt.Sprintf("read up to %d", e.Marker)
	case events.Reacted:
		return fmt.Sprintf("reacted %s to %d", e.Emoji, e.Target) + takenBack(e.Off)
	case events.Pinned:
		return fmt.Sprintf("pinned %d", e.Target) + takenBack(e.Off)
	case events.Delivered:
		return fmt.Sprintf("got up to %d", e.Marker)
	case events.Reported:
		return fmt.Sprintf("reported %d", e.Target) + reason(e.Reason)
	case events.Audited:
		return "audited: " + e.What + whatOf(e.About) + reason(e.Reason)
	case events.InfoSet, events.PolicySet, events.RoleSet, events.Muted, events.Dismissed, events.Asked, events.Refused, events.Invited,
		events.Uninvited, events.ContactChanged, events.Hidden, events.SessionSet,
		events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.AccountClosed, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
		return describeSession(e)
	}
	return ""
}

// describeSession tells of events that are not about what is said.
func describeSession(e events.Event) string {
	switch e := e.(type) {
	case events.InfoSet:
		return "changed the info" + info(e.Info)
	case events.PolicySet:
		return fmt.Sprintf("set the policy %+v", e.Policy)
	case events.RoleSet:
		what := fmt.Sprintf("made %s %s", e.User, roleName(e.Role))
		if e.Demoted != "" {
			what += fmt.Sprintf("; %s is now admin", e.Demoted)
		}
		return what
	case events.Muted:
		whom := "all"
		if len(e.Users) > 0 {
			whom = people(e.Users)
		}
		if e.Until == 0 {
			return "unmuted " + whom + skipped(e.Skipped)
		}
		return "muted " + whom + " until " + at(e.Until) + skipped(e.Skipped)
	case events.Dismissed:
		return "dismissed the session"
	case events.Asked:
		return "asked to be let in" + reason(e.Text)
	case events.Refused:
		return "refused " + people(e.Users) + skipped(e.Skipped)
	case events.Invited:
		return "made the invite " + code(e.Code)
	case events.Uninvited:
		return "took back the invite " + code(e.Code)
	case events.ContactChanged:
		return contactStep(e.Step) + reason(e.Text)
	case events.Hidden:
		return fmt.Sprintf("hid %d messages of %s", len(e.Messages), e.Session)
	case events.SessionSet:
		return fmt.Sprintf("set how %s is shown", e.Session)
	case events.DeviceSet:
		return "registered the device " + e.Device + takenBack(e.Off)
	case events.ProfileSet:
		return fmt.Sprintf("says of themselves: %q, %q", e.Profile.Name, e.Profile.Status)
	case events.PushForgotten:
		return "forgot where notifications for the device " + e.Device + " went (" + e.Reason + ")"
	case events.NotificationsSet:
		return "wants notifications " + notifications(e.Notifications)
	case events.PrivacySet:
		return "lets others " + privacy(e.Privacy)
	case events.AccountClosed:
		return "closed the account" + ended(e.Ended)
	case events.SignedUp:
		return "signed up (" + e.Method + ")"
	case events.SignedIn:
		return fmt.Sprintf("signed in on %s (%s) as %s", e.Device, e.Kind, e.Login) + ended(e.Ended)
	case events.SignedOut:
		return "was signed out (" + e.Reason + ")" + ended(e.Ended)
	case events.Banned:
		return "was banned" + reason(e.Reason) + ended(e.Ended)
	case events.Unbanned:
		return "is banned no longer"
	case events.Created, events.Added, events.Removed, events.Joined, events.Left, events.Sent, events.Revoked, events.Overridden,
		events.Deleted, events.Read, events.Reacted, events.Pinned, events.Delivered, events.Reported, events.Audited:
	}
	return ""
}

// ended are logins that an event ended.
func ended(logins []events.EndedLogin) string {
	out := ""
	for _, l := range logins {
		out += fmt.Sprintf("; %s on %s ended", l.Login, l.Device)
	}
	return out
}

// privacy is whom a user lets do what.
func privacy(p events.Privacy) string {
	whom := [...]string{"everyone", "everyone", "contacts", "nobody"}
	name := func(a events.Audience) string { return whom[min(int(a), len(whom)-1)] }
	return fmt.Sprintf("see when they were there: %s, add them: %s, write first: %s", name(p.LastSeen), name(p.AddMe), name(p.WriteFirst))
}

// notifications is which ones a user wants.
func notifications(n events.Notifications) string {
	pick := func(i int, words ...string) string { return words[min(i, len(words)-1)] }
	text := pick(int(n.Messages), "of all messages", "of mentions", "of nothing") + ", showing " + pick(int(n.Content), "all", "the sender", "nothing") +
		", while active on " + pick(int(n.Active), "no device", "the other devices")
	if n.PauseUntil != 0 {
		text += ", none until " + at(n.PauseUntil)
	}
	if r := n.Rest; r.Zone != "" {
		text += fmt.Sprintf(", none from %02d:%02d to %02d:%02d in %s", r.From/60, r.From%60, r.To/60, r.To%60, r.Zone)
	}
	return text
}

// whatOf is what was looked at.
func whatOf(text string) string {
	if text == "" {
		return ""
	}
	return " " + text
}

// code is the beginning of an invite's hash: enough to tell it from others.
func code(h events.Hash) string { return hex.EncodeToString(h[:4]) }

func at(t events.Millis) string { return time.UnixMilli(int64(t)).UTC().Format(time.RFC3339) }

func reason(text string) string {
	if text == "" {
		return ""
	}
	return ": " + quote(text)
}

func takenBack(off bool) string {
	if off {
		return ", taken back"
	}
	return ""
}

func roleName(r events.Role) string {
	switch r {
	case events.RoleMember:
		return "member"
	case events.RoleAdmin:
		return "admin"
	case events.RoleOwner:
		return "owner"
	}
	return "nothing"
}

func contactStep(s events.ContactStep) string {
	switch s {
	case events.ContactAsk:
		return "asked to be contacts"
	case events.ContactAccept:
		return "accepted to be contacts"
	case events.ContactRefuse:
		return "refused to be contacts"
	case events.ContactRemove:
		return "ended being contacts"
	case events.ContactBlock:
		return "blocked the other"
	case events.ContactUnblock:
		return "unblocked the other"
	}
	return "changed being contacts"
}

func info(c events.InfoChange) string {
	var parts []string
	for _, f := range []struct {
		name  string
		value *string
	}{{"name", c.Title}, {"avatar", c.Avatar}, {"notice", c.Notice}, {"description", c.Description}} {
		if f.value != nil {
			parts = append(parts, f.name+" "+quote(*f.value))
		}
	}
	for _, f := range c.Custom {
		parts = append(parts, f.Name+" "+quote(f.Value))
	}
	return ": " + strings.Join(parts, ", ")
}

// refs tells what a message refers to.
func refs(r events.Refs) string {
	out := ""
	if r.ReplyTo != 0 {
		out += fmt.Sprintf(", to %d", r.ReplyTo)
	}
	if r.Thread != 0 {
		out += fmt.Sprintf(", in the thread %d", r.Thread)
	}
	if r.MentionAll {
		out += ", for all"
	}
	if len(r.Mentions) > 0 {
		out += ", for " + people(r.Mentions)
	}
	return out
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

// Said is what a body says, in a line for people: a text quoted and cut, other content by what it is.
func Said(b events.Body) string {
	if b.Sealed != nil {
		return fmt.Sprintf("sealed text (%d bytes, key %s)", len(b.Sealed.Ciphertext), b.Sealed.KeyID)
	}
	switch c := b.Plain.(type) {
	case events.Text:
		return quote(string(c))
	case events.Media:
		return fmt.Sprintf("%s %s (%d bytes)", mediaName(c.Kind), quote(c.Name), c.Bytes) + reason(c.Caption)
	case events.Location:
		return fmt.Sprintf("the place %s (%.5f, %.5f)", quote(c.Name), float64(c.LatitudeE7)/1e7, float64(c.LongitudeE7)/1e7)
	case events.Card:
		return fmt.Sprintf("the card of %s%s", c.User, c.Session)
	case events.Forward:
		return fmt.Sprintf("%d forwarded messages", len(c.Messages)) + reason(c.Title)
	case events.Custom:
		return fmt.Sprintf("%s (%d bytes)", c.Type, len(c.JSON))
	case nil:
	}
	return "nothing"
}

func quote(text string) string {
	if len(text) > shownText {
		return strconv.Quote(strings.ToValidUTF8(text[:shownText], "")) + "…"
	}
	return strconv.Quote(text)
}

func mediaName(k events.MediaKind) string {
	switch k {
	case events.MediaImage:
		return "image"
	case events.MediaFile:
		return "file"
	case events.MediaAudio:
		return "audio"
	case events.MediaVideo:
		return "video"
	}
	return "media"
}
