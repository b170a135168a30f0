package sequencer_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// watched is a log that notes who reads events, and may tell wrong offsets.
type watched struct {
	eventlog.Log
	wrong bool

	mu           sync.Mutex
	opened, open int // cursors over events, ever and now
	from         []int64
}

func (l *watched) Read(ctx context.Context, topic eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	c, err := l.Log.Read(ctx, topic, partition, from)
	if err != nil || topic != eventlog.Events {
		return c, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	l.open++
	l.from = append(l.from, from)
	return &watchedCursor{c, l}, nil
}

type watchedCursor struct {
	eventlog.Cursor
	log *watched
}

func (c *watchedCursor) Close() {
	c.Cursor.Close()
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.log.open--
}

func (l *watched) Append(ctx context.Context, topic eventlog.Topic, partition int32, rec events.Record, done func(int32, int64, error)) {
	l.Log.Append(ctx, topic, partition, rec, func(p int32, o int64, err error) {
		if l.wrong && topic == eventlog.Events && err == nil {
			o = 0
		}
		done(p, o, err)
	})
}

// lowest is the lowest offset that events were read from.
func (l *watched) lowest() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Min(l.from)
}

func (l *watched) cursors() (opened, open int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened, l.open
}

// TestRoleReadsOnlyWhatOthersWrote: what it appended itself it knows from the answers.
func TestRoleReadsOnlyWhatOthersWrote(t *testing.T) {
	c := newCluster(t, eventlog.MemoryOptions{Partitions: 1})
	c.checkpoints = time.Hour // they read the events too
	log := &watched{Log: c.memory.Client()}
	r := c.runOn(log, "a", newDisk())
	c.send(0, 100)
	kinds, owners := c.outcomes()
	expect(t, kinds, map[string]int{created: 4, sent: 396})
	if opened, open := log.cursors(); opened != 0 || open != 0 {
		t.Errorf("%d cursors over the events were opened, and %d are open, want none", opened, open)
	}
	// Somebody else fences. Nothing is asked of us, yet we notice and fence again.
	foreign, err := events.EncodeFence(events.Fence{Owner: events.Owner{N: owners[0].N + 1}, After: owners[0]}, events.Envelope{})
	if err != nil {
		t.Fatal(err)
	}
	_, offset := c.append(eventlog.Events, 0, foreign)
	cursor, err := c.memory.Read(c.ctx, eventlog.Events, 0, offset+1)
	if err != nil {
		t.Fatal(err)
	}
	defer cursor.Close()
	records, err := cursor.Next(c.ctx)
	if err != nil {
		t.Fatalf("nobody wrote behind the foreign fence: %v", err)
	}
	if fence, err := events.DecodeFence(records[0].Record); err != nil || fence.After.N != owners[0].N+1 {
		t.Errorf("behind the foreign fence stands %v (%v), want our next fence", fence, err)
	}
	c.send(100, 50)
	kinds, _ = c.outcomes()
	expect(t, kinds, map[string]int{created: 4, sent: 596})
	r.stop(t)
	if opened, open := log.cursors(); opened == 0 || open != 0 {
		t.Errorf("%d cursors over the events were opened, and %d are open, want some and none", opened, open)
	}
}

// TestRoleBelievesTheLog: when the answers to appends can't be right, it reads.
func TestRoleBelievesTheLog(t *testing.T) {
	c := newCluster(t, eventlog.MemoryOptions{Partitions: 1})
	r := c.runOn(&watched{Log: c.memory.Client(), wrong: true}, "a", newDisk())
	c.send(0, 100)
	kinds, _ := c.outcomes()
	expect(t, kinds, map[string]int{created: 4, sent: 396})
	r.stop(t) // drains, so that all that was decided counted
}

// TestRoleTakesOverByCheckpoint: a machine without rows of its own starts from a
// checkpoint, and decides as if it had read everything.
func TestRoleTakesOverByCheckpoint(t *testing.T) {
	c := newCluster(t, eventlog.MemoryOptions{Partitions: 1})
	d := newDisk()
	r := c.runOn(c.memory.Client(), "a", d)
	c.send(0, 100)
	c.outcomes()
	c.awaitCheckpoint()
	c.send(100, 20)
	c.outcomes()
	r.stop(t)
	fresh := newDisk()
	log := &watched{Log: c.memory.Client()}
	r = c.runOn(log, "b", fresh)
	c.send(50, 100) // half of it asked before
	kinds, _ := c.outcomes()
	expect(t, kinds, map[string]int{created: 4, sent: 596, events.TypeAnswered: 280})
	r.stop(t)
	if from := log.lowest(); from == 0 {
		t.Errorf("the events were read from their beginning")
	}
}

// awaitCheckpoint waits until one stands in the log.
func (c *cluster) awaitCheckpoint() {
	c.t.Helper()
	cursor, err := c.memory.Read(c.ctx, eventlog.Snapshots, 0, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer cursor.Close()
	for {
		records, err := cursor.Next(c.ctx)
		if err != nil {
			c.t.Fatalf("no checkpoint: %v", err)
		}
		for _, rec := range records {
			if typ, _ := rec.Header(events.HeaderType); typ == events.TypeCheckpoint {
				return
			}
		}
	}
}
