package events

import "fmt"

// Progress is how far a reader of an events partition has come, and all it needs
// to go on. The zero value is not a beginning: use Start.
type Progress struct {
	// Offset is the next to read.
	Offset int64
	// Owner is that of the last fence that counted.
	Owner Owner
	// Last is the command offset of the last outcome that counted, -1 before any.
	Last int64
	// Time is the log time of the last outcome that counted, 0 before any.
	Time Millis
}

// Start is the progress before the first record of a partition.
func Start() Progress { return Progress{Last: -1} }

// Verdict is what a record of the events topic is to every reader.
type Verdict uint8

const (
	// Counted: an outcome that counts.
	Counted Verdict = iota + 1
	// Fenced: a fence that counts; its owner is the owner now.
	Fenced
	// Late: a fence or outcome of an owner since replaced; skip and count it.
	Late
	// Broken: an outcome of the owner whose prev is not the last counted one: a
	// repeat, or one behind a lost record; skip and count it.
	Broken
	// Poison: a record no process following the protocol writes; quarantine it.
	Poison
)

// String names the verdict as in metrics.
func (v Verdict) String() string {
	return [...]string{"none", "counted", "fenced", "late", "broken", "poison"}[v]
}

// Reader applies the reader's rule: the owner of a partition is the last fence
// that counted; an outcome counts if and only if its owner is that owner and its
// prev equals the command offset of the last outcome that counted. Every reader of
// the log uses it, so a zombie's late writes, repeats after an append of unknown
// outcome, and everything behind a lost record are invisible to everyone alike.
type Reader struct{ progress Progress }

// NewReader goes on from p.
func NewReader(p Progress) Reader { return Reader{progress: p} }

// Progress is where the reader stands.
func (r *Reader) Progress() Progress { return r.progress }

// Read judges the record at offset, which must not lie below the progress. A
// Poison verdict has the reason as error, of type *PoisonError.
func (r *Reader) Read(offset int64, rec Record) (Verdict, Stamp, error) {
	if offset < r.progress.Offset {
		return 0, Stamp{}, fmt.Errorf("events: offset %d read again, at %d already", offset, r.progress.Offset)
	}
	r.progress.Offset = offset + 1
	if t, _ := rec.Header(HeaderType); t == TypeFence {
		return r.fence(rec)
	}
	s, t, err := parseStamp(rec)
	if err != nil {
		return Poison, Stamp{}, &PoisonError{Reason: PoisonHeaders, Err: err}
	}
	p := &r.progress
	switch {
	case s.Owner == p.Owner && s.Owner.N > 0:
		if s.Prev != p.Last {
			return Broken, s, nil
		}
		if s.Command <= s.Prev {
			return Poison, s, &PoisonError{Reason: PoisonOrder, Err: fmt.Errorf("command %d after %d", s.Command, s.Prev)}
		}
		p.Last = s.Command
		p.Time = max(p.Time, t)
		return Counted, s, nil
	case s.Owner.N <= p.Owner.N:
		return Late, s, nil
	default:
		return Poison, s, &PoisonError{Reason: PoisonOwner, Err: fmt.Errorf("owner %v never fenced, %v is the owner", s.Owner, p.Owner)}
	}
}

func (r *Reader) fence(rec Record) (Verdict, Stamp, error) {
	f, err := DecodeFence(rec)
	if err != nil {
		return Poison, Stamp{}, &PoisonError{Reason: PoisonFence, Err: err}
	}
	p := &r.progress
	switch {
	case f.After == p.Owner && f.Owner.N == p.Owner.N+1:
		p.Owner = f.Owner
		return Fenced, Stamp{Owner: f.Owner}, nil
	case f.Owner.N <= p.Owner.N || f.After.N < p.Owner.N:
		return Late, Stamp{Owner: f.Owner}, nil
	case f.After.N == p.Owner.N && f.Owner.N == p.Owner.N+1:
		// After a fence that itself came too late, by a twin with the same n.
		return Late, Stamp{Owner: f.Owner}, nil
	default:
		return Poison, Stamp{Owner: f.Owner}, &PoisonError{Reason: PoisonOwner, Err: fmt.Errorf("fence %v after %v, %v is the owner", f.Owner, f.After, p.Owner)}
	}
}

// PoisonReason is a stable word for why a record is quarantined.
type PoisonReason string

// Why a record is quarantined.
const (
	// PoisonHeaders: owner, command, prev or ce_time are absent or unreadable.
	PoisonHeaders PoisonReason = "headers"
	// PoisonFence: a fence that cannot be decoded.
	PoisonFence PoisonReason = "fence"
	// PoisonOwner: an owner that never fenced.
	PoisonOwner PoisonReason = "owner"
	// PoisonOrder: a command offset not above the one before.
	PoisonOrder PoisonReason = "order"
	// PoisonValue: the value cannot be decoded.
	PoisonValue PoisonReason = "value"
	// PoisonVersion: a schema version newer than this program.
	PoisonVersion PoisonReason = "version"
	// PoisonTarget: an event about a message that does not stand before it.
	PoisonTarget PoisonReason = "target"
	// PoisonRefused: the log refused the outcome twice for the record itself.
	PoisonRefused PoisonReason = "refused"
	// PoisonStore: a view's store takes what comes before and after it, and not this outcome.
	PoisonStore PoisonReason = "store"
)

// PoisonError says why a record is quarantined.
type PoisonError struct {
	Reason PoisonReason
	Err    error
}

func (e *PoisonError) Error() string { return fmt.Sprintf("poison record (%s): %v", e.Reason, e.Err) }

// Unwrap gives the cause.
func (e *PoisonError) Unwrap() error { return e.Err }
