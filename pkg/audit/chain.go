package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"annal/pkg/events"
)

// What is wrong with a record.
const (
	// Altered: its bytes are not those that were written.
	Altered = "altered"
	// Missing: one that was written before it is not there.
	Missing = "missing"
	// Doubled: it stands there a second time.
	Doubled = "doubled"
	// Moved: it stands before one that it follows.
	Moved = "moved"
	// AlteredOrMissing: the one before it was altered, or one without a seq between the two is missing; the hashes cannot tell which.
	AlteredOrMissing = "altered or missing"
)

// Fault is the first thing wrong in a session's chain.
type Fault struct {
	Session   events.SessionID `json:"session"`
	Fault     string           `json:"fault"`
	Partition int32            `json:"partition"`
	Offset    int64            `json:"offset"`
	Detail    string           `json:"detail"`
}

func (f *Fault) String() string {
	return fmt.Sprintf("%s: %s at partition %d offset %d: %s", f.Session, f.Fault, f.Partition, f.Offset, f.Detail)
}

// Chains is what a check of chains found.
type Chains struct {
	Sessions int `json:"sessions"`
	Records  int `json:"records"`
	// Faults are the first of each session, by session, MaxFaults at most; Found counts all.
	Faults []Fault `json:"faults"`
	Found  int     `json:"found"`
}

// MaxFaults bounds what is named.
const MaxFaults = 100

// link is what the chain needs of a record.
type link struct {
	partition  int32
	offset     int64
	prev, hash events.Hash
	// opens: the session's created event; apart: before it, so outside the chain.
	opens, apart bool
	seq          events.Seq
	// unsound says why the record itself cannot be what was written; empty: it can.
	unsound string
}

// linkOf reads a record. Whether one is apart is told by itself: only what comes before created has no hash before it.
func linkOf(r *Record) link {
	l := link{partition: r.Partition, offset: r.Offset, hash: r.Hash()}
	o, err := events.DecodeOutcomeValue(r.Value)
	switch {
	case err != nil:
		l.unsound = "its bytes cannot be read: " + err.Error()
	case r.Noted != nil && *r.Noted != l.hash:
		l.unsound = "its bytes do not have the hash that was noted with them"
	case o.Session != r.Session && !malformed(&o):
		l.unsound = fmt.Sprintf("it is of session %q", o.Session)
	}
	l.prev = o.PrevHash
	if a, ok := o.Result.(events.Accepted); ok {
		l.seq = a.Seq
		_, l.opens = a.Event.(events.Created)
	}
	l.apart = l.prev == events.Hash{} && !l.opens
	return l
}

// malformed outcomes stand under whatever key their command had.
func malformed(o *events.Outcome) bool {
	r, ok := o.Result.(events.Rejected)
	return ok && r.Code == events.CodeMalformed
}

// follows says whether l may stand behind last, nil for the first.
func (l *link) follows(last *link) bool {
	switch {
	case l.unsound != "", !l.behind(last):
		return false
	case last == nil || last.apart:
		return l.prev == events.Hash{}
	default:
		return l.prev == last.hash
	}
}

// behind says whether l stands where a record behind last can stand in the log.
func (l *link) behind(last *link) bool {
	return last == nil || l.partition == last.partition && l.offset > last.offset
}

// CheckSession checks the chain of one session, and that a record which the log has of it, as the note of this very read, is there; nil: none is
// known, and the source is believed where the session ends.
func CheckSession(ctx context.Context, source Source, s events.SessionID, told *Told) (Chains, error) {
	links, err := linksOf(ctx, source, s)
	c := Chains{Records: len(links)}
	if len(links) > 0 {
		c.Sessions = 1
	}
	if f := faultUpTo(s, links, told); f != nil {
		c.Faults, c.Found = []Fault{*f}, 1
	}
	return c, err
}

