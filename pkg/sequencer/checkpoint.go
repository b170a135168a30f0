package sequencer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Names of a store's notes.
const (
	// noteCheckpoint has the last checkpoint; without it the next one is of all sessions.
	noteCheckpoint = "checkpoint"
	// noteSession, and the session: its snapshot in the last checkpoint, without rows.
	noteSession = "s"
	// noteGone, and a key of annal.snapshots: to be removed after the next checkpoint.
	noteGone = "z"
	// noteChunk, and a chunk's key: its value, while restoring.
	noteChunk = "x"
	// noteWhole, and the session: a snapshot with chunks, while restoring.
	noteWhole = "y"
)

// noteBatch is how many notes are written at once.
const noteBatch = 512

// checkpointer writes snapshots of a partition's rows, and checkpoints behind them,
// while the partition is decided. It reads the rows of one moment and holds up nobody.
type checkpointer struct {
	log       eventlog.Log
	store     Store
	partition int32
	source    string
	// owner is that of this turn, and since an offset of the events behind its fence. The
	// checkpoints of a turn stand behind those of the turns before, and use no chunk of theirs
	// again: whoever lost a turn, and does not know it yet, may remove those.
	owner   events.Owner
	since   int64
	metrics *Metrics
	logger  *slog.Logger
	// turns lets one partition of the process at a time take a checkpoint.
	turns chan struct{}
}

// checkpointTick is how often it looks whether a checkpoint is due.
const checkpointTick = 5 * time.Second

// A checkpoint is seldom urgent, and decisions are: after workSpell of work it rests three
// times as long, so that all of a process take about a quarter of one core. Partitions
// that have to wait for their turn cover more with one checkpoint. When longTail times as
// many events have come as one is due after, whoever takes over would have much to read,
// and it rests only as long as it works.
const (
	workSpell = 2 * time.Millisecond
	restShare = 3
	longTail  = 8
	mostRest  = 100 * time.Millisecond
	// longestTake is for how long others wait for one that gets nowhere.
	longestTake = time.Hour
)

// run takes checkpoints until ctx ends: once so many events came since the last one, or
// some came and it is old.
func (c *checkpointer) run(ctx context.Context, every time.Duration, events int64) {
	ticker := time.NewTicker(min(checkpointTick, every))
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		n, err := c.behind()
		if err == nil && n > 0 && (n >= events || time.Since(last) >= every) {
			err = c.takeInTurn(ctx, events)
			last = time.Now()
		}
		if err != nil && ctx.Err() == nil {
			c.logger.Error("no checkpoint was taken", "error", err)
		}
	}
}

// takeInTurn waits for its turn, and gives it up after longestTake.
func (c *checkpointer) takeInTurn(ctx context.Context, events int64) error {
	select {
	case c.turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.turns }()
	ctx, cancel := context.WithTimeout(ctx, longestTake)
	defer cancel()
	n, err := c.behind()
	if err != nil {
		return err
	}
	_, had, err := c.last()
	if err != nil {
		return err
	}
	return c.take(ctx, had && n >= longTail*events)
}

// behind is how many records the store has read since the last checkpoint.
func (c *checkpointer) behind() (int64, error) {
	p, ok, err := c.store.Progress()
	if err != nil || !ok || p.Owner != c.owner {
		return 0, err
	}
	last, _, err := c.last()
	return p.Offset - last.Progress.Offset, err
}

func (c *checkpointer) last() (events.Checkpoint, bool, error) {
	value, err := c.store.Note(noteCheckpoint)
	if err != nil || value == nil {
		return events.Checkpoint{}, false, err
	}
	last, err := events.ParseCheckpoint(string(value))
	return last, err == nil, err
}

