package ws

import (
	"errors"
	"os"
	"sync"
	"time"

	"annal/pkg/events"
)

// Send implements gateway.Transport.
func (s *socket) Send(frame []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.stalled {
		return true
	}
	if s.frames > 0 && (s.frames >= s.o.MaxQueueFrames || s.bytes+len(frame) > s.o.MaxQueueBytes) {
		return false
	}
	s.queue = append(s.queue, frame)
	s.frames++
	s.bytes += len(frame)
	s.wake()
	return true
}

// wake sees to it that a writer lives. The lock is held.
func (s *socket) wake() {
	if !s.writing {
		s.writing = true
		go s.write()
	}
}

// forgetQueue drops what is not being written. The lock is held.
func (s *socket) forgetQueue() {
	for _, f := range s.queue {
		s.frames--
		s.bytes -= len(f)
	}
	s.queue = nil
}

// chunks hold frames put together for one write.
var chunks = sync.Pool{New: func() any {
	b := make([]byte, 0, 4<<10)
	return &b
}}

const (
	// chunk is how many bytes go into one write, a larger frame excepted.
	chunk = 64 << 10
	// keepChunk is the largest chunk that is kept for others.
	keepChunk = 128 << 10
	// keepQueue is the longest queue that a connection keeps when idle.
	keepQueue = 16
)

// write writes until there is nothing to write.
func (s *socket) write() {
	buffer := chunks.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= keepChunk {
			*buffer = (*buffer)[:0]
			chunks.Put(buffer)
		}
	}()
	var done [][]byte
	for {
		batch, ok := s.next(buffer, done)
		if !ok {
			return
		}
		if err := s.writeBatch(buffer, batch); err != nil && !errors.Is(err, errStalled) {
			s.fail()
			return
		}
		done = batch
	}
}

// next takes back what is done and gives what is to be written: control frames in
// the buffer, then the batch. It is false, and the writer has ended, when there is
// nothing, or the last has been written.
func (s *socket) next(buffer *[]byte, done [][]byte) ([][]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range done {
		s.frames--
		s.bytes -= len(f)
	}
	if s.room != nil && s.hasRoom() {
		close(s.room)
		s.room = nil
	}
	*buffer = (*buffer)[:0]
	if s.pong != nil {
		*buffer = appendFrame(*buffer, opPong, s.pong)
		s.pong = nil
	}
	if s.ping {
		*buffer = appendFrame(*buffer, opPing, nil)
		s.ping = false
	}
	batch := s.queue
	s.queue = nil
	switch {
	case len(batch) > 0 || len(*buffer) > 0:
		return batch, true
	case s.farewell != nil:
		// Sent alone, after everything else.
		*buffer = append(*buffer, s.farewell...)
		s.farewell = nil
		return nil, true
	}
	s.writing = false
	if s.unread {
		s.shut()
	} else if s.closing {
		s.leaveOff()
	}
	if cap(done) <= keepQueue {
		clear(done)
		s.queue = done[:0]
	}
	return nil, false
}

// leaveOff ends our side once the close frame is out, and gives the peer a moment to
// end theirs: closing at once, with something unread, would reset the connection and
// could take the close frame from the peer. The lock is held.
func (s *socket) leaveOff() {
	_ = s.raw.SetReadDeadline(time.Now().Add(s.o.CloseTimeout)) // fails on a closed socket only
	if half, ok := s.raw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the reader notices what the peer does
	}
}

// writeBatch writes what is in the buffer and the batch, several frames a time.
func (s *socket) writeBatch(buffer *[]byte, batch [][]byte) error {
	for _, payload := range batch {
		if len(*buffer) > 0 && len(*buffer)+len(payload) > chunk {
			if err := s.flush(buffer); err != nil {
				return err
			}
		}
		*buffer = appendFrame(*buffer, s.opcode(), payload)
	}
	return s.flush(buffer)
}

func (s *socket) flush(buffer *[]byte) error {
	if len(*buffer) == 0 {
		return nil
	}
	if err := s.raw.SetWriteDeadline(time.Now().Add(s.o.WriteTimeout)); err != nil {
		return err
	}
	n, err := s.raw.Write(*buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) && s.stall() {
		// What is begun is finished, so that the code can follow.
		if err = s.raw.SetWriteDeadline(time.Now().Add(s.o.WriteTimeout)); err != nil {
			return err
		}
		if _, err = s.raw.Write((*buffer)[n:]); err == nil {
			err = errStalled
		}
	}
	*buffer = (*buffer)[:0]
	return err
}

// errStalled ends a batch whose rest is not written: the close frame comes instead.
var errStalled = errors.New("ws: a write stalled")

// stall closes a connection that took nothing for WriteTimeout; false if it is closing already. Nothing but the close
// frame is written behind the batch whose rest is dropped, also when somebody else closes it first, for another reason.
func (s *socket) stall() bool {
	s.mu.Lock()
	peer, closing := s.peer, s.closing
	if !closing {
		s.stalled = true
		s.forgetQueue()
	}
	s.mu.Unlock()
	if closing {
		return false
	}
	peer.Fail(events.CodeTooSlow, "a write stalled")
	return true
}

// fail ends a connection that cannot be written to. The writer stays down for good:
// after half a frame nothing more may follow.
func (s *socket) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing, s.queue, s.farewell = true, nil, nil
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
	s.shut()
}
