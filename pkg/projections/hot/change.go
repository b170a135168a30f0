package hot

import "annal/pkg/events"

// ChangeOf gives what an outcome does to its session's part of the view; value is its
// stored bytes. False when it does nothing: only accepted events do.
func ChangeOf(o *events.Outcome, value []byte) (Change, bool) {
	a, ok := o.Result.(events.Accepted)
	if !ok {
		return Change{}, false
	}
	return changeOf(o, a, value), true
}
