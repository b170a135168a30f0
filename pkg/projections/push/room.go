package push

import (
	"sync"

	"annal/pkg/events"
)

// rooms says how many letters of an outbox are of which session.
type rooms struct {
	mu sync.Mutex
	of map[events.SessionID]int64
}

// join counts one more, and says how many there were.
func (r *rooms) join(s events.SessionID) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[events.SessionID]int64{}
	}
	r.of[s]++
	return r.of[s] - 1
}

func (r *rooms) leave(s events.SessionID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[s]--; r.of[s] == 0 {
		delete(r.of, s)
	}
}

// space is how much there is in an outbox.
type space int

const (
	// none: for a letter only in the place of another one. some: for it. ample: also for those that give way to it, and are brought if it is not.
	none space = iota
	some
	ample
)

// joins counts a letter as queued, and says whether there is space for it.
func (b *outbox) joins(x *letter) space {
	mine, all, ofSession := b.queued.Add(1)-1, b.office.queued.Add(1)-1, b.rooms.join(x.session)
	direct := x.about != nil && x.about.session.Kind == events.KindDirect
	switch most := left(all); {
	case !room(mine, all), !share(mine, most, ofSession, direct):
		return none
	case 4*mine < most:
		return ample
	}
	return some
}

// left is how many letters an outbox may have when there are so many in all.
func left(all int64) int64 { return min(MaxQueued, MaxQueuedInAll-all) }

// room says whether an outbox that has so many letters, of so many in all, may have one more. None may have more than there is room left for: so however many
// services fail, and let letters pile up, there is as much room for another as each of them has taken.
func room(mine, all int64) bool { return mine < left(all) }

// share says whether what an outbox may have is also for a session that has so many of its letters. One has half at most, and what is not direct nine tenths: a direct message is not
// dropped for what a group says.
func share(mine, most, ofSession int64, direct bool) bool {
	return 2*ofSession < most && (direct || 10*mine < 9*most)
}
