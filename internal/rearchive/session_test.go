package rearchive_test

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"annal/internal/rearchive"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// noting is an archive that notes what it is given, and refuses what a message of that index is in.
type noting struct {
	rearchive.Store
	*testing.T
	memory  *archive.Memory
	refused events.Index
	given   []archive.Rows
	most    int
}

func (n *noting) Remove(context.Context, events.SessionID) error { return nil }

func (n *noting) Insert(ctx context.Context, rows *archive.Rows) error {
	if slices.ContainsFunc(rows.Messages, func(m archive.Message) bool { return n.refused > 0 && m.Index == n.refused }) {
		return archive.ErrRefused
	}
	n.given, n.most = append(n.given, *rows), max(n.most, len(rows.Events))
	return n.memory.Insert(ctx, rows)
}

// inOrder checks that all that outcomes made of messages is given before the first event, and heads after the last.
func (n *noting) inOrder() {
	n.Helper()
	stage := func(rows *archive.Rows) int {
		switch {
		case len(rows.Sessions) > 0 && len(rows.Events)+len(rows.Messages)+len(rows.Markers)+len(rows.Members) == 0:
			return 3
		case len(rows.Events) > 0 && len(rows.Sessions)+len(rows.Messages)+len(rows.Markers)+len(rows.Members) == 0:
			return 2
		case len(rows.Events)+len(rows.Sessions) == 0:
			return 1
		}
		return 0
	}
	var stages []int
	for i := range n.given {
		stages = append(stages, stage(&n.given[i]))
	}
	if !slices.IsSorted(stages) || stages[0] != 1 || stages[len(stages)-1] != 3 || !slices.Contains(stages, 2) {
		n.Errorf("given are messages and the like (1), events (2) and heads (3) in the order %v", stages)
	}
}

// reads is a log that counts how often somebody begins to read it.
type reads struct {
	eventlog.Log
	n int
}

func (r *reads) Read(ctx context.Context, t eventlog.Topic, partition int32, from int64) (eventlog.Cursor, error) {
	r.n++
	return r.Log.Read(ctx, t, partition, from)
}

// TestSessionInBatches: a session that does not fit in memory is read again instead, and comes in the order that a small one comes in;
// what is refused is left out in all parts of it.
func TestSessionInBatches(t *testing.T) {
	c := newChat(t)
	c.say(1000)
	for name, o := range map[string]struct {
		batch, reads, most int
		refused            events.Index
	}{
		"in memory":                    {0, 1, 125, 0},
		"in memory, one refused":       {0, 1, 125, 90},
		"not in memory":                {10, 4, 10, 0},
		"not in memory, one refused":   {10, 4, 10, 90},
		"not in memory, first refused": {10, 4, 10, 1},
	} {
		t.Run(name, func(t *testing.T) {
			log := &reads{Log: c.log}
			n := &noting{T: t, memory: archive.NewMemory(), refused: o.refused}
			outcomes, err := rearchive.Session(t.Context(), rearchive.SessionOptions{
				Log: log, Store: n, Session: "g_1", Batch: o.batch, Said: func(string) {}, Progress: func(int64, int64) {},
			})
			if err != nil || outcomes != 125 {
				t.Fatalf("%d outcomes, %v", outcomes, err)
			}
			n.inOrder()
			if log.n != o.reads || n.most > o.most {
				t.Errorf("the log is read %d times, and %d outcomes are inserted at once; want %d and %d at most", log.n, n.most, o.reads, o.most)
			}
			n.complete(o.refused)
		})
	}
}

// complete checks that everything is there, each once, but for what is refused.
func (n *noting) complete(refused events.Index) {
	n.Helper()
	want := 125
	if refused > 0 {
		want--
	}
	outcomes, err := n.memory.Outcomes(n.Context(), "g_1", -1, 1000)
	if err != nil || len(outcomes) != want {
		n.Errorf("%d outcomes are there, %v; want %d", len(outcomes), err, want)
	}
	messages, err := n.memory.Messages(n.Context(), "g_1", 0, 1000)
	if err != nil || !slices.IsSortedFunc(messages, func(a, b archive.MessageNow) int { return cmp.Compare(a.Index, b.Index) }) {
		n.Fatalf("messages: %v", err)
	}
	for i, m := range messages {
		if lost := refused > 0 && m.Index >= refused; m.Index != events.Index(i+1) && (!lost || m.Index != events.Index(i+2)) {
			n.Fatalf("message %d is at %d", m.Index, i)
		}
	}
	head, ok, err := n.memory.Session(n.Context(), "g_1")
	if err != nil || !ok || head.Messages == 0 || head.Messages != messages[len(messages)-1].Index {
		n.Errorf("the head is %+v, %t, %v", head, ok, err)
	}
}
