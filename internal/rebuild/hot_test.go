package rebuild_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"annal/internal/bubble"

	"annal/internal/rebuild"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

const (
	ours   = "ours"
	idle   = 10 * time.Second
	goal   = 40
	second = time.Second
)

// play is a hot view whose projector does, in each partition, what its part says.
type play struct {
	hot.Store
	began time.Time
	parts map[int32]acted
	asked []int32
}

// acted tells what is seen of a partition after so long.
type acted struct {
	ask     func(d time.Duration) (string, error)
	rebuild func(d time.Duration) hot.Rebuild
	view    func(d time.Duration) hot.ViewState
	// commit is the metadata of what the projector committed.
	commit func(d time.Duration) string
}

// committed is a log with what the projectors of a play commit.
type committed struct {
	eventlog.Log
	play *play
}

func (c committed) Commits(_ context.Context, group string, _ eventlog.Topic) (all []eventlog.Claim, err error) {
	for _, partition := range slices.Sorted(maps.Keys(c.play.parts)) {
		if commit := c.play.parts[partition].commit; commit != nil && group == hot.Group {
			all = append(all, eventlog.Claim{Partition: partition, Metadata: commit(time.Since(c.play.began))})
		}
	}
	return all, nil
}

func (p *play) Ask(_ context.Context, partition int32, request string, _ events.SessionID) (string, error) {
	p.asked = append(p.asked, partition)
	if ask := p.parts[partition].ask; ask != nil {
		return ask(time.Since(p.began))
	}
	return request, nil
}

func (p *play) Rebuild(_ context.Context, partition int32) (hot.Rebuild, error) {
	return p.parts[partition].rebuild(time.Since(p.began)), nil
}

func (p *play) View(_ context.Context, partition int32) (hot.ViewState, error) {
	return p.parts[partition].view(time.Since(p.began)), nil
}

// builds is a projector that begins at a time, builds in ten records a second, and says in the end.
func builds(request string, from time.Duration, said string) func(time.Duration) hot.Rebuild {
	return func(d time.Duration) hot.Rebuild {
		done := int64((d - from) / (second / 10))
		switch {
		case d < from:
			return hot.Rebuild{Asked: request}
		case done >= goal:
			return hot.Rebuild{Done: request, Said: said}
		}
		return hot.Rebuild{Asked: request, Beside: "next", Reached: events.Progress{Offset: done}, Goal: goal}
	}
}

// wholeAt is a view that is whole from a time on.
func wholeAt(from time.Duration) func(time.Duration) hot.ViewState {
	return func(d time.Duration) hot.ViewState { return hot.ViewState{Whole: d >= from} }
}

// inPlace is a view that is built in place from a time on, a record a second up to most.
func inPlace(from time.Duration, most int) acted {
	return acted{
		ask:  func(time.Duration) (string, error) { return "", hot.ErrRebuilding },
		view: func(d time.Duration) hot.ViewState { return hot.ViewState{ID: "v", Whole: d >= from+goal*second} },
		commit: func(d time.Duration) string {
			return fmt.Sprintf("h4-building|v|%d", min(max(0, d-from)/second, time.Duration(most)))
		},
	}
}

