// Package pebble keeps the sequencer's rows on the local disk, in one Pebble database
// per process, shared by its partitions.
package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"annal/pkg/events"
	"annal/pkg/sequencer"
)

// A key is: the partition (4 bytes, big endian), a kind byte, then for rows the
// session's length (uvarint), the session and the row's key, for notes their name.
const (
	kindNote     byte = 'n'
	kindProgress byte = 'p'
	kindRow      byte = 'r'
)

// form begins what is kept under clusterKey. Changing how keys or rows are written
// changes it, and rows written otherwise are built anew.
const form = events.RowsForm + " of "

// clusterKey sorts behind all partitions.
var clusterKey = []byte("\xff\xff\xff\xffcluster")

// DB is the database of one data directory.
type DB struct {
	db *pebble.DB
	mu sync.Mutex
	// open are the partitions whose store is in use.
	open map[int32]bool
}

// Memory the database may take, in all, and how it is laid out for rows that are read
// and written anywhere among those of a million sessions. Pebble takes its memtables out
// of the block cache's budget, and what is left must hold the filters and indexes, of
// about 2 bytes a row: what a look for an absent client id misses there it reads from the
// file again. Every compaction of the top level writes all the rest anew, so it waits for
// as much as memory and readers bear.
const (
	cacheBytes    = 128 << 20
	memTableBytes = 32 << 20
	// fileBytes bounds what one filter is of, and so what is read when it is missed.
	fileBytes = 4 << 20
	// topFiles is how many layers of files the top level may have before it is compacted;
	// at stopFiles writes wait.
	topFiles, stopFiles = 8, 24
)

// Open opens or makes the database in dir for the log of that cluster. One that holds
// another cluster's rows is emptied: rows are a function of a log, not worth keeping
// without it.
func Open(dir, cluster string, log *slog.Logger) (*DB, error) {
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	opts := &pebble.Options{
		FS: guardedFS{vfs.Default, quiet{log}}, Cache: cache, MemTableSize: memTableBytes,
		L0CompactionThreshold: topFiles, L0StopWritesThreshold: stopFiles,
		Logger: quiet{log}, EventListener: quiet{log}.listener(), FormatMajorVersion: pebble.FormatNewest,
	}
	// Every command looks for its client id, which is nearly always absent: ten bits a
	// key answer that without reading a block.
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		opts.TargetFileSizes[i] = fileBytes
	}
	db, err := pebble.Open(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("pebble: open %s: %w", dir, err)
	}
	d := &DB{db: db, open: map[int32]bool{}}
	if err := d.claim(cluster, log); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

// claim makes sure that the rows are of that cluster's log.
func (d *DB) claim(cluster string, log *slog.Logger) error {
	want := form + cluster
	had, err := d.get(clusterKey)
	if err != nil {
		return err
	}
	if had != nil && string(had) == want {
		return nil
	}
	if had != nil {
		log.Warn("the stored rows are of another cluster or form; emptying them", "theirs", string(had), "ours", want)
		if err := d.db.DeleteRange([]byte{0}, clusterKey, pebble.Sync); err != nil {
			return fmt.Errorf("pebble: %w", err)
		}
	}
	if err := d.db.Set(clusterKey, []byte(want), pebble.Sync); err != nil {
		return fmt.Errorf("pebble: %w", err)
	}
	return nil
}

func (d *DB) get(key []byte) ([]byte, error) {
	value, closer, err := d.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pebble: %w", err)
	}
	out := append([]byte{}, value...)
	if err := closer.Close(); err != nil {
		return nil, fmt.Errorf("pebble: %w", err)
	}
	return out, nil
}

// Close writes what is in memory and closes the files. Stores must be closed before.
func (d *DB) Close() error {
	if err := errors.Join(d.db.Flush(), d.db.Close()); err != nil {
		return fmt.Errorf("pebble: %w", err)
	}
	return nil
}

// Store gives a partition's store; one at a time.
func (d *DB) Store(partition int32) (sequencer.Store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[partition] {
		return nil, fmt.Errorf("pebble: partition %d is open already", partition)
	}
	d.open[partition] = true
	return &store{db: d, partition: partition}, nil
}

