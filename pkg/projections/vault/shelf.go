package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Shelf is a log's segments in a bucket. It remembers which there are, and asks for newer ones only.
type Shelf struct {
	bucket  Bucket
	prefix  string
	cluster string

	mu     sync.Mutex
	firsts map[int32][]int64
}

// NewShelf reads the segments of that cluster, whose names begin with prefix.
func NewShelf(bucket Bucket, prefix, cluster string) *Shelf {
	return &Shelf{bucket: bucket, prefix: prefix, cluster: cluster, firsts: map[int32][]int64{}}
}

// Mark is how far a partition is in the vault.
type Mark struct {
	// Progress is the reader's state behind the last segment; its Offset is the first that is not in the vault.
	Progress events.Progress
	// Hash is that of the last manifest, empty where there is none.
	Hash string
	// Segments is how many there are.
	Segments int
}

// segment is a manifest with its hash.
type segment struct {
	*Manifest
	hash string
}

// list gives the first offsets of a partition's segments, ascending.
func (s *Shelf) list(ctx context.Context, partition int32) ([]int64, error) {
	s.mu.Lock()
	known := s.firsts[partition]
	s.mu.Unlock()
	dir, after := folder(s.prefix, partition), ""
	if len(known) > 0 {
		after = manifestName(s.prefix, partition, known[len(known)-1])
	}
	found := slices.Clone(known)
	err := s.bucket.List(ctx, dir, after, func(o Object) error {
		if first, ok := parseManifestName(dir, o.Name); ok {
			found = append(found, first)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: list %s: %w", dir, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(found) > len(s.firsts[partition]) {
		s.firsts[partition] = found
	}
	return found, nil
}

// bytes are those of all objects of a partition.
func (s *Shelf) bytes(ctx context.Context, partition int32) (n int64, err error) {
	dir := folder(s.prefix, partition)
	err = s.bucket.List(ctx, dir, "", func(o Object) error { n += o.Bytes; return nil })
	if err != nil {
		return 0, fmt.Errorf("vault: list %s: %w", dir, err)
	}
	return n, nil
}

// load reads a manifest and checks that it is of this log and in its place.
func (s *Shelf) load(ctx context.Context, partition int32, first int64) (segment, error) {
	name := manifestName(s.prefix, partition, first)
	content, err := s.bucket.Get(ctx, name, 0, maxManifestBytes)
	if err != nil {
		return segment{}, s.lacking(name, err)
	}
	m, err := parseManifest(content)
	if err != nil {
		return segment{}, fmt.Errorf("%s: %w", name, err)
	}
	if m.Cluster != s.cluster || m.Topic != eventlog.Events {
		return segment{}, fmt.Errorf("%w: %s is of cluster %s, topic %s, not of cluster %s", ErrForeign, name, m.Cluster, m.Topic, s.cluster)
	}
	if m.Partition != partition || m.First != first {
		return segment{}, fmt.Errorf("%w: %s speaks of partition %d from %d", ErrDamaged, name, m.Partition, m.First)
	}
	return segment{m, hashOf(content)}, nil
}

// Tail gives how far a partition is.
func (s *Shelf) Tail(ctx context.Context, partition int32) (Mark, error) {
	firsts, err := s.list(ctx, partition)
	if err != nil || len(firsts) == 0 {
		return Mark{Progress: events.Start()}, err
	}
	last, err := s.load(ctx, partition, firsts[len(firsts)-1])
	if err != nil {
		return Mark{}, err
	}
	_, end := last.progress()
	return Mark{Progress: end, Hash: last.hash, Segments: len(firsts)}, nil
}

// covering gives the segment that covers an offset; ok is false when the vault ends below it.
func (s *Shelf) covering(ctx context.Context, partition int32, offset int64) (found segment, ok bool, err error) {
	s.mu.Lock()
	firsts := s.firsts[partition]
	s.mu.Unlock()
	for _, fresh := range []bool{false, true} {
		if fresh {
			if firsts, err = s.list(ctx, partition); err != nil {
				return segment{}, false, err
			}
		}
		i, exact := slices.BinarySearch(firsts, offset)
		if !exact {
			i--
		}
		if i < 0 {
			continue
		}
		if found, err = s.load(ctx, partition, firsts[i]); err != nil {
			return segment{}, false, err
		}
		if offset < found.Next {
			return found, true, nil
		}
		if i+1 < len(firsts) {
			return segment{}, false, fmt.Errorf("%w: %s is missing, though %s is there", ErrDamaged,
				manifestName(s.prefix, partition, found.Next), manifestName(s.prefix, partition, firsts[i+1]))
		}
	}
	if len(firsts) > 0 && offset < firsts[0] {
		return segment{}, false, fmt.Errorf("%w: %s is missing, though %s is there", ErrDamaged,
			manifestName(s.prefix, partition, 0), manifestName(s.prefix, partition, firsts[0]))
	}
	return segment{}, false, nil
}

// follows checks that next is chained to the segment before.
func (s *Shelf) follows(before, next segment) error {
	if next.Previous != before.hash || next.First != before.Next || next.Start != before.End {
		return fmt.Errorf("%w: %s does not follow %s: one of them was altered", ErrDamaged,
			manifestName(s.prefix, next.Partition, next.First), manifestName(s.prefix, before.Partition, before.First))
	}
	return nil
}

// decoder is used by all; DecodeAll may be called at once.
var decoder = func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxBlockBytes))
	if err != nil {
		panic(err) // the options are fixed
	}
	return d
}()

