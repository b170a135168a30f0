package vault

import (
	"encoding/binary"
	"errors"
	"fmt"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// errCut says that a block ends within a record.
var errCut = errors.New("a record is cut short")

// appendRecord writes a record verbatim: offset, time, key, value, number of headers, their names and values. Numbers are
// unsigned varints; byte strings have their length plus one before them, and 0 stands for one that is absent.
func appendRecord(b []byte, r *eventlog.Record) []byte {
	b = binary.AppendUvarint(b, uint64(r.Offset))
	b = binary.AppendUvarint(b, uint64(r.Time))
	b = appendBytes(b, r.Key)
	b = appendBytes(b, r.Value)
	b = binary.AppendUvarint(b, uint64(len(r.Headers)))
	for _, h := range r.Headers {
		b = appendBytes(b, []byte(h.Name))
		b = appendBytes(b, h.Value)
	}
	return b
}

func appendBytes(b, s []byte) []byte {
	if s == nil {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))+1), s...)
}

// frames reads what appendRecord wrote.
type frames struct {
	rest []byte
	err  error
}

func (f *frames) number() uint64 {
	n, size := binary.Uvarint(f.rest)
	if f.err != nil || size <= 0 {
		f.err = errCut
		return 0
	}
	f.rest = f.rest[size:]
	return n
}

func (f *frames) bytes() []byte {
	n := f.number()
	if f.err != nil || n == 0 {
		return nil
	}
	if n--; n > uint64(len(f.rest)) {
		f.err = errCut
		return nil
	}
	s := f.rest[:n:n]
	f.rest = f.rest[n:]
	return s
}

// parseRecords reads a block's records; they share its memory.
func parseRecords(block []byte, topic eventlog.Topic, partition int32) ([]eventlog.Record, error) {
	var records []eventlog.Record
	f := frames{rest: block}
	for last := int64(-1); len(f.rest) > 0; {
		r := eventlog.Record{Topic: topic, Partition: partition, Offset: int64(f.number()), Time: events.Millis(f.number())}
		r.Key, r.Value = f.bytes(), f.bytes()
		n := f.number()
		if f.err == nil && n > uint64(len(f.rest))/2 {
			f.err = errCut
		}
		for range n {
			if f.err != nil {
				break
			}
			name := string(f.bytes())
			r.Headers = append(r.Headers, events.Header{Name: name, Value: f.bytes()})
		}
		if f.err != nil {
			return nil, fmt.Errorf("after offset %d: %w", last, f.err)
		}
		if r.Offset <= last {
			return nil, fmt.Errorf("offset %d follows %d", r.Offset, last)
		}
		last = r.Offset
		records = append(records, r)
	}
	return records, nil
}
