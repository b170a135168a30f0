package follow

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"annal/internal/bubble"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

func (w *world) wantCalls(when string, want ...int) {
	w.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []int
	for _, call := range w.handed {
		got = append(got, len(call))
	}
	w.handed = nil
	if len(got) != len(want) {
		w.Errorf("%s: calls of %v, want of %v", when, got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			w.Errorf("%s: calls of %v, want of %v", when, got, want)
			return
		}
	}
}

// What comes close together is handed over together: for a while, or until it is much.
func TestGathers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.gather = Gather{Wait: 500 * time.Millisecond, Bytes: 1 << 20}
		stop := w.follow(w.client)
		for range 4 {
			w.say(1)
			<-time.After(100 * time.Millisecond)
		}
		w.wantCalls("before the wait is over")
		<-time.After(200 * time.Millisecond)
		w.wantCalls("after it", 4)
		w.say(1)
		<-time.After(100 * time.Millisecond)
		w.wantStopped(stop)
		w.wantCalls("at the end what was gathered is finished", 1)

		w.gather.Bytes = 1 // any record is much
		stop = w.follow(w.client)
		for range 3 {
			w.say(1)
			w.wantCalls("much at once", 1)
		}
		w.wantStopped(stop)
	})
}

func (w *world) committed() Commit {
	w.Helper()
	claims, err := w.client.Commits(w.Context(), "test", eventlog.Events)
	if err != nil || len(claims) != 1 {
		w.Fatalf("commits: %v, %v", claims, err)
	}
	c, err := ParseCommit(claims[0].Metadata)
	if err != nil || c.Progress.Offset != claims[0].Offset {
		w.Fatalf("the commit of %d says %+v, %v", claims[0].Offset, c, err)
	}
	return c
}

// While nothing goes on, and afterwards, commits say what the trouble is, for whoever looks on.
func TestTellsTrouble(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(1)
		stop := w.follow(w.client)
		<-time.After(2 * time.Second)
		if c := w.committed(); c.Trouble.At != 0 || c.Progress.Offset != 2 {
			t.Errorf("before: %+v", c)
		}
		failing := true
		w.mu.Lock()
		w.fail = func([]int64) error {
			if failing {
				return errAway
			}
			return nil
		}
		w.mu.Unlock()
		began := time.Now()
		w.say(2)
		<-time.After(20 * time.Second)
		c := w.committed()
		if c.Progress.Offset != 2 || !strings.Contains(c.Trouble.What, errAway.Error()) || c.Trouble.At < events.Millis(began.UnixMilli()) {
			t.Errorf("meanwhile: %+v, want the trouble at the same place", c)
		}
		w.mu.Lock()
		failing = false
		w.mu.Unlock()
		<-time.After(3 * time.Second)
		after := w.committed()
		if after.Progress.Offset != 4 || after.Trouble.What != c.Trouble.What {
			t.Errorf("afterwards: %+v, want all done, and the trouble remembered", after)
		}
		w.wantStopped(stop)
		stop = w.follow(w.client)
		w.say(1)
		<-time.After(3 * time.Second)
		if again := w.committed(); again.Progress.Offset != 5 || again.Trouble != after.Trouble {
			t.Errorf("after a new start: %+v", again)
		}
		w.wantStopped(stop)
	})
}

func TestCommitText(t *testing.T) {
	p := events.Progress{Offset: 7, Owner: events.Owner{N: 3}, Last: 5, Time: 9}
	for _, c := range []Commit{{Progress: p}, {p, Trouble{At: 12, What: "cannot do it: away"}}} {
		got, err := ParseCommit(c.String())
		if err != nil || got != c {
			t.Errorf("%q was read as %+v, %v", c.String(), got, err)
		}
	}
	long := Commit{p, Trouble{At: 1, What: strings.Repeat("é\n", 5000) + "\xff"}}
	if text := long.String(); len(text) > eventlog.MaxMetadataBytes || strings.Count(text, "\n") != 1 {
		t.Errorf("%d bytes with %d line ends, want few and one", len(text), strings.Count(text, "\n"))
	}
	for _, text := range []string{"", "\n", "\nsoon it broke"} {
		if c, err := ParseCommit(p.String() + text); err != nil || c.Progress != p {
			t.Errorf("with %q behind it was read as %+v, %v", text, c, err)
		}
	}
	for _, text := range []string{"", "p1", "\n" + p.String()} {
		if c, err := ParseCommit(text); err == nil {
			t.Errorf("%q was read as %+v", text, c)
		}
	}
}
