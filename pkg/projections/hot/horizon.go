package hot

import (
	"sync"
	"time"
)

// olderFor is for how long a reader waits for an older copy to be made good: projectors see within seconds that the engine is another
// one. A log that lost its end may have views that reach less far for good.
const olderFor = 30 * time.Second

// Horizon is how far one reader saw the partitions' views reach. An engine that comes back after its place was taken shows what it had,
// under the life in which that was declared whole; by the horizon whoever saw more takes it for the older copy that it is.
type Horizon struct{ partitions []reach }

type reach struct {
	mu      sync.Mutex
	reached int64
	// since is when one that reaches less far was first seen, and last when one was seen last; since is zero when the last one did not.
	since, last time.Time
}

// NewHorizon has seen nothing yet.
func NewHorizon(partitions int32) *Horizon { return &Horizon{make([]reach, partitions)} }

// Seen is how far a partition's view was seen to reach. It is asked before a view is read: what is read then reaches as far at least, and
// what others read meanwhile says nothing of it.
func (h *Horizon) Seen(partition int32) int64 {
	r := &h.partitions[partition]
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reached
}

// Older says whether a view of a partition reaches less far than one that was seen before it was read, and remembers it otherwise.
func (h *Horizon) Older(partition int32, seen int64, v ViewState) bool {
	if !v.Whole {
		return false // nobody shows it
	}
	r := &h.partitions[partition]
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case v.Reached >= r.reached:
	case v.Reached >= seen:
		return false
	case r.since.IsZero(), time.Since(r.last) >= olderFor: // another than was seen before, if one was
		r.since, r.last = time.Now(), time.Now()
		return true
	case time.Since(r.since) < olderFor:
		r.last = time.Now()
		return true
	}
	r.reached, r.since = v.Reached, time.Time{}
	return false
}
