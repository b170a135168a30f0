package hot_test

import (
	"testing"
	"time"

	"annal/internal/bubble"

	"annal/pkg/projections/hot"
)

// TestRecoversSoonAfterAQuietTime: losses in a row make the waits before a recovery longer; after a quiet time they are
// short again, however many there were before.
func TestRecoversSoonAfterAQuietTime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.ctx = t.Context()
		p, stop, ended := s.run()
		s.ready(p, ended)
		told := 0
		// lose loses the view and gives how long it takes until what was said then is told.
		lose := func() time.Duration {
			began := time.Now()
			s.plan("apply", hot.ErrGap)
			s.say(1)
			told++
			s.wantTold(told, ended)
			s.ready(p, ended)
			return time.Since(began)
		}
		var last time.Duration
		for range 7 {
			last = lose()
		}
		if last < 5*time.Second {
			t.Errorf("the seventh loss in a row is recovered from after %v, want more than 5 s", last)
		}
		<-time.After(6 * time.Minute)
		if took := lose(); took > time.Second {
			t.Errorf("after a quiet time it takes %v to recover, want less than a second", took)
		}
		stop()
	})
}
