package vault

import (
	"context"
	"fmt"
	"slices"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Session calls each for a session's counted records, in order, up to where the log ends now: from the blocks that the
// manifests' indices name, and then from Kafka. It reads every manifest of the partition, and checks their chain, but only that
// session's blocks. It ends with each's first error.
func (l *Log) Session(ctx context.Context, partition int32, session events.SessionID, each func(*eventlog.Record) error) error {
	_, end, err := l.Log.Bounds(ctx, eventlog.Events, partition)
	if err != nil {
		return err
	}
	from := events.Start()
	err = l.shelf.chain(ctx, partition, 0, func(g segment) error {
		_, from = g.progress()
		for _, n := range g.Sessions[session] {
			records, err := l.shelf.block(ctx, g, n)
			if err != nil {
				return err
			}
			for i := range records {
				r := &records[i]
				if string(r.Key) != string(session) || isFence(r) || g.Closing && r.Offset == g.Next-1 {
					continue
				}
				if err := each(r); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return eventlog.EachCountedFrom(ctx, l, partition, from, end, func(r *eventlog.Record) error {
		if string(r.Key) != string(session) {
			return nil
		}
		return each(r)
	})
}

func isFence(r *eventlog.Record) bool {
	t, _ := r.Header(events.HeaderType)
	return t == events.TypeFence
}

// chain calls each for a partition's manifests from the one on that covers an offset, each checked to follow the one before.
func (s *Shelf) chain(ctx context.Context, partition int32, from int64, each func(segment) error) error {
	firsts, err := s.list(ctx, partition)
	if err != nil {
		return err
	}
	covering, exact := slices.BinarySearch(firsts, from)
	if !exact {
		covering--
	}
	var before segment
	for i := max(0, covering-1); i < len(firsts); i++ {
		g, err := s.load(ctx, partition, firsts[i])
		switch {
		case err != nil:
			return err
		case i > 0 && before.hash == "": // the one before the first that is asked for
			before = g
			continue
		}
		if err := s.succeeds(before, g); err != nil {
			return err
		}
		if err := each(g); err != nil {
			return err
		}
		before = g
	}
	return nil
}

// succeeds checks that g is the partition's first segment, or follows the one before.
func (s *Shelf) succeeds(before, g segment) error {
	switch {
	case before.hash == "" && g.First == 0 && g.Previous == "" && g.Start == events.Start().String():
		return nil
	case before.hash == "":
		return fmt.Errorf("%w: %s is missing, or altered: the vault begins with %s", ErrDamaged,
			manifestName(s.prefix, g.Partition, 0), manifestName(s.prefix, g.Partition, g.First))
	case g.First > before.Next:
		return fmt.Errorf("%w: %s is missing, though %s is there", ErrDamaged,
			manifestName(s.prefix, g.Partition, before.Next), manifestName(s.prefix, g.Partition, g.First))
	}
	return s.follows(before, g)
}

// Checked is what Check has read so far.
type Checked struct {
	Partition int32
	Segments  int
	Records   int64
	Bytes     int64
	// Next is up to where the partition is right.
	Next int64
}

// Check reads a partition's segments whole from the one that covers from on, and holds them against their hashes, their chain
// and the reader's rule: what the manifests say of its state must be what the records come to. The first that is wrong or
// missing ends it with ErrDamaged. told hears of each segment; it may be nil.
func (s *Shelf) Check(ctx context.Context, partition int32, from int64, told func(Checked)) (Checked, error) {
	at := Checked{Partition: partition}
	err := s.chain(ctx, partition, from, func(g segment) error {
		if g.Next <= from {
			at.Next = g.Next
			return nil
		}
		if err := s.checkSegment(ctx, g); err != nil {
			return err
		}
		at.Segments++
		at.Records += int64(g.Records)
		at.Bytes += g.Bytes
		at.Next = g.Next
		if told != nil {
			told(at)
		}
		return nil
	})
	return at, err
}

// Chained reads a partition's manifests alone, all of them, and gives where their chain ends. ErrDamaged names one that is missing or was
// altered; what the segments have is another's concern.
func (s *Shelf) Chained(ctx context.Context, partition int32) (next int64, err error) {
	err = s.chain(ctx, partition, 0, func(g segment) error { next = g.Next; return nil })
	return next, err
}

func (s *Shelf) checkSegment(ctx context.Context, g segment) error {
	content, err := s.object(ctx, g)
	if err != nil {
		return err
	}
	start, end := g.progress()
	rule, n := events.NewReader(start), 0
	sessions := map[events.SessionID][]int{}
	for i, b := range g.Blocks {
		records, err := g.open(i, content[b.At:b.At+b.Bytes])
		if err != nil {
			return err
		}
		for j := range records {
			r := &records[j]
			verdict, _, _ := rule.Read(r.Offset, r.Record)
			closing := g.Closing && r.Offset == g.Next-1
			if closing == (verdict == events.Counted || verdict == events.Fenced) {
				return fmt.Errorf("%w: %s: the record at %d is %s", ErrDamaged, g.Object, r.Offset, verdict)
			}
			if id := events.SessionID(r.Key); verdict == events.Counted && !slices.Contains(sessions[id], i) {
				sessions[id] = append(sessions[id], i)
			}
		}
		n += len(records)
	}
	p := rule.Progress() // its last record is the one before Next
	if n != g.Records || p != end || !sameIndex(sessions, g.Sessions) {
		return fmt.Errorf("%w: %s: its records come to %s, its manifest says %s, or their number or index differ", ErrDamaged, g.Object, p, end)
	}
	return nil
}

func sameIndex(a, b map[events.SessionID][]int) bool {
	if len(a) != len(b) {
		return false
	}
	for id, blocks := range a {
		if !slices.Equal(blocks, b[id]) {
			return false
		}
	}
	return true
}

// object reads a segment's object, its hash checked.
func (s *Shelf) object(ctx context.Context, g segment) ([]byte, error) {
	content, err := s.bucket.Get(ctx, g.Object, 0, g.Bytes+1)
	if err != nil {
		return nil, s.lacking(g.Object, err)
	}
	if int64(len(content)) != g.Bytes || hashOf(content) != g.SHA256 {
		return nil, fmt.Errorf("%w: %s has another hash than its manifest says", ErrDamaged, g.Object)
	}
	return content, nil
}
