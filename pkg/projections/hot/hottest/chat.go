package hottest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Said is an outcome as it stands in the log.
type Said struct {
	Partition int32
	Outcome   events.Outcome
	Value     []byte
}

// Chat writes sound outcomes to a log, as a sequencer would: fenced, numbered, chained.
// What makes an event sound besides its number is the caller's business.
type Chat struct {
	tb         testing.TB
	log        eventlog.Log
	partitions int32
	last       map[int32]int64
	heads      map[events.SessionID]*head
	appends    sync.WaitGroup
	// at is the log time of what is written.
	at events.Millis
}

// head is what a Chat has to know to number and chain a session's next outcome.
type head struct {
	seq   events.Seq
	index events.Index
	hash  events.Hash
}

var (
	owner    = events.Owner{N: 1, Random: [16]byte{7}}
	envelope = events.Envelope{Source: "urn:annal:hottest"}
)

// NewChat writes to a log without events.
func NewChat(tb testing.TB, log eventlog.Log) *Chat {
	tb.Helper()
	n, err := log.Partitions(context.Background(), eventlog.Events)
	if err != nil {
		tb.Fatalf("count partitions: %v", err)
	}
	return &Chat{tb: tb, log: log, partitions: n, last: map[int32]int64{}, heads: map[events.SessionID]*head{}, at: 1_764_000_000_000}
}

// At sets the log time of what is written from now on; it is not to go back.
func (c *Chat) At(t events.Millis) { c.at = t }

// Partition is the one a session's outcomes stand in.
func (c *Chat) Partition(s events.SessionID) int32 {
	return eventlog.KeyPartition([]byte(s), c.partitions)
}

// Index is the number that the session's next message has.
func (c *Chat) Index(s events.SessionID) events.Index { return c.head(s).index + 1 }

// Seq is the session's last seq.
func (c *Chat) Seq(s events.SessionID) events.Seq { return c.head(s).seq }

func (c *Chat) head(s events.SessionID) *head {
	h := c.heads[s]
	if h == nil {
		h = &head{}
		c.heads[s] = h
	}
	return h
}

// Accept writes an accepted event; for a message Index may be left 0.
func (c *Chat) Accept(s events.SessionID, actor events.UserID, e events.Event) Said {
	c.tb.Helper()
	said, rec := c.encode(s, actor, e)
	c.append(said.Partition, rec)
	return said
}

// Unreadable writes an accepted event of a schema version from the future.
func (c *Chat) Unreadable(s events.SessionID, actor events.UserID, e events.Event) Said {
	c.tb.Helper()
	said, rec := c.encode(s, actor, e)
	for i, h := range rec.Headers {
		if h.Name == events.HeaderSchemaVersion {
			rec.Headers[i].Value = []byte("99")
		}
	}
	c.append(said.Partition, rec)
	return said
}

// UnheardType is the type of what Unheard writes.
const UnheardType = events.TypeEventPrefix + "unheard_of"

// Unheard writes a message as an event of a type and a schema version from the future.
func (c *Chat) Unheard(s events.SessionID, actor events.UserID, e events.Sent) Said {
	c.tb.Helper()
	said, rec := c.encode(s, actor, e)
	for i, h := range rec.Headers {
		switch h.Name {
		case events.HeaderSchemaVersion:
			rec.Headers[i].Value = []byte("99")
		case events.HeaderType:
			rec.Headers[i].Value = []byte(UnheardType)
		}
	}
	c.append(said.Partition, rec)
	return said
}

// Heard is what Unheard wrote, as a program reads it that knows the type.
func Heard(rec events.Record) events.Record {
	headers := slices.Clone(rec.Headers)
	for i, h := range headers {
		switch h.Name {
		case events.HeaderSchemaVersion:
			headers[i].Value = fmt.Append(nil, events.SchemaVersion)
		case events.HeaderType:
			headers[i].Value = []byte(events.TypeEventPrefix + events.Sent{}.Name())
		}
	}
	rec.Headers = headers
	return rec
}

// Raw writes any record into the session's partition, behind the fence.
func (c *Chat) Raw(s events.SessionID, rec events.Record) {
	c.tb.Helper()
	c.fence(c.Partition(s))
	c.append(c.Partition(s), rec)
}

