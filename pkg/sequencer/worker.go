package sequencer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// worker runs the turns of one partition: one goroutine owns the machine; pumps bring
// it records, and the log's callbacks what became of its own.
type worker struct {
	role      *Role
	partition int32
	label     string
	log       *slog.Logger

	ctx      context.Context
	cancel   context.CancelFunc
	drained  context.Context
	askDrain context.CancelFunc
	done     chan struct{}
	deciding atomic.Bool

	store   Store
	machine *Machine
	// events is nil while the answers to the own appends tell all that is in the log.
	events *pump
	// known is an offset below which the log is known to hold records.
	known    int64
	commands *pump
	// pending are commands read and not decided yet.
	pending []eventlog.Record
	// decided counts commands, so that one in sixteen is timed.
	decided uint64

	answerMu sync.Mutex
	answers  []answer
	answered chan struct{}
	// unanswered appends are on their way.
	unanswered int

	// committed is the progress of the last commit that was begun.
	committed  events.Progress
	committing atomic.Bool
	// ends has the end of the events as it was seen with the last commit.
	ends         chan int64
	commitFailed atomic.Bool
	background   sync.WaitGroup
}

// errDrained ends the work of a worker that was asked to drain and has nothing to do.
var errDrained = errors.New("sequencer: drained")

func newWorker(r *Role, partition int32) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	drained, askDrain := context.WithCancel(context.Background())
	return &worker{
		role: r, partition: partition, label: strconv.Itoa(int(partition)),
		log: r.opts.Logger.With("role", "sequencer", "partition", partition),
		ctx: ctx, cancel: cancel, drained: drained, askDrain: askDrain,
		done: make(chan struct{}), answered: make(chan struct{}, 1), ends: make(chan int64, 1),
	}
}

// stop ends the work at once and waits for the goroutine.
func (w *worker) Stop() {
	w.cancel()
	<-w.done
}

// drain takes no more commands, lets what is in flight count, commits and ends.
func (w *worker) Drain(ctx context.Context) {
	w.askDrain()
	select {
	case <-w.done:
	case <-ctx.Done():
		w.log.Warn("drain cut short", "error", ctx.Err())
		w.Stop()
	}
}

func (w *worker) Run() {
	defer close(w.done)
	defer w.role.opts.Metrics.forget(w.partition)
	defer w.cancel()
	err := w.work()
	w.background.Wait()
	if err != nil && !errors.Is(err, errDrained) && w.ctx.Err() == nil {
		w.log.Error("stopped: this program must not decide the partition", "error", err)
		w.role.crew.Fail(w.partition, err)
	}
}

func (w *worker) work() (err error) {
	if w.store, err = w.role.opts.OpenStore(w.partition); err != nil {
		return fmt.Errorf("sequencer: open the store: %w", err)
	}
	defer func() {
		if closed := w.store.Close(); closed != nil {
			err = fmt.Errorf("sequencer: close the store: %w", closed)
		}
	}()
	if err := w.restore(); err != nil {
		return err
	}
	defer w.stopReading()
	for losses := 0; ; losses++ {
		last := w.machine.Progress().Last
		ended, err := w.turn()
		w.deciding.Store(false)
		w.role.opts.Metrics.state.WithLabelValues(w.label).Set(0)
		if ended || err != nil {
			return err
		}
		if w.machine.Progress().Last > last {
			losses = 0 // that turn got something done
		}
		if err := w.mayFenceAgain(losses); err != nil {
			return err
		}
	}
}

// restore makes the machine from what is stored, or from snapshots when there is
// nothing, or these are far ahead. A store of another log, or one behind a trimmed log's
// start, is emptied; a log that does not begin at its beginning can't be built from.
func (w *worker) restore() error {
	start, end, err := w.bounds(eventlog.Events)
	if err != nil {
		return err
	}
	p, ok, err := w.store.Progress()
	if err != nil {
		return fmt.Errorf("sequencer: store: %w", err)
	}
	if ok && (p.Offset < start || p.Offset > end) {
		w.log.Warn("the stored rows are not of this log's present; building them anew", "offset", p.Offset, "start", start, "end", end)
		ok = false
	}
	from := "local"
	if !ok || end-p.Offset > restoreAhead {
		if p, from, err = w.restoreAnew(p, ok, start, end); err != nil {
			return err
		}
	}
	if p.Offset < start {
		return fmt.Errorf("sequencer: the rows must be built from the log's first record, but it begins at %d: %w", start, eventlog.ErrTrimmed)
	}
	w.role.opts.Metrics.restored.WithLabelValues(from).Inc()
	w.machine, err = NewMachine(Config{
		Cluster: w.role.opts.Log.Cluster(), Partition: w.partition, Source: w.role.opts.Source,
		Rules: w.role.opts.Rules, CacheBytes: w.role.opts.CacheBytes,
	}, w.store)
	if err != nil {
		return err
	}
	w.log.Info("restoring", "from", from, "offset", p.Offset, "end", end)
	return nil
}

