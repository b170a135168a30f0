package archivetest

import (
	"testing"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// testProfiles: of a self session there is what its user says last of themselves, and whom they let do what.
func testProfiles(t *testing.T, a Archive) {
	s := newStory(events.NewSelfID("ann"), 0)
	s.event("ann", events.Created{Kind: events.KindSelf, Policy: policy, Members: members("ann")})
	s.event("ann", events.ProfileSet{Profile: events.Profile{Name: "An", Custom: []events.CustomField{{Name: "team", Value: "tea"}}}})
	put(t, a, archive.Plan(0, s.outcomes))
	is := func(when, profile, privacy string) {
		t.Helper()
		got, found, err := a.Session(t.Context(), s.session)
		if err != nil || !found || got.Profile != profile || got.Privacy != privacy || len(got.Custom) > 0 {
			t.Errorf("%s: %q and %q, custom %v, %v %v", when, got.Profile, got.Privacy, got.Custom, found, err)
		}
	}
	is("in the beginning", `{"name":"An","avatar":"","status":"","custom":{"team":"tea"}}`, "")
	s.event("ann", events.PrivacySet{Privacy: events.Privacy{LastSeen: events.AudienceNobody, AddMe: events.AudienceContacts, WriteFirst: events.AudienceEveryone}})
	s.event("ann", events.ProfileSet{Profile: events.Profile{Name: "Ann", Avatar: "img:1", Status: `"away"`}})
	put(t, a, archive.Plan(0, s.outcomes))
	privacy := `{"last_seen":"nobody","add_me":"contacts","write_first":"everyone"}`
	is("later", `{"name":"Ann","avatar":"img:1","status":"\"away\"","custom":{}}`, privacy)
	s.event("ann", events.ProfileSet{})
	put(t, a, archive.Plan(0, s.outcomes))
	is("in the end", "", privacy)
}
