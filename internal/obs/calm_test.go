package obs

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"annal/internal/bubble"
)

// TestRepetitionsAreKeptBack: of what is said again and again a few lines come, and then how many more there were.
func TestRepetitionsAreKeptBack(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var out written
		log, err := NewLogger(&out, "info", "text")
		if err != nil {
			t.Fatal(err)
		}
		of := func(text string) int { return strings.Count(out.String(), text) }
		for i := range 1000 {
			log.With("engine", "e1").Warn("the engine is away", "error", i, "retry_in", time.Duration(i))
			log.Info("a line that is no warning")
		}
		log.Warn("something else")
		if got := of("the engine is away"); got != calmAllows {
			t.Errorf("%d of 1000 warnings came through, want %d", got, calmAllows)
		}
		if of("a line that is no warning") != 1000 || of("something else") != 1 {
			t.Error("lines that are no repeated warning were kept back")
		}
		<-time.After(2 * calmEvery)
		synctest.Wait()
		if of("the engine is away") != calmAllows+1 || of("more_lines=997") != 1 {
			t.Errorf("no line says how many warnings were kept back:\n%s", out.String())
		}
		log.With("engine", "e1").Warn("the engine is away")
		if got := of("the engine is away"); got != calmAllows+2 {
			t.Error("a later warning of the same text was kept back")
		}
		<-time.After(2 * calmEvery)
		synctest.Wait()
		if of("more_lines") != 1 {
			t.Error("lines are said to be kept back that were not")
		}
	})
}

// written is a buffer that timers write to as well.
type written struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(b)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// TestDebugSaysAll: who wants every line gets it.
func TestDebugSaysAll(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, "debug", "json")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		log.Warn("again")
	}
	if got := strings.Count(out.String(), "again"); got != 100 {
		t.Errorf("%d of 100 lines came at level debug, want all", got)
	}
}

// TestNewsOfOthersComes: what is said of another thing is no repetition, whether its name is the logger's or the line's, and
// what was kept back of it is said under its own name.
func TestNewsOfOthersComes(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var out written
		log, err := NewLogger(&out, "info", "text")
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			for partition := range 2 {
				of := log.With("partition", partition)
				of.Error("stopped", "error", "why")
				of.WithGroup("g").Error("stopped", "error", "why")
				of.Error("sessions put aside", "sessions", fmt.Sprint("s", partition))
				of.Error("sessions put aside", "sessions", fmt.Sprint("t", partition))
			}
		}
		<-time.After(2 * calmEvery)
		synctest.Wait()
		lines := map[string]int{}
		for _, l := range strings.Split(out.String(), "\n") {
			_, l, _ = strings.Cut(l, "msg=")
			lines[l]++
		}
		for _, p := range []string{"0", "1"} {
			for _, c := range []struct{ line, more string }{
				{"stopped partition=" + p + " error=why", "stopped partition=" + p + " more_lines=2 within=30s"},
				{"stopped partition=" + p + " g.error=why", "stopped partition=" + p + " g.more_lines=2 g.within=30s"},
				{`"sessions put aside" partition=` + p + " sessions=s" + p, `"sessions put aside" partition=` + p + " sessions=s" + p + " more_lines=2 within=30s"},
				{`"sessions put aside" partition=` + p + " sessions=t" + p, `"sessions put aside" partition=` + p + " sessions=t" + p + " more_lines=2 within=30s"},
			} {
				if lines[c.line] != calmAllows || lines[c.more] != 1 {
					t.Errorf("%d times %q, %d times %q; want %d and 1", lines[c.line], c.line, lines[c.more], c.more, calmAllows)
				}
			}
		}
	})
}

// TestOneTextOfManyThingsIsBounded: of very many sessions a few lines tell enough.
func TestOneTextOfManyThingsIsBounded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var out written
		log, err := NewLogger(&out, "info", "text")
		if err != nil {
			t.Fatal(err)
		}
		for round := range 2 {
			for session := range 20_000 {
				log.With("session", session).Warn("cannot hear a session")
			}
			<-time.After(2 * calmEvery)
			synctest.Wait()
			of := strings.Count(out.String(), "cannot hear a session")
			if want := (calmThings + calmAllows + 1) * (round + 1); of != want {
				t.Errorf("round %d: %d lines about 20,000 sessions, want %d", round, of, want)
			}
			want := fmt.Sprintf("msg=\"cannot hear a session\" more_lines=%d within=30s\n", 20_000-calmThings-calmAllows)
			if strings.Count(out.String(), want) != round+1 {
				t.Errorf("round %d: no %q", round, want)
			}
		}
	})
}

// TestFlushSaysWhatIsKeptBack: a process that ends says it, and says it once.
func TestFlushSaysWhatIsKeptBack(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var out written
		log, err := NewLogger(&out, "info", "text")
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			log.Warn("again")
		}
		Flush(log)
		if strings.Count(out.String(), "more_lines=7") != 1 {
			t.Errorf("not said at the end:\n%s", out.String())
		}
		<-time.After(2 * calmEvery)
		synctest.Wait()
		if strings.Count(out.String(), "more_lines") != 1 {
			t.Errorf("said twice:\n%s", out.String())
		}
	})
}

// TestManyTextsAreBounded: of many texts about many things all are heard of, in few lines.
func TestManyTextsAreBounded(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var out written
		log, err := NewLogger(&out, "info", "text")
		if err != nil {
			t.Fatal(err)
		}
		const texts = 50
		for text := range texts {
			for session := range 1000 {
				log.Warn(fmt.Sprint("text ", text, "."), "session", session)
			}
		}
		for text := range texts {
			if !strings.Contains(out.String(), fmt.Sprint("text ", text, ".")) {
				t.Errorf("text %d never came", text)
			}
		}
		if lines := strings.Count(out.String(), "\n"); lines > calmTexts+texts*calmAllows {
			t.Errorf("%d lines came, want %d at most", lines, calmTexts+texts*calmAllows)
		}
		<-time.After(2 * calmEvery)
	})
}
