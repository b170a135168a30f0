package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// worker seals one partition.
type worker struct {
	vaulter   *Vaulter
	opts      Options
	partition int32
	label     string
	log       *slog.Logger

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	// mark is the vault's end, and builder what comes behind it.
	mark    Mark
	reader  events.Reader
	builder *builder
	trouble follow.Trouble
	// told is when it last committed, and looking since when it looks for the vault's end; zero when it knows it.
	told     time.Time
	looking  time.Time
	measured time.Time
}

func newWorker(v *Vaulter, partition int32) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	return &worker{
		vaulter: v, opts: v.opts, partition: partition, label: strconv.Itoa(int(partition)),
		log: v.opts.Logger.With("role", "vault", "partition", partition), ctx: ctx, cancel: cancel, done: make(chan struct{}),
		mark: Mark{Progress: events.Start()}, builder: newBuilder(place{}, events.Start()),
	}
}

func (w *worker) Stop() {
	w.cancel()
	<-w.done
}

// Drain is Stop: half a segment is worth nothing, and whoever comes next reads it again.
func (w *worker) Drain(context.Context) { w.Stop() }

func (w *worker) Run() {
	defer close(w.done)
	defer w.hold(0)
	defer w.opts.Metrics.behind.DeleteLabelValues(w.label)
	defer w.opts.Metrics.seconds.DeleteLabelValues(w.label)
	defer w.cancel()
	for {
		err := w.work()
		if errors.Is(err, errTakenOver) {
			continue
		}
		if err != nil && w.ctx.Err() == nil {
			w.log.Error("stopped", "error", err)
			w.vaulter.crew.Fail(w.partition, err)
		}
		return
	}
}

// errTakenOver: somebody else's segment stands where ours was to be.
var errTakenOver = errors.New("vault: another vaulter was here")

// idle is how long it waits for records before it looks at the clock.
const idle = 500 * time.Millisecond

// work goes on behind the last segment that the bucket has, whatever was committed.
func (w *worker) work() error {
	if err := w.resume(); err != nil {
		return err
	}
	cursor, err := w.open()
	if err != nil {
		return err
	}
	defer cursor.Close()
	for {
		ctx, cancel := context.WithTimeout(w.ctx, min(idle, w.opts.SealEvery))
		records, err := cursor.Next(ctx)
		late := ctx.Err() != nil && w.ctx.Err() == nil
		cancel()
		if err != nil && !late {
			return w.lost(w.reader.Progress().Offset, err)
		}
		if err := w.take(records); err != nil {
			return err
		}
		w.measure()
	}
}

func (w *worker) resume() (err error) {
	if w.mark, err = w.tail(); err != nil {
		return err
	}
	w.begin()
	mark := w.mark.Progress.Offset
	return w.patiently("hold the log against what is sealed", func() error {
		start, end, err := w.opts.Log.Bounds(w.ctx, eventlog.Events, w.partition)
		if err != nil || mark <= start || mark > end {
			return err // what follows is another's concern
		}
		return w.vaulter.shelf.meets(w.ctx, w.opts.Log, w.partition, mark)
	})
}

func (w *worker) tail() (mark Mark, err error) {
	w.looking = time.Now()
	defer func() { w.looking = time.Time{} }()
	err = w.patiently("find the vault's end", func() (err error) {
		mark, err = w.vaulter.shelf.Tail(w.ctx, w.partition)
		return err
	})
	return mark, err
}

// begin starts a segment behind the mark.
func (w *worker) begin() {
	w.reader = events.NewReader(w.mark.Progress)
	w.builder = newBuilder(place{w.opts.Prefix, w.opts.Log.Cluster(), w.partition}, w.mark.Progress)
	w.hold(0)
}

func (w *worker) hold(bytes int) {
	w.vaulter.room.set(w.partition, bytes)
	w.opts.Metrics.held.Set(float64(w.vaulter.room.bytes()))
}

func (w *worker) open() (cursor eventlog.Cursor, err error) {
	from := w.mark.Progress.Offset
	err = w.patiently("open a cursor", func() (err error) {
		cursor, err = w.opts.Log.Read(w.ctx, eventlog.Events, w.partition, from)
		return err
	})
	if err != nil {
		return nil, w.lost(from, err)
	}
	return cursor, nil
}

// lost says what an error of reading the log at an offset means. What the log no longer has may be in the vault by now: who was
// held up meanwhile goes on behind it.
func (w *worker) lost(at int64, err error) error {
	if !errors.Is(err, eventlog.ErrTrimmed) {
		return fmt.Errorf("vault: read %s/%d at %d: %w", eventlog.Events, w.partition, at, err)
	}
	mark, failed := w.tail()
	switch {
	case failed != nil:
		return failed
	case mark.Progress.Offset > w.mark.Progress.Offset:
		return errTakenOver
	}
	return fmt.Errorf("%w: of %s/%d neither the vault nor the log has %d: %w", ErrGap, eventlog.Events, w.partition, at, err)
}

// take adds records to the segment, and seals it when it is time.
func (w *worker) take(records []eventlog.Record) error {
	for i := range records {
		r := &records[i]
		verdict, _, err := w.reader.Read(r.Offset, r.Record)
		if verdict == 0 {
			return fmt.Errorf("vault: %w", err)
		}
		w.opts.Metrics.records.WithLabelValues(verdict.String()).Inc()
		w.builder.add(r, verdict, time.Now())
		if w.builder.size >= w.opts.SegmentBytes {
			if err := w.seal(); err != nil {
				return err
			}
		}
	}
	w.hold(w.builder.memory())
	if !w.builder.empty() && time.Since(w.builder.since) >= w.opts.SealEvery {
		if err := w.seal(); err != nil {
			return err
		}
	}
	return w.makeRoom()
}

