package sim

import (
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/sequencer"
	"annal/pkg/session"
)

// readOver opens a cursor whose records pass over, with the reader as it stands behind
// those before from.
type readOver struct {
	eventlog.Log
	over func(partition int32, r *events.Reader, rec eventlog.Record) eventlog.Record
	// read hears of what was read, behind it.
	read func(ctx context.Context, partition int32, p events.Progress)
}

func (l readOver) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	if t != eventlog.Events {
		return l.Log.Read(ctx, t, partition, from)
	}
	cursor, err := l.Log.Read(ctx, t, partition, 0)
	if err != nil {
		return nil, err
	}
	return &overCursor{Cursor: cursor, log: l, partition: partition, from: from, reader: events.NewReader(events.Start())}, nil
}

type overCursor struct {
	eventlog.Cursor
	log       readOver
	partition int32
	from      int64
	reader    events.Reader
}

func (c *overCursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	for {
		records, err := c.Cursor.Next(ctx)
		if err != nil {
			return nil, err
		}
		for i := range records {
			if c.log.over != nil {
				records[i] = c.log.over(c.partition, &c.reader, records[i])
			}
			_, _, _ = c.reader.Read(records[i].Offset, records[i].Record) // poison is the product's
		}
		for len(records) > 0 && records[0].Offset < c.from {
			records = records[1:]
		}
		if len(records) == 0 {
			continue
		}
		if c.log.read != nil {
			c.log.read(ctx, c.partition, c.reader.Progress())
		}
		return records, nil
	}
}

// ownerForgotten reads the log as if an outcome of an earlier owner counted.
func ownerForgotten(l eventlog.Log) eventlog.Log {
	return readOver{Log: l, over: func(_ int32, r *events.Reader, rec eventlog.Record) eventlog.Record {
		is := *r
		verdict, stamp, _ := is.Read(rec.Offset, rec.Record)
		if verdict == events.Late && stamp.Command > r.Progress().Last && stamp.Prev == r.Progress().Last {
			rec.Record = withHeader(rec.Record, events.HeaderOwner, r.Progress().Owner.String())
		}
		return rec
	}}
}

// prevForgotten reads the log as if any outcome of the owner counted that is above the last.
func prevForgotten(l eventlog.Log) eventlog.Log {
	return readOver{Log: l, over: func(_ int32, r *events.Reader, rec eventlog.Record) eventlog.Record {
		is := *r
		verdict, stamp, _ := is.Read(rec.Offset, rec.Record)
		if verdict == events.Broken && stamp.Command > r.Progress().Last {
			rec.Record = withHeader(rec.Record, events.HeaderPrev, strconv.FormatInt(r.Progress().Last, 10))
		}
		return rec
	}}
}

// committedFirst is a projector that commits what it read before it writes.
type committedFirst struct {
	eventlog.Log
	mu     sync.Mutex
	member eventlog.Membership
	marks  map[int32]string // of the last commits of whole views
}

func commitsFirst(l eventlog.Log) eventlog.Log {
	c := &committedFirst{marks: map[int32]string{}}
	c.Log = readOver{Log: l, read: func(ctx context.Context, partition int32, p events.Progress) {
		c.mu.Lock()
		member, mark := c.member, strings.Split(c.marks[partition], "|")
		c.mu.Unlock()
		if member != nil && len(mark) == 5 {
			mark[3] = p.String()
			_ = member.Commit(ctx, partition, p.Offset, strings.Join(mark, "|")) // the product's own come later
		}
	}}
	return c
}

func (c *committedFirst) Join(ctx context.Context, group string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	m, err := c.Log.Join(ctx, group, t, instance)
	if err != nil || group != hot.Group {
		return m, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.member = m
	return notingMember{m, c}, nil
}

type notingMember struct {
	eventlog.Membership
	c *committedFirst
}

func (n notingMember) Commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	n.c.mu.Lock()
	n.c.marks[partition] = metadata
	n.c.mu.Unlock()
	return n.Membership.Commit(ctx, partition, offset, metadata)
}

