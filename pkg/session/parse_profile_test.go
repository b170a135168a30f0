package session

import (
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

func parseProfileOp(name string, options map[string]string) events.Op {
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
	case "set_privacy":
		return events.SetPrivacy{Privacy: events.Privacy{
			LastSeen: audiences[options["last_seen"]], AddMe: audiences[options["add_me"]], WriteFirst: audiences[options["write_first"]],
		}}
	}
	return nil
}
