// Package accounts keeps who signs in and with what: accounts, logins, OAuth clients, authorization codes and invitations. They stand in
// the compacted topic annal.accounts, and whoever follows it has them all in memory.
//
// A record is an entry: what something is from then on, with a version one above that of the entry it replaces. Of entries of one version
// the first in the log counts, so two that write at once never both succeed, whichever processes they are. Each record has a key of its
// own: what no longer counts is taken away by a record without a value, once what replaces it is known to count, and compaction leaves
// nothing of it. So a password's old hash does not outlive a change for long.
package accounts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	accountsv1 "annal/gen/annal/accounts/v1"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Entry is a version of something.
type Entry = accountsv1.Entry

// Kind is what something is.
type Kind string

// The kinds.
const (
	KindAccount    Kind = "account"
	KindGrant      Kind = "grant"
	KindClient     Kind = "client"
	KindCode       Kind = "code"
	KindInvitation Kind = "invitation"
)

// kindOf is the kind of an entry; empty when it is of none known here.
func kindOf(e *Entry) Kind {
	switch e.GetKind().(type) {
	case *accountsv1.Entry_Account:
		return KindAccount
	case *accountsv1.Entry_Grant:
		return KindGrant
	case *accountsv1.Entry_Client:
		return KindClient
	case *accountsv1.Entry_Code:
		return KindCode
	case *accountsv1.Entry_Invitation:
		return KindInvitation
	}
	return ""
}

// Errors of this package.
var (
	// ErrConflict says that somebody else changed the same at the same time: look at it again.
	ErrConflict = errors.New("accounts: somebody else changed it at the same time")
	// ErrUnknown says that it is not known whether a change was made: look at it again.
	ErrUnknown = errors.New("accounts: it is not known whether the change was made")
	// ErrEntry says that something cannot be kept so.
	ErrEntry = errors.New("accounts: an entry has an id of 1 to 256 bytes and a kind")
)

const (
	// partition is the only one that is used: what one changes has one order with all else.
	partition = 0
	// maxID bounds ids, and maxTries how often a change is begun anew when others change the same.
	maxID    = 256
	maxTries = 8
	// garbageAge is how old what no longer counts is when any process takes it away, and not just the one that replaced it.
	garbageAge = 10 * time.Minute
	// removedAge is for how long it is kept that something is no more: far longer than any change of it may still be on its way.
	removedAge = time.Hour
	// sweepEvery is how often that is looked for, and sweepMost how much is taken away at once.
	sweepEvery = time.Minute
	sweepMost  = 10_000
)

// Table is everything in annal.accounts. Make one with NewTable and run it.
type Table struct {
	log     eventlog.Log
	now     func() time.Time
	logger  *slog.Logger
	metrics *Metrics

	mu    sync.Mutex
	slots map[string]*slot
	// logins are the grants of each user.
	logins map[string]map[string]struct{}
	// garbage are the keys of records that no longer count, by what they are of.
	garbage map[string]stale
	// awaited are told once the record of their key was read: whether it counts.
	awaited map[string]chan<- bool
	// next is the offset after the last that was read; further is closed when that has grown.
	next    int64
	further chan struct{}
	loaded  bool
	ready   chan struct{}
	// newest is the time of the last record that was read.
	newest events.Millis
}

// slot is what counts of one thing.
type slot struct {
	version uint64
	// value is the encoded entry: of most things it is never asked.
	value   []byte
	key     string
	at      events.Millis
	removed bool
}

// stale is a record that no longer counts.
type stale struct {
	of string
	at events.Millis
}

// NewTable makes a table of the topic; it knows nothing before Run.
func NewTable(log eventlog.Log, now func() time.Time, logger *slog.Logger, m *Metrics) *Table {
	return &Table{
		log: log, now: now, logger: logger, metrics: m, slots: map[string]*slot{}, logins: map[string]map[string]struct{}{},
		garbage: map[string]stale{}, awaited: map[string]chan<- bool{}, further: make(chan struct{}), ready: make(chan struct{}),
	}
}

// Run follows the topic until ctx ends.
func (t *Table) Run(ctx context.Context) error {
	start, _, err := t.log.Bounds(ctx, eventlog.Accounts, partition)
	if err != nil {
		return ended(ctx, err)
	}
	cursor, err := t.log.Read(ctx, eventlog.Accounts, partition, start)
	if err != nil {
		return ended(ctx, err)
	}
	defer cursor.Close()
	// What is written now is read last: then all that was there before is read.
	mark := t.await(newKey("mark"))
	defer mark.forget()
	t.append(ctx, events.Record{Key: []byte(mark.key)})
	swept := t.now()
	for {
		waiting, cancel := context.WithTimeout(ctx, sweepEvery)
		records, err := cursor.Next(waiting)
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return ended(ctx, err)
		}
		for i := range records {
			t.apply(&records[i])
		}
		if len(records) > 0 {
			t.passed(records[len(records)-1].Offset + 1)
		}
		select {
		case <-mark.read:
			t.load()
		default:
		}
		if now := t.now(); now.Sub(swept) >= sweepEvery {
			swept = now
			t.sweep(ctx)
		}
	}
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the context's end is how following ends
	}
	return fmt.Errorf("accounts: %w", err)
}