// take takes a checkpoint. If it ends half way, the next one is of all sessions: the
// notes may name what never came into the log.
func (c *checkpointer) take(ctx context.Context, urgent bool) error {
	began := time.Now()
	rows, err := c.store.Rows()
	if err != nil {
		return err
	}
	if owner := rows.Progress().Owner; owner != c.owner {
		return errors.Join(fmt.Errorf("sequencer: the rows are those of owner %v, not of %v", owner, c.owner), rows.Close())
	}
	t := &taking{checkpointer: c, rows: rows, notes: map[string][]byte{}, rested: began, restShare: restShare}
	if urgent {
		t.restShare = 1
	}
	err = errors.Join(t.run(ctx), rows.Close())
	if err != nil {
		return err
	}
	c.metrics.checkpoint.Observe(time.Since(began).Seconds())
	c.metrics.snapshots.WithLabelValues("checkpoint").Inc()
	c.logger.Info("checkpoint", "offset", rows.Progress().Offset, "sessions", t.census.Sessions, "written", t.written, "seconds", time.Since(began).Seconds())
	return nil
}

// taking is one checkpoint in the making.
type taking struct {
	*checkpointer
	rows    StoredRows
	whole   bool // all sessions, whatever was written before
	census  events.Census
	written int
	notes   map[string][]byte
	// rested is when it last rested, restShare how many times as long as it works.
	rested    time.Time
	restShare time.Duration

	appends sync.WaitGroup
	mu      sync.Mutex
	failed  error
}

func (t *taking) run(ctx context.Context) error {
	last, ok, err := t.last()
	if err != nil {
		return err
	}
	if err := t.store.SetNotes(map[string][]byte{noteCheckpoint: nil}); err != nil {
		return err
	}
	t.whole = !ok
	if t.whole {
		err = t.rows.Sessions(func(s events.SessionID) error { return t.session(ctx, s) })
	} else {
		t.census = last.Census
		err = t.changed(ctx, last.Progress.Offset)
	}
	// Whatever happened, nothing is left under way.
	if err = errors.Join(err, t.settle()); err != nil {
		return err
	}
	now := events.Checkpoint{Progress: t.rows.Progress(), Census: t.census}
	rec, err := events.EncodeCheckpoint(now, t.envelope())
	if err != nil {
		return err
	}
	t.append(ctx, rec)
	if err := t.settle(); err != nil {
		return err
	}
	if ok {
		t.gone(events.CheckpointKey(last.Progress.Offset))
	}
	t.notes[noteCheckpoint] = []byte(now.String())
	if err := t.flushNotes(); err != nil {
		return err
	}
	return t.sweep(ctx)
}

func (t *taking) envelope() events.Envelope { return events.Envelope{Source: t.source} }

