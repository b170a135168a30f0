package hot

import (
	"context"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// cleaner removes what is left on the side that is not read: of a view that was swapped, or of one whose building was given up. Which
// sessions there may be, the log says.
type cleaner struct {
	w     *worker
	upTo  string
	until int64
}

// Bounds of cleaning: how many sessions go at once, and how many are remembered as gone.
const (
	removeAtOnce  = 200
	rememberGone  = 100_000
	restAfterGone = 2 // times as long as it took
)

func (c *cleaner) run(ctx context.Context) error {
	log := c.w.opts.Log
	start, _, err := log.Bounds(ctx, eventlog.Events, c.w.partition)
	if err != nil {
		return err
	}
	cursor, err := log.Read(ctx, eventlog.Events, c.w.partition, start)
	if err != nil {
		return err
	}
	defer cursor.Close()
	gone := map[events.SessionID]bool{}
	var going []events.SessionID
	for at := start; at < c.until; {
		records, err := cursor.Next(ctx)
		if err != nil {
			return err
		}
		for i := range records {
			at = records[i].Offset + 1
			if s := events.SessionID(records[i].Key); s != "" && !gone[s] {
				gone[s] = true
				going = append(going, s)
			}
		}
		if going, err = c.remove(ctx, going, at >= c.until); err != nil {
			return err
		}
		if len(gone) > rememberGone {
			clear(gone)
		}
	}
	return nil
}

// remove removes sessions, some at once and with rests; it gives those that wait until there are more.
func (c *cleaner) remove(ctx context.Context, going []events.SessionID, all bool) ([]events.SessionID, error) {
	for len(going) >= removeAtOnce || all && len(going) > 0 {
		n := min(len(going), removeAtOnce)
		began := time.Now()
		if err := c.w.opts.Store.Remove(ctx, c.upTo, going[:n]); err != nil {
			return nil, err
		}
		going = going[n:]
		pause(ctx, min(restAfterGone*time.Since(began), maxRest))
	}
	return going, nil
}

func (c *cleaner) finish() error {
	w := c.w
	if err := w.opts.Store.Removed(w.ctx, w.partition, c.upTo); err != nil {
		return err
	}
	w.left = ""
	w.log.Info("nothing is left of what was built before", "view", c.upTo)
	return nil
}

func (c *cleaner) give() {}

// leaveNothing removes what the other side has of the sessions that a round changes, before it does. So nobody who still looks there, as a
// copy of the view's state from before the swap would have them, finds a session that is not as it is now.
func (w *worker) leaveNothing(p *plan) error {
	if w.left == "" || len(p.sessions) == 0 {
		return nil
	}
	sessions := make([]events.SessionID, len(p.sessions))
	for i := range p.sessions {
		sessions[i] = p.sessions[i].Session
	}
	return w.patiently("remove what the other side has", func() error { return w.shakenBy(w.opts.Store.Remove(w.ctx, w.left, sessions)) })
}