// fault names the first thing wrong in the session, nil when there is none.
func faultUpTo(s events.SessionID, links []link, told *Told) *Fault {
	if f := firstFault(s, links); f != nil || told == nil {
		return f
	}
	f := &Fault{Session: s, Fault: Missing, Partition: told.Partition, Offset: told.Offset, Detail: "the log has it, and the session ends before it"}
	for i := range links {
		switch l := &links[i]; {
		case l.partition != f.Partition || l.offset != f.Offset:
		case l.hash == told.Hash:
			return nil
		default:
			f.Fault, f.Detail = Altered, "it is not the record that the log has there: it was changed, or what stands before it"
			return f
		}
	}
	return f
}

// linksOf reads a session: 100 bytes a record. What a *LostError leaves unread, it leaves out.
func linksOf(ctx context.Context, source Source, s events.SessionID) ([]link, error) {
	var links []link
	err := source.Session(ctx, s, func(r *Record) error {
		links = append(links, linkOf(r))
		return nil
	})
	return links, err
}

// CheckAll checks the chains of all sessions: once through, then once more through each that is not whole. A *LostError comes with
// what was found all the same.
func CheckAll(ctx context.Context, source Source) (Chains, error) {
	var c Chains
	last := map[events.SessionID]*link{}
	broken := map[events.SessionID]bool{}
	lost := source.All(ctx, func(r *Record) error {
		c.Records++
		l := linkOf(r)
		if !l.follows(last[r.Session]) {
			broken[r.Session] = true
		}
		if l.apart && last[r.Session] == nil {
			return nil // made-up ids cost nothing
		}
		last[r.Session] = &l
		return nil
	})
	if one := (*LostError)(nil); lost != nil && !errors.As(lost, &one) {
		return c, lost
	}
	c.Sessions, c.Found = len(last), len(broken)
	for _, s := range slices.Sorted(maps.Keys(broken))[:min(len(broken), MaxFaults)] {
		links, err := linksOf(ctx, source, s)
		if one := (*LostError)(nil); err != nil && !errors.As(err, &one) {
			return c, err
		}
		if f := firstFault(s, links); f != nil {
			c.Faults = append(c.Faults, *f)
		}
	}
	return c, lost
}

// firstFault names the first thing wrong, nil when the chain is whole.
func firstFault(s events.SessionID, links []link) *Fault {
	var last *link
	for i := range links {
		if l := &links[i]; !l.follows(last) {
			f := faultAt(links, i)
			f.Session = s
			return &f
		}
		last = &links[i]
	}
	return nil
}

// faultAt says what is wrong where link i does not follow the one before it.
func faultAt(links []link, i int) Fault {
	l := &links[i]
	fault := func(what, format string, args ...any) Fault {
		return Fault{Fault: what, Partition: l.partition, Offset: l.offset, Detail: fmt.Sprintf(format, args...)}
	}
	if l.unsound != "" {
		return fault(Altered, "%s", l.unsound)
	}
	if j := slices.IndexFunc(links[:i], func(e link) bool { return e.hash == l.hash }); j >= 0 {
		return fault(Doubled, "it is the record of offset %d again", links[j].offset)
	}
	if j := slices.IndexFunc(links[i+1:], func(e link) bool { return e.hash == l.prev }); j >= 0 {
		return fault(Moved, "the record that it follows stands behind it, at offset %d", links[i+1+j].offset)
	}
	if i == 0 {
		return fault(Missing, "what it follows is not there: the session's beginning is missing")
	}
	before := &links[i-1]
	if !l.behind(before) {
		return fault(Moved, "it does not stand behind the record before it, of partition %d offset %d", before.partition, before.offset)
	}
	if i+1 < len(links) && links[i+1].prev != l.hash {
		return fault(Altered, "neither does it follow the record before it, nor the next one it")
	}
	if l.seq > 0 && before.seq > 0 && l.seq > before.seq+1 || l.seq > 0 && lastSeq(links[:i])+1 < l.seq {
		return fault(Missing, "seq %d follows seq %d, and its hash before is of no record that is there", l.seq, lastSeq(links[:i]))
	}
	l = before
	return fault(AlteredOrMissing, "the record at offset %d follows another one: this one's bytes were changed, or one between them, that has no seq, is missing",
		links[i].offset)
}

func lastSeq(links []link) events.Seq {
	for i := len(links) - 1; i >= 0; i-- {
		if links[i].seq > 0 {
			return links[i].seq
		}
	}
	return 0
}
