package push

import (
	"time"

	"annal/pkg/events"
)

// queue has letters that may be brought. It gives those of sessions in turn, and of a session those to its places in turn: what there is much of holds up nothing else. What is to
// one place comes in order. Adding and taking cost the same however many there are.
type queue struct {
	sessions map[events.SessionID]*backlog
	turn     ring[*backlog]
	n        int
}

// backlog is what waits of a session.
type backlog struct {
	session events.SessionID
	slots   map[slotKey]*slot
	turn    ring[*slot]
}

// slotKey names a place for a session's notifications: a device has one for messages, and one for calls.
type slotKey struct {
	token string
	call  bool
}

// slot is what waits for a place.
type slot struct {
	key     slotKey
	letters ring[*letter]
}

// When letters are crowded, one for whose place a newer one waits gives way to that: it would be seen for a moment, and somebody else's be late.
const (
	// manyWait is how many wait in an outbox then at least, beyond those of the calls that it makes at once.
	manyWait = 1000
	// longWait is after how long a letter that might be brought has waited for long.
	longWait = 2 * time.Second
)

func (x *letter) slotKey() slotKey { return slotKey{x.person.push.Token, x.ofCall()} }

func (q *queue) add(x *letter) {
	if q.sessions == nil {
		q.sessions = map[events.SessionID]*backlog{}
	}
	b := q.sessions[x.session]
	if b == nil {
		b = &backlog{session: x.session, slots: map[slotKey]*slot{}}
		q.sessions[x.session] = b
		q.turn.push(b)
	}
	key := x.slotKey()
	s := b.slots[key]
	if s == nil {
		s = &slot{key: key}
		b.slots[key] = s
		b.turn.push(s)
	}
	s.letters.push(x)
	q.n++
}

// replace puts a letter in the place of the last one that waits for its slot, if that gives way to it; else it gives nil.
func (q *queue) replace(x *letter) (old *letter) {
	b := q.sessions[x.session]
	if b == nil {
		return nil
	}
	s := b.slots[x.slotKey()]
	if s == nil {
		return nil
	}
	last := s.letters.at(s.letters.n - 1)
	if old = *last; !old.givesWay(x) {
		return nil
	}
	*last = x
	return old
}

// givesWay says whether another letter does for this one, since it takes its place on the phone. Of one of which nobody knows whether it is there already that is to be known first.
func (x *letter) givesWay(to *letter) bool {
	return x.kind.Shown() && !x.unsure && to.kind.Shown() && to.entry.Seq > x.entry.Seq && !to.desk.ended()
}

// take gives the letters of one call: one to a device at most, so that what comes to it comes in order. Those that waited for long, or all when it is crowded, give way to
// newer ones.
func (q *queue) take(most int, crowded bool, now time.Time) (batch []*letter) {
	devices := map[string]bool{}
	type skip struct {
		b *backlog
		s *slot
	}
	var skipped []skip
	for looks := 4 * most; looks > 0 && q.n > 0 && q.turn.n > 0 && len(batch) < most; looks-- {
		b := q.turn.pop()
		s := b.turn.pop()
		if devices[s.key.token] {
			skipped = append(skipped, skip{b, s})
		} else {
			devices[s.key.token] = true
			waited := s.letters.n
			batch = append(batch, s.next(crowded, now))
			q.n -= waited - s.letters.n
			if s.letters.n > 0 {
				b.turn.push(s)
			} else {
				delete(b.slots, s.key)
			}
		}
		switch {
		case b.turn.n > 0:
			q.turn.push(b)
		case len(b.slots) == 0:
			delete(q.sessions, b.session)
		}
	}
	for i := len(skipped) - 1; i >= 0; i-- {
		k := skipped[i]
		if k.b.turn.n == 0 {
			q.turn.pushFront(k.b)
		}
		k.b.turn.pushFront(k.s)
	}
	return batch
}

// next takes the first letter that does not give way to another one that waits.
func (s *slot) next(crowded bool, now time.Time) *letter {
	for {
		x := s.letters.pop()
		var to *letter
		if crowded || now.Sub(x.due) >= longWait {
			to = s.successor(x)
		}
		if to == nil {
			return x
		}
		x.yield(to)
	}
}

// successor gives one that waits and does for a letter, most likely the last; nil if none does.
func (s *slot) successor(x *letter) *letter {
	for i := s.letters.n - 1; i >= 0; i-- {
		if to := *s.letters.at(i); x.givesWay(to) {
			return to
		}
	}
	return nil
}

// drop takes out what is over.
func (q *queue) drop(over func(*letter) bool) (out []*letter) {
	var kept queue
	for i := range q.turn.n {
		b := *q.turn.at(i)
		for j := range b.turn.n {
			s := *b.turn.at(j)
			for k := range s.letters.n {
				x := *s.letters.at(k)
				if over(x) {
					out = append(out, x)
					continue
				}
				out = append(out, x.gave.drop(over)...)
				kept.add(x)
			}
		}
	}
	*q = kept
	return out
}

// resting are letters that wait for their time, the first to be up first (container/heap).
type resting []*letter

// up is when a letter is to be looked at: it may be tried, or is over.
func (x *letter) up() time.Time {
	if x.deadline.Before(x.due) {
		return x.deadline
	}
	return x.due
}

func (r resting) Len() int           { return len(r) }
func (r resting) Less(i, j int) bool { return r[i].up().Before(r[j].up()) }
func (r resting) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }

// Push implements heap.Interface.
func (r *resting) Push(x any) {
	if l, is := x.(*letter); is {
		*r = append(*r, l)
	}
}

// Pop implements heap.Interface.
func (r *resting) Pop() any {
	last := len(*r) - 1
	x := (*r)[last]
	(*r)[last] = nil
	*r = (*r)[:last]
	return x
}
