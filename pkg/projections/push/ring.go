package push

// ring is a queue that can be put to at both ends.
type ring[T any] struct {
	items []T
	// first is where the first is, of n.
	first, n int
}

func (r *ring[T]) at(i int) *T { return &r.items[(r.first+i)%len(r.items)] }

// grow makes room for one more.
func (r *ring[T]) grow() {
	if r.n < len(r.items) {
		return
	}
	items := make([]T, max(4, 2*r.n))
	for i := range r.n {
		items[i] = *r.at(i)
	}
	r.items, r.first = items, 0
}

func (r *ring[T]) push(v T) {
	r.grow()
	r.n++
	*r.at(r.n - 1) = v
}

func (r *ring[T]) pushFront(v T) {
	r.grow()
	r.first = (r.first + len(r.items) - 1) % len(r.items)
	r.n++
	r.items[r.first] = v
}

// pop takes the first; there must be one.
func (r *ring[T]) pop() T {
	var none T
	v := r.items[r.first]
	r.items[r.first] = none
	r.first = (r.first + 1) % len(r.items)
	r.n--
	return v
}
