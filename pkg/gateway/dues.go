package gateway

// dues are users who are watched, as a heap by when they are due.
type dues []*watched

func (d dues) Len() int { return len(d) }

func (d dues) Less(i, j int) bool { return d[i].due.Before(d[j].due) }

func (d dues) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].at, d[j].at = i, j
}

// Push implements heap.Interface.
func (d *dues) Push(x any) {
	is := x.(*watched)
	is.at = len(*d)
	*d = append(*d, is)
}

// Pop implements heap.Interface.
func (d *dues) Pop() any {
	old := *d
	last := len(old) - 1
	is := old[last]
	old[last] = nil
	*d = old[:last]
	return is
}
