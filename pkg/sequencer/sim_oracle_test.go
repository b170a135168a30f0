package sequencer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/sequencer"
	"annal/pkg/session"
)

// violation is a broken promise, found by the simulation.
type violation struct {
	kind   string // "twice", "skipped", "history", "store", "reader", "answer", "stuck"
	detail string
}

func (v *violation) Error() string { return v.kind + ": " + v.detail }

func violate(kind, format string, args ...any) {
	panic(&violation{kind: kind, detail: fmt.Sprintf(format, args...)})
}

// countingRule is a rule for what counts. The real one is events.Reader; weaker ones
// show that the simulation makes the logs on which they fail.
type countingRule interface {
	Read(offset int64, rec events.Record) (events.Verdict, events.Stamp, error)
	Progress() events.Progress
}

// oracle sees every record the moment it stands in the log. It folds what counts,
// in memory and without any of the sequencer's code, and decides every counted command
// again on that fold.
type oracle struct {
	cluster string
	rule    countingRule
	// weak says that the rule is not the real one: then only what it lets count is
	// checked, since stores and other readers go by the real one.
	weak     bool
	evolve   sequencer.Rules                  // of all versions alike
	versions map[events.Owner]sequencer.Rules // who decided
	commands *[]eventlog.Record
	refusing map[int64]bool // commands whose outcome the log refuses
	fold     mapRows
	verdicts []events.Verdict
	// progress and rows are those before the record at that offset; one more than records.
	progress []events.Progress
	rows     []uint64
	counted  map[int64]int64 // command offset → event offset
	last     int64
	time     events.Millis
}

func newOracle(rule countingRule, evolve sequencer.Rules, commands *[]eventlog.Record) *oracle {
	return &oracle{
		cluster: simCluster, rule: rule, evolve: evolve, versions: map[events.Owner]sequencer.Rules{}, commands: commands, refusing: map[int64]bool{},
		fold: mapRows{}, progress: []events.Progress{rule.Progress()}, rows: []uint64{0}, counted: map[int64]int64{}, last: -1,
	}
}

func (o *oracle) see(rec eventlog.Record) {
	verdict, stamp, _ := o.rule.Read(rec.Offset, rec.Record)
	o.verdicts = append(o.verdicts, verdict)
	sum := o.rows[len(o.rows)-1]
	if verdict == events.Counted {
		sum ^= o.count(rec, stamp)
	}
	o.progress = append(o.progress, o.rule.Progress())
	o.rows = append(o.rows, sum)
}

// count checks a counted outcome and folds it; it gives the change of the rows' sum.
func (o *oracle) count(rec eventlog.Record, stamp events.Stamp) uint64 {
	if was, ok := o.counted[stamp.Command]; ok {
		violate("twice", "command %d has counted outcomes at offsets %d and %d", stamp.Command, was, rec.Offset)
	}
	o.counted[stamp.Command] = rec.Offset
	want := o.redecide(stamp)
	if !bytes.Equal(want, rec.Value) {
		got, err := events.DecodeOutcome(rec.Record)
		again, _ := events.DecodeOutcomeValue(want)
		violate("history", "command %d by %v: the log has %+v (%v), on what counted before it would be %+v", stamp.Command, stamp.Owner, got, err, again)
	}
	if stamp.Command != o.last+1 {
		violate("skipped", "command %d counted after %d", stamp.Command, o.last)
	}
	o.last = stamp.Command
	out, err := events.DecodeOutcome(rec.Record)
	if err != nil {
		violate("history", "counted outcome at %d: %v", rec.Offset, err)
	}
	o.time = out.Time
	var sum uint64
	rows := o.fold.of(out.Session)
	for _, w := range o.evolve.Evolve(rows, &out, sha256.Sum256(rec.Value)) {
		sum ^= rows.sum(out.Session, w.Key)
		rows.write(w)
		sum ^= rows.sum(out.Session, w.Key)
	}
	return sum
}

