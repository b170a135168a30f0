package chat

import (
	"testing"

	"annal/pkg/client/clienttest"
)

// Who chats with one person sees them come, and go.
func TestWhoIsThere(t *testing.T) {
	s := clienttest.Serve(t)
	alice := open(t, s, "alice", Place{With: []string{"bob"}})
	alice.types("hello")
	alice.sees("you: hello")
	bob := open(t, s, "bob", Place{With: []string{"alice"}})
	bob.sees("* alice is online")
	alice.sees("* bob is online")
	bob.types("/quit")
	if err := <-bob.done; err != nil {
		t.Fatal(err)
	}
}