// load says that everything was read.
func (t *Table) load() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.loaded {
		t.loaded = true
		close(t.ready)
	}
}

// Loaded is closed once everything was read that was there when Run began.
func (t *Table) Loaded() <-chan struct{} { return t.ready }

// Ready is nil once everything was read that was there when Run began.
func (t *Table) Ready() error {
	select {
	case <-t.ready:
		return nil
	default:
		return errors.New("accounts are still being read")
	}
}

// apply takes a record in.
func (t *Table) apply(r *eventlog.Record) {
	key := string(r.Key)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.metrics.read.Inc()
	t.newest = max(t.newest, r.Time)
	counts := false
	if r.Value == nil {
		t.taken(key)
		counts = true
	} else {
		counts = t.entry(key, r)
	}
	if read := t.awaited[key]; read != nil {
		delete(t.awaited, key)
		read <- counts // it has room for one, and gets one
	}
	t.metrics.entries.Set(float64(len(t.slots)))
	t.metrics.garbage.Set(float64(len(t.garbage)))
}

// taken notes that the record of a key is taken away. The lock is held.
func (t *Table) taken(key string) {
	delete(t.garbage, key)
	of, _, _ := strings.Cut(key, "#")
	if s := t.slots[of]; s != nil && s.removed && s.key == key {
		delete(t.slots, of)
	}
}

// entry takes an entry in and says whether it counts. The lock is held.
func (t *Table) entry(key string, r *eventlog.Record) bool {
	var e Entry
	err := proto.Unmarshal(r.Value, &e)
	kind := kindOf(&e)
	if err != nil || kind == "" || e.GetVersion() == 0 || key[:max(0, strings.LastIndexByte(key, '#'))] != name(kind, e.GetId()) {
		t.metrics.unreadable.Inc()
		t.logger.Error("an entry of the accounts cannot be read: it is passed over, and what it replaced still counts", "offset", r.Offset, "error", err)
		return false
	}
	of := name(kind, e.GetId())
	was := t.slots[of]
	if was != nil && e.GetVersion() <= was.version {
		t.garbage[key] = stale{of, r.Time}
		return false
	}
	if was != nil {
		t.garbage[was.key] = stale{of, r.Time}
		t.unlist(of, was)
	}
	t.slots[of] = &slot{version: e.GetVersion(), value: r.Value, key: key, at: r.Time, removed: e.GetRemoved()}
	if g := e.GetGrant(); g != nil && !e.GetRemoved() {
		if t.logins[g.GetUser()] == nil {
			t.logins[g.GetUser()] = map[string]struct{}{}
		}
		t.logins[g.GetUser()][e.GetId()] = struct{}{}
	}
	return true
}

// unlist takes a grant that is replaced out of its user's. The lock is held.
func (t *Table) unlist(of string, s *slot) {
	if !strings.HasPrefix(of, string(KindGrant)+":") || s.removed {
		return
	}
	var e Entry
	if proto.Unmarshal(s.value, &e) != nil {
		return // it was read before
	}
	user := e.GetGrant().GetUser()
	delete(t.logins[user], e.GetId())
	if len(t.logins[user]) == 0 {
		delete(t.logins, user)
	}
}

func name(k Kind, id string) string { return string(k) + ":" + escape(id) }

// escape leaves no # in an id, which ends it in a record's key.
func escape(id string) string { return strings.NewReplacer("%", "%25", "#", "%23").Replace(id) }

func newKey(of string) string { return of + "#" + rand.Text() }

// Get gives something as it is now, the caller's own; false when it is not there.
func (t *Table) Get(k Kind, id string) (*Entry, bool) {
	e := t.current(k, id)
	return e, e != nil && !e.GetRemoved()
}

// current gives the entry that counts, be it one that says that something is no more; nil when there is none.
func (t *Table) current(k Kind, id string) *Entry {
	t.mu.Lock()
	s := t.slots[name(k, id)]
	t.mu.Unlock()
	if s == nil {
		return nil
	}
	var e Entry
	if proto.Unmarshal(s.value, &e) != nil {
		return nil // it was read before
	}
	return &e
}

// Logins gives the ids of a user's grants, in no order.
func (t *Table) Logins(user string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := make([]string, 0, len(t.logins[user]))
	for id := range t.logins[user] {
		ids = append(ids, id)
	}
	return ids
}

