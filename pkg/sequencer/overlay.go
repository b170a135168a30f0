package sequencer

import (
	"slices"
	"strings"

	"annal/pkg/events"
)

// overlay holds rows that are decided, or counted, but not yet stored, each tagged
// with the offset of the command that wrote it last. It never reaches the store by
// itself: flush writes the counted steps and takes their rows out of here.
type overlay struct {
	sessions map[events.SessionID]map[events.Key]overlayRow
}

type overlayRow struct {
	row events.Row // nil: removed
	tag int64
}

func (o *overlay) get(k rowKey) (events.Row, bool) {
	r, ok := o.sessions[k.session][k.key]
	return r.row, ok
}

// put lays a step's writes over what is there.
func (o *overlay) put(s events.SessionID, writes []events.Write, tag int64) {
	if len(writes) == 0 {
		return
	}
	if o.sessions == nil {
		o.sessions = map[events.SessionID]map[events.Key]overlayRow{}
	}
	rows := o.sessions[s]
	if rows == nil {
		rows = make(map[events.Key]overlayRow, 2*len(writes))
		o.sessions[s] = rows
	}
	for _, w := range writes {
		rows[w.Key] = overlayRow{row: w.Row, tag: tag}
	}
}

// drop takes a stored step's rows out, unless a later step wrote them again.
func (o *overlay) drop(s events.SessionID, writes []events.Write, tag int64) {
	rows := o.sessions[s]
	for _, w := range writes {
		if r, ok := rows[w.Key]; ok && r.tag <= tag {
			delete(rows, w.Key)
		}
	}
	if len(rows) == 0 {
		delete(o.sessions, s)
	}
}

func (o *overlay) clear() { o.sessions = nil }

// scan gives a session's keys under prefix: those set, ascending, and those removed.
// It walks all of the session's rows, of which there are as many as are in flight.
func (o *overlay) scan(s events.SessionID, prefix events.Key) (set []events.Key, removed map[events.Key]bool) {
	for k, r := range o.sessions[s] {
		switch {
		case !strings.HasPrefix(string(k), string(prefix)):
		case r.row != nil:
			set = append(set, k)
		default:
			if removed == nil {
				removed = map[events.Key]bool{}
			}
			removed[k] = true
		}
	}
	slices.Sort(set)
	return set, removed
}
