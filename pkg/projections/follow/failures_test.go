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

var errAway = errors.New("away")

// flaky is a log whose calls fail as these say; nil ones never do.
type flaky struct {
	eventlog.Log
	read, next, commit func() error
}

func fails(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

// during fails for that long from now on.
func during(d time.Duration) func() error {
	until := time.Now().Add(d)
	return func() error {
		if time.Now().Before(until) {
			return errAway
		}
		return nil
	}
}

func (f flaky) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	if err := fails(f.read); err != nil {
		return nil, err
	}
	c, err := f.Log.Read(ctx, t, partition, from)
	return flakyCursor{c, f}, err
}

type flakyCursor struct {
	eventlog.Cursor
	log flaky
}

func (c flakyCursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	if err := fails(c.log.next); err != nil {
		return nil, err
	}
	return c.Cursor.Next(ctx)
}

func (f flaky) Join(ctx context.Context, group string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	m, err := f.Log.Join(ctx, group, t, instance)
	return flakyMember{m, f}, err
}

type flakyMember struct {
	eventlog.Membership
	log flaky
}

func (m flakyMember) Commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	if err := fails(m.log.commit); err != nil {
		return err
	}
	return m.Membership.Commit(ctx, partition, offset, metadata)
}

func (w *world) wantStopped(stop func() error) {
	w.Helper()
	if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
		w.Error(err)
	}
}

// A log that cannot be opened is waited for.
func TestTheLogCannotBeOpened(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(2)
		stop := w.follow(flaky{Log: w.client, read: during(10 * time.Second)})
		<-time.After(9 * time.Second)
		w.wantHanded("while it cannot be opened")
		<-time.After(2 * time.Second)
		w.wantHanded("once it can", 1, 2)
		w.wantStopped(stop)
	})
}

// What a log says of reading is final, since it waits itself for what may pass: the follower ends with it, and the next one
// goes on from the last commit.
func TestTheLogCannotBeReadOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(2)
		broken := make(chan struct{})
		stop := w.follow(flaky{Log: w.client, next: func() error {
			select {
			case <-broken:
				return errAway
			default:
				return nil
			}
		}})
		<-time.After(3500 * time.Millisecond) // committed, and not about to be
		w.wantHanded("at first", 1, 2)
		close(broken)
		w.say(1) // it waits for that already
		w.wantHanded("before it is noticed", 3)
		w.say(1)
		<-time.After(3 * time.Second)
		if err := stop(); !errors.Is(err, errAway) {
			t.Errorf("it ended with %v, want what the log said", err)
		}
		stop = w.follow(w.client)
		w.wantHanded("after a new start", 3, 4)
		w.wantStopped(stop)
	})
}

// Commits that fail hold nothing up, and cost no more than repeats of what they were to cover.
func TestCommitsFail(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(2)
		stop := w.follow(flaky{Log: w.client, commit: during(10 * time.Second)})
		w.wantHanded("at first", 1, 2)
		<-time.After(5 * time.Second)
		w.say(2)
		w.wantHanded("while nothing is committed", 3, 4)
		w.log.Expel("test", eventlog.Events, instance)
		w.wantHanded("to who has the partition then", 1, 2, 3, 4)
		<-time.After(10500 * time.Millisecond) // committed
		w.log.Expel("test", eventlog.Events, instance)
		w.wantHanded("after a commit")
		w.say(1)
		w.wantHanded("as the log grows", 5)
		w.wantStopped(stop)
	})
}

// A commit that is not of this log stops the follower: what it has done is not known.
func TestACommitOfAnotherLog(t *testing.T) {
	progress := events.Progress{Offset: 99, Owner: owner, Last: 97, Time: 1}
	for name, c := range map[string]struct {
		metadata string
		want     error
	}{
		"beyond the end": {progress.String(), eventlog.ErrBeyond},
		"no progress":    {"no progress", nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.say(2)
				w.commit(progress.Offset, c.metadata)
				stop := w.follow(w.client)
				<-time.After(time.Second)
				w.wantHanded("behind the end")
				if err := stop(); err == nil || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("it ended with %v, want %v", err, c.want)
				}
			})
		})
	}
}

