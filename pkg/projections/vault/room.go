package vault

import "sync"

// room bounds what a process's builders hold together.
type room struct {
	mu      sync.Mutex
	limit   int
	held    map[int32]int
	total   int
	changed chan struct{}
}

func newRoom(limit int) *room {
	return &room{limit: limit, held: map[int32]int{}, changed: make(chan struct{})}
}

// set says how much a partition's builder holds now.
func (r *room) set(partition int32, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total += bytes - r.held[partition]
	if r.held[partition] = bytes; bytes == 0 {
		delete(r.held, partition)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// full says that there is more than the limit, whether that partition holds most of all, and what closes when this changes.
func (r *room) full(partition int32) (full, most bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	most = true
	for _, n := range r.held {
		most = most && n <= r.held[partition]
	}
	return r.total > r.limit, most, r.changed
}

func (r *room) bytes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}