type store struct {
	db        *DB
	partition int32
}

func (s *store) key(kind byte) []byte {
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 64), uint32(s.partition)), kind)
}

func (s *store) rowKey(id events.SessionID, k events.Key) []byte {
	b := binary.AppendUvarint(s.key(kindRow), uint64(len(id)))
	return append(append(b, id...), k...)
}

// Progress implements sequencer.Store.
func (s *store) Progress() (events.Progress, bool, error) {
	value, err := s.db.get(s.key(kindProgress))
	if err != nil || value == nil {
		return events.Progress{}, false, err
	}
	p, err := events.ParseProgress(string(value))
	if err != nil {
		return events.Progress{}, false, fmt.Errorf("pebble: %w", err)
	}
	return p, true, nil
}

// Get implements sequencer.Store. It seeks with an iterator, since Pebble's own Get
// looks at no filter in the lowest level, where most of the rows are; with one for all
// keys, in their order, since making one costs more than seeking.
func (s *store) Get(id events.SessionID, keys []events.Key) ([][]byte, error) {
	iter, err := s.db.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return nil, fmt.Errorf("pebble: %w", err)
	}
	values := make([][]byte, len(keys))
	key := s.rowKey(id, "")
	prefix := len(key)
	for _, i := range ascending(keys) {
		key = append(key[:prefix], keys[i]...)
		if iter.SeekPrefixGE(key) && bytes.Equal(iter.Key(), key) {
			values[i] = append([]byte{}, iter.Value()...)
		}
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return nil, fmt.Errorf("pebble: %w", err)
	}
	return values, nil
}

// ascending gives the places of keys in their order.
func ascending(keys []events.Key) []int {
	places := make([]int, len(keys))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(a, b int) int { return strings.Compare(string(keys[a]), string(keys[b])) })
	return places
}

// First implements sequencer.Store.
func (s *store) First(id events.SessionID, prefix events.Key, n int) ([]events.Key, error) {
	lower := s.rowKey(id, prefix)
	iter, err := s.db.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: after(lower)})
	if err != nil {
		return nil, fmt.Errorf("pebble: %w", err)
	}
	var keys []events.Key
	skip := len(s.rowKey(id, ""))
	for ok := iter.First(); ok && len(keys) < n; ok = iter.Next() {
		keys = append(keys, events.Key(iter.Key()[skip:]))
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return nil, fmt.Errorf("pebble: %w", err)
	}
	return keys, nil
}

// after is the first key that does not begin with prefix; prefix is not all 0xff.
func after(prefix []byte) []byte {
	end := append([]byte{}, prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// Apply implements sequencer.Store. It does not wait for the disk: rows and progress
// are one batch, so what a power cut loses is read from the log again.
func (s *store) Apply(p events.Progress, rows []sequencer.StoredRow) error {
	return s.write(func(b *pebble.Batch) error {
		return errors.Join(s.set(b, rows), b.Set(s.key(kindProgress), []byte(p.String()), nil))
	})
}

// write commits a batch.
func (s *store) write(fill func(*pebble.Batch) error) error {
	b := s.db.db.NewBatch()
	err := fill(b)
	if err == nil {
		err = b.Commit(pebble.NoSync)
	}
	if err := errors.Join(err, b.Close()); err != nil {
		return fmt.Errorf("pebble: %w", err)
	}
	return nil
}

func (s *store) set(b *pebble.Batch, rows []sequencer.StoredRow) error {
	for _, r := range rows {
		key := s.rowKey(r.Session, r.Key)
		var err error
		if r.Value == nil {
			err = b.Delete(key, nil)
		} else {
			err = b.Set(key, r.Value, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Reset implements sequencer.Store.
func (s *store) Reset() error {
	lower := s.key(0)[:4]
	if err := s.db.db.DeleteRange(lower, after(lower), pebble.Sync); err != nil {
		return fmt.Errorf("pebble: %w", err)
	}
	return nil
}

// Close implements sequencer.Store.
func (s *store) Close() error {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	delete(s.db.open, s.partition)
	return nil
}
