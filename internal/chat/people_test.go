package chat

import (
	"testing"
	"time"

	"annal/pkg/client/clienttest"
)

// TestNames: people are shown as they call themselves, with their ids where commands need them.
func TestNames(t *testing.T) {
	s := clienttest.Serve(t)
	alice := open(t, s, "alice", Place{Group: "tea", With: []string{"bob"}})
	for typed, seen := range map[string]string{
		"/iam Alice A.": "* done", "/status on the way": "* done", "/privacy add-me": "* /privacy last-seen|add-me|write-first", "/privacy add-me contacts": "* done",
		"/notify some": "* /notify all|mentions|none", "/notify": "* /notify all|mentions|none", "/notify mentions sender others": "* done", "/notify none all quiet more": "* /notify all|mentions|none",
		"/device": "* /device NAME SERVICE PACKAGE TOKEN", "/device phone fcm app": "* /device NAME SERVICE PACKAGE TOKEN", "/device phone fcm app t {1, 2}": "* done", "/device phone off": "* done",
	} {
		alice.types(typed)
		alice.sees(seen)
	}
	alice.types("hello")
	alice.sees("#2 you: hello")
	bob := open(t, s, "bob", Place{Group: "tea"})
	bob.sees("* Alice A. opened this with you", "#2 Alice A.: hello")
	bob.types("/who")
	bob.sees("  Alice A. (alice), owner", "  you, member")
	alice.sees("✓ read by bob up to #2")
	bob.types("/typing")
	alice.sees("… bob is typing")
	bob.types("hi")
	alice.sees("#3 bob: hi")
}

// TestNamesAreNoDisguise: a name that is another's name or id is shown with the id, and none steers the terminal.
func TestNamesAreNoDisguise(t *testing.T) {
	k := knowing{me: "me", names: map[string]named{
		"ann": {"Ann", time.Time{}}, "eve": {"Ann", time.Time{}}, "mal": {"bob", time.Time{}}, "bob": {}, "x": {"a\x1b[2J\nb", time.Time{}}, "me": {"Me", time.Time{}},
	}}
	for user, want := range map[string]string{
		"ann": "Ann (ann)", "eve": "Ann (eve)", "mal": "bob (mal)", "bob": "bob", "x": "a\uFFFD[2J\n    b", "me": "you", "other": "other",
	} {
		if got := name(user, k); got != want {
			t.Errorf("%s is shown as %q, want %q", user, got, want)
		}
	}
}
