package vault

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// blockBytes is how much goes into a block before it is compressed.
const blockBytes = 256 << 10

// encoder is used by all; EncodeAll may be called at once.
var encoder = func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // the options are fixed
	}
	e.EncodeAll([]byte{0}, nil) // it makes its channel at the first call: not in whichever test that would be
	return e
}()

// place is whose records they are.
type place struct {
	prefix    string
	cluster   string
	partition int32
}

// builder gathers a segment.
type builder struct {
	place
	start events.Progress
	// since is when the first record came, and oldest its log time.
	since    time.Time
	oldest   events.Millis
	raw      []byte
	rawFirst int64
	data     []byte
	blocks   []Block
	sessions map[events.SessionID][]int
	records  int
	// size is what its records have, uncompressed.
	size int
	// passed is the last record, if it does not count.
	passed *eventlog.Record
}

func newBuilder(p place, start events.Progress) *builder {
	return &builder{place: p, start: start, sessions: map[events.SessionID][]int{}}
}

// add takes the next record; one that does not count is kept only as the last.
func (b *builder) add(r *eventlog.Record, verdict events.Verdict, now time.Time) {
	if b.empty() {
		b.since, b.oldest = now, r.Time
	}
	if verdict != events.Counted && verdict != events.Fenced {
		b.passed = r
		return
	}
	b.passed = nil
	b.write(r)
	if verdict != events.Counted {
		return
	}
	session := events.SessionID(r.Key)
	in := b.sessions[session]
	if n := len(b.blocks); len(in) == 0 || in[len(in)-1] != n {
		b.sessions[session] = append(in, n)
	}
	b.endBlock(blockBytes)
}

// write puts a record into the block being made.
func (b *builder) write(r *eventlog.Record) {
	if len(b.raw) == 0 {
		b.rawFirst = r.Offset
	}
	before := len(b.raw)
	b.raw = appendRecord(b.raw, r)
	b.size += len(b.raw) - before
	b.records++
}

// endBlock compresses the block being made once it has that many bytes.
func (b *builder) endBlock(atLeast int) {
	if len(b.raw) < atLeast || len(b.raw) == 0 {
		return
	}
	at := len(b.data)
	b.data = encoder.EncodeAll(b.raw, b.data)
	b.blocks = append(b.blocks, Block{
		At: int64(at), Bytes: int64(len(b.data) - at), Raw: int64(len(b.raw)), First: b.rawFirst, SHA256: hashOf(b.data[at:]),
	})
	b.raw = b.raw[:0]
}

func (b *builder) empty() bool { return b.records == 0 && b.passed == nil }

// indexBytes is about what an entry of the index takes.
const indexBytes = 100

// memory is about what it holds.
func (b *builder) memory() int { return cap(b.raw) + cap(b.data) + indexBytes*len(b.sessions) }

// sealed is a segment ready to be stored.
type sealed struct {
	manifest Manifest
	name     string
	content  []byte
	data     []byte
	end      events.Progress
	hash     string
}

// seal ends the segment before end. The builder is not used afterwards.
func (b *builder) seal(end events.Progress, previous string) (*sealed, error) {
	closing := b.passed != nil
	if closing {
		b.write(b.passed)
	}
	b.endBlock(0)
	s := &sealed{data: b.data, end: end, name: manifestName(b.prefix, b.partition, b.start.Offset)}
	hash := hashOf(b.data)
	s.manifest = Manifest{
		Format: Format, Cluster: b.cluster, Topic: eventlog.Events, Partition: b.partition, First: b.start.Offset, Next: end.Offset,
		Records: b.records, Closing: closing, Start: b.start.String(), End: end.String(),
		Object: objectName(b.prefix, b.partition, b.start.Offset, hash), Bytes: int64(len(b.data)), SHA256: hash, Previous: previous,
		Blocks: b.blocks, Sessions: b.sessions,
	}
	if err := s.manifest.check(); err != nil {
		return nil, fmt.Errorf("vault: seal partition %d at %d: %w", b.partition, b.start.Offset, err)
	}
	var err error
	if s.content, err = json.Marshal(s.manifest); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	s.hash = hashOf(s.content)
	return s, nil
}
