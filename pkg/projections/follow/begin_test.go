package follow

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"annal/internal/bubble"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// owned makes another process the owner.
func (w *world) owned(by, after events.Owner) {
	w.Helper()
	r, err := events.EncodeFence(events.Fence{Owner: by, After: after}, envelope)
	w.append(r, err)
}

// sayAs appends an outcome of an owner's, of a log time.
func (w *world) sayAs(by events.Owner, at events.Millis) {
	w.Helper()
	o := events.Outcome{Session: "g_1", Actor: events.Actor{User: "ann"}, Time: at, Result: events.Rejected{Code: events.CodeNotAMember}}
	r, err := events.EncodeOutcome(o, events.Stamp{Owner: by, Command: w.last + 1, Prev: w.last}, envelope)
	w.append(r, err)
	w.last++
}

// process is the log as another process has it.
func (w *world) process() eventlog.Log {
	client := w.log.Client()
	w.Cleanup(client.Close)
	return client
}

func (w *world) stopped(stop func() error) {
	w.Helper()
	if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
		w.Error(err)
	}
}

// Who begins at the end is handed what comes afterwards, judged by who decides then; the second time it goes on where it was.
func TestBeginsAtTheEnd(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.begin = AtEnd()
		w.say(2) // 1, 2
		second := events.Owner{N: 2, Random: [16]byte{2}}
		w.owned(second, owner) // 3
		w.sayAs(second, 1)     // 4
		first := w.client
		stop := w.follow(first)
		w.wantHanded("of what was there")
		commits, err := first.Commits(t.Context(), "test", eventlog.Events)
		if err != nil || len(commits) != 1 || commits[0].Offset != 5 {
			t.Errorf("committed is %v (%v), want that it begins at 5", commits, err)
		}
		w.outcome(w.last+1, w.last) // 5: of who does not decide any more
		w.sayAs(second, 1)          // 6
		w.wantHanded("as the log grows", 6)
		w.stopped(stop)
		w.sayAs(second, 1) // 7
		stop = w.follow(w.process())
		w.wantHanded("of what came meanwhile", 7)
		w.stopped(stop)
	})
}

// It has not begun before that is committed: else who is killed would begin further on.
func TestTheBeginningIsCommitted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.begin = AtEnd()
		w.say(1) // 1
		stop := w.follow(flaky{Log: w.client, commit: during(10 * time.Second)})
		w.say(1) // 2
		w.wantHanded("before it has begun")
		w.stopped(stop)
		stop = w.follow(w.process())
		w.say(1) // 3
		w.wantHanded("once it has", 3)
		w.stopped(stop)
	})
}

func TestBeginsAtATime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.begin = At(20)
		for _, at := range []events.Millis{10, 19, 15, 20, 10, 30} { // 1 to 6; log time never goes back
			w.sayAs(owner, at)
		}
		stop := w.follow(w.client)
		w.wantHanded("from the time on", 4, 5, 6)
		w.stopped(stop)
	})
}

func (w *world) checkpoint(p events.Progress) {
	w.Helper()
	r, err := events.EncodeCheckpoint(events.Checkpoint{Progress: p}, envelope)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := eventlog.Put(w.Context(), w.client, eventlog.Snapshots, r); err != nil {
		w.Fatal(err)
	}
}

// Where the log's start is gone, a checkpoint knows who decides.
func TestBeginsInATrimmedLog(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.begin = AtEnd()
		w.say(3) // 1, 2, 3
		w.log.Trim(eventlog.Events, 0, 3)
		w.checkpoint(events.Progress{Offset: 2, Owner: owner, Last: 0})
		if err := w.follow(w.client)(); !errors.Is(err, errNoCheckpoint) {
			t.Errorf("without a checkpoint of what is left: %v", err)
		}
		w.checkpoint(events.Progress{Offset: 3, Owner: owner, Last: 1})
		w.checkpoint(events.Progress{Offset: 9, Owner: owner, Last: 7}) // of another log
		stop := w.follow(w.process())
		w.wantHanded("of what was there")
		w.say(1) // 4
		w.wantHanded("as the log grows", 4)
		w.stopped(stop)
	})
}

// What the last commit names is gone: that ends it, unless it is told to begin again.
func TestBeginsAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.begin = AtEnd()
		stop := w.follow(w.client)
		w.stopped(stop)
		w.say(4) // 1 to 4
		w.checkpoint(events.Progress{Offset: 3, Owner: owner, Last: 1})
		w.log.Trim(eventlog.Events, 0, 3)
		stop = w.follow(w.process())
		synctest.Wait()
		if err := stop(); !errors.Is(err, eventlog.ErrTrimmed) {
			t.Errorf("a trimmed log ended it with %v", err)
		}
		w.wantHanded("of a trimmed log")
		w.again = true
		stop = w.follow(w.process())
		w.wantHanded("of what was there")
		w.say(1) // 5
		w.wantHanded("as the log grows", 5)
		w.stopped(stop)
	})
}
