package obs

import (
	"context"
	"hash/fnv"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// During an outage everything that is tried again would say so each time, for hours. So of warnings and errors with the
// same text, about the same, calmAllows come through in calmEvery; how many more there were is said in one line at its end.
// Metrics count them all, and from level debug on every line comes.
const (
	calmAllows = 3
	calmEvery  = 30 * time.Second
	// calmThings bounds how many things, such as partitions, a text is counted for on their own. Further ones are
	// counted together: a gateway may say the same of each of very many sessions.
	calmThings = 100
	// calmTexts bounds how many lines are counted at once: so many on their own, and as many texts; beyond, they come
	// through.
	calmTexts = 1000
)

// volatile are the attributes that differ between lines that say the same of the same.
var volatile = []string{"error", "err", "retry_in", "seconds"}

// calm is a handler that keeps repetitions back.
type calm struct {
	next slog.Handler
	said *said
	// about is what the handler's own attributes and groups say.
	about string
}

// said counts lines, for all handlers that come of one.
type said struct {
	root  slog.Handler
	mu    sync.Mutex
	lines map[line]*repeated
	// things is how many lines of a text are counted on their own.
	things map[text]int
}

type text struct {
	level slog.Level
	text  string
}

// line is a text about something, as a hash of the attributes; 0 for everything that is not counted on its own.
type line struct {
	text
	about uint64
}

// repeated is a line that was said within calmEvery. by is a handler that has the attributes of all of them.
type repeated struct {
	passed, kept int
	by           slog.Handler
	attrs        []slog.Attr
}

func newCalm(next slog.Handler) *calm {
	return &calm{next: next, said: &said{root: next, lines: map[line]*repeated{}, things: map[text]int{}}}
}

// Enabled implements slog.Handler.
func (c *calm) Enabled(ctx context.Context, l slog.Level) bool { return c.next.Enabled(ctx, l) }

// WithAttrs implements slog.Handler.
func (c *calm) WithAttrs(attrs []slog.Attr) slog.Handler {
	about := c.about
	for _, a := range attrs {
		about += a.String() + "\x00"
	}
	return &calm{c.next.WithAttrs(attrs), c.said, about}
}

// WithGroup implements slog.Handler.
func (c *calm) WithGroup(name string) slog.Handler {
	return &calm{c.next.WithGroup(name), c.said, c.about + name + ".\x00"}
}

// Handle implements slog.Handler.
func (c *calm) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn && !c.said.passes(&r, c) {
		return nil
	}
	return c.next.Handle(ctx, r)
}

// lasting are the attributes that say what a line is about.
func lasting(r *slog.Record) []slog.Attr {
	var out []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		if !slices.Contains(volatile, a.Key) {
			out = append(out, a)
		}
		return true
	})
	return out
}

// hashOf is never 0.
func hashOf(about string, attrs []slog.Attr) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, about) // never fails, as below
	for _, a := range attrs {
		_, _ = io.WriteString(h, a.String()+"\x00")
	}
	return max(h.Sum64(), 1)
}

// passes says whether the line may come; if it is the first of its kind it begins the time that is counted.
func (s *said) passes(r *slog.Record, c *calm) bool {
	attrs := lasting(r)
	l := line{text{r.Level, r.Message}, hashOf(c.about, attrs)}
	by := c.next
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines[l] == nil && (s.things[l.text] >= calmThings || len(s.lines) >= calmTexts) {
		l.about, by, attrs = 0, s.root, nil
	}
	is := s.lines[l]
	switch {
	case is == nil && len(s.lines) >= 2*calmTexts:
		return true
	case is == nil:
		is = &repeated{by: by, attrs: attrs}
		s.lines[l] = is
		if l.about != 0 {
			s.things[l.text]++
		}
		time.AfterFunc(calmEvery, func() { s.over(l) })
	}
	if is.passed < calmAllows {
		is.passed++
		return true
	}
	is.kept++
	return false
}

// over ends the time that is counted, and says what was kept back.
func (s *said) over(l line) {
	s.mu.Lock()
	is := s.lines[l]
	delete(s.lines, l)
	if l.about != 0 {
		if s.things[l.text]--; s.things[l.text] == 0 {
			delete(s.things, l.text)
		}
	}
	kept := is.kept
	s.mu.Unlock()
	is.say(l, kept)
}

// say says how many lines were kept back, if any.
func (r *repeated) say(l line, kept int) {
	if kept == 0 {
		return
	}
	rec := slog.NewRecord(time.Now(), l.level, l.text.text, 0)
	rec.AddAttrs(r.attrs...)
	rec.AddAttrs(slog.Int("more_lines", kept), slog.Duration("within", calmEvery))
	_ = r.by.Handle(context.Background(), rec) // a log that can't be written has nowhere to say so
}

// Flush has a logger of NewLogger say at once what it keeps back: for when the process ends.
func Flush(log *slog.Logger) {
	c, ok := log.Handler().(*calm)
	if !ok {
		return
	}
	c.said.mu.Lock()
	kept := map[line]repeated{}
	for l, r := range c.said.lines {
		kept[l] = *r
		r.kept = 0
	}
	c.said.mu.Unlock()
	for l, r := range kept {
		r.say(l, r.kept)
	}
}