// Reject writes a refusal, awaited by reply.
func (c *Chat) Reject(s events.SessionID, actor events.UserID, code events.Code, reply events.ReplyTo) Said {
	c.tb.Helper()
	said, rec := c.write(s, actor, events.Rejected{Code: code}, reply)
	c.append(said.Partition, rec)
	return said
}

// Ask writes an accepted event, awaited by reply.
func (c *Chat) Ask(s events.SessionID, actor events.UserID, e events.Event, reply events.ReplyTo) Said {
	c.tb.Helper()
	said, rec := c.write(s, actor, c.number(s, e), reply)
	c.append(said.Partition, rec)
	return said
}

// Wait waits until everything written is in the log.
func (c *Chat) Wait() { c.appends.Wait() }

func (c *Chat) encode(s events.SessionID, actor events.UserID, e events.Event) (Said, events.Record) {
	c.tb.Helper()
	return c.write(s, actor, c.number(s, e), events.ReplyTo{})
}

// number gives the event its place.
func (c *Chat) number(s events.SessionID, e events.Event) events.Accepted {
	h := c.head(s)
	switch e := e.(type) {
	case events.Read, events.Delivered, events.Reported, events.Audited:
		return events.Accepted{Event: e}
	case events.Created:
		h.seq = e.Base
	case events.Sent:
		h.index++
		h.seq++
		e.Index = h.index
		return events.Accepted{Seq: h.seq, Event: e}
	case events.Added, events.Removed, events.Joined, events.Left, events.Revoked, events.Overridden, events.Deleted:
	case events.AccountClosed, events.Asked, events.ContactChanged, events.DeviceSet, events.ProfileSet, events.PrivacySet, events.NotificationsSet, events.PushForgotten, events.Dismissed, events.Hidden,
		events.InfoSet, events.Invited, events.Muted, events.Pinned, events.PolicySet, events.Reacted, events.Refused,
		events.RoleSet, events.SessionSet, events.Uninvited, events.SignedUp, events.SignedIn, events.SignedOut, events.Banned, events.Unbanned:
	}
	h.seq++
	return events.Accepted{Seq: h.seq, Event: e}
}

func (c *Chat) write(s events.SessionID, actor events.UserID, result events.Result, reply events.ReplyTo) (Said, events.Record) {
	c.tb.Helper()
	p, h := c.Partition(s), c.head(s)
	c.fence(p)
	last := c.last[p]
	o := events.Outcome{
		ID: events.NewID(c.at, "hottest", p, last+1), Session: s, Actor: events.Actor{User: actor},
		ClientID: fmt.Sprintf("c-%d", last+1), ReplyTo: reply, Time: c.at, PrevHash: h.hash, Result: result,
	}
	rec, err := events.EncodeOutcome(o, events.Stamp{Owner: owner, Command: last + 1, Prev: last}, envelope)
	if err != nil {
		c.tb.Fatalf("encode %T: %v", result, err)
	}
	c.last[p] = last + 1
	if h.seq != 0 {
		h.hash = sha256.Sum256(rec.Value)
	}
	return Said{Partition: p, Outcome: o, Value: rec.Value}, rec
}

func (c *Chat) fence(p int32) {
	if _, ok := c.last[p]; ok {
		return
	}
	rec, err := events.EncodeFence(events.Fence{Owner: owner}, envelope)
	if err != nil {
		c.tb.Fatalf("encode a fence: %v", err)
	}
	c.last[p] = -1
	c.append(p, rec)
}

func (c *Chat) append(p int32, rec events.Record) {
	c.appends.Add(1)
	c.log.Append(context.Background(), eventlog.Events, p, rec, func(_ int32, _ int64, err error) {
		defer c.appends.Done()
		if err != nil {
			c.tb.Errorf("append to partition %d: %v", p, err)
		}
	})
}

// Changes are what outcomes do to their sessions, grouped as a projector would.
func Changes(said ...Said) []hot.SessionChanges {
	var out []hot.SessionChanges
	at := map[events.SessionID]int{}
	for i := range said {
		change, ok := hot.ChangeOf(&said[i].Outcome, said[i].Value)
		if !ok {
			continue
		}
		s := said[i].Outcome.Session
		k, ok := at[s]
		if !ok {
			k = len(out)
			at[s] = k
			out = append(out, hot.SessionChanges{Session: s})
		}
		out[k].Changes = append(out[k].Changes, change)
	}
	return out
}