// changed takes snapshots of the sessions that events since an offset speak of.
func (t *taking) changed(ctx context.Context, from int64) error {
	sessions, err := sessionsIn(ctx, t.log, t.partition, from, t.rows.Progress().Offset)
	if err != nil {
		return err
	}
	for s := range sessions {
		if err := t.session(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// sessionsIn gives the sessions of the events in a range of offsets, which are there.
func sessionsIn(ctx context.Context, log eventlog.Log, partition int32, from, to int64) (map[events.SessionID]struct{}, error) {
	sessions := map[events.SessionID]struct{}{}
	if from >= to {
		return sessions, nil
	}
	cursor, err := log.Read(ctx, eventlog.Events, partition, from)
	if err != nil {
		return nil, fmt.Errorf("sequencer: events from %d: %w", from, err)
	}
	defer cursor.Close()
	for from < to {
		records, err := cursor.Next(ctx)
		if err != nil {
			return nil, fmt.Errorf("sequencer: events: %w", err)
		}
		for i := range records {
			if len(records[i].Key) > 0 && records[i].Offset < to {
				sessions[events.SessionID(records[i].Key)] = struct{}{}
			}
		}
		from = records[len(records)-1].Offset + 1
	}
	return sessions, nil
}

// rest rests when it has worked for a spell, and ends with ctx.
func (t *taking) rest(ctx context.Context) error {
	worked := time.Since(t.rested)
	if worked < workSpell {
		return ctx.Err()
	}
	timer := time.NewTimer(min(t.restShare*worked, mostRest))
	defer timer.Stop()
	select {
	case <-timer.C:
		t.rested = time.Now()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// session takes the snapshot of one session, if there is such a one and it changed.
func (t *taking) session(ctx context.Context, s events.SessionID) error {
	if err := t.rest(ctx); err != nil {
		return err
	}
	was, err := t.was(s)
	if err != nil {
		return err
	}
	base := was
	if t.whole {
		base = nil
	}
	snapshot, ok, err := takeSnapshot(t.rows, s, t.own(base), func(n uint32, rows []events.StoredRow) (events.Hash, error) {
		rec, err := events.EncodeChunk(s, t.rows.Progress().Offset, n, rows, t.envelope())
		if err != nil {
			return events.Hash{}, err
		}
		t.metrics.snapshots.WithLabelValues("chunk").Inc()
		t.append(ctx, rec)
		return sha256.Sum256(rec.Value), t.rest(ctx)
	})
	if err != nil || !ok {
		return err
	}
	rec, err := events.EncodeSnapshot(snapshot, t.envelope())
	if err != nil {
		return err
	}
	t.append(ctx, rec)
	t.metrics.snapshots.WithLabelValues("session").Inc()
	t.written++
	if base != nil {
		t.census.Remove(s, was.Hash)
	}
	t.census.Add(s, snapshot.Hash)
	if was != nil && was.Offset < snapshot.Offset {
		t.supersede(was, &snapshot)
	}
	return t.note(&snapshot)
}

// was is the session's snapshot in the last checkpoint, without rows; nil for none.
func (t *taking) was(s events.SessionID) (*events.Snapshot, error) {
	value, err := t.store.Note(noteSession + string(s))
	if err != nil || value == nil {
		return nil, err
	}
	was, err := events.ParseSnapshot(s, value)
	if err != nil {
		return nil, fmt.Errorf("sequencer: note of %s: %w", s, err)
	}
	return &was, nil
}

// own is the snapshot if all its lasting chunks are of this turn, else nil.
func (t *taking) own(s *events.Snapshot) *events.Snapshot {
	if s == nil || slices.ContainsFunc(s.Chunks, func(c events.ChunkRef) bool { return c.Lasting && c.Offset < t.since }) {
		return nil
	}
	return s
}

func (t *taking) note(s *events.Snapshot) error {
	value, err := snapshotNote(s)
	if err != nil {
		return err
	}
	t.notes[noteSession+string(s.Session)] = value
	if len(t.notes) >= noteBatch {
		return t.flushNotes()
	}
	return nil
}

// snapshotNote is what is noted of a snapshot.
func snapshotNote(s *events.Snapshot) ([]byte, error) {
	bare := *s
	bare.Rows = nil
	rec, err := events.EncodeSnapshot(bare, events.Envelope{})
	return rec.Value, err
}

func (t *taking) flushNotes() error {
	err := t.store.SetNotes(t.notes)
	clear(t.notes)
	return err
}

// supersede notes what is of no use once the checkpoint is there.
func (t *taking) supersede(was, now *events.Snapshot) {
	t.gone(events.SnapshotKey(was.Session, was.Offset))
	type place struct {
		offset int64
		number uint32
	}
	used := map[place]bool{}
	for _, c := range now.Chunks {
		used[place{c.Offset, c.Number}] = true
	}
	for _, c := range was.Chunks {
		if !used[place{c.Offset, c.Number}] {
			t.gone(events.ChunkKey(was.Session, c.Offset, c.Number))
		}
	}
}

func (t *taking) gone(key []byte) { t.notes[noteGone+string(key)] = []byte{} }

// sweep removes from the topic what the checkpoint, which is durable, made useless.
func (t *taking) sweep(ctx context.Context) error {
	err := t.store.EachNote(noteGone, func(name string, _ []byte) error {
		t.append(ctx, events.Record{Key: []byte(name[len(noteGone):])})
		t.notes[name] = nil
		return ctx.Err()
	})
	if err = errors.Join(err, t.settle()); err != nil {
		return err // they stay noted
	}
	return t.flushNotes()
}

func (t *taking) append(ctx context.Context, rec events.Record) {
	t.appends.Add(1)
	t.log.Append(ctx, eventlog.Snapshots, t.partition, rec, func(_ int32, _ int64, err error) {
		if err != nil {
			t.mu.Lock()
			t.failed = errors.Join(t.failed, err)
			t.mu.Unlock()
		}
		t.appends.Done()
	})
}

// settle waits for all appends.
func (t *taking) settle() error {
	t.appends.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed != nil {
		return fmt.Errorf("sequencer: append to %s: %w", eventlog.Snapshots, t.failed)
	}
	return nil
}
