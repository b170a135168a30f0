package hot

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// project applies what a poll brought, then tells it: an answer means that it can be read.
func (w *worker) project(records []eventlog.Record) error {
	if len(records) == 0 {
		return nil
	}
	p := newPlan(w.building)
	if err := w.count(records, p); err != nil {
		return err
	}
	if err := w.write(p); err != nil {
		return err
	}
	w.changed.Merge(p.changed)
	return w.noteMuch()
}

// write applies a plan, then tells it. Users' sessions are noted first: whoever sees a session can tell a list that lacks
// it from one that is yet to be written. What is listed and not there yet is for a moment, or until the round is repeated.
// So are registrations: who sees a device's token knows that it moved to another, if it did.
func (w *worker) write(p *plan) error {
	start := time.Now()
	if len(p.users) > 0 {
		if err := w.patiently("note users' sessions", func() error { return w.shakenBy(w.opts.Store.AddSessions(w.ctx, p.users)) }); err != nil {
			return err
		}
	}
	if len(p.registered) > 0 {
		if err := w.patiently("note registrations", func() error { return w.shakenBy(w.opts.Store.AddHolders(w.ctx, p.registered)) }); err != nil {
			return err
		}
	}
	if err := w.leaveNothing(p); err != nil {
		return err
	}
	tells := len(p.round.Sessions)+len(p.round.Answers) > 0
	var both errgroup.Group
	if tells {
		both.Go(func() error { return w.promise(p.below) })
	}
	if len(p.sessions) > 0 {
		both.Go(func() error { return w.patiently("apply", func() error { return w.shakenBy(w.apply(p.sessions)) }) })
	}
	if err := both.Wait(); err != nil {
		return err
	}
	w.rounds.Add(1)
	applied := time.Now()
	w.opts.Metrics.apply.Observe(applied.Sub(start).Seconds())
	if tells {
		if err := w.patiently("publish", func() error { return w.opts.Notifier.Publish(w.ctx, p.round) }); err != nil {
			return err
		}
		w.opts.Metrics.publish.Observe(time.Since(applied).Seconds())
	}
	return nil
}

// promise has the store know that records below an offset are about to be told. Whoever lost the partition without knowing it, and
// whose view another one took the place of, learns it here, and tells nobody.
func (w *worker) promise(below int64) error {
	return w.patiently("promise what is told", func() error {
		return w.asLoss(w.shakenBy(w.opts.Store.Promise(w.ctx, w.partition, w.view, below)))
	})
}

// maxChanged is how much may have changed before it is noted, without waiting for the
// next checkpoint.
const maxChanged = 10_000

// noteMuch notes what was told when there is much of it.
func (w *worker) noteMuch() error {
	if w.changed.Len() < maxChanged {
		return nil
	}
	return w.patiently("note what changed", w.note)
}

// note notes what was told, for gateways that did not hear of it.
func (w *worker) note() error {
	if w.changed.Len() == 0 {
		return nil
	}
	if err := w.opts.Store.Note(w.ctx, w.partition, w.changed); err != nil {
		return err
	}
	w.changed = NewChanged()
	return nil
}

// apply writes the changes; sessions that the log itself leaves broken are named, not waited for.
func (w *worker) apply(sessions []SessionChanges) error {
	err := w.opts.Store.Apply(w.ctx, w.view, sessions)
	var broken *BrokenError
	if errors.As(err, &broken) {
		if w.building {
			// In a store that was emptied meanwhile nothing follows on anything.
			if err := w.stillThere(); err != nil {
				return err
			}
		}
		w.opts.Metrics.broken.Add(float64(len(broken.Sessions)))
		w.log.Error("sessions put aside", "sessions", broken.Sessions, "error", broken)
		return nil
	}
	return err
}

// count adds the outcomes that count to a plan; poison is put aside and passed.
func (w *worker) count(records []eventlog.Record, p *plan) error {
	var seen [events.Poison + 1]int
	for i := range records {
		rec := &records[i]
		verdict, _, err := w.reader.Read(rec.Offset, rec.Record)
		if verdict == 0 {
			return fmt.Errorf("hot: %w", err)
		}
		seen[verdict]++
		switch verdict {
		case events.Counted:
			c, err := countedOf(rec)
			if err != nil {
				if err := w.quarantine(rec, reasonOf(err), err); err != nil {
					return err
				}
				if c.hole == "" {
					continue
				}
			}
			c.tell = rec.Offset >= w.told
			p.add(c)
		case events.Poison:
			var poison *events.PoisonError
			reason := events.PoisonHeaders
			if errors.As(err, &poison) {
				reason = poison.Reason
			}
			if err := w.quarantine(rec, reason, err); err != nil {
				return err
			}
		case events.Fenced, events.Late, events.Broken:
		}
	}
	p.below = w.reader.Progress().Offset
	for v, n := range seen {
		if n > 0 {
			w.opts.Metrics.records.WithLabelValues(events.Verdict(v).String()).Add(float64(n))
		}
	}
	return nil
}

// mayHaveSeq says of an unreadable outcome, by its type, whether it may stand in a
// timeline. Refusals, answers and markers don't; events of types not known here may.
func mayHaveSeq(rec *eventlog.Record) bool {
	typ, _ := rec.Header(events.HeaderType)
	switch typ {
	case events.TypeRejected, events.TypeAnswered, events.TypeEventPrefix + events.Read{}.Name(),
		events.TypeEventPrefix + events.Delivered{}.Name(), events.TypeEventPrefix + events.Reported{}.Name(),
		events.TypeEventPrefix + events.Audited{}.Name():
		return false
	}
	return true
}

func reasonOf(err error) events.PoisonReason {
	var version *events.VersionError
	if errors.As(err, &version) {
		return events.PoisonVersion
	}
	var target *events.TargetError
	if errors.As(err, &target) {
		return events.PoisonTarget
	}
	return events.PoisonValue
}

// quarantine puts a record aside durably. A rebuilding passes it again in silence:
// it was put aside when it was first met.
func (w *worker) quarantine(rec *eventlog.Record, reason events.PoisonReason, cause error) error {
	if rec.Offset < max(w.told, w.quarantined) {
		return nil
	}
	w.opts.Metrics.poison.WithLabelValues(string(reason)).Inc()
	w.log.Error("record quarantined", "offset", rec.Offset, "reason", reason, "error", cause)
	q, err := events.EncodeQuarantined(events.Quarantined{
		Topic: string(rec.Topic), Partition: rec.Partition, Offset: rec.Offset, Reason: reason, Detail: cause.Error(), Record: rec.Record,
	}, events.Envelope{Source: w.opts.Source})
	if err != nil {
		return fmt.Errorf("hot: %w", err)
	}
	w.quarantined = rec.Offset + 1
	return w.patiently("quarantine a record", func() error {
		_, err := eventlog.Put(w.ctx, w.opts.Log, eventlog.Quarantine, q)
		if errors.Is(err, eventlog.ErrRefused) {
			w.log.Error("the quarantine takes no such record; only the log has it", "offset", rec.Offset, "error", err)
			return nil
		}
		return err
	})
}
