// Package gatewaytest is a whole Annal in memory for testing gateways: a log whose
// commands are decided by the production rules, the view that follows from them, and
// feeds that can be told to lose, repeat and stall.
package gatewaytest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
	"annal/pkg/projections/hot"
	"annal/pkg/session"
)

// World is log, rules and view of one cluster. All methods may be called by many
// goroutines at once.
type World struct {
	Log *eventlog.Memory

	mu       sync.Mutex
	sessions map[events.SessionID]*state
	feeds    []*Feed
	commands []events.Command
	offset   int64
	// changes are what was told, one entry for each outcome; of those before kept
	// nothing is known any more.
	changes []hot.Changed
	kept    int
	// rebuilding makes the view say so; stalled leaves commands undecided.
	rebuilding bool
	stalled    chan struct{}
	// lag is how long the answer about a person is on its way.
	lag time.Duration
	// tallyFrom is of how many people on a tally is kept.
	// ownReads is how often Own was asked.
	ownReads  int
	tallyFrom int
}

// state is a session: its rows, and its timeline with the first seq of the window.
type state struct {
	rows     map[events.Key]events.Row
	timeline []Stored
	// outcomes are all, as a projector gets them.
	outcomes []follow.Outcome
	window   events.Seq
	// copied is where an older copy of it ends, 0 unless the view shows that.
	copied events.Seq
	// listed are users who have it in their list already, and come in only now.
	listed []events.UserID
	// held: it is listed, and not there yet.
	held bool
}

// head is the last seq that the view shows.
func (s *state) head() events.Seq {
	if s.copied > 0 {
		return s.copied
	}
	return s.rows[events.HeadKey].(events.Head).Seq
}

// Stored is a timeline event as it stands in the log.
type Stored struct {
	Seq     events.Seq
	Value   []byte
	Outcome events.Outcome
}

// New makes an empty world. Its log has one partition, so commands are decided in
// the order of their appends.
func New() *World {
	w := &World{Log: eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1}), sessions: map[events.SessionID]*state{}, tallyFrom: hot.TallyFrom}
	w.stalled = make(chan struct{})
	close(w.stalled)
	return w
}

// Run decides the commands of the log until ctx ends, and publishes what comes of them.
func (w *World) Run(ctx context.Context) error {
	cursor, err := w.Log.Read(ctx, eventlog.Commands, 0, 0)
	if err != nil {
		return fmt.Errorf("gatewaytest: %w", err)
	}
	defer cursor.Close()
	for {
		records, err := cursor.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("gatewaytest: %w", err)
		}
		for _, r := range records {
			c, err := events.DecodeCommand(r.Record)
			if err != nil {
				return fmt.Errorf("gatewaytest: a gateway wrote a command that cannot be read: %w", err)
			}
			w.mu.Lock()
			stalled := w.stalled
			w.mu.Unlock()
			select {
			case <-stalled:
			case <-ctx.Done():
				return nil
			}
			o, value := w.Do(c)
			w.Publish(o, value)
		}
	}
}

// Stall leaves commands undecided until resume is called.
func (w *World) Stall() (resume func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stalled := make(chan struct{})
	w.stalled = stalled
	return sync.OnceFunc(func() { close(stalled) })
}

// Rebuild makes the view say ErrRebuilding, or stop saying it.
func (w *World) Rebuild(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rebuilding = on
}

// Lag makes answers about a person take so long.
func (w *World) Lag(lag time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lag = lag
}

// FailOver makes the view show an older copy of the session, which ends with last; 0
// makes it whole in silence.
func (w *World) FailOver(s events.SessionID, last events.Seq) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[s].copied = last
}

// Replay makes the view whole again, and notes it as the projector does.
func (w *World) Replay() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, st := range w.sessions {
		st.copied = 0
	}
	w.changes = append(w.changes, hot.Changed{All: true})
}

// Tallies makes the view keep a tally of sessions that so many people have been in.
func (w *World) Tallies(from int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tallyFrom = from
}

// List makes a user's list have the session before they are in.
func (w *World) List(s events.SessionID, u events.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[s].listed = append(w.sessions[s].listed, u)
}

// Hold makes the view list the session while it has none such, until release is called.
func (w *World) Hold(s events.SessionID) (release func()) {
	set := func(held bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sessions[s].held = held
	}
	set(true)
	return func() { set(false) }
}

// Lose makes the view say that there is no such session.
func (w *World) Lose(s events.SessionID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.sessions, s)
}

// Trim makes first the first seq of the session's window.
func (w *World) Trim(s events.SessionID, first events.Seq) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[s].window = first
}

// Timeline gives a session's timeline.
func (w *World) Timeline(s events.SessionID) []Stored {
	w.mu.Lock()
	defer w.mu.Unlock()
	if st := w.sessions[s]; st != nil {
		return slices.Clone(st.timeline)
	}
	return nil
}

// Commands gives all commands decided so far.
func (w *World) Commands() []events.Command {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.commands)
}

// Must does a command that has to be accepted, and publishes it.
func (w *World) Must(user events.UserID, clientID string, s events.SessionID, op events.Op) Stored {
	o, value := w.Do(events.Command{Session: s, Actor: events.Actor{User: user}, ClientID: clientID, Op: op})
	a, ok := o.Result.(events.Accepted)
	if !ok {
		panic(fmt.Sprintf("gatewaytest: %s by %s: %+v", op.Name(), user, o.Result))
	}
	w.Publish(o, value)
	return Stored{Seq: a.Seq, Value: value, Outcome: o}
}

// Do decides a command and applies it to the view, but tells nobody.
func (w *World) Do(c events.Command) (events.Outcome, []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset++
	w.commands = append(w.commands, c)
	st := w.sessions[c.Session]
	if st == nil {
		st = &state{rows: map[events.Key]events.Row{}}
	}
	now := events.Millis(time.Now().UnixMilli())
	at := session.At{Time: now, ID: events.NewID(now, w.Log.Cluster(), 0, w.offset)}
	o := session.Decide(st, &c, at)
	stamp := events.Stamp{Owner: events.Owner{N: 1}, Command: w.offset, Prev: w.offset - 1}
	rec, err := events.EncodeOutcome(o, stamp, events.Envelope{})
	if err != nil {
		panic(err)
	}
	st.outcomes = append(st.outcomes, follow.Outcome{Outcome: o, Offset: w.offset, Stamp: stamp, Record: rec})
	for _, write := range session.Evolve(st, &o, sha256.Sum256(rec.Value)) {
		if write.Row == nil {
			delete(st.rows, write.Key)
		} else {
			st.rows[write.Key] = write.Row
		}
	}
	if a, ok := o.Result.(events.Accepted); ok {
		if st.window == 0 {
			st.window = a.Seq
			w.sessions[c.Session] = st
		}
		if a.Seq > 0 {
			st.timeline = append(st.timeline, Stored{Seq: a.Seq, Value: rec.Value, Outcome: o})
		}
	}
	return o, rec.Value
}

// Get implements session.Rows.
func (s *state) Get(k events.Key) (events.Row, bool) {
	row, ok := s.rows[k]
	return row, ok
}

// First implements session.Rows.
func (s *state) First(prefix events.Key, n int) []events.Key {
	var keys []events.Key
	for k := range s.rows {
		if strings.HasPrefix(string(k), string(prefix)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys[:min(n, len(keys))]
}

// errClosed is what feeds of a world that has ended say.
var errClosed = errors.New("gatewaytest: feed has ended")
