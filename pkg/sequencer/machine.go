package sequencer

import (
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// State is what a Machine is doing.
type State uint8

// The states, in the order of a turn.
const (
	// Following: it reads what others decided, and has no turn.
	Following State = iota + 1
	// Fencing: its fence is on the way.
	Fencing
	// Deciding: its fence counted, and nothing since says that its turn is over.
	Deciding
)

// String names the state as in logs.
func (s State) String() string {
	return [...]string{"none", "following", "fencing", "deciding"}[s]
}

// Config is what a Machine is made for.
type Config struct {
	// Cluster is the log's own id; part of event ids.
	Cluster   string
	Partition int32
	// Source is the CloudEvents source of what it writes.
	Source string
	Rules  Rules
	// CacheBytes bounds the decoded rows kept of the store; may be 0.
	CacheBytes int
}

// Machine decides the commands of one partition. It reads no clock, starts no
// goroutine, and does no I/O but to its store; all it knows of the log it is handed.
//
// The order of calls: Events with all records of events[p] as they are read, whatever
// the state; once they were read to the end, Fence; after Events has seen that fence
// count (State is Deciding), Command with each record of commands[p] above Last; and
// Failed for every append that failed. Whenever the state is Following again, the turn
// is lost: read to the end, and Fence anew. An error leaves the Machine unusable.
//
// For one goroutine.
type Machine struct {
	config Config
	store  Store
	reader events.Reader
	// saved is the progress the store has.
	saved events.Progress
	state State
	// owner is that of the present turn, or of the last.
	owner events.Owner
	// last is the offset of the newest command decided, and time its log time.
	last int64
	time events.Millis
	// steps are decided or counted, and not yet stored; the first counted ones count.
	steps   []step
	counted int
	bytes   int // of the outcomes that don't count yet
	overlay overlay
	cache   cache
	rows    loaded
	// refused says how often the log refused the outcome of a command not yet counted.
	refused map[int64]int
	tally   Tally
	writing []StoredRow  // of flush, kept for its room
	missing []events.Key // of loadNeeds, kept for its room
}

// step is an outcome on its way from the decision to the store.
type step struct {
	command int64
	session events.SessionID
	writes  []events.Write
	label   Label
	bytes   int
}

// Label says what kind of outcome it is, as in metrics.
type Label struct {
	Kind string
	Code events.Code
}

// Tally says what a call to Events or Failed saw.
type Tally struct {
	// Verdicts counts records by verdict.
	Verdicts [events.Poison + 1]int
	// Own has the outcomes of the present turn that counted. The slice is valid until
	// the next call.
	Own []Label
	// Lost says why the turn was lost, if it was.
	Lost LostReason
	// Poison is the last record that no process following the protocol writes.
	Poison error
}

// LostReason is a stable word for why a turn ended.
type LostReason string

// Why a turn ended.
const (
	// LostToFence: another owner's fence counted.
	LostToFence LostReason = "foreign_fence"
	// LostUncounted: an own outcome did not count.
	LostUncounted LostReason = "uncounted"
	// LostRefused: the log refused an outcome, so that those behind it don't count.
	LostRefused LostReason = "refused"
	// LostUnknown: it is not known what became of an append.
	LostUnknown LostReason = "unknown_append"
)

// CountedError is a counted outcome that this program cannot follow; it must not
// decide anything behind it.
type CountedError struct {
	Offset int64
	Err    error
}

func (e *CountedError) Error() string {
	return fmt.Sprintf("sequencer: counted outcome at offset %d: %v", e.Offset, e.Err)
}

// Unwrap gives the cause.
func (e *CountedError) Unwrap() error { return e.Err }

// NewMachine goes on from what the store holds.
func NewMachine(c Config, s Store) (*Machine, error) {
	p, ok, err := s.Progress()
	if err != nil {
		return nil, fmt.Errorf("sequencer: store: %w", err)
	}
	if !ok {
		p = events.Start()
	}
	return &Machine{
		config: c, store: s, reader: events.NewReader(p), saved: p, state: Following,
		cache: newCache(c.CacheBytes), refused: map[int64]int{},
	}, nil
}

// State is what it is doing.
func (m *Machine) State() State { return m.state }

// Progress is how far it has read and stored; Offset is the next record to hand in.
func (m *Machine) Progress() events.Progress { return m.reader.Progress() }

// Owner is that of the present turn, or of the last.
func (m *Machine) Owner() events.Owner { return m.owner }

// Last is the offset of the newest command decided in this turn, or counted before it.
func (m *Machine) Last() int64 {
	if m.state == Deciding {
		return m.last
	}
	return m.reader.Progress().Last
}

// InFlight gives how many outcomes don't count yet, and the bytes of their values.
func (m *Machine) InFlight() (outcomes, bytes int) { return len(m.steps) - m.counted, m.bytes }

// Append is a record to append to events[p], explicitly in that partition.
type Append struct {
	Owner events.Owner
	// Command is the offset of the outcome's command, -1 for a fence.
	Command int64
	Record  events.Record
	// Quarantine, when set, must be durable before Record is appended.
	Quarantine *events.Quarantined
}

// Fence begins a turn: it gives the fence to append. Everything up to the end of
// events[p] must have been handed in.
func (m *Machine) Fence(random [16]byte) (Append, error) {
	if m.state != Following {
		return Append{}, fmt.Errorf("sequencer: fence while %v", m.state)
	}
	after := m.reader.Progress().Owner
	m.owner = events.Owner{N: after.N + 1, Random: random}
	rec, err := events.EncodeFence(events.Fence{Owner: m.owner, After: after}, events.Envelope{Source: m.config.Source})
	if err != nil {
		return Append{}, fmt.Errorf("sequencer: %w", err)
	}
	m.state = Fencing
	return Append{Owner: m.owner, Command: -1, Record: rec}, nil
}

// Failed hears of an append that failed: refused says that the log will never take
// the record, otherwise it is not known whether it was written. Appends of earlier
// turns may be among them.
func (m *Machine) Failed(a Append, refused bool) Tally {
	m.tally = Tally{Own: m.tally.Own[:0]}
	if refused && a.Command > m.reader.Progress().Last {
		m.refused[a.Command]++
	}
	if m.state != Following && a.Owner == m.owner {
		reason := LostUnknown
		if refused {
			reason = LostRefused
		}
		m.lose(reason)
	}
	return m.tally
}

// lose ends the turn: what doesn't count is forgotten.
func (m *Machine) lose(reason LostReason) {
	m.state = Following
	m.tally.Lost = reason
	clear(m.steps[m.counted:])
	m.steps = m.steps[:m.counted]
	m.bytes = 0
	m.overlay.clear()
	for _, s := range m.steps {
		m.overlay.put(s.session, s.writes, s.command)
	}
}

// Events hears of records of events[p], in order and without gaps, and stores what
// counts among them together with the progress.
func (m *Machine) Events(recs []eventlog.Record) (Tally, error) {
	m.tally = Tally{Own: m.tally.Own[:0]}
	for i := range recs {
		if err := m.event(&recs[i]); err != nil {
			return m.tally, err
		}
		if m.counted >= maxSteps {
			if err := m.flush(); err != nil {
				return m.tally, err
			}
		}
	}
	return m.tally, m.flush()
}
