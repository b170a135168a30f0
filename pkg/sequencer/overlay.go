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
	// spare are emptied maps, to be used again: sessions come and go with every batch.
	spare []map[events.Key]overlayRow
}

// maxSpare bounds the emptied maps that are kept, and maxSpareRows their size, since
// a map never shrinks.
const maxSpare, maxSpareRows = 1024, 64

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
		if n := len(o.spare); n > 0 {
			rows, o.spare = o.spare[n-1], o.spare[:n-1]
		} else {
			rows = make(map[events.Key]overlayRow, 2*len(writes))
		}
		o.sessions[s] = rows
	}
	for _, w := range writes {
		rows[w.Key] = overlayRow{row: w.Row, tag: tag}
	}
}

// store takes a counted step's rows out, unless a later step wrote them again, and
// calls f for those that stand when all steps up to last are stored. Of a row written
// again by a step behind last it can't tell which is the newest up to last, so f may
// hear of several, in the order of the steps.
func (o *overlay) store(s *step, last int64, f func(events.Write) error) error {
	rows := o.sessions[s.session]
	for _, w := range s.writes {
		switch r := rows[w.Key]; {
		case r.tag <= s.command:
			delete(rows, w.Key)
		case r.tag <= last:
			continue
		}
		if err := f(w); err != nil {
			return err
		}
	}
	if len(rows) == 0 && rows != nil {
		delete(o.sessions, s.session)
		if len(o.spare) < maxSpare && len(s.writes) <= maxSpareRows {
			o.spare = append(o.spare, rows)
		}
	}
	return nil
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
