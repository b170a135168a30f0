// Package eventlog is the log as a port: what Annal needs of Kafka and nothing
// more. Implementations: Memory here, pkg/connectors/kafka with franz-go; all pass
// the suite in pkg/eventlog/logtest.
package eventlog

import (
	"context"
	"errors"

	"annal/pkg/events"
)

// Topic is a topic's logical name; an implementation may prefix it.
type Topic string

// The topics.
const (
	// Commands holds what was asked, keyed by session, trimmed after 7 days.
	Commands Topic = "annal.commands"
	// Events holds one outcome per command, and fences; kept for ever.
	Events Topic = "annal.events"
	// Snapshots holds rows of sessions as of prefixes of the events, and checkpoints;
	// compacted, with the partitions of the events.
	Snapshots Topic = "annal.snapshots"
	// Accounts holds who signs in and with what (pkg/accounts); compacted.
	Accounts Topic = "annal.accounts"
	// Quarantine holds poison records for 30 days.
	Quarantine Topic = "annal.quarantine"
)

// Record is a record as it stands in the log.
type Record struct {
	events.Record
	Topic     Topic
	Partition int32
	Offset    int64
	// Time is the broker's append time (LogAppendTime), whatever the producer's clock said.
	Time events.Millis
}

// ByKey as partition lets the key choose, with Kafka's default partitioner (murmur2).
const ByKey int32 = -1

// Errors of this package.
var (
	// ErrRefused: the log will never take this record (too large). Nothing was
	// written, and its neighbours are unharmed.
	ErrRefused = errors.New("eventlog: record refused")
	// ErrUnknown: it is not known whether the record was written or, if it was
	// under way, still will be. It stands before all records of its partition that
	// this Log is given afterwards, or nowhere. The caller reads the log to find out.
	ErrUnknown = errors.New("eventlog: append of unknown outcome")
	// ErrTrimmed: the offset lies below the log's start. Never skipped over:
	// the reader restores from elsewhere or stops.
	ErrTrimmed = errors.New("eventlog: offset is below the log's start")
	// ErrBeyond: the offset lies above the log's end: this is another log than the
	// one the offset came from.
	ErrBeyond = errors.New("eventlog: offset is beyond the log's end")
	// ErrNotAssigned: the partition is not ours in the group's present generation.
	ErrNotAssigned = errors.New("eventlog: partition is not assigned to this member")
	// ErrFenced: another member with the same static id took this one's place.
	ErrFenced = errors.New("eventlog: a newer member has this static id")
	// ErrClosed: the log or cursor was closed.
	ErrClosed = errors.New("eventlog: closed")
)

// Log is a cluster's topics.
type Log interface {
	// Cluster is the cluster's own id, the same for its whole life; part of event ids.
	Cluster() string
	// Partitions counts a topic's partitions.
	Partitions(ctx context.Context, t Topic) (int32, error)
	// Append writes a record durably (acks=all, idempotent) and then calls done
	// once, with where it stands, from a goroutine of the log's own: done must not
	// block. Records of one partition stand in the order of the calls. Append itself
	// blocks only while the bounded buffer is full. Errors to done: ErrRefused, ErrUnknown
	// (ctx ended or the log was closed first). Everything else is waited out.
	Append(ctx context.Context, t Topic, partition int32, r events.Record, done func(partition int32, offset int64, err error))
	// Bounds gives the first offset and the one after the last.
	Bounds(ctx context.Context, t Topic, partition int32) (start, end int64, err error)
	// Read opens a cursor at from. It never jumps: Next gives ErrTrimmed or
	// ErrBeyond when from is outside the log.
	Read(ctx context.Context, t Topic, partition int32, from int64) (Cursor, error)
	// Join makes a member of a consumer group over all partitions of a topic. instance
	// is a static member id (empty: dynamic), kept over restarts.
	Join(ctx context.Context, group string, t Topic, instance string) (Membership, error)
	// Commits gives a group's last commits for a topic, ascending by partition, without those
	// that it never committed; for whoever looks on.
	Commits(ctx context.Context, group string, t Topic) ([]Claim, error)
	// Close ends all cursors and memberships; unfinished appends end as ErrUnknown.
	Close()
}

// Cursor reads one partition in order. For one goroutine, except Close.
type Cursor interface {
	// Next waits for records and gives what is there, at least one, in order, a
	// bounded number. The slice is the caller's. What may pass is waited out: an error
	// other than ctx's is the end of the cursor.
	Next(ctx context.Context) ([]Record, error)
	Close()
}

// Claim is a partition newly assigned, with the group's last commit for it.
type Claim struct {
	Partition int32
	// Offset is the next to read, -1 if the group never committed.
	Offset   int64
	Metadata string
}

// Handler hears of assignments. Calls come one at a time.
type Handler interface {
	// Claimed must not block: it starts the work.
	Claimed(c Claim)
	// Released asks to finish what is under way; it returns when drained or when
	// ctx ends (then the partition is lost anyway). Commits still work inside it.
	Released(ctx context.Context, partition int32)
	// Lost says that the partition is no longer ours: stop at once.
	Lost(partition int32)
}

// Membership is one member of a consumer group (cooperative, session timeout 6 s).
type Membership interface {
	// Run takes part until ctx ends, then releases everything and leaves (a static
	// member stays in the group until its session times out, so that a restart
	// moves nothing). A fatal error is returned; all else is retried.
	Run(ctx context.Context, h Handler) error
	// Commit stores progress: the next offset to read and up to 4 KiB of text. It
	// fails with ErrNotAssigned unless the partition is ours in the present generation.
	Commit(ctx context.Context, partition int32, offset int64, metadata string) error
}
