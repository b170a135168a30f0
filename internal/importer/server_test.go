package importer_test

import (
	"compress/gzip"
	"context"
	"io"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"

	"annal/internal/importer"
	"annal/pkg/client"
	"annal/pkg/client/clienttest"
	"annal/pkg/events"
)

// sample gives the first n lines of the example.
func sample(t *testing.T, n int) string {
	t.Helper()
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
	lines := strings.SplitAfter(string(all), "\n")
	return strings.Join(lines[:n], "")
}

func options(s *clienttest.Server) client.Options {
	opts := s.Options("importer")
	opts.Token, opts.AsUser, opts.InFlight = client.StaticToken(s.Token("importer", "import")), "importer", 64
	return opts
}

// cutter reads a file and calls cut when it is half read.
type cutter struct {
	r    io.Reader
	left int
	cut  func()
}

func (c *cutter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p[:min(len(p), 1024)])
	if c.left -= n; c.left < 0 && c.cut != nil {
		c.cut()
		c.cut = nil
	}
	return n, err
}

// TestImportThroughAGateway brings the sample in over a real socket, with the gateway
// killed and started again in the middle, and compares with the rules' own totals.
func TestImportThroughAGateway(t *testing.T) {
	s := clienttest.Serve(t)
	c := s.Dial(options(s))
	file := sample(t, 2000)
	var restarted sync.WaitGroup
	r := &cutter{r: strings.NewReader(file), left: len(file) / 2, cut: func() {
		restarted.Go(func() {
			s.Kill()
			s.Start()
		})
	}}
	sum, err := importer.Run(context.Background(), []importer.Conn{c}, r, importer.Options{Owner: "importer"})
	restarted.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if sum.Lines != 2000 || sum.Acked != 1945 || sum.Answered != 53 || sum.Already != 0 || sum.Joined != 72 || !maps.Equal(sum.Rejected, map[string]int{"INVALID_TEXT": 2}) {
		t.Errorf("got %+v; want 1945 acked, 53 answered, 2 of INVALID_TEXT, 72 let in", sum)
	}
	session := events.NewSessionID(events.Create{Kind: events.KindChannel}, "importer", "import-ubuntu")
	timeline := s.World.Timeline(session)
	for i, e := range timeline {
		if e.Seq != events.Seq(i+1) {
			t.Fatalf("event %d has seq %d: the timeline is not dense", i+1, e.Seq)
		}
	}
	if len(timeline) != 2018 {
		t.Errorf("the timeline has %d events, want 2018", len(timeline))
	}
	again := s.Dial(options(s))
	sum, err = importer.Run(context.Background(), []importer.Conn{again}, strings.NewReader(file), importer.Options{Owner: "importer"})
	if err != nil || sum.Already != 2000 {
		t.Errorf("a second run: %+v, %v; want all of 2000 already", sum, err)
	}
	if n := len(s.World.Timeline(session)); n != 2018 {
		t.Errorf("the timeline has %d events after a second run, want 2018", n)
	}
}
