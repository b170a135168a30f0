package sim

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	clientv1 "annal/gen/annal/client/v1"
)

// Socket is a connection to a gateway of a Cluster, from the client's side.
type Socket struct {
	inner *socket
	woken chan struct{}
	heard []*clientv1.ServerFrame
	// deaf: nothing is taken; gone: nothing comes through, neither way.
	deaf, gone atomic.Bool
}

// ErrBroken says that the connection broke off.
var ErrBroken = errors.New("sim: the connection broke off")

func (s *Socket) poke() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Say sends a frame.
func (s *Socket) Say(m *clientv1.ClientFrame) {
	if !s.gone.Load() {
		s.inner.say(m)
	}
}

// Raw sends bytes.
func (s *Socket) Raw(data []byte) {
	if !s.gone.Load() {
		s.inner.sayRaw(data)
	}
}

// Hear waits for the next frame. At the end of the connection it gives the code with which
// the gateway closed it, or ErrBroken.
func (s *Socket) Hear(ctx context.Context) (m *clientv1.ServerFrame, code string, err error) {
	for {
		if len(s.heard) > 0 {
			m, s.heard = s.heard[0], s.heard[1:]
			return m, "", nil
		}
		if !s.deaf.Load() && !s.gone.Load() {
			frames, ended := s.inner.take()
			s.heard = frames
			if len(frames) == 0 && ended {
				return nil, s.inner.closedWith(), ErrBroken
			}
			if len(frames) > 0 {
				continue
			}
		} else if code := s.inner.closedWith(); code != "" {
			// Whoever took nothing finds out in the end.
			return nil, code, ErrBroken
		}
		select {
		case <-s.woken:
		case <-s.inner.life.link.dead:
			return nil, "", ErrBroken
		case <-s.inner.over:
			return nil, s.inner.closedWith(), ErrBroken
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
	}
}

// Vanish lets nothing through any more, neither way, and tells nobody.
func (s *Socket) Vanish() { s.gone.Store(true) }

// Stall takes nothing until it is called with false.
func (s *Socket) Stall(on bool) {
	s.deaf.Store(on)
	s.poke()
}

// Kill breaks the connection off.
func (s *Socket) Kill() {
	s.inner.hangUp(time.Duration(0))
	s.poke()
}
