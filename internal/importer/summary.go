package importer

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"annal/pkg/client"
	"annal/pkg/events"
)

// malformed counts lines that were not sent, because they cannot be read.
const malformed = "MALFORMED"

// Summary says what came of the lines, each counted once:
// lines = acked + already + answered + the sum of rejected.
type Summary struct {
	Lines int `json:"lines"`
	// Acked were accepted now.
	Acked int `json:"acked"`
	// Already were sent by a former run, whatever came of them then.
	Already int `json:"already"`
	// Answered had no effect: joining while in, leaving while out.
	Answered int `json:"answered"`
	// Rejected counts by code.
	Rejected map[string]int `json:"rejected"`
	Seconds  float64        `json:"seconds"`

	// Channels were met, Sessions made of them, and Joined people had to be let in before
	// they spoke; none of these are lines.
	Channels int `json:"-"`
	Sessions int `json:"-"`
	Joined   int `json:"-"`
}

// Unaccounted is how many lines have no outcome: 0 unless the import was cut short.
func (s *Summary) Unaccounted() int {
	n := s.Lines - s.Acked - s.Already - s.Answered
	for _, rejected := range s.Rejected {
		n -= rejected
	}
	return n
}

// Print writes the summary for people.
func (s *Summary) Print(w io.Writer) {
	fmt.Fprintf(w, "%d lines of %d channels, in %d sessions, in %.1f s, %.0f lines/s\n", s.Lines, s.Channels, s.Sessions, s.Seconds, float64(s.Lines)/max(s.Seconds, 1e-9))
	fmt.Fprintf(w, "  %8d acked: accepted now\n", s.Acked)
	fmt.Fprintf(w, "  %8d already: brought in by a former run\n", s.Already)
	fmt.Fprintf(w, "  %8d answered: joined while in, or left while out\n", s.Answered)
	for _, code := range slices.Sorted(maps.Keys(s.Rejected)) {
		fmt.Fprintf(w, "  %8d rejected: %s\n", s.Rejected[code], code)
	}
	fmt.Fprintf(w, "besides, %d times somebody was let in before speaking\n", s.Joined)
}

// tally counts outcomes as they come, from many goroutines.
type tally struct {
	opts  Options
	start int64

	mu      sync.Mutex
	summary Summary
	err     error
	ended   sync.WaitGroup
}

// name says on the log what came of a line that was not taken.
func (t *tally) name(number int, what string) {
	if t.opts.Log != nil {
		fmt.Fprintf(t.opts.Log, "line %d: %s\n", number, what)
	}
}

// malformed counts a line that was not sent.
func (t *tally) malformed(e *malformedError) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Lines++
	t.summary.Rejected[malformed]++
	t.name(e.number, malformed+": "+e.err.Error())
}

// line counts what came of a line's own command. former: the channel was there
// before this run.
func (t *tally) line(number int, former bool, a client.Ack, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var e *client.Error
	switch {
	case errors.As(err, &e):
		if former && e.Duplicate {
			t.summary.Already++
			return
		}
		t.summary.Rejected[string(e.Code)]++
		t.name(number, e.Error())
	case err != nil:
		t.fail(fmt.Errorf("importer: line %d: %w", number, err))
	case former && t.repeats(a):
		t.summary.Already++
	case a.GetAnswered() == "" || a.GetAnswered() == string(events.CodeDuplicate):
		t.summary.Acked++
	default:
		t.summary.Answered++
	}
}

// repeats tells what was sent by a former run from what this run sent twice, over
// one connection and another: the latter is not older than the run.
func (t *tally) repeats(a client.Ack) bool {
	return a.GetDuplicate() && !(a.Resent && a.GetTimeMs() >= t.start)
}

// joined counts somebody let in before speaking.
func (t *tally) joined(number int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var e *client.Error
	switch {
	case errors.As(err, &e):
		t.name(number, "could not be let in first: "+e.Error())
	case err != nil:
		t.fail(fmt.Errorf("importer: line %d: let in: %w", number, err))
	default:
		t.summary.Joined++
	}
}

// fail keeps the first reason why lines have no outcome. The lock is held.
func (t *tally) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}
