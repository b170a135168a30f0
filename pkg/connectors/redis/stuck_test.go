package redis_test

import (
	"context"
	"sync"
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// stuckLog is a log that brings nothing of all partitions but one, as one whose leaders
// are away. That one is opened once all others are waited for.
type stuckLog struct {
	eventlog.Log
	but    int32
	others *sync.WaitGroup
}

type stuckCursor struct {
	eventlog.Cursor
	waited func()
}

func (l stuckLog) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	cursor, err := l.Log.Read(ctx, t, partition, from)
	if err == nil && partition != l.but {
		return stuckCursor{cursor, sync.OnceFunc(l.others.Done)}, nil
	}
	l.others.Wait()
	return cursor, err
}

func (c stuckCursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	c.waited()
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestStuckPartitionsHoldUpNoOther: any one partition is built while the log brings
// nothing of the others, which were to be built as well.
func TestStuckPartitionsHoldUpNoOther(t *testing.T) {
	w := newWorld(t)
	w.converse(30, 2)
	w.chat.Wait()
	for p := range w.opts.Partitions {
		var s events.SessionID
		for i := 0; s == "" || w.chat.Partition(s) != p; i++ {
			s = session(i)
		}
		var others sync.WaitGroup
		others.Add(int(w.opts.Partitions) - 1)
		_, stop := w.run(stuckLog{w.log.Client(), p, &others}, "")
		w.until("a view of the partition that is not stuck", func() bool {
			person, err := w.store.Reader().Person(w.ctx, s, "ann")
			return err == nil && person.Head.Seq == 3
		})
		stop()
		w.redis.FlushAll()
	}
}
