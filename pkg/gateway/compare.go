package gateway

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

const (
	// compareEvery is how often what was noted is read: well within hot.KeepChanged.
	compareEvery = 15 * time.Second
	// compareBatch is how many heads one read takes.
	compareBatch = 256
	// maxHeard bounds what is remembered of one session's markers or one user's notices.
	// Beyond, what was heard may be told again, which is harmless.
	maxHeard = 1024
)

// watch compares what is heard with what was noted, until ctx ends: the feed may lose
// something on its own.
func (h *hub) watch(ctx context.Context) {
	places := map[int32]string{}
	ticker := time.NewTicker(compareEvery)
	defer ticker.Stop()
	for first := true; ; first = false {
		if err := h.readChanged(ctx, places, first); err != nil && ctx.Err() == nil {
			h.gw.ports.Metrics.retries.Inc()
			h.gw.log.Warn("cannot read what changed; trying again", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// readChanged goes on in all partitions from the places there are. It has everything
// compared when one has passed, or could not be learned at first, or when a view was not
// whole for a while.
func (h *hub) readChanged(ctx context.Context, places map[int32]string, first bool) error {
	n, err := h.gw.ports.Log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return err
	}
	all := false
	for p := range n {
		known := places[p] != ""
		again, failure := h.readPartition(ctx, p, places)
		if errors.Is(failure, hot.ErrPassed) {
			// What comes from now on is read from here, all else is in the heads.
			delete(places, p)
			known = false
			_, failure = h.readPartition(ctx, p, places)
		}
		passed := failure == nil && !known && !first
		if again || passed {
			all = true
			h.gw.ports.Metrics.missed.WithLabelValues("all").Inc()
			level := slog.LevelInfo
			if passed {
				level = slog.LevelWarn
			}
			h.gw.log.Log(ctx, level, "all heads are compared", "partition", p, "changes_passed", passed, "whole_again", again)
		}
		if failure != nil {
			err = failure
			break
		}
	}
	if all {
		h.gw.compareAll()
	}
	return err
}

// readPartition reads on to the end, and says whether the view became whole again.
// Without a place it only learns the present one: who subscribes later reads the head then.
func (h *hub) readPartition(ctx context.Context, p int32, places map[int32]string) (again bool, err error) {
	for {
		changed, next, err := h.changed(ctx, p, places[p])
		if err != nil {
			return again, err
		}
		h.compareWith(changed)
		again = again || changed.All
		done := places[p] == "" || places[p] == next
		places[p] = next
		if done {
			return again, nil
		}
	}
}

func (h *hub) changed(ctx context.Context, p int32, after string) (hot.Changed, string, error) {
	ctx, cancel := context.WithTimeout(ctx, h.gw.config.ReadTimeout)
	defer cancel()
	return h.gw.ports.View.Changed(ctx, p, after)
}

// compareWith makes good what was not heard. Markers and memberships that changed shortly
// before somebody came here count as not heard; being told of them again is harmless.
func (h *hub) compareWith(c hot.Changed) {
	missed := h.gw.ports.Metrics.missed
	for s, seq := range c.Heads {
		if t, ok := h.topics.get(s); ok && t.heard(seq) {
			missed.WithLabelValues("head").Inc()
		}
	}
	for part, marker := range c.Markers {
		if t, ok := h.topics.get(part.Session); ok && t.missedMarker(part.User, marker) {
			missed.WithLabelValues("marker").Inc()
		}
	}
	for part, seq := range c.Parts {
		if a, ok := h.gw.users.get(part.User); ok && a.missed(part.Session, seq) {
			missed.WithLabelValues("notice").Inc()
			if part.Session == events.NewSelfID(part.User) {
				h.gw.rechecks.add(part.User)
			}
			a.tell(&clientv1.Notice{})
		}
	}
}

// compareHeads lets every topic heal up to the head it now has, however long it takes to
// read them, in batches.
func (h *hub) compareHeads(ctx context.Context) {
	left := h.topics.all()
	for wait := healWait; ; wait = min(2*wait, maxHealWait) {
		var err error
		if left, err = h.compareOnce(ctx, left); len(left) == 0 {
			return
		}
		h.gw.ports.Metrics.retries.Inc()
		h.gw.log.Warn("cannot compare heads; trying again", "sessions", len(left), "error", err)
		select {
		case <-time.After(wait):
		case <-h.compare:
			h.gw.tellUsers()
			left = h.topics.all()
		case <-ctx.Done():
			return
		}
	}
}

// compareOnce gives the topics whose heads could not be read, with the last reason.
func (h *hub) compareOnce(ctx context.Context, topics []*topic) (left []*topic, last error) {
	for batch := range slices.Chunk(topics, compareBatch) {
		heads, err := h.heads(ctx, batch)
		if err != nil {
			last = err
		}
		for _, t := range batch {
			seq, ok := heads[t.session]
			switch {
			case ok:
				t.heard(seq)
			case h.holds(t):
				left = append(left, t)
			}
		}
	}
	return left, last
}

func (h *hub) heads(ctx context.Context, topics []*topic) (map[events.SessionID]events.Seq, error) {
	ctx, cancel := context.WithTimeout(ctx, h.gw.config.ReadTimeout)
	defer cancel()
	sessions := make([]events.SessionID, len(topics))
	for i, t := range topics {
		sessions[i] = t.session
	}
	return h.gw.ports.View.Heads(ctx, sessions)
}

// holds says whether somebody is subscribed, or about to be: who read an older head before
// this one could be read comes only then.
func (h *hub) holds(t *topic) bool {
	is, ok := h.topics.get(t.session)
	return ok && is == t
}

// mark remembers a marker that is heard. The lock is held.
func (t *topic) mark(m *message) {
	read, ok := m.event.(events.Read)
	if !ok {
		return
	}
	if t.marks == nil || len(t.marks) >= maxHeard {
		t.marks = map[events.UserID]events.Seq{}
	}
	t.marks[m.o.Actor.User] = max(t.marks[m.o.Actor.User], read.Marker)
}

// missedMarker tells of a marker, and says so, unless it was heard or another beyond it.
func (t *topic) missedMarker(u events.UserID, read events.Read) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started || t.marks[u] >= read.Marker {
		return false
	}
	// Who reads needs to know no more of it; a marker heard has id and time as well.
	t.marker(&message{
		o: &events.Outcome{Session: t.session, Actor: events.Actor{User: u}}, event: read,
		encoded: encoded{frame: eventFrame(&clientv1.Event{Session: string(t.session), User: string(u), Event: &clientv1.Event_Read{
			Read: &clientv1.Read{Marker: uint64(read.Marker), MarkerIndex: uint64(read.MarkerIndex)},
		}})},
	})
	return true
}

// missed says whether that membership event is news, and remembers it.
func (a *audience) missed(s events.SessionID, seq events.Seq) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.heard[s] >= seq {
		return false
	}
	if a.heard == nil || len(a.heard) >= maxHeard {
		a.heard = map[events.SessionID]events.Seq{}
	}
	a.heard[s] = seq
	return true
}