// restoreAnew fills the store from snapshots. Without any that serve, local rows stay if
// they are of use, and the store is empty otherwise.
func (w *worker) restoreAnew(p events.Progress, usable bool, start, end int64) (events.Progress, string, error) {
	above := int64(0)
	if usable {
		above = p.Offset + restoreAhead
	} else if err := w.store.Reset(); err != nil {
		return p, "", fmt.Errorf("sequencer: reset the store: %w", err)
	}
	r := &restorer{log: w.role.opts.Log, store: w.store, partition: w.partition, source: w.role.opts.Source, look: firstLook}
	for n := 0; ; n++ {
		got, ok, problem, err := w.restoreInTurn(r, above, start, end)
		if problem != nil {
			w.log.Error("checkpoints passed over", "error", problem)
		}
		switch {
		case errors.Is(err, eventlog.ErrClosed), errors.Is(err, errDrained), w.ctx.Err() != nil:
			return p, "", errors.Join(err, w.ctx.Err())
		case err != nil:
			if err := w.wait(w.role.backoff(n), "cannot restore from snapshots", "error", err); err != nil {
				return p, "", err
			}
			continue
		case ok:
			return got, "snapshots", nil
		case usable && problem == nil:
			return p, "local", nil
		}
		return events.Start(), "log", nil
	}
}

func (w *worker) restoreInTurn(r *restorer, above, start, end int64) (p events.Progress, ok bool, problem, err error) {
	select {
	case w.role.restores <- struct{}{}:
	case <-w.drained.Done():
		return p, false, nil, errDrained
	case <-w.ctx.Done():
		return p, false, nil, w.ctx.Err()
	}
	defer func() { <-w.role.restores }()
	return r.restore(w.ctx, above, start, end)
}

// bounds waits out everything but a closed log.
func (w *worker) bounds(t eventlog.Topic) (start, end int64, err error) {
	for n := 0; ; n++ {
		start, end, err = w.role.opts.Log.Bounds(w.ctx, t, w.partition)
		if err == nil || errors.Is(err, eventlog.ErrClosed) {
			return start, end, err
		}
		if err := w.wait(w.role.backoff(n), "cannot learn where a log begins and ends", "topic", t, "error", err); err != nil {
			return 0, 0, err
		}
	}
}

// openCursor waits out everything but a closed log or an offset outside it.
func (w *worker) openCursor(t eventlog.Topic, from int64) (eventlog.Cursor, error) {
	for n := 0; ; n++ {
		c, err := w.role.opts.Log.Read(w.ctx, t, w.partition, from)
		if err == nil || errors.Is(err, eventlog.ErrBeyond) || errors.Is(err, eventlog.ErrTrimmed) || errors.Is(err, eventlog.ErrClosed) {
			return c, err
		}
		if err := w.wait(w.role.backoff(n), "cannot open a cursor", "topic", t, "error", err); err != nil {
			return nil, err
		}
	}
}

func (w *worker) wait(d time.Duration, why string, args ...any) error {
	w.log.Warn(why, append(args, "retry_in", d)...)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-w.drained.Done():
		return errDrained
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// mayFenceAgain waits until a commit succeeds in a generation that holds the
// partition: whoever lost a turn because others decide now does not fence again.
func (w *worker) mayFenceAgain(losses int) error {
	for n := losses; ; n++ {
		if err := w.wait(w.role.backoff(n), "turn lost; fencing again after a commit"); err != nil {
			return err
		}
		err := w.commit()
		if err == nil {
			return nil
		}
		w.log.Warn("commit failed; not fencing", "error", err)
	}
}

func (w *worker) commit() error {
	w.background.Wait() // so that no older progress is committed behind this one
	p := w.machine.Progress()
	w.committed = p
	return w.role.membership.Commit(w.ctx, w.partition, p.Last+1, p.String())
}

// commitLater commits without keeping decisions waiting; at most one at a time.
func (w *worker) commitLater() {
	p, last := w.machine.Progress(), w.machine.Last()
	if !w.committing.CompareAndSwap(false, true) {
		return
	}
	fresh := p != w.committed || w.commitFailed.Load()
	w.committed = p
	w.background.Go(func() {
		defer w.committing.Store(false)
		if fresh {
			err := w.role.membership.Commit(w.ctx, w.partition, p.Last+1, p.String())
			if w.commitFailed.Store(err != nil); err != nil && w.ctx.Err() == nil {
				w.log.Warn("commit failed", "error", err)
			}
		}
		if _, end, err := w.role.opts.Log.Bounds(w.ctx, eventlog.Commands, w.partition); err == nil {
			w.role.opts.Metrics.lag.WithLabelValues(w.label).Set(float64(max(0, end-last-1)))
		}
		if _, end, err := w.role.opts.Log.Bounds(w.ctx, eventlog.Events, w.partition); err == nil {
			select {
			case w.ends <- end:
			default:
			}
		}
	})
}
