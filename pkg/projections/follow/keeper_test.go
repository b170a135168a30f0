package follow

import (
	"context"
	"testing"
	"time"

	"annal/internal/bubble"
)

// keeping is a world whose handler finishes later what it took.
type keeping struct {
	*world
	// open are the offsets taken and not finished, ascending.
	open []int64
	// ended counts the calls of Finish; at the first one all is finished if finishes.
	ended    int
	finishes bool
}

func (k *keeping) Handle(ctx context.Context, partition int32, outcomes []Outcome) error {
	k.mu.Lock()
	for _, o := range outcomes {
		k.open = append(k.open, o.Offset)
	}
	k.mu.Unlock()
	return k.world.Handle(ctx, partition, outcomes)
}

func (k *keeping) Open(int32) (int64, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.open) == 0 {
		return 0, false
	}
	return k.open[0], true
}

// Finish forgets what is open once it has said so, as Keeper wants it.
func (k *keeping) Finish(context.Context, int32) (int64, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	left := k.open
	if k.ended++; k.finishes {
		left = nil
	}
	k.open = nil
	if len(left) == 0 {
		return 0, false
	}
	return left[0], true
}

// What is not finished is handed over again to whoever comes next, and what is finished is not.
func TestKeeper(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		k := &keeping{world: w}
		w.handler = k
		stop := w.follow(w.client)
		for range 3 {
			w.say(1) // 1, 2, 3: each a batch of its own
			w.all()
		}
		k.mu.Lock()
		k.open = []int64{2, 3} // what came first is finished
		k.mu.Unlock()
		<-time.After(5 * time.Second) // commits are one second apart
		if err := stop(); err != nil || k.ended == 0 {
			t.Error(err, k.ended)
		}
		k.open, k.finishes = nil, true
		stop = w.follow(w.client)
		w.wantHanded("after a restart", 2, 3)
		if err := stop(); err != nil {
			t.Error(err)
		}
		stop = w.follow(w.client)
		w.wantHanded("after one that finished on the way out")
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// However many batches are open, marks are bounded, and the first one stays.
func TestMarks(t *testing.T) {
	k := &keeping{world: &world{T: t}, open: []int64{0}}
	w := &worker{keeper: k}
	for i := range int64(3 * maxMarks) {
		p := w.reader.Progress()
		p.Offset = i
		w.mark(p)
	}
	if got := w.finished().Offset; got != 0 || len(w.marks) > maxMarks {
		t.Errorf("%d of %d marks", got, len(w.marks))
	}
	k.open[0] = 2*maxMarks + 1
	if got := w.finished().Offset; got > k.open[0] || got < maxMarks {
		t.Error("commits", got)
	}
}
