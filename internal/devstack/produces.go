package devstack

import (
	"encoding/binary"
	"sync"
)

// produces knows of the produce requests on one connection to a Kafka broker. A request is its size in 4 bytes, its key
// in 2 (0: produce), its version in 2 and a number in 4 that the answer has after its own size. Whatever else speaks
// through a proxy makes no sense here, and does no harm.
type produces struct {
	mu      sync.Mutex
	pending map[uint32]bool
	request frames
	answer  frames
}

// see notes the produce requests that begin in what is sent; it is always false, as nothing is cut for it.
func (p *produces) see(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request.feed(b, 12, func(head []byte) {
		if binary.BigEndian.Uint16(head[4:]) == 0 && len(p.pending) < maxPending {
			if p.pending == nil {
				p.pending = map[uint32]bool{}
			}
			p.pending[binary.BigEndian.Uint32(head[8:])] = true
		}
	})
	return false
}

// answersProduce says whether an answer to a produce request begins in what came.
func (p *produces) answersProduce(b []byte) (found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer.feed(b, 8, func(head []byte) {
		number := binary.BigEndian.Uint32(head[4:])
		found = found || p.pending[number]
		delete(p.pending, number)
	})
	return found
}

// maxPending is far above what a client has unanswered on a connection.
const maxPending = 10_000

// frames finds where each frame of a stream begins, however it is cut into pieces.
type frames struct {
	head []byte
	skip uint64 // bytes of the present frame still to come after its head
}

// feed calls begin with the first n bytes of each frame, n at least 4, its size in front.
func (f *frames) feed(b []byte, n int, begin func(head []byte)) {
	for len(b) > 0 {
		if f.skip > 0 {
			k := min(f.skip, uint64(len(b)))
			f.skip -= k
			b = b[k:]
			continue
		}
		k := min(n-len(f.head), len(b))
		f.head = append(f.head, b[:k]...)
		b = b[k:]
		if len(f.head) < n {
			return
		}
		begin(f.head)
		if size := uint64(binary.BigEndian.Uint32(f.head)) + 4; size > uint64(n) {
			f.skip = size - uint64(n)
		}
		f.head = f.head[:0]
	}
}