// Each calls f with every entry of a kind that is there, in no order, until it returns false.
func (t *Table) Each(k Kind, f func(*Entry) bool) {
	t.mu.Lock()
	var values [][]byte
	for of, s := range t.slots {
		if !s.removed && strings.HasPrefix(of, string(k)+":") {
			values = append(values, s.value)
		}
	}
	t.mu.Unlock()
	for _, v := range values {
		var e Entry
		if proto.Unmarshal(v, &e) == nil && !f(&e) {
			return
		}
	}
}

// Change changes something: f gets it as it is, with Removed set and no kind when it is not there, and makes of it what it is to be. f may
// be called more than once, as others change the same; its error ends the change. When Change returns nil, what f made counts, and this
// table has it. Errors are f's, ErrConflict, ErrUnknown, ErrEntry, and ctx's: then it is not known either.
func (t *Table) Change(ctx context.Context, k Kind, id string, f func(*Entry) error) error {
	for range maxTries {
		e := t.current(k, id)
		if e == nil || e.GetRemoved() {
			e = &Entry{Id: id, Version: e.GetVersion(), Removed: true}
		}
		if err := f(e); err != nil {
			return err
		}
		e.Version++
		if err := t.put(ctx, k, e); !errors.Is(err, ErrConflict) {
			return err
		}
		t.metrics.conflicts.Inc()
	}
	return ErrConflict
}

// put writes an entry and waits until it is read.
func (t *Table) put(ctx context.Context, k Kind, e *Entry) error {
	if e.GetId() == "" || len(e.GetId()) > maxID || kindOf(e) != k {
		return ErrEntry
	}
	value, err := proto.Marshal(e)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEntry, err)
	}
	of := name(k, e.GetId())
	w := t.await(newKey(of))
	defer w.forget()
	t.mu.Lock()
	was := ""
	if s := t.slots[of]; s != nil {
		was = s.key
	}
	t.mu.Unlock()
	failed := make(chan error, 1)
	t.log.Append(ctx, eventlog.Accounts, partition, events.Record{Key: []byte(w.key), Value: value}, func(_ int32, _ int64, err error) {
		if err != nil {
			failed <- err
		}
	})
	select {
	case counts := <-w.read:
		return t.written(ctx, counts, w.key, was)
	case err := <-failed:
		if errors.Is(err, eventlog.ErrRefused) {
			return fmt.Errorf("%w: %w", ErrEntry, err)
		}
	case <-ctx.Done():
	}
	// What is not known by now may be there all the same, before a mark that is written now, or never.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := t.flush(asking); err != nil {
		return err
	}
	select {
	case counts := <-w.read:
		return t.written(ctx, counts, w.key, was)
	default:
		return ErrUnknown
	}
}

// settleTime is for how long it is found out whether a change that is not known to be made was.
const settleTime = 5 * time.Second

// written ends a change that was read: what no longer counts is taken away.
func (t *Table) written(ctx context.Context, counts bool, key, was string) error {
	if !counts {
		t.append(ctx, events.Record{Key: []byte(key)})
		return ErrConflict
	}
	if was != "" {
		t.append(ctx, events.Record{Key: []byte(was)})
	}
	return nil
}

// append writes what nobody waits for. What fails is swept later.
func (t *Table) append(ctx context.Context, r events.Record) {
	t.log.Append(context.WithoutCancel(ctx), eventlog.Accounts, partition, r, func(int32, int64, error) {})
}

// waiter waits for a record of its own to be read.
type waiter struct {
	table *Table
	key   string
	// read gets whether the record counts.
	read <-chan bool
}

func (t *Table) await(key string) waiter {
	read := make(chan bool, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.awaited[key] = read
	return waiter{t, key, read}
}

func (w waiter) forget() {
	w.table.mu.Lock()
	defer w.table.mu.Unlock()
	delete(w.table.awaited, w.key)
}

// sweep takes away what no longer counts and its writer left, and what says of something long gone that it is no more: that last, so
// that nothing which was written beside it is left without it. How old something is goes by the log's time, and by nobody's clock.
func (t *Table) sweep(ctx context.Context) {
	var keys []string
	t.mu.Lock()
	newest := t.newest
	old := func(at events.Millis, age time.Duration) bool {
		return time.Duration(newest-at)*time.Millisecond >= age
	}
	kept := map[string]bool{}
	for key, g := range t.garbage {
		kept[g.of] = true
		if len(keys) < sweepMost && old(g.at, garbageAge) {
			keys = append(keys, key)
		}
	}
	for of, s := range t.slots {
		if s.removed && !kept[of] && len(keys) < sweepMost && old(s.at, removedAge) {
			keys = append(keys, s.key)
		}
	}
	t.mu.Unlock()
	for _, key := range keys {
		t.append(ctx, events.Record{Key: []byte(key)})
	}
	// Where nobody writes, the log's time goes on all the same.
	t.append(ctx, events.Record{Key: []byte(newKey("mark"))})
	if len(keys) > 0 {
		t.metrics.swept.Add(float64(len(keys)))
		t.logger.Debug("swept the accounts", "records", len(keys))
	}
}