// makeRoom keeps what is held over all partitions within its bound: who has most seals, and the others wait for that.
func (w *worker) makeRoom() error {
	for {
		full, most, changed := w.vaulter.room.full(w.partition)
		switch {
		case !full:
			return nil
		case most && !w.builder.empty():
			return w.seal()
		case w.builder.empty():
			return nil
		}
		timer := time.NewTimer(idle)
		select {
		case <-changed:
			timer.Stop()
		case <-timer.C:
		case <-w.ctx.Done():
			timer.Stop()
			return w.ctx.Err()
		}
	}
}

// seal stores the segment: its object, and then its manifest, which makes it one. Only then it commits.
func (w *worker) seal() error {
	s, err := w.builder.seal(w.reader.Progress(), w.mark.Hash)
	if err != nil {
		return err
	}
	if err := w.patiently("store a segment", func() error { return w.store(s) }); err != nil {
		return err
	}
	taken := false
	err = w.patiently("store a manifest", func() error {
		err := w.opts.Bucket.Put(w.ctx, s.name, s.content)
		taken = errors.Is(err, ErrExists)
		if taken {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if taken {
		if err := w.meet(s); err != nil {
			return err
		}
	}
	w.opts.Metrics.segments.Inc()
	w.opts.Metrics.bytes.Add(float64(len(s.data)))
	w.log.Debug("sealed", "segment", s.name, "records", s.manifest.Records, "bytes", len(s.data))
	w.mark = Mark{Progress: s.end, Hash: s.hash, Segments: w.mark.Segments + 1}
	w.begin()
	w.commit()
	return nil
}

// store puts a segment's object, and reads it back: once a manifest names it, nobody can put another in its place.
func (w *worker) store(s *sealed) error {
	err := w.opts.Bucket.Put(w.ctx, s.manifest.Object, s.data)
	if err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	// Its name has its hash: whoever stored it, it is what is meant, or damaged. That is waited out: somebody may remove it.
	if _, err = w.vaulter.shelf.object(w.ctx, segment{&s.manifest, s.hash}); errors.Is(err, ErrDamaged) {
		return fmt.Errorf("vault: what is stored is read back as something else: %s", err.Error())
	}
	return err
}

// meet looks at what stands where a manifest was to be: it may be our own, stored by a call whose answer was lost.
func (w *worker) meet(s *sealed) error {
	var hash string
	err := w.patiently("read a manifest", func() error {
		g, err := w.vaulter.shelf.load(w.ctx, w.partition, s.manifest.First)
		hash = g.hash
		return err
	})
	if err != nil || hash == s.hash {
		return err
	}
	w.opts.Metrics.taken.Inc()
	w.log.Info("another vaulter sealed this; going on behind it", "segment", s.name)
	return errTakenOver
}

// commit says, for whoever looks on, how far the vault is. The bucket says it too, so one that fails does no harm.
func (w *worker) commit() {
	w.told = time.Now()
	c := follow.Commit{Progress: w.mark.Progress, Trouble: w.trouble}
	if err := w.vaulter.membership.Commit(w.ctx, w.partition, w.mark.Progress.Offset, c.String()); err != nil && w.ctx.Err() == nil {
		w.log.Warn("commit failed", "error", err)
	}
}

// measure tells, once in a while, how far behind the log's end the vault is.
func (w *worker) measure() {
	if time.Since(w.measured) < time.Second {
		return
	}
	w.measured = time.Now()
	seconds := 0.0
	switch {
	case !w.looking.IsZero():
		seconds = time.Since(w.looking).Seconds() // at least
	case !w.builder.empty():
		seconds = max(0, time.Since(time.UnixMilli(int64(w.builder.oldest))).Seconds())
	}
	w.opts.Metrics.seconds.WithLabelValues(w.label).Set(seconds)
	if _, end, err := w.opts.Log.Bounds(w.ctx, eventlog.Events, w.partition); err == nil {
		w.opts.Metrics.behind.WithLabelValues(w.label).Set(float64(max(0, end-w.mark.Progress.Offset)))
	}
}

// tellEvery is how often it commits what is wrong while it waits.
const tellEvery = 5 * time.Second

// patiently tries again until it works, the worker ends or it is an error that stays.
func (w *worker) patiently(what string, try func() error) error {
	var since time.Time
	for wait := leastWait; ; wait = min(2*wait, mostWait) {
		err := try()
		switch {
		case err == nil:
			if !since.IsZero() {
				w.log.Info("could "+what+" again", "seconds", int(time.Since(since).Seconds()))
			}
			return nil
		case w.ctx.Err() != nil:
			return w.ctx.Err()
		case !mayPass(err) && !errors.Is(err, ErrDenied) && !errors.Is(err, ErrNoBucket):
			return err
		}
		if since.IsZero() {
			since = time.Now()
		}
		w.opts.Metrics.retries.Inc()
		w.measure()
		w.trouble = follow.Trouble{At: events.Millis(time.Now().UnixMilli()), What: "cannot " + what + ": " + err.Error()}
		if time.Since(w.told) >= tellEvery {
			w.commit()
		}
		w.log.Warn("cannot "+what+"; trying again", "retry_in", wait, "error", err)
		follow.Sleep(w.ctx, wait)
	}
}