// block reads one of a segment's blocks, its hash checked.
func (s *Shelf) block(ctx context.Context, g segment, n int) ([]eventlog.Record, error) {
	b := g.Blocks[n]
	content, err := s.bucket.Get(ctx, g.Object, b.At, b.Bytes)
	if err != nil {
		return nil, s.lacking(g.Object, err)
	}
	return g.open(n, content)
}

// lacking says what it means that an object which must be there could not be read.
func (s *Shelf) lacking(name string, err error) error {
	if errors.Is(err, ErrNoObject) {
		return fmt.Errorf("%w: %s is missing", ErrDamaged, name)
	}
	return fmt.Errorf("vault: %s: %w", name, err)
}

// open checks a block's content and reads its records.
func (g segment) open(n int, content []byte) ([]eventlog.Record, error) {
	b, damaged := g.Blocks[n], func(why any) error { return fmt.Errorf("%w: %s, block %d: %v", ErrDamaged, g.Object, n, why) }
	switch {
	case int64(len(content)) != b.Bytes:
		return nil, damaged(fmt.Sprintf("it has %d bytes, not %d", len(content), b.Bytes))
	case hashOf(content) != b.SHA256:
		return nil, damaged("its hash is another")
	}
	raw, err := decoder.DecodeAll(content, make([]byte, 0, b.Raw))
	if err != nil {
		return nil, damaged(err)
	}
	records, err := parseRecords(raw, g.Topic, g.Partition)
	switch {
	case err != nil:
		return nil, damaged(err)
	case len(records) == 0 || records[0].Offset != b.First || records[len(records)-1].Offset >= g.blockEnd(n),
		n == len(g.Blocks)-1 && records[len(records)-1].Offset != g.Next-1:
		return nil, damaged("its records are not those that the manifest says")
	}
	return records, nil
}

// blockEnd is the offset that a block's records are below.
func (g segment) blockEnd(n int) int64 {
	if n+1 < len(g.Blocks) {
		return g.Blocks[n+1].First
	}
	return g.Next
}

// blockAt is the first block that may have records from offset on.
func (g segment) blockAt(offset int64) int {
	i, exact := slices.BinarySearchFunc(g.Blocks, offset, func(b Block, o int64) int {
		switch {
		case b.First < o:
			return -1
		case b.First > o:
			return 1
		}
		return 0
	})
	if !exact && i > 0 {
		i--
	}
	return i
}
