package fold_test

import (
	"fmt"
	"testing"

	"annal/pkg/audit"
	"annal/pkg/events"
)

// TestWhatOneSaidOfOneself: at a past instant there is the profile and the privacy of then, from the archive, whole or by the parts that are needed, and from the log.
func TestWhatOneSaidOfOneself(t *testing.T) {
	a := newAuthor(t)
	self := events.NewSelfID("bob")
	a.must(self, "bob", events.Create{Kind: events.KindSelf, Policy: policy})
	a.must(self, "bob", events.SetProfile{Profile: events.ProfileChange{Name: new("Bob")}})
	a.must(self, "bob", events.SetPrivacy{Privacy: events.Privacy{AddMe: events.AudienceNobody}})
	a.must(self, "bob", events.SetProfile{Profile: events.ProfileChange{Name: new("Rob"), Status: new("away")}})
	log := logOf(t, a.said)
	defer log.Close()
	past := archived(t, log, 1)
	sources := map[string]func(audit.Instant) (*audit.State, error){
		"archive": func(at audit.Instant) (*audit.State, error) {
			return audit.At(t.Context(), audit.Archive{View: past}, self, at)
		},
		"log": func(at audit.Instant) (*audit.State, error) {
			return audit.At(t.Context(), audit.Log{Log: log}, self, at)
		},
		"parts": func(at audit.Instant) (*audit.State, error) {
			return audit.AtPast(t.Context(), past, self, at, audit.Page{})
		},
	}
	for name, source := range sources {
		for seq, want := range []string{1: "{   []} {0 0 0}", 2: "{Bob   []} {0 0 0}", 3: "{Bob   []} {1 3 1}", 4: "{Rob  away []} {1 3 1}"} {
			if seq == 0 {
				continue
			}
			s, err := source(audit.Instant{Seq: events.Seq(seq)})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(s.Profile, s.Privacy); got != want {
				t.Errorf("%s at seq %d: %s, want %s", name, seq, got, want)
			}
		}
	}
}
