package sequencer

import (
	"errors"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// quarantine puts a record aside durably before its command is rejected. A record
// that the quarantine won't take either leaves its position and reason there.
func (w *worker) quarantine(q events.Quarantined) error {
	w.log.Error("record quarantined", "topic", q.Topic, "offset", q.Offset, "reason", q.Reason, "detail", q.Detail)
	w.role.opts.Metrics.quarantined.WithLabelValues(string(q.Reason)).Inc()
	err := w.putAside(q)
	if errors.Is(err, eventlog.ErrRefused) {
		q.Record = events.Record{Key: q.Record.Key[:min(len(q.Record.Key), maxKeyBytes)]}
		q.Detail += " (the record itself is too large to be kept here)"
		err = w.putAside(q)
	}
	return err
}

func (w *worker) putAside(q events.Quarantined) error {
	rec, err := events.EncodeQuarantined(q, events.Envelope{Source: w.role.opts.Source})
	if err != nil {
		return fmt.Errorf("sequencer: %w", err)
	}
	result := make(chan error, 1)
	w.role.opts.Log.Append(w.ctx, eventlog.Quarantine, eventlog.ByKey, rec, func(_ int32, _ int64, err error) { result <- err })
	select {
	case err := <-result:
		if err != nil {
			return fmt.Errorf("sequencer: quarantine: %w", err)
		}
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}
