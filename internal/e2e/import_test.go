package e2e

import (
	"annal/internal/annaltest"

	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"annal/internal/importer"
)

// sample is the chat that is brought in; what comes of it is in examples/README.md.
var sample = filepath.Join("..", "..", "examples", "ubuntu-irc-sample.jsonl.gz")

const (
	sampleLines    = 2000
	sampleAcked    = 1945
	sampleAnswered = 53
	importTime     = time.Minute
)

var sampleRejected = map[string]int{"INVALID_TEXT": 2}

func TestImportOnEmbeddedEngines(t *testing.T) { importing(t, dev(t, "embedded")) }

func TestImportOnRealEngines(t *testing.T) { importing(t, dev(t, "real")) }

// importing brings the sample in while the importer is killed once and the server
// once, and then once more.
func importing(t *testing.T, s *annaltest.Server) {
	// Few in flight, so that the middle is not over before it is seen.
	args := []string{"import", sample, "--json", "--endpoints", s.File, "--inflight", "16"}
	first := annaltest.Start(t, "import", nil, args...)
	awaitOutcomes(t, s, sampleLines/5)
	first.Kill()

	second := annaltest.Start(t, "import", nil, args...)
	awaitOutcomes(t, s, sampleLines/2)
	s.Crash(t)
	sum := summary(t, second)
	if sum.Lines != sampleLines || sum.Unaccounted() != 0 || sum.Already == 0 || sum.Acked == 0 {
		t.Errorf("after two kills: %+v; want an outcome for each of %d lines, some by the run before", sum, sampleLines)
	}
	annaltest.Verify(t, s.File)

	again := summary(t, annaltest.Start(t, "import", nil, "import", sample, "--json", "--endpoints", s.File))
	if again.Lines != sampleLines || again.Already != sampleLines || again.Acked+again.Answered+len(again.Rejected) != 0 {
		t.Errorf("a second import: %+v; want all %d already", again, sampleLines)
	}
	annaltest.Verify(t, s.File)
}

func TestImportOfAWholeFile(t *testing.T) {
	s := dev(t, "embedded")
	sum := summary(t, annaltest.Start(t, "import", nil, "import", sample, "--json", "--endpoints", s.File))
	if sum.Lines != sampleLines || sum.Acked != sampleAcked || sum.Answered != sampleAnswered || sum.Already != 0 || !maps.Equal(sum.Rejected, sampleRejected) {
		t.Errorf("%+v; want %d lines, %d acked, %d answered, rejected %v", sum, sampleLines, sampleAcked, sampleAnswered, sampleRejected)
	}
}

func summary(t *testing.T, p *annaltest.Process) importer.Summary {
	t.Helper()
	var sum importer.Summary
	out := p.Wait(importTime)
	if err := json.Unmarshal(bytes.TrimSpace(out), &sum); err != nil {
		t.Fatalf("import printed %q: %v", out, err)
	}
	return sum
}

// awaitOutcomes waits until a server has counted n outcomes since it was started.
func awaitOutcomes(t *testing.T, s *annaltest.Server, n int) {
	t.Helper()
	annaltest.Eventually(t, annaltest.Patience, func() error {
		got, err := s.Metric(t.Context(), "annal_sequencer_outcomes_total")
		if err == nil && got < float64(n) {
			err = fmt.Errorf("%.0f outcomes, want %d", got, n)
		}
		return err
	})
}
