package check

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	logv1 "annal/gen/annal/log/v1"
)

// Log is what the topics hold, folded.
type Log struct {
	Problems
	partitions map[int32]*partition
	sessions   map[string]*session
	// Counted and Skipped are records of the events topic, fences left out.
	Counted, Skipped int
	// Fences counts the owners there were.
	Fences int
	// Accepted are outcomes of that kind.
	Accepted int
}

// NewLog is one without records.
func NewLog() *Log {
	return &Log{partitions: map[int32]*partition{}, sessions: map[string]*session{}}
}

// partition is where the reader's rule stands, and what was decided.
type partition struct {
	owner   string // as in the owner header; nobody at first
	n       uint64
	last    int64 // command offset of the last outcome that counted
	next    int64 // offset to be read
	decided []decision
	matched int // of decided, by commands read
}

// decision is a command that has an outcome.
type decision struct {
	command int64
	who     string // session, user and client id
}

// nobody owns a partition before the first fence.
var nobody = ownerText(nil)

func ownerText(o *logv1.Owner) string {
	random := make([]byte, 16)
	copy(random, o.GetRandom())
	return fmt.Sprintf("%d-%s", o.GetN(), hex.EncodeToString(random))
}

func (l *Log) partition(p int32) *partition {
	if l.partitions[p] == nil {
		l.partitions[p] = &partition{owner: nobody, last: -1}
	}
	return l.partitions[p]
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// Event takes the next record of a partition of the events topic.
//
// The reader's rule: the owner of a partition is the last fence that counted; a fence counts if it follows on the owner; an
// outcome counts if its owner is that owner and its prev is the command offset of the last outcome that counted.
func (l *Log) Event(r *kgo.Record) {
	p := l.partition(r.Partition)
	if r.Offset != p.next {
		l.Add(Hole, "events %d: offset %d follows %d", r.Partition, r.Offset, p.next-1)
	}
	p.next = r.Offset + 1
	if header(r, "ce_type") == "annal.fence" {
		l.fence(p, r)
		return
	}
	owner := header(r, "owner")
	command, err1 := strconv.ParseInt(header(r, "command"), 10, 64)
	prev, err2 := strconv.ParseInt(header(r, "prev"), 10, 64)
	if err1 != nil || err2 != nil {
		l.Add(Poison, "events %d/%d: command %q, prev %q", r.Partition, r.Offset, header(r, "command"), header(r, "prev"))
		return
	}
	if owner != p.owner || owner == nobody || prev != p.last {
		l.Skipped++
		return
	}
	if command <= p.last {
		l.Add(Doubled, "events %d/%d: command %d is decided after %d", r.Partition, r.Offset, command, p.last)
	}
	p.last = command
	l.Counted++
	l.outcome(p, r, command)
}

func (l *Log) fence(p *partition, r *kgo.Record) {
	var f logv1.Fence
	if err := proto.Unmarshal(r.Value, &f); err != nil {
		l.Add(Poison, "events %d/%d: fence: %v", r.Partition, r.Offset, err)
		return
	}
	if ownerText(f.GetAfter()) == p.owner && f.GetOwner().GetN() == p.n+1 {
		p.owner, p.n = ownerText(f.GetOwner()), f.GetOwner().GetN()
		l.Fences++
	}
}

func (l *Log) outcome(p *partition, r *kgo.Record, command int64) {
	var o logv1.Outcome
	if err := proto.Unmarshal(r.Value, &o); err != nil {
		l.Add(Poison, "events %d/%d: outcome: %v", r.Partition, r.Offset, err)
		return
	}
	if o.GetSession() != string(r.Key) {
		l.Add(Poison, "events %d/%d: session %q under key %q", r.Partition, r.Offset, o.GetSession(), r.Key)
	}
	p.decided = append(p.decided, decision{command, who(o.GetSession(), o.GetActor().GetUser(), o.GetClientId())})
	if o.GetAccepted() != nil {
		l.Accepted++
	}
	s := l.sessions[o.GetSession()]
	if s == nil {
		s = newSession(o.GetSession())
		l.sessions[o.GetSession()] = s
	}
	s.add(&l.Problems, &o, sha256.Sum256(r.Value))
}

func who(session, user, clientID string) string { return session + "\x00" + user + "\x00" + clientID }

// Command takes the next record of a partition of the commands topic, after all events.
func (l *Log) Command(r *kgo.Record) {
	p := l.partition(r.Partition)
	if p.matched == len(p.decided) {
		l.Add(Undecided, "commands %d/%d has no outcome", r.Partition, r.Offset)
		return
	}
	d := p.decided[p.matched]
	if d.command > r.Offset {
		l.Add(Undecided, "commands %d/%d has no outcome, %d has", r.Partition, r.Offset, d.command)
		return
	}
	p.matched++
	var c logv1.Command
	if err := proto.Unmarshal(r.Value, &c); err != nil {
		l.Add(Poison, "commands %d/%d: %v", r.Partition, r.Offset, err)
		return
	}
	if d.command != r.Offset || d.who != who(c.GetSession(), c.GetActor().GetUser(), c.GetClientId()) {
		l.Add(Undecided, "commands %d/%d of %q: the outcome is for %d of %q", r.Partition, r.Offset,
			who(c.GetSession(), c.GetActor().GetUser(), c.GetClientId()), d.command, d.who)
	}
}

// Decided is to be called once all commands were given: what has an outcome must be a command.
func (l *Log) Decided() {
	for n, p := range l.partitions {
		if left := len(p.decided) - p.matched; left > 0 {
			l.Add(Undecided, "partition %d: %d outcomes are of commands that are not there", n, left)
		}
	}
}
