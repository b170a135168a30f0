package importer

import (
	"compress/gzip"
	"io"
	"os"
	"testing"
)

// TestTheSamplesTotals are those that examples/README.md explains.
func TestTheSamplesTotals(t *testing.T) {
	f, err := os.Open("../../examples/ubuntu-irc-sample.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer()
	sum, _ := run(t, s, string(all))
	check(t, sum, Summary{
		Lines: 2000, Acked: 1945, Answered: 53, Channels: 1, Joined: 72,
		Rejected: map[string]int{"INVALID_TEXT": 2},
	})
	if got, want := len(s.log), 2018; got != want {
		t.Errorf("the log has %d events, want %d", got, want)
	}
	again, _ := run(t, s, string(all))
	check(t, again, Summary{Lines: 2000, Already: 2000, Channels: 1, Joined: 72})

	s = newServer()
	split := Summary{
		Lines: 2000, Acked: 1947, Answered: 51, Channels: 1, Sessions: 2, Joined: 75,
		Rejected: map[string]int{"INVALID_TEXT": 2},
	}
	sum, _ = runSplit(t, s, string(all), SplitDay)
	check(t, sum, split)
	if got, want := len(s.log), split.Sessions+split.Joined+split.Acked; got != want {
		t.Errorf("by day, the log has %d events, want %d", got, want)
	}
	again, _ = runSplit(t, s, string(all), SplitDay)
	check(t, again, Summary{Lines: 2000, Already: 2000, Channels: 1, Sessions: split.Sessions, Joined: split.Joined})
}