func newLog(t *testing.T) *eventlog.Memory {
	t.Helper()
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 2})
	t.Cleanup(log.Close)
	for p := range int32(2) {
		for range goal {
			done := make(chan error, 1)
			log.Append(t.Context(), eventlog.Events, p, events.Record{Value: []byte("x")}, func(_ int32, _ int64, err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	return log
}

// TestHot: what is shown while projectors do this or that, and what comes of it.
func TestHot(t *testing.T) {
	swapped := acted{rebuild: builds(ours, second, hot.SaidSwapped)}
	for name, c := range map[string]struct {
		parts map[int32]acted
		want  string
		took  time.Duration
		err   error
	}{
		"both": {map[int32]acted{0: swapped, 1: {rebuild: builds(ours, 3*second, hot.SaidSwapped)}}, "0 swapped, 1 swapped", 7 * second, nil},
		"asked by somebody else": {
			map[int32]acted{0: swapped, 1: {ask: func(time.Duration) (string, error) { return "theirs", nil }, rebuild: builds("theirs", 0, hot.SaidSwapped)}},
			"0 swapped, 1 swapped joined", 5 * second, nil,
		},
		"something else first": {
			map[int32]acted{0: swapped, 1: {
				ask: func(d time.Duration) (string, error) {
					if d < 4*second {
						return "", hot.ErrBusy
					}
					return ours, nil
				},
				rebuild: builds(ours, 5*second, hot.SaidSwapped),
			}},
			"0 swapped, 1 swapped", 9 * second, nil,
		},
		"being built already": {
			map[int32]acted{0: swapped, 1: {ask: func(time.Duration) (string, error) { return "", hot.ErrRebuilding }, view: wholeAt(6 * second)}},
			"0 swapped, 1 built_in_place", 6 * second, nil,
		},
		"being built for long":             {map[int32]acted{0: swapped, 1: inPlace(0, goal)}, "0 swapped, 1 built_in_place", goal * second, nil},
		"being built one behind the other": {map[int32]acted{0: inPlace(0, goal), 1: inPlace(goal*second, goal)}, "0 built_in_place, 1 built_in_place", 2 * goal * second, nil},
		"its building stops":               {map[int32]acted{0: swapped, 1: inPlace(0, 20)}, "", 30 * second, rebuild.ErrIdle},
		"lost meanwhile": {
			map[int32]acted{0: swapped, 1: {
				rebuild: func(d time.Duration) hot.Rebuild {
					if d < 2*second {
						return builds(ours, 0, hot.SaidSwapped)(d)
					}
					return hot.Rebuild{}
				},
				view: wholeAt(8 * second),
			}},
			"0 swapped, 1 built_in_place", 8 * second, nil,
		},
		"trimmed":           {map[int32]acted{0: swapped, 1: {rebuild: builds(ours, second, hot.SaidTrimmed)}}, "0 swapped, 1 trimmed", 5 * second, rebuild.ErrNotDone},
		"nobody does it":    {map[int32]acted{0: swapped, 1: {rebuild: func(time.Duration) hot.Rebuild { return hot.Rebuild{Asked: ours} }}}, "", 15 * second, rebuild.ErrIdle},
		"it stops half way": {map[int32]acted{0: swapped, 1: {rebuild: func(d time.Duration) hot.Rebuild { return builds(ours, 0, "")(min(d, 2*second)) }}}, "", 15 * second, rebuild.ErrIdle},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				p := &play{began: time.Now(), parts: c.parts}
				var states []rebuild.State
				h := rebuild.Hot{Log: committed{newLog(t), p}, Store: p, Request: ours, Idle: idle, Show: func(s rebuild.State) { states = append(states, s) }}
				results, err := h.Run(t.Context())
				if got := told(results); got != c.want || !errors.Is(err, c.err) {
					t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
				}
				if took := time.Since(p.began); took < c.took || took > c.took+second {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				if first := states[0]; first.Goal != 2*goal || first.Done != 0 || first.Waiting == 0 {
					t.Errorf("at first %+v is shown", first)
				}
				if p.parts[1].commit != nil && !slices.ContainsFunc(states, func(s rebuild.State) bool { return s.Done > goal && s.Done < goal+20 }) {
					t.Error("how far what is built in place is, is not shown")
				}
				if last := states[len(states)-1]; c.want != "" && (last.Done != 2*goal || last.Goal != 2*goal || last.Waiting != 0) {
					t.Errorf("at last %+v is shown", last)
				}
				if !slices.IsSortedFunc(states, func(a, b rebuild.State) int { return int(a.Done - b.Done) }) {
					t.Errorf("what is done goes back: %+v", states)
				}
			})
		})
	}
}

func told(results []rebuild.Result) (text string) {
	for i, r := range results {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(r.Partition, " ", r.Said)
		if r.Joined {
			text += " joined"
		}
	}
	return text
}

// TestSource: what can't be built from where it is said is refused before anything is asked.
func TestSource(t *testing.T) {
	log := newLog(t)
	log.Trim(eventlog.Events, 1, 5)
	for from, want := range map[string]error{"tape": rebuild.ErrSource, rebuild.FromVault: rebuild.ErrSource, rebuild.FromKafka: rebuild.ErrTrimmed} {
		p := &play{}
		if _, err := (rebuild.Hot{Log: log, Store: p, From: from, Show: func(rebuild.State) {}}).Run(t.Context()); !errors.Is(err, want) || len(p.asked) > 0 {
			t.Errorf("from %s: %v, and %v were asked", from, err, p.asked)
		}
	}
}

// TestSessionAlone: only its partition is asked, and whoever was interrupted goes on watching.
func TestSessionAlone(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const s = events.SessionID("g_1")
		partition := eventlog.KeyPartition([]byte(s), 2)
		p := &play{began: time.Now(), parts: map[int32]acted{partition: {rebuild: builds(ours, 0, hot.SaidSwapped)}}}
		h := rebuild.Hot{Log: newLog(t), Store: p, Session: s, Request: ours, Idle: idle, Show: func(rebuild.State) {}}
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		if _, err := h.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted: %v", err)
		}
		results, err := h.Run(t.Context())
		if got := told(results); err != nil || got != fmt.Sprint(partition, " swapped") || slices.ContainsFunc(p.asked, func(a int32) bool { return a != partition }) {
			t.Errorf("got %q, %v; %v were asked", got, err, p.asked)
		}
	})
}
