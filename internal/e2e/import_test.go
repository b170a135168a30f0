package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
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
func importing(t *testing.T, s *server) {
	// Few in flight, so that the middle is not over before it is seen.
	args := []string{"import", sample, "--json", "--endpoints", s.file, "--inflight", "16"}
	first := start(t, "import", nil, args...)
	s.awaitOutcomes(t, sampleLines/5)
	first.kill()

	second := start(t, "import", nil, args...)
	s.awaitOutcomes(t, sampleLines/2)
	s.crash(t)
	sum := summary(t, second)
	if sum.Lines != sampleLines || sum.Unaccounted() != 0 || sum.Already == 0 || sum.Acked == 0 {
		t.Errorf("after two kills: %+v; want an outcome for each of %d lines, some by the run before", sum, sampleLines)
	}
	verify(t, s.file)

	again := summary(t, start(t, "import", nil, "import", sample, "--json", "--endpoints", s.file))
	if again.Lines != sampleLines || again.Already != sampleLines || again.Acked+again.Answered+len(again.Rejected) != 0 {
		t.Errorf("a second import: %+v; want all %d already", again, sampleLines)
	}
	verify(t, s.file)
}

func TestImportOfAWholeFile(t *testing.T) {
	s := dev(t, "embedded")
	sum := summary(t, start(t, "import", nil, "import", sample, "--json", "--endpoints", s.file))
	if sum.Lines != sampleLines || sum.Acked != sampleAcked || sum.Answered != sampleAnswered || sum.Already != 0 || !maps.Equal(sum.Rejected, sampleRejected) {
		t.Errorf("%+v; want %d lines, %d acked, %d answered, rejected %v", sum, sampleLines, sampleAcked, sampleAnswered, sampleRejected)
	}
}

func summary(t *testing.T, p *process) importer.Summary {
	t.Helper()
	var sum importer.Summary
	out := p.wait(importTime)
	if err := json.Unmarshal(bytes.TrimSpace(out), &sum); err != nil {
		t.Fatalf("import printed %q: %v", out, err)
	}
	return sum
}

// awaitOutcomes waits until the server has counted n outcomes since it was started.
func (s *server) awaitOutcomes(t *testing.T, n int) {
	t.Helper()
	eventually(t, patience, func() error {
		got, err := s.metric(t.Context(), "annal_sequencer_outcomes_total")
		if err == nil && got < float64(n) {
			err = fmt.Errorf("%.0f outcomes, want %d", got, n)
		}
		return err
	})
}

// metric sums a metric over its labels.
func (s *server) metric(ctx context.Context, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.at.HTTP+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var sum float64
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), name) {
			continue
		}
		n, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", lines.Text(), err)
		}
		sum += n
	}
	return sum, nil
}