// reachedAll is a view that is taken to reach as far as any commit says: else the
// projector would notice, and bring it up.
type reachedAll struct{ hot.Store }

func (s reachedAll) View(ctx context.Context, partition int32) (hot.ViewState, error) {
	v, err := s.Store.View(ctx, partition)
	v.Reached = math.MaxInt64
	return v, err
}

// dueller is a sequencer that fences again whether or not the group lets it commit.
type dueller struct{ eventlog.Log }

func (d dueller) Join(ctx context.Context, group string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	m, err := d.Log.Join(ctx, group, t, instance)
	if group == sequencer.Group {
		m = carelessMember{m}
	}
	return m, err
}

type carelessMember struct{ eventlog.Membership }

func (c carelessMember) Commit(ctx context.Context, partition int32, offset int64, metadata string) error {
	err := c.Membership.Commit(ctx, partition, offset, metadata)
	if errors.Is(err, eventlog.ErrNotAssigned) {
		return nil
	}
	return err
}

// leakyLog is a sequencer's that stores rows of what it appends, before that counts.
type leakyLog struct {
	eventlog.Log
	mu     sync.Mutex
	stores map[int32]sequencer.Store
}

func (l *leakyLog) Append(ctx context.Context, t eventlog.Topic, partition int32, r events.Record, done func(int32, int64, error)) {
	l.mu.Lock()
	store := l.stores[partition]
	l.mu.Unlock()
	if o, err := events.DecodeOutcome(r); err == nil && t == eventlog.Events && store != nil {
		leak(store, &o, r.Value)
	}
	l.Log.Append(ctx, t, partition, r, done)
}

func leak(store sequencer.Store, o *events.Outcome, value []byte) {
	var rows []sequencer.StoredRow
	for _, w := range session.Evolve(storedRows{store, o.Session}, o, sha256.Sum256(value)) {
		row := sequencer.StoredRow{Session: o.Session, Key: w.Key}
		if w.Row != nil {
			row.Value, _ = events.EncodeRow(w.Row)
			row.Value = append([]byte{}, row.Value...)
		}
		rows = append(rows, row)
	}
	if p, ok, err := store.Progress(); ok && err == nil {
		_ = store.Apply(p, rows) // a dead process's
	}
}

// storedRows are a session's rows as they are stored.
type storedRows struct {
	store   sequencer.Store
	session events.SessionID
}

func (s storedRows) Get(k events.Key) (events.Row, bool) {
	values, err := s.store.Get(s.session, []events.Key{k})
	if err != nil || values[0] == nil {
		return nil, false
	}
	row, err := events.DecodeRow(k, values[0])
	return row, err == nil
}

func (s storedRows) First(prefix events.Key, n int) []events.Key {
	keys, _ := s.store.First(s.session, prefix, n)
	return keys
}

var logPlants = map[string]Plant{
	"reader-rule clause dropped: owner": {Log: ownerForgotten},
	"reader-rule clause dropped: prev":  {Log: prevForgotten},
	// Only a crash in between shows it.
	"commit before write": {Log: commitsFirst, Store: func(s hot.Store, _ hot.Notifier) hot.Store { return reachedAll{s} }, Odds: func(o *odds) { o.crash, o.slow, o.flush, o.damage, o.every = 50, 100, 0, 0, 1500 }},
	"duel of re-fences":   {Log: func(l eventlog.Log) eventlog.Log { return dueller{l} }},
	"overlay leaked into Pebble": {
		Log: func(l eventlog.Log) eventlog.Log { return &leakyLog{Log: l, stores: map[int32]sequencer.Store{}} },
		Rows: func(l eventlog.Log, partition int32, s sequencer.Store) sequencer.Store {
			if leaky, ok := l.(*leakyLog); ok {
				leaky.mu.Lock()
				defer leaky.mu.Unlock()
				leaky.stores[partition] = s
			}
			return s
		},
	},
}
