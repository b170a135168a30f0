package session

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"annal/pkg/events"
)

// table is a session's rows, and a Source.
type table map[events.Key]events.Row

func (t table) Get(k events.Key) (events.Row, bool, error) {
	r, ok := t[k]
	return r, ok, nil
}

func (t table) First(prefix events.Key, n int) ([]events.Key, error) {
	var keys []events.Key
	for k := range t {
		if strings.HasPrefix(string(k), string(prefix)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys[:min(n, len(keys))], nil
}

func (t table) apply(writes []events.Write) error {
	written := map[events.Key]bool{}
	for _, w := range writes {
		if written[w.Key] {
			return fmt.Errorf("key %q is written twice by one outcome", w.Key)
		}
		written[w.Key] = true
		if w.Row == nil {
			delete(t, w.Key)
		} else {
			t[w.Key] = w.Row
		}
	}
	return nil
}

func (t table) head() events.Head {
	h, _ := t[events.HeadKey].(events.Head)
	return h
}

func (t table) member(u events.UserID) events.Member {
	m, _ := t[events.MemberKey(u)].(events.Member)
	return m
}

// stored is an outcome as it stands in the log.
type stored struct {
	outcome events.Outcome
	value   []byte
}

// world is a partition: sessions, their log, and log time.
type world struct {
	now    events.Millis
	tables map[events.SessionID]table
	log    []stored
}

// epoch is when scripts begin.
const epoch events.Millis = 1_764_000_000_000

func newWorld() *world { return &world{now: epoch, tables: map[events.SessionID]table{}} }

func (w *world) table(s events.SessionID) table {
	if w.tables[s] == nil {
		w.tables[s] = table{}
	}
	return w.tables[s]
}

// run decides a command and takes the outcome in, checking what must hold of every
// outcome: Needs is complete (Loaded panics otherwise), deciding again gives the
// same, the bytes decode, and evolving needs what Needs named, or, from the bytes
// alone, what EvolveNeeds names, with equal rows.
func (w *world) run(c events.Command) (events.Outcome, error) {
	t := w.table(c.Session)
	at := w.next()
	rows := NewLoaded(t)
	if err := rows.Load(&c, at); err != nil {
		return events.Outcome{}, err
	}
	o := Decide(rows, &c, at)
	if again := Decide(rows, &c, at); !reflect.DeepEqual(o, again) {
		return o, fmt.Errorf("decided twice:\n%+v\n%+v", o, again)
	}
	if err := wellFormed(&o, t, at); err != nil {
		return o, err
	}
	return o, w.take(rows, o)
}

// malformed takes in a record that cannot be decoded.
func (w *world) malformed(key events.SessionID, detail string) error {
	at := w.next()
	rows := NewLoaded(w.table(key))
	if err := rows.LoadHead(); err != nil {
		return err
	}
	o := Malformed(rows, key, at, detail)
	if err := wellFormed(&o, w.table(key), at); err != nil {
		return err
	}
	return w.take(rows, o)
}

func (w *world) next() At {
	return At{Time: w.now, ID: events.NewID(w.now, "test", 0, int64(len(w.log)+1))}
}

func (w *world) take(rows *Loaded, o events.Outcome) error {
	t := w.table(o.Session)
	rec, err := events.EncodeOutcome(o, events.Stamp{}, events.Envelope{})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if len(rec.Value) > events.MaxEventBytes {
		return fmt.Errorf("outcome has %d bytes", len(rec.Value))
	}
	hash := events.Hash(sha256.Sum256(rec.Value))
	unchanged := printRows(t)
	writes := Evolve(rows, &o, hash)
	if got := printRows(t); got != unchanged {
		return fmt.Errorf("rows are values, but evolving changed loaded ones\nbefore:\n%safter:\n%s", unchanged, got)
	}

	decoded, err := events.DecodeOutcomeValue(rec.Value)
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	replay := NewLoaded(t)
	if err := replay.LoadOutcome(&decoded); err != nil {
		return err
	}
	if got := Evolve(replay, &decoded, hash); !reflect.DeepEqual(got, writes) {
		return fmt.Errorf("rows from the stored bytes differ:\n%+v\n%+v", got, writes)
	}
	before := maps.Clone(t)
	if err := t.apply(writes); err != nil {
		return err
	}
	w.log = append(w.log, stored{o, rec.Value})
	return harmless(&o, before, t)
}

// wellFormed checks an outcome by itself.
func wellFormed(o *events.Outcome, t table, at At) error {
	if o.ID != at.ID || o.Time != at.Time {
		return fmt.Errorf("outcome %v at %v, its place is %v at %v", o.ID, o.Time, at.ID, at.Time)
	}
	if o.PrevHash != t.head().Hash {
		return fmt.Errorf("prev hash %x, the head has %x", o.PrevHash, t.head().Hash)
	}
	switch r := o.Result.(type) {
	case events.Accepted:
		if r.Event == nil {
			return fmt.Errorf("accepted without an event")
		}
	case events.Rejected:
		if r.Code.Info().Kind != events.KindRejected {
			return fmt.Errorf("rejected with %q, which is %q", r.Code, r.Code.Info().Kind)
		}
	case events.Answered:
		if r.Code.Info().Kind != events.KindAnswered {
			return fmt.Errorf("answered with %q, which is %q", r.Code, r.Code.Info().Kind)
		}
	case nil:
		return fmt.Errorf("no result")
	}
	return nil
}

// harmless checks that an outcome without an event changed the head's hash and a
// client id row at most.
func harmless(o *events.Outcome, before, after table) error {
	if _, ok := o.Result.(events.Accepted); ok {
		return nil
	}
	if len(before) == 0 && len(after) > 0 {
		return fmt.Errorf("a session that does not exist got rows: %v", after)
	}
	if b, a := withoutTraces(before), withoutTraces(after); !reflect.DeepEqual(a, b) {
		return fmt.Errorf("%+v changed rows\nbefore %v\nafter  %v", o.Result, b, a)
	}
	if len(before) > 0 && before.head().Hash == after.head().Hash {
		return fmt.Errorf("%+v left the head's hash as it was", o.Result)
	}
	return nil
}

// withoutTraces leaves out client ids and the head's hash.
func withoutTraces(t table) table {
	out := maps.Clone(t)
	maps.DeleteFunc(out, func(_ events.Key, r events.Row) bool {
		_, ok := r.(events.ClientID)
		return ok
	})
	if h, ok := out[events.HeadKey].(events.Head); ok {
		h.Hash = events.Hash{}
		out[events.HeadKey] = h
	}
	return out
}

// replay folds the log into new rows.
func (w *world) replay() (map[events.SessionID]table, error) {
	fresh := newWorld()
	for _, s := range w.log {
		o, err := events.DecodeOutcomeValue(s.value)
		if err != nil {
			return nil, err
		}
		t := fresh.table(o.Session)
		rows := NewLoaded(t)
		if err := rows.LoadOutcome(&o); err != nil {
			return nil, err
		}
		if err := t.apply(Evolve(rows, &o, sha256.Sum256(s.value))); err != nil {
			return nil, err
		}
	}
	return fresh.tables, nil
}

// checkReplay says whether replaying the log gives the rows that deciding gave.
func (w *world) checkReplay() error {
	replayed, err := w.replay()
	if err != nil {
		return err
	}
	for s, t := range w.tables {
		if len(t) > 0 && !reflect.DeepEqual(replayed[s], t) {
			return fmt.Errorf("replaying the log of %s gives other rows\ngot:\n%swant:\n%s", s, printRows(replayed[s]), printRows(t))
		}
	}
	return nil
}
