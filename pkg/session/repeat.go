package session

import "annal/pkg/events"

// repeat gives what comes of a command whose client id has been used, nil for a
// fresh one. A repeat is answered with what came of the first; another command under
// the same id is a conflict, and the first row stays.
func (s *scene) repeat(digest events.Digest) events.Result {
	row, ok := rowOf[events.ClientID](s.rows, events.ClientIDKey(s.c.Actor.User, s.c.ClientID))
	if !ok || expired(row, s.at.Time) {
		return nil
	}
	if row.Digest != digest {
		if c, ok := s.c.Op.(events.Create); ok && idIgnoresClientID(c.Kind) {
			return s.exists()
		}
		return events.Rejected{Code: events.CodeClientIDConflict, Seq: row.Seq}
	}
	e := events.Earlier{Code: row.Code, Seq: row.Seq, Index: row.Index, ID: row.ID, Time: row.Time}
	if row.Code.Info().Kind == events.KindAnswered {
		// The first answer named no time either.
		e.Time = 0
	}
	return events.Answered{Code: events.CodeDuplicate, Earlier: e}
}

// idIgnoresClientID: opening the session of a pair or of a user again is the same
// wish under any client id, with whatever policy a deployment now has as default.
func idIgnoresClientID(k events.Kind) bool {
	return k == events.KindDirect || k == events.KindSelf
}

// exists answers a create; the first seq is the session's beginning. It is the same
// for ever, so no client id row is needed for it.
func (s *scene) exists() events.Result {
	return answer(events.CodeSessionExists, s.head.Base+1)
}

// expired: what came of ids of accepted commands is remembered for ever, of others
// for ClientIDTTL of log time, the last ms included.
func expired(row events.ClientID, now events.Millis) bool {
	return row.Code != "" && now-row.Time > events.ClientIDTTL
}

// clientIDRow gives what is remembered of the outcome under its client id; false
// when nothing is: it has no usable id, or the first row stays.
func clientIDRow(o *events.Outcome) (events.Write, bool) {
	if o.ClientID == "" || o.Actor.User == "" {
		return events.Write{}, false
	}
	row := events.ClientID{Digest: o.Digest, ID: o.ID, Time: o.Time}
	switch r := o.Result.(type) {
	case events.Accepted:
		row.Seq = r.Seq
		if e, ok := r.Event.(events.Sent); ok {
			row.Index = e.Index
		}
	case events.Rejected:
		row.Code, row.Seq = r.Code, r.Seq
	case events.Answered:
		row.Code, row.Seq, row.Index, row.ID = r.Code, r.Earlier.Seq, r.Earlier.Index, r.Earlier.ID
	}
	switch row.Code {
	case events.CodeDuplicate, events.CodeClientIDConflict, events.CodeSessionExists:
		return events.Write{}, false
	}
	return events.Write{Key: events.ClientIDKey(o.Actor.User, o.ClientID), Row: row}, true
}
