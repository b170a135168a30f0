package obs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// During an outage everything that is tried again would say so each time, for hours. So of warnings and errors with the
// same text calmAllows come through in calmEvery; how many more there were is said in one line at its end. Metrics
// count them all, and from level debug on every line comes.
const (
	calmAllows = 3
	calmEvery  = 30 * time.Second
	// calmTexts bounds how many texts are counted at once; beyond, lines come through.
	calmTexts = 1000
)

// calm is a handler that keeps repetitions back.
type calm struct {
	next slog.Handler
	said *said
}

// said counts lines by level and text, for all handlers that come of one.
type said struct {
	mu    sync.Mutex
	lines map[line]*repeated
}

type line struct {
	level slog.Level
	text  string
}

// repeated is a text that was said within calmEvery.
type repeated struct{ passed, kept int }

func newCalm(next slog.Handler) *calm { return &calm{next, &said{lines: map[line]*repeated{}}} }

// Enabled implements slog.Handler.
func (c *calm) Enabled(ctx context.Context, l slog.Level) bool { return c.next.Enabled(ctx, l) }

// WithAttrs implements slog.Handler.
func (c *calm) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &calm{c.next.WithAttrs(attrs), c.said}
}

// WithGroup implements slog.Handler.
func (c *calm) WithGroup(name string) slog.Handler { return &calm{c.next.WithGroup(name), c.said} }

// Handle implements slog.Handler.
func (c *calm) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn && !c.said.passes(line{r.Level, r.Message}, c) {
		return nil
	}
	return c.next.Handle(ctx, r)
}

// passes says whether the line may come; if it is the first of its text it begins the time that is counted.
func (s *said) passes(l line, by *calm) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.lines[l]
	switch {
	case r == nil && len(s.lines) >= calmTexts:
		return true
	case r == nil:
		r = &repeated{}
		s.lines[l] = r
		time.AfterFunc(calmEvery, func() { s.over(l, by) })
	}
	if r.passed < calmAllows {
		r.passed++
		return true
	}
	r.kept++
	return false
}

// over ends the time that is counted, and says what was kept back.
func (s *said) over(l line, by *calm) {
	s.mu.Lock()
	kept := s.lines[l].kept
	delete(s.lines, l)
	s.mu.Unlock()
	if kept == 0 {
		return
	}
	r := slog.NewRecord(time.Now(), l.level, l.text, 0)
	r.AddAttrs(slog.Int("more_lines", kept), slog.Duration("within", calmEvery))
	_ = by.next.Handle(context.Background(), r) // a log that can't be written has nowhere to say so
}