// redecide gives the outcome's bytes as they must be.
func (o *oracle) redecide(stamp events.Stamp) []byte {
	rec := (*o.commands)[stamp.Command]
	t := max(o.time, rec.Time)
	at := session.At{Time: t, ID: events.NewID(t, o.cluster, 0, stamp.Command)}
	c, err := events.DecodeCommand(rec.Record)
	rules := o.versions[stamp.Owner]
	var out events.Outcome
	switch {
	case err != nil:
		s := events.SessionID(rec.Key)
		out = rules.Malformed(o.fold.of(s), s, at, "")
		out.Result = events.Rejected{Code: events.CodeMalformed, Detail: err.Error()}
	case o.refusing[stamp.Command]:
		out = rules.Malformed(o.fold.of(c.Session), c.Session, at, "")
		out.ReplyTo = c.ReplyTo
		out.Result = events.Rejected{Code: events.CodeEventTooLarge, Detail: "the log refused what would be written"}
	default:
		out = rules.Decide(o.fold.of(c.Session), &c, at)
	}
	again, err := events.EncodeOutcome(out, stamp, events.Envelope{})
	if err != nil {
		violate("history", "command %d: %v", stamp.Command, err)
	}
	return again.Value
}

// mapRows are all rows of all sessions.
type mapRows map[events.SessionID]sessionRows

type sessionRows map[events.Key]events.Row

func (m mapRows) of(s events.SessionID) sessionRows {
	if m[s] == nil {
		m[s] = sessionRows{}
	}
	return m[s]
}

func (r sessionRows) Get(k events.Key) (events.Row, bool) { row, ok := r[k]; return row, ok }

