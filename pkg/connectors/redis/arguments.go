package redis

import (
	"iter"
	"strconv"

	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Bounds of one script call, so that Redis answers others in between.
const (
	maxCallChanges = 200
	maxCallPassed  = 2000
	maxCallPeople  = 1001 // one event of the greatest size there is
	maxCallBytes   = 1 << 20
)

// call is one of apply.lua.
type call struct {
	session events.SessionID
	keys    []string
	args    []any
	bytes   int
}

// sessionParts are the keys of apply.lua, in its order.
var sessionParts = []string{"head", "window", "states", "members", "roster", "gone", "facts", "traits", "mentions", "tally", "reactions", "emojis"}

// callsFor cuts a session's changes into calls.
func (r *Redis) callsFor(view string, s *hot.SessionChanges) iter.Seq[call] {
	return func(yield func(call) bool) {
		keys := r.sessionKeys(view, s.Session)
		below := r.below(s)
		for rest := s.Changes; len(rest) > 0; {
			n, bytes := callSize(rest, below)
			if !yield(call{session: s.Session, keys: keys, args: r.arguments(view, s.Building, rest[:n], below), bytes: bytes}) {
				return
			}
			rest = rest[n:]
		}
	}
}

// below is the seq up to which the window holds nothing once all the changes are
// applied; 0 when they are to be applied one by one. Only of a view under construction,
// which nobody reads, may some be left out on the way.
func (r *Redis) below(s *hot.SessionChanges) events.Seq {
	if !s.Building {
		return 0
	}
	for i := len(s.Changes) - 1; i >= 0; i-- {
		if last := s.Changes[i].Seq; last > events.Seq(r.opts.Window) {
			return last - events.Seq(r.opts.Window)
		} else if last != 0 {
			break
		}
	}
	return 0
}

// callSize is how many changes fit the next call, at least one, and the bytes of those
// that it brings.
func callSize(changes []hot.Change, below events.Seq) (n, bytes int) {
	written, passed, people := 0, 0, 0
	for i := range changes {
		c := &changes[i]
		size := len(c.Value)
		if c.Index != 0 && c.Seq <= below {
			passed++
			size = 0
		} else {
			written++
		}
		people += len(c.In) + len(c.Out)
		if i > 0 && (written > maxCallChanges || passed > maxCallPassed || people > maxCallPeople || bytes+size > maxCallBytes) {
			return i, bytes
		}
		bytes += size
	}
	return len(changes), bytes
}

// arguments lays changes out as apply.lua reads them. Most are given by where they are:
// a number or a string costs no memory then.
func (r *Redis) arguments(view string, building bool, changes []hot.Change, below events.Seq) []any {
	args := make([]any, 0, 9+4*len(changes))
	args = append(args, view, r.opts.Window, events.MaxStays, building, r.opts.TallyFrom, lastTime(changes))
	for len(changes) > 0 {
		c := &changes[0]
		n := 1
		switch {
		case c.Hole:
			args = append(args, "H", c.Offset)
		case c.Seq == 0 && c.Reader == "":
			args = facts(append(args, "N"), c.Facts)
		case c.Seq == 0:
			args = append(args, "M", (*string)(&c.Reader), (*uint64)(&c.Marker), (*uint64)(&c.MarkerIndex))
		case c.Index != 0 && c.Seq <= below:
			n = run(changes, below)
			args = mentions(passed(args, changes[:n]), &changes[n-1])
		case c.Index != 0:
			n = run(changes, 0)
			args = append(args, "S", n, uint64(c.Seq-1))
			for i := range changes[:n] {
				m := &changes[i]
				args = append(args, (*uint64)(&m.Seq), m.Value, (*string)(&m.Sender), (*uint64)(&m.Index))
			}
			args = mentions(args, &changes[n-1])
		default:
			args = event(args, c)
		}
		changes = changes[n:]
	}
	return args
}

// lastTime is the log time of the last timeline event; it never goes back.
func lastTime(changes []hot.Change) int64 {
	for i := len(changes) - 1; i >= 0; i-- {
		if changes[i].Seq != 0 {
			return int64(changes[i].Time)
		}
	}
	return 0
}

// mentions lays out whom the last message of a run mentions: that may be noted again.
func mentions(args []any, last *hot.Change) []any {
	if len(last.Facts) == 0 {
		return args
	}
	return facts(append(args, "N"), last.Facts)
}

// run is how many messages follow on each other from the first on, up to the seq last
// when that is not 0, and up to one that mentions somebody.
func run(changes []hot.Change, last events.Seq) int {
	for n := 1; n < len(changes); n++ {
		if c := &changes[n]; c.Index == 0 || len(changes[n-1].Facts) > 0 || c.Seq != changes[n-1].Seq+1 || last != 0 && c.Seq > last {
			return n
		}
	}
	return len(changes)
}

// passed lays out messages that the window will not hold: all that is left of them is
// where they reach, and what their senders have read.
func passed(args []any, messages []hot.Change) []any {
	lasts := map[events.UserID]int{}
	for i := range messages {
		lasts[messages[i].Sender] = i
	}
	last := &messages[len(messages)-1]
	args = append(args, "P", (*uint64)(&last.Seq), uint64(messages[0].Seq-1), (*uint64)(&last.Index), len(lasts))
	for _, i := range lasts {
		m := &messages[i]
		args = append(args, (*string)(&m.Sender), (*uint64)(&m.Seq), (*uint64)(&m.Index))
	}
	return args
}

// event lays out what is neither message nor marker.
func event(args []any, c *hot.Change) []any {
	kind := "E"
	if c.Created != nil {
		kind = "C"
	}
	target, targetIndex, closed := "", "", "0"
	if c.Became != hot.BecameNothing {
		target, targetIndex = decimal(c.Target), decimal(c.TargetIndex)
	}
	if c.Closed {
		closed = "1"
	}
	args = append(args, kind, (*uint64)(&c.Seq), uint64(c.Seq-1), c.Value,
		(*string)(&c.Became), target, targetIndex, (*string)(&c.Promoted), closed, len(c.In))
	for i := range c.In {
		args = append(args, (*string)(&c.In[i].User), int(c.In[i].Role))
	}
	args = append(args, len(c.Out))
	for i := range c.Out {
		args = append(args, (*string)(&c.Out[i]))
	}
	if c.Created != nil {
		args = append(args, int(c.Created.Kind), c.Created.Title, decimal(c.Created.Base), encodePolicy(c.Created.Policy))
		return facts(args, c.Facts)
	}
	args = append(args, len(c.Roles))
	for i := range c.Roles {
		args = append(args, (*string)(&c.Roles[i].User), int(c.Roles[i].Role))
	}
	return facts(headFields(args, c), c.Facts)
}

func headFields(args []any, c *hot.Change) []any {
	var fields []any
	if c.Title != nil {
		fields = append(fields, "title", *c.Title)
	}
	if c.Policy != nil {
		fields = append(fields, "policy", encodePolicy(*c.Policy))
	}
	return append(append(args, len(fields)/2), fields...)
}

func facts(args []any, all []hot.Fact) []any {
	args = append(args, len(all))
	for i := range all {
		args = append(args, (*string)(&all[i].Op), all[i].Field, all[i].Value)
	}
	return args
}

func decimal[N ~uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }
