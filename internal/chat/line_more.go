package chat

import (
	"fmt"
	"slices"
	"strings"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// more says what happened that is not about who is here or what is said.
func more(e *clientv1.Event, who string, k knowing) string {
	switch kind := e.GetEvent().(type) {
	case *clientv1.Event_InfoSet:
		return fmt.Sprintf("* %s changed what this says of itself%s", who, changes(kind.InfoSet.GetInfo()))
	case *clientv1.Event_PolicySet:
		return fmt.Sprintf("* %s changed the policy: %s", who, policyLine(kind.PolicySet.GetPolicy()))
	case *clientv1.Event_RoleSet:
		m := kind.RoleSet
		role := word(m.GetRole().String(), "ROLE_")
		return fmt.Sprintf("* %s made %s %s", who, name(m.GetUser(), k), role)
	case *clientv1.Event_Muted:
		return muted(who, k, kind.Muted)
	case *clientv1.Event_Dismissed:
		return fmt.Sprintf("* %s closed this for all", who)
	case *clientv1.Event_Asked:
		return fmt.Sprintf("* %s asked to be let in%s (/accept or /refuse)", who, because(kind.Asked.GetText()))
	case *clientv1.Event_Refused:
		return fmt.Sprintf("* %s refused %s", who, names(kind.Refused.GetUsers(), k))
	case *clientv1.Event_Invited:
		return fmt.Sprintf("* %s made an invite", who)
	case *clientv1.Event_Uninvited:
		return fmt.Sprintf("* %s took an invite back", who)
	case *clientv1.Event_Reacted:
		if kind.Reacted.GetOff() {
			return fmt.Sprintf("* %s took %s back from #%d", who, clean(kind.Reacted.GetEmoji()), kind.Reacted.GetTarget())
		}
		return fmt.Sprintf("* %s %s #%d", who, clean(kind.Reacted.GetEmoji()), kind.Reacted.GetTarget())
	case *clientv1.Event_Pinned:
		if kind.Pinned.GetOff() {
			return fmt.Sprintf("* %s unpinned #%d", who, kind.Pinned.GetTarget())
		}
		return fmt.Sprintf("* %s pinned #%d", who, kind.Pinned.GetTarget())
	case *clientv1.Event_ContactChanged:
		return contactLine(who, kind.ContactChanged)
	case *clientv1.Event_Reported:
		return fmt.Sprintf("! %s reported #%d%s", who, kind.Reported.GetTarget(), because(kind.Reported.GetReason()))
	}
	return fmt.Sprintf("* %s did something this program does not know", who)
}

func because(text string) string {
	if text == "" {
		return ""
	}
	return ": " + clean(text)
}

func names(users []string, k knowing) string {
	var all []string
	for _, u := range users {
		all = append(all, name(u, k))
	}
	return strings.Join(all, ", ")
}

func changes(c *logv1.InfoChange) string {
	var all []string
	for _, f := range []struct {
		name  string
		value *string
	}{{"name", c.Name}, {"notice", c.Notice}, {"description", c.Description}, {"avatar", c.Avatar}} {
		if f.value != nil {
			all = append(all, fmt.Sprintf("%s %q", f.name, clean(*f.value)))
		}
	}
	for _, f := range c.GetCustom() {
		all = append(all, fmt.Sprintf("%s %q", clean(f.GetName()), clean(f.GetValue())))
	}
	return ": " + strings.Join(all, ", ")
}

func muted(who string, k knowing, m *clientv1.Muted) string {
	whom := "all"
	if len(m.GetUsers()) > 0 {
		whom = names(m.GetUsers(), k)
	}
	if m.GetUntilMs() == 0 {
		return fmt.Sprintf("* %s let %s write again", who, whom)
	}
	return fmt.Sprintf("* %s muted %s until %s", who, whom, time.UnixMilli(m.GetUntilMs()).UTC().Format("2006-01-02 15:04:05 MST"))
}

func contactLine(who string, m *clientv1.ContactChanged) string {
	did := map[logv1.ContactStep]string{
		logv1.ContactStep_CONTACT_STEP_ASK: "asked to be contacts", logv1.ContactStep_CONTACT_STEP_ACCEPT: "accepted to be contacts",
		logv1.ContactStep_CONTACT_STEP_REFUSE: "refused to be contacts", logv1.ContactStep_CONTACT_STEP_REMOVE: "ended being contacts",
		logv1.ContactStep_CONTACT_STEP_BLOCK: "blocked the other", logv1.ContactStep_CONTACT_STEP_UNBLOCK: "unblocked the other",
	}[m.GetStep()]
	return fmt.Sprintf("* %s %s%s", who, did, because(m.GetText()))
}

// said is what a message says: its text, or in a few words what other content it has.
func said(text string, content *logv1.Content) string {
	switch c := content.GetKind().(type) {
	case *logv1.Content_Media:
		kind := word(c.Media.GetKind().String(), "MEDIA_KIND_")
		return fmt.Sprintf("[%s %s]%s", kind, clean(c.Media.GetName()+" "+c.Media.GetUrl()), because(c.Media.GetCaption()))
	case *logv1.Content_Location:
		return fmt.Sprintf("[place %s]", clean(c.Location.GetName()))
	case *logv1.Content_Card:
		return fmt.Sprintf("[card of %s]", clean(c.Card.GetUser()+c.Card.GetSession()))
	case *logv1.Content_Forward:
		return fmt.Sprintf("[%d forwarded messages]%s", len(c.Forward.GetMessages()), because(c.Forward.GetTitle()))
	case *logv1.Content_Custom:
		return fmt.Sprintf("[%s]", clean(c.Custom.GetType()))
	}
	return clean(text)
}

// refers says what a message refers to, and that it calls the reader.
func refers(r *logv1.Refs, k knowing) string {
	var all []string
	switch {
	case r.GetReplyTo() > 0:
		all = append(all, fmt.Sprintf("to #%d", r.GetReplyTo()))
	case r.GetThread() > 0:
		all = append(all, fmt.Sprintf("in thread #%d", r.GetThread()))
	}
	switch {
	case slices.Contains(r.GetMentions(), k.me):
		all = append(all, "calls you")
	case r.GetMentionAll():
		all = append(all, "calls all")
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}
