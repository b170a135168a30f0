package fold_test

import (
	"testing"

	"annal/internal/fold"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// TestPlantedInWhatIsHidden: a view that forgets what somebody hid, or counts it, or tells otherwise what they say of themselves, is found out.
func TestPlantedInWhatIsHidden(t *testing.T) {
	_, store := newStore(t)
	a := newAuthor(t)
	s := a.open(0, "bob")
	for range 3 {
		a.must(s, "ann", events.Send{Body: events.TextBody("hello"), Refs: events.Refs{Mentions: []events.UserID{"bob"}}}) // 2–4
	}
	self := events.NewSelfID("bob")
	a.must(self, "bob", events.Create{Kind: events.KindSelf, Policy: policy})
	a.must(self, "bob", events.Hide{Session: s, Messages: []events.Numbers{{Seq: 3, Index: 2}, {Seq: 4, Index: 3}}})
	a.must(self, "bob", events.SetProfile{Profile: events.ProfileChange{Name: new("Bob")}})
	a.must(self, "bob", events.SetPrivacy{Privacy: events.Privacy{AddMe: events.AudienceContacts}})
	a.must(s, "ann", events.Revoke{Seq: 4})
	log := logOf(t, a.said)
	defer log.Close()
	setViews(t, store, false)
	apply(t, store, a.said)
	setViews(t, store, true)
	for name, c := range map[string]struct {
		want string
		view liar
	}{
		"nothing":      {"", liar{}},
		"a count":      {"unread without what is hidden of bob is 2, must be 1", liar{hiding: func(p *hot.Person) { p.Unread++ }}},
		"a mention":    {"mentions without what is hidden of bob is 2, must be 1", liar{hiding: func(p *hot.Person) { p.Mentions++ }}},
		"one too few":  {" is [2], must be [2 3]", liar{hidden: func(i []events.Index) []events.Index { return i[:min(1, len(i))] }}},
		"a name":       {"own.profile.name of bob is \"Rob\", must be \"Bob\"", liar{own: func(o *hot.Own) { o.Profile.Name = "Rob" }}},
		"a privacy":    {"own.privacy.last_seen of bob is 3, must be 1", liar{own: func(o *hot.Own) { o.Privacy.LastSeen = events.AudienceNobody }}},
		"one too many": {" is [2 3 4], must be [2 3]", liar{hidden: func(i []events.Index) []events.Index { return append(i, 4) }}},
	} {
		t.Run(name, func(t *testing.T) {
			var report fold.Report
			sessions := folded(t, log, &report)
			c.view.View = store.Reader()
			if err := fold.Compare(t.Context(), c.view, window, sessions, &report); err != nil {
				t.Fatal(err)
			}
			if c.want != "" {
				wantProblem(t, &report, c.want)
			} else if report.Found != 0 {
				t.Errorf("of a right view: %q", report.Problems)
			}
		})
	}
}
