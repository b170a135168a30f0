package archive

import (
	"encoding/json"

	"annal/pkg/events"
)

// What a self session keeps of its user among what it says of itself.
const (
	FactProfile = "profile"
	FactPrivacy = "privacy"
)

// profileForm is a profile as analysts' views read it.
type profileForm struct {
	Name   string            `json:"name"`
	Avatar string            `json:"avatar"`
	Status string            `json:"status"`
	Custom map[string]string `json:"custom"`
}

// ProfileText is a profile as JSON; empty for one that says nothing.
func ProfileText(p events.Profile) string {
	if p.IsZero() {
		return ""
	}
	form := profileForm{p.Name, p.Avatar, p.Status, map[string]string{}}
	for _, f := range p.Custom {
		form.Custom[f.Name] = f.Value
	}
	return asJSON(form)
}

// privacyForm is a privacy as analysts' views read it, by names.
type privacyForm struct {
	LastSeen   string `json:"last_seen"`
	AddMe      string `json:"add_me"`
	WriteFirst string `json:"write_first"`
}

// PrivacyText is a privacy as JSON, with names.
func PrivacyText(p events.Privacy) string {
	name := func(a events.Audience) string {
		return [...]string{"everyone", "everyone", "contacts", "nobody"}[min(int(a), 3)]
	}
	return asJSON(privacyForm{name(p.LastSeen), name(p.AddMe), name(p.WriteFirst)})
}

func asJSON(form any) string {
	text, err := json.Marshal(form)
	if err != nil {
		panic(err) // texts always have a JSON form
	}
	return string(text)
}
