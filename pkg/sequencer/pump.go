package sequencer

import (
	"context"

	"annal/pkg/eventlog"
)

// batch is what a cursor gave: records, or why it gives no more.
type batch struct {
	records []eventlog.Record
	err     error
}

// pump reads a cursor ahead by one batch, so that reading and deciding overlap.
type pump struct {
	batches chan batch
	cursor  eventlog.Cursor
	cancel  context.CancelFunc
	done    chan struct{}
}

func newPump(ctx context.Context, cursor eventlog.Cursor) *pump {
	ctx, cancel := context.WithCancel(ctx)
	p := &pump{batches: make(chan batch, 1), cursor: cursor, cancel: cancel, done: make(chan struct{})}
	go p.run(ctx)
	return p
}

func (p *pump) run(ctx context.Context) {
	defer close(p.done)
	for {
		records, err := p.cursor.Next(ctx)
		select {
		case p.batches <- batch{records, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *pump) close() {
	p.cancel()
	<-p.done
	p.cursor.Close()
}
