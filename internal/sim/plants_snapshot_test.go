package sim

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/sequencer"
	"annal/pkg/session"
)

// shownRows is a store that shows its rows to who takes snapshots otherwise than they are.
type shownRows struct {
	sequencer.Store
	show func(sequencer.StoredRows) sequencer.StoredRows
}

func (s shownRows) Rows() (sequencer.StoredRows, error) {
	rows, err := s.Store.Rows()
	if err != nil {
		return nil, err
	}
	return s.show(rows), nil
}

// withoutIDs are rows without those of client ids.
type withoutIDs struct{ sequencer.StoredRows }

func (w withoutIDs) Session(s events.SessionID, f func(events.Key, []byte) error) error {
	return w.StoredRows.Session(s, func(k events.Key, value []byte) error {
		if k[0] == 'c' {
			return nil
		}
		return f(k, value)
	})
}

// hastyLog remembers what a sequencer appended last, whether or not it counts.
type hastyLog struct {
	eventlog.Log
	mu   sync.Mutex
	last map[int32]events.Record
}

func (l *hastyLog) Append(ctx context.Context, t eventlog.Topic, partition int32, r events.Record, done func(int32, int64, error)) {
	if t == eventlog.Events {
		l.mu.Lock()
		l.last[partition] = r
		l.mu.Unlock()
	}
	l.Log.Append(ctx, t, partition, r, done)
}

// ahead are rows with what an outcome that does not count yet would make of them.
type ahead struct {
	sequencer.StoredRows
	session events.SessionID
	writes  map[events.Key][]byte
}

// lookAhead gives the rows of store as they would be behind rec.
func lookAhead(store sequencer.Store, rows sequencer.StoredRows, rec events.Record) sequencer.StoredRows {
	o, err := events.DecodeOutcome(rec)
	if err != nil {
		return rows
	}
	head, ok := storedRows{store, o.Session}.Get(events.HeadKey)
	if h, is := head.(events.Head); !ok || !is || h.Hash != o.PrevHash {
		return rows // it counts already, or never will
	}
	a := ahead{rows, o.Session, map[events.Key][]byte{}}
	for _, w := range session.Evolve(storedRows{store, o.Session}, &o, sha256.Sum256(rec.Value)) {
		if w.Row != nil {
			a.writes[w.Key], _ = events.EncodeRow(w.Row)
		}
	}
	return a
}

func (a ahead) Session(s events.SessionID, f func(events.Key, []byte) error) error {
	if s != a.session {
		return a.StoredRows.Session(s, f)
	}
	all := maps.Clone(a.writes)
	err := a.StoredRows.Session(s, func(k events.Key, value []byte) error {
		if _, ok := all[k]; !ok {
			all[k] = slices.Clone(value)
		}
		return nil
	})
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if err == nil {
			err = f(k, all[k])
		}
	}
	return err
}

var snapshotPlants = map[string]Plant{
	"dedupe lost at snapshot": {Rows: func(_ eventlog.Log, _ int32, s sequencer.Store) sequencer.Store {
		return shownRows{s, func(rows sequencer.StoredRows) sequencer.StoredRows { return withoutIDs{rows} }}
	}},
	// Only an outcome that never counts, and was long on its way, shows it, to who restores from
	// its snapshot.
	"snapshot of uncounted state": {
		Odds: func(o *odds) {
			o.crash, o.loseDisk, o.unwritten, o.unanswered, o.slow, o.every = 60, 900, 100, 60, 150, 1500
		},
		Log: func(l eventlog.Log) eventlog.Log { return &hastyLog{Log: l, last: map[int32]events.Record{}} },
		Rows: func(l eventlog.Log, partition int32, s sequencer.Store) sequencer.Store {
			hasty, ok := l.(*hastyLog)
			if !ok {
				return s
			}
			return shownRows{s, func(rows sequencer.StoredRows) sequencer.StoredRows {
				hasty.mu.Lock()
				defer hasty.mu.Unlock()
				return lookAhead(s, rows, hasty.last[partition])
			}}
		},
	},
}
