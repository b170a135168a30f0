// Package quarantine looks at the records that were put aside (annal.quarantine), and
// tries again what can be tried again.
package quarantine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Place is where a record stood when it was put aside. It names the record: whoever
// meets it a second time puts it aside under the same place.
type Place struct {
	Topic     eventlog.Topic
	Partition int32
	Offset    int64
}

// String is "annal.events/3/17".
func (p Place) String() string { return fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset) }

// ParsePlace reads what String wrote.
func ParsePlace(s string) (Place, error) {
	parts := strings.Split(s, "/")
	if len(parts) == 3 {
		partition, err := strconv.ParseInt(parts[1], 10, 32)
		offset, err2 := strconv.ParseInt(parts[2], 10, 64)
		if parts[0] != "" && err == nil && err2 == nil && partition >= 0 && offset >= 0 {
			return Place{eventlog.Topic(parts[0]), int32(partition), offset}, nil
		}
	}
	return Place{}, fmt.Errorf("quarantine: %q is no place: want TOPIC/PARTITION/OFFSET, as in annal.events/3/17", s)
}

// Entry is a record put aside.
type Entry struct {
	Place Place
	// Time is when it was put aside, by the broker's clock.
	Time   events.Millis
	Reason events.PoisonReason
	Detail string
	// Record is as it stood, except for the order of its headers. A record that is too
	// large to be kept has its key only.
	Record events.Record
}

// Filter chooses entries. Empty fields choose all.
type Filter struct {
	Topic  eventlog.Topic
	Reason events.PoisonReason
	Place  Place
}

// Errors of Validate.
var (
	ErrTopic  = errors.New("quarantine: nothing comes from such a topic")
	ErrReason = errors.New("quarantine: no such reason")
)

// Validate refuses what no entry has.
func (f Filter) Validate() error {
	if f.Topic != "" && f.Topic != eventlog.Commands && f.Topic != eventlog.Events {
		return fmt.Errorf("%w: %q: want %s or %s", ErrTopic, f.Topic, eventlog.Commands, eventlog.Events)
	}
	if f.Reason != "" && !slices.Contains(events.PoisonReasons(), f.Reason) {
		return fmt.Errorf("%w: %q: want one of %v", ErrReason, f.Reason, events.PoisonReasons())
	}
	return nil
}

func (f Filter) match(e Entry) bool {
	return (f.Topic == "" || e.Place.Topic == f.Topic) && (f.Reason == "" || e.Reason == f.Reason) && (f.Place == Place{} || e.Place == f.Place)
}

// List is what was found.
type List struct {
	// Entries are the newest, oldest first.
	Entries []Entry
	// Found counts all that the filter chose, Unreadable what is in the topic and no entry.
	Found, Unreadable int
}

// Read gives the newest entries that the filter chooses, limit at most.
func Read(ctx context.Context, log eventlog.Log, f Filter, limit int) (List, error) {
	if err := f.Validate(); err != nil {
		return List{}, err
	}
	n, err := log.Partitions(ctx, eventlog.Quarantine)
	if err != nil {
		return List{}, fmt.Errorf("quarantine: %w", err)
	}
	var l List
	for p := range n {
		if err := l.read(ctx, log, p, f, limit); err != nil {
			return List{}, fmt.Errorf("quarantine: partition %d: %w", p, err)
		}
	}
	return l, nil
}

// read adds a partition's entries. The topic is trimmed by time, so it begins anywhere.
func (l *List) read(ctx context.Context, log eventlog.Log, p int32, f Filter, limit int) error {
	start, end, err := log.Bounds(ctx, eventlog.Quarantine, p)
	if err != nil || start >= end {
		return err
	}
	cursor, err := log.Read(ctx, eventlog.Quarantine, p, start)
	if err != nil {
		return err
	}
	defer cursor.Close()
	for next := start; next < end; {
		records, err := cursor.Next(ctx)
		if err != nil {
			return err
		}
		for _, rec := range records {
			next = rec.Offset + 1
			q, err := events.DecodeQuarantined(rec.Record)
			if err != nil {
				l.Unreadable++
				continue
			}
			e := Entry{
				Place: Place{eventlog.Topic(q.Topic), q.Partition, q.Offset}, Time: rec.Time,
				Reason: q.Reason, Detail: q.Detail, Record: q.Record,
			}
			if f.match(e) {
				l.Found++
				l.Entries = append(l.Entries, e)
			}
		}
		l.keep(limit)
	}
	return nil
}

// keep bounds the entries to the newest.
func (l *List) keep(limit int) {
	slices.SortStableFunc(l.Entries, func(a, b Entry) int { return cmp.Compare(a.Time, b.Time) })
	if over := len(l.Entries) - limit; over > 0 {
		l.Entries = slices.Delete(l.Entries, 0, over)
	}
}