func (r sessionRows) First(prefix events.Key, n int) []events.Key {
	var keys []events.Key
	for k := range r {
		if strings.HasPrefix(string(k), string(prefix)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys[:min(n, len(keys))]
}

func (r sessionRows) write(w events.Write) {
	if w.Row == nil {
		delete(r, w.Key)
		return
	}
	r[w.Key] = w.Row
}

func (r sessionRows) sum(s events.SessionID, k events.Key) uint64 {
	row, ok := r[k]
	if !ok {
		return 0
	}
	b, err := events.EncodeRow(row)
	if err != nil {
		violate("store", "row %q: %v", k, err)
	}
	return rowSum(s, k, b)
}

// rowSum is a row's part in the sum over all rows, which is their exclusive or.
func rowSum(s events.SessionID, k events.Key, value []byte) uint64 {
	h := fnv.New64a()
	for _, part := range [][]byte{[]byte(s), []byte(k), value} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write(part)
	}
	return h.Sum64()
}

// checkedStore is a process' store; whatever is applied to it must be exactly what the
// oracle had at that progress.
type checkedStore struct {
	*sequencer.MemoryStore
	oracle *oracle
	sum    uint64
}

func newCheckedStore(o *oracle) *checkedStore {
	return &checkedStore{MemoryStore: sequencer.NewMemoryStore(), oracle: o}
}

func (s *checkedStore) Apply(p events.Progress, rows []sequencer.StoredRow) error {
	for i, r := range rows {
		had, _ := s.Get(r.Session, []events.Key{r.Key})
		was := had[0]
		for _, earlier := range rows[:i] {
			if earlier.Session == r.Session && earlier.Key == r.Key {
				was = earlier.Value
			}
		}
		if was != nil {
			s.sum ^= rowSum(r.Session, r.Key, was)
		}
		if r.Value != nil {
			s.sum ^= rowSum(r.Session, r.Key, r.Value)
		}
	}
	if s.oracle.weak {
		return s.MemoryStore.Apply(p, rows)
	}
	if p.Offset >= int64(len(s.oracle.progress)) {
		violate("store", "progress %v is beyond the log", p)
	}
	if want := s.oracle.progress[p.Offset]; p != want {
		violate("store", "progress %v, readers of the log have %v", p, want)
	}
	if want := s.oracle.rows[p.Offset]; s.sum != want {
		violate("store", "rows at %v are not the fold of what counted up to there", p)
	}
	return s.MemoryStore.Apply(p, rows)
}

// recount compares the whole content, not only what was applied since.
func (s *checkedStore) recount() {
	var sum uint64
	for _, r := range s.All() {
		sum ^= rowSum(r.Session, r.Key, r.Value)
	}
	p, ok, err := s.Progress()
	if s.oracle.weak {
		return
	}
	if err != nil || !ok {
		p = events.Start()
	}
	if want := s.oracle.rows[p.Offset]; sum != want {
		violate("store", "all rows at %v are not the fold of what counted up to there", p)
	}
}

// countAbove is the weaker rule that an outcome counts when its command is above the
// last that counted, whoever wrote it.
type countAbove struct{ p events.Progress }

func (r *countAbove) Progress() events.Progress { return r.p }

func (r *countAbove) Read(offset int64, rec events.Record) (events.Verdict, events.Stamp, error) {
	r.p.Offset = offset + 1
	s, fence := stampOf(rec)
	switch {
	case fence != nil:
		return events.Fenced, events.Stamp{Owner: fence.Owner}, nil
	case s.Command <= r.p.Last:
		return events.Late, s, nil
	}
	r.p.Last = s.Command
	return events.Counted, s, nil
}

// lastFence is the weaker rule that any fence makes its owner the owner, whomever it
// was to come after, and that all its outcomes count.
type lastFence struct{ p events.Progress }

func (r *lastFence) Progress() events.Progress { return r.p }

func (r *lastFence) Read(offset int64, rec events.Record) (events.Verdict, events.Stamp, error) {
	r.p.Offset = offset + 1
	s, fence := stampOf(rec)
	switch {
	case fence != nil:
		r.p.Owner = fence.Owner
		return events.Fenced, events.Stamp{Owner: fence.Owner}, nil
	case s.Owner != r.p.Owner, s.Command <= r.p.Last:
		return events.Late, s, nil
	}
	r.p.Last = s.Command
	return events.Counted, s, nil
}

// lacking is the real rule without one of its clauses: "after", "owner" or "prev". Without
// "after", any fence counts, or with rising only one of a higher n.
type lacking struct {
	p      events.Progress
	clause string
	rising bool
}

func (r *lacking) Progress() events.Progress { return r.p }

func (r *lacking) Read(offset int64, rec events.Record) (events.Verdict, events.Stamp, error) {
	r.p.Offset = offset + 1
	holds := func(clause string, ok bool) bool { return ok || r.clause == clause }
	s, fence := stampOf(rec)
	if fence != nil {
		if holds("after", fence.After == r.p.Owner) && (!r.rising || fence.Owner.N > r.p.Owner.N) {
			r.p.Owner = fence.Owner
			return events.Fenced, events.Stamp{Owner: fence.Owner}, nil
		}
		return events.Late, events.Stamp{Owner: fence.Owner}, nil
	}
	if !holds("owner", s.Owner == r.p.Owner) || !holds("prev", s.Prev == r.p.Last) {
		return events.Late, s, nil
	}
	r.p.Last = s.Command
	return events.Counted, s, nil
}

// stampOf reads what the weaker rules look at, by way of the real one: a reader that
// stands just before the record lets it count.
func stampOf(rec events.Record) (events.Stamp, *events.Fence) {
	if f, err := events.DecodeFence(rec); err == nil {
		return events.Stamp{}, &f
	}
	r := events.NewReader(events.Start())
	_, s, err := r.Read(0, rec)
	var poison *events.PoisonError
	if errors.As(err, &poison) && poison.Reason == events.PoisonHeaders {
		violate("history", "no stamp: %v", err)
	}
	return s, nil
}
