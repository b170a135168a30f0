package session

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"annal/pkg/events"
)

var audiences = map[string]events.Audience{
	"everyone": events.AudienceEveryone, "contacts": events.AudienceContacts, "nobody": events.AudienceNobody,
}

// parseWishes reads u2:nobody,u3:contacts! where ! says that the actor is a contact.
func parseWishes(text string) (wishes []events.Wish) {
	for w := range strings.SplitSeq(text, ",") {
		if user, lets, ok := strings.Cut(w, ":"); ok {
			lets, contact := strings.CutSuffix(lets, "!")
			wishes = append(wishes, events.Wish{User: events.UserID(user), Lets: audiences[lets], Contact: contact})
		}
	}
	return wishes
}

func (s *script) parseProfileOp(name string, options map[string]string) events.Op {
	switch name {
	case "set_profile":
		var c events.ProfileChange
		for _, key := range slices.Sorted(maps.Keys(options)) {
			v := options[key]
			field, custom := strings.CutPrefix(key, "f.")
			switch {
			case custom:
				c.Custom = append(c.Custom, events.CustomField{Name: field, Value: v})
			case key == "name":
				c.Name = &v
			case key == "avatar":
				c.Avatar = &v
			case key == "status":
				c.Status = &v
			}
		}
		return events.SetProfile{Profile: c}
	case "set_notifications":
		n := events.Notifications{
			Content:  map[string]events.ShownContent{"sender": events.ShowSender, "nothing": events.ShowNothing, "more": 3}[options["content"]],
			Messages: map[string]events.NotifiedMessages{"mentions": events.NotifyMentions, "none": events.NotifyNone, "more": 3}[options["messages"]],
			Active:   map[string]events.WhileActive{"others": events.OthersWhileActive, "more": 2}[options["active"]],
		}
		if until, ok := options["pause"]; ok {
			n.PauseUntil = s.parseTime(until)
		}
		_, _ = fmt.Sscanf(options["rest"], "%d-%d", &n.Rest.From, &n.Rest.To) // none where it is not given
		n.Rest.Zone = options["zone"]
		return events.SetNotifications{Notifications: n}
	case "set_privacy":
		return events.SetPrivacy{Privacy: events.Privacy{
			LastSeen: audiences[options["last_seen"]], AddMe: audiences[options["add_me"]], WriteFirst: audiences[options["write_first"]],
		}}
	}
	return nil
}
