package sim

import (
	"context"
	"testing"
	"time"

	"annal/internal/bubble"

	"annal/pkg/eventlog"
)

// given stands among what was lost for what was given back.
const given = -2

// owned tells of a process's partitions by what it is told.
type owned struct {
	claimed, lost chan int32
	// drain is what giving a partition back takes.
	drain func()
}

func newOwned() *owned {
	return &owned{claimed: make(chan int32, 10), lost: make(chan int32, 10), drain: func() {}}
}

func (o *owned) Claimed(c eventlog.Claim)        { o.claimed <- c.Partition }
func (o *owned) Released(context.Context, int32) { o.drain() }
func (o *owned) Lost(partition int32)            { o.lost <- partition }

// TestFrozenInADrain: who is frozen while it gives a partition back is waited for as long as its session lasts, and hears of what
// it lost only afterwards.
func TestFrozenInADrain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := &World{began: time.Now()}
		w.calm.Store(true)
		w.openEngines(2, 10)
		defer w.log.Close()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ran := make(chan error, 2)
		join := func(name string, o *owned) *link {
			l := newLink(w, name)
			log := newNetLog(w, l)
			t.Cleanup(log.Close)
			m, err := log.Join(ctx, "group", eventlog.Events, name)
			if err != nil {
				t.Fatal(err)
			}
			go func() { ran <- m.Run(ctx, o) }()
			return l
		}
		next := func(told <-chan int32) int32 {
			select {
			case p := <-told:
				return p
			case <-time.After(time.Minute):
				return -1
			}
		}
		first, second := newOwned(), newOwned()
		frozen, began := make(chan struct{}), time.Time{}
		l := join("first", first)
		<-first.claimed
		<-first.claimed
		first.drain = func() {
			began = time.Now()
			close(frozen)
			<-time.After(time.Second)
			_ = l.thawed() // it is not dead
			<-time.After(10 * time.Second)
			first.lost <- given
		}
		join("second", second)
		<-frozen
		l.running.set(false)
		next(second.claimed)
		if took := time.Since(began); took < sessionTimeout || took > sessionTimeout+time.Second {
			t.Errorf("the other one has the partition after %v, want %v", took, sessionTimeout)
		}
		if len(first.lost) != 0 {
			t.Error("who is frozen has done something")
		}
		<-time.After(5 * time.Second)
		l.running.set(true)
		if got := next(first.lost); got != given {
			t.Errorf("it hears that %d is lost before it has given the other one back", got)
		}
		if got := next(first.lost); got != 0 && got != 1 {
			t.Errorf("it hears of %d, want that the partition it kept is lost", got)
		}
		<-time.After(time.Minute)
		first.drain = func() {}
		stop()
		for range 2 {
			if err := <-ran; err != nil {
				t.Error(err)
			}
		}
	})
}