// commit leaves a commit in the group, which nobody is in.
func (w *world) commit(offset int64, metadata string) {
	w.Helper()
	m, err := w.client.Join(w.Context(), "test", eventlog.Events, "")
	if err != nil {
		w.Fatal(err)
	}
	ctx, leave := context.WithCancel(w.Context())
	ran := make(chan error, 1)
	go func() { ran <- m.Run(ctx, idle{}) }()
	synctest.Wait()
	if err := m.Commit(ctx, 0, offset, metadata); err != nil {
		w.Error(err)
	}
	leave()
	if err := <-ran; err != nil {
		w.Error(err)
	}
}

// idle does nothing with its partitions.
type idle struct{}

func (idle) Claimed(eventlog.Claim)          {}
func (idle) Released(context.Context, int32) {}
func (idle) Lost(int32)                      {}

// An outcome that counts and cannot be read is handed over as such, and counted; nothing waits for it.
func TestAnUnreadableOutcome(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.say(1)
		o := events.Outcome{Session: "g_1", Time: 1, Result: events.Rejected{Code: events.CodeNotAMember}}
		r, err := events.EncodeOutcome(o, events.Stamp{Owner: owner, Command: w.last + 1, Prev: w.last}, envelope)
		r.Value = []byte("no outcome")
		w.append(r, err)
		w.last++
		w.say(1)
		stop := w.follow(w.client)
		w.wantHanded("it and those around it", 1, 2, 3)
		if o := w.unread; len(o) != 1 || o[0].Offset != 2 || o[0].Session != "g_1" || string(o[0].Record.Value) != "no outcome" || o[0].Result != nil {
			t.Errorf("as unreadable was handed over %+v, want the second", o)
		}
		w.wantMetric("unreadable", w.metrics.unreadable, 1)
		w.wantMetric("counted", w.metrics.records.WithLabelValues("counted"), 3)
		w.wantStopped(stop)
		w.say(1)
		stop = w.follow(w.client)
		w.wantHanded("after a new start", 4)
		w.wantMetric("unreadable after a new start", w.metrics.unreadable, 0)
		w.wantStopped(stop)
	})
}

// Who loses the partition while at work is told to stop, commits nothing, and the other one does it all.
func TestTakenOverAtWork(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		told := false
		w.work = func(ctx context.Context) error {
			<-ctx.Done()
			told = true
			return nil // it thinks that it is done
		}
		stop := w.follow(w.client)
		w.say(1)
		w.wantHanded("to the first", 1)
		w.say(1)
		other := &world{T: t, log: w.log, client: w.log.Client()}
		defer other.client.Close()
		stopOther := other.followAs("b", other.client)
		other.wantHanded("to the other, while the first has it")
		w.log.Expel("test", eventlog.Events, instance)
		other.wantHanded("to the other", 1, 2)
		if !told {
			t.Error("the first was not told to stop")
		}
		<-time.After(3 * time.Second) // the other one's commit, the last there is
		w.wantStopped(stop)
		w.wantStopped(stopOther)
		w.all() // it may have got one more before it noticed
		w.work = nil
		stop = w.follow(w.client)
		<-time.After(time.Minute) // until the group has forgotten the other
		w.wantHanded("to the first, who has it again")
		w.wantStopped(stop)
	})
}

// Who is asked to give a partition back finishes what is under way, and commits it, unless that takes too long.
func TestGivenBackAtWork(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		again []int64
	}{
		"in time":  {500 * time.Millisecond, []int64{2}},
		"too long": {time.Hour, []int64{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.work = func(ctx context.Context) error {
					select {
					case <-time.After(c.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				stop := w.follow(w.client)
				w.say(1)
				w.wantHanded("at first", 1)
				began := time.Now()
				w.wantStopped(stop)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %v to give it back", took)
				}
				w.work = nil
				w.say(1)
				stop = w.follow(w.client)
				w.wantHanded("after a new start", c.again...)
				w.wantStopped(stop)
			})
		})
	}
}
