package chat

import (
	"testing"

	clientv1 "annal/gen/annal/client/v1"
)

func TestHitsAreOneLineAndDoNotSteerTheTerminal(t *testing.T) {
	h := &clientv1.SearchHit{
		Snippet: "…日本\n\x1b[2J tea, Tea", Marks: []*clientv1.Mark{{First: 1, Count: 2}, {First: 9, Count: 3}, {First: 14, Count: 3}, {First: 90, Count: 3}},
	}
	if got, want := marked(h), "…[日本] \uFFFD[2J [tea], [Tea]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
