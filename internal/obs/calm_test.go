package obs

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRepetitionsAreKeptBack: of what is said again and again a few lines come, and then how many more there were.
func TestRepetitionsAreKeptBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out written
		log, err := NewLogger(&out, "info", "text")
		if err != nil {
			t.Fatal(err)
		}
		of := func(text string) int { return strings.Count(out.String(), text) }
		for i := range 1000 {
			log.With("try", i).Warn("the engine is away")
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
		log.Warn("the engine is away")
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
