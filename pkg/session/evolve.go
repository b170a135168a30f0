package session

import "annal/pkg/events"

// Evolve gives what an outcome changes in the session's rows; hash is the SHA-256
// of its stored bytes. Rejected and answered outcomes change the client id row and
// the head's hash only; outcomes of a session not yet created change nothing. It
// reads only rows named by EvolveNeeds. A key is written once at most.
func Evolve(rows Rows, o *events.Outcome, hash events.Hash) []events.Write {
	e := evolution{rows: rows, o: o, writes: make([]events.Write, 0, 4)}
	var exists bool
	e.head, exists = headOf(rows)
	if a, ok := o.Result.(events.Accepted); ok {
		e.accept(a)
		exists = true
	}
	if !exists {
		return nil
	}
	e.head.Hash = hash
	if w, ok := clientIDRow(o); ok {
		e.writes = append(e.writes, w)
	}
	e.put(events.HeadKey, e.head)
	return e.writes
}

// evolution is an outcome on its way into the rows.
type evolution struct {
	rows   Rows
	o      *events.Outcome
	seq    events.Seq
	head   events.Head
	writes []events.Write
}

func (e *evolution) accept(a events.Accepted) {
	e.seq = a.Seq
	factOf(a.Event).evolve(e)
	if a.Seq == 0 {
		return
	}
	e.head.Seq = a.Seq
	if _, ok := a.Event.(events.Sent); !ok {
		e.put(events.PlaceKey(a.Seq), events.Place{Index: e.head.Index})
	}
}

func (e *evolution) put(k events.Key, r events.Row) {
	e.writes = append(e.writes, events.Write{Key: k, Row: r})
}

func (e *evolution) remove(k events.Key) { e.writes = append(e.writes, events.Write{Key: k}) }
