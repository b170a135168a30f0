package events

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// RowsForm names how rows are written. Changing the rows changes it, and rows written
// otherwise, on disk or in snapshots, are built anew.
const RowsForm = "rows 1"

// Types of records in annal.snapshots.
const (
	TypeSnapshot   = "annal.snapshot"
	TypeChunk      = "annal.snapshot.chunk"
	TypeCheckpoint = "annal.checkpoint"
	// TypeMark only marks how far the topic reaches.
	TypeMark = "annal.snapshots.mark"
)

type (
	// StoredRow is a row of a session as it is stored.
	StoredRow struct {
		Key   Key
		Value []byte
	}
	// ChunkRef names a chunk of a session, first written for the snapshot of an offset.
	ChunkRef struct {
		Offset int64
		Number uint32
		SHA256 Hash
		// Lasting: it holds rows that later events seldom change.
		Lasting bool
	}
	// Snapshot names all rows of a session as of an offset of its partition's events.
	Snapshot struct {
		Session SessionID
		// Offset: events below it are in the rows.
		Offset int64
		// Hash is the head's.
		Hash Hash
		// Chunks are applied in this order and Rows last; later rows replace earlier ones.
		Chunks []ChunkRef
		Rows   []StoredRow
		// The lasting chunks hold the lasting rows up to this seq and log time.
		LastingSeq  Seq
		LastingTime Millis
	}
	// Checkpoint says that snapshots of all sessions of its partition stand before it.
	Checkpoint struct {
		Progress Progress
		Census   Census
	}
	// Census is a sum over sessions by which a missing or older snapshot is noticed. The
	// zero value is that of none.
	Census struct{ Sessions, Sum uint64 }
)

// Add counts a session whose last outcome has that hash.
func (c *Census) Add(s SessionID, hash Hash) { c.Sessions, c.Sum = c.Sessions+1, c.Sum+share(s, hash) }

// Remove takes back what Add counted.
func (c *Census) Remove(s SessionID, hash Hash) {
	c.Sessions, c.Sum = c.Sessions-1, c.Sum-share(s, hash)
}

func share(s SessionID, hash Hash) uint64 {
	sum := sha256.Sum256(append([]byte(s), hash[:]...))
	return binary.BigEndian.Uint64(sum[:])
}

// Keys of annal.snapshots begin with what the record is. A session's id has no NUL.
const (
	snapshotKey   = 's'
	chunkKey      = 'c'
	checkpointKey = 'p'
)

// MarkKey is the key of marks.
const MarkKey = "mark"

// SnapshotKey is the key of a session's snapshot.
func SnapshotKey(s SessionID, offset int64) []byte {
	return binary.BigEndian.AppendUint64(append(append([]byte{snapshotKey}, s...), 0), uint64(offset))
}

// ChunkKey is the key of a session's chunk.
func ChunkKey(s SessionID, offset int64, number uint32) []byte {
	b := binary.BigEndian.AppendUint64(append(append([]byte{chunkKey}, s...), 0), uint64(offset))
	return binary.BigEndian.AppendUint32(b, number)
}

// CheckpointKey is the key of a checkpoint.
func CheckpointKey(offset int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{checkpointKey}, uint64(offset))
}

// EncodeSnapshot writes a snapshot as a record of annal.snapshots.
func EncodeSnapshot(s Snapshot, e Envelope) (Record, error) {
	var w wireWriter
	wireString(&w, 1, s.Session)
	w.uint(2, uint64(s.Offset))
	w.bytes(3, s.Hash[:])
	for _, c := range s.Chunks {
		m := w.begin(4)
		w.uint(1, uint64(c.Offset))
		w.uint(2, uint64(c.Number))
		w.bytes(3, c.SHA256[:])
		w.bool(4, c.Lasting)
		w.end(m)
	}
	w.rows(5, s.Rows)
	w.uint(6, uint64(s.LastingSeq))
	w.uint(7, uint64(s.LastingTime))
	wireString(&w, 8, RowsForm)
	value, err := w.done()
	if err != nil {
		return Record{}, err
	}
	key := SnapshotKey(s.Session, s.Offset)
	return Record{Key: key, Value: value, Headers: headers(e, TypeSnapshot, fmt.Sprintf("%s/%d", s.Session, s.Offset), string(s.Session), 0)}, nil
}

// ErrForm is a snapshot or checkpoint of rows that are written otherwise.
var ErrForm = errors.New("events: rows of another form")

// DecodeSnapshot reads a snapshot. Errors are *VersionError, *TypeError, *DecodeError or
// ErrForm.
func DecodeSnapshot(rec Record) (Snapshot, error) {
	if _, err := checkType(rec, TypeSnapshot); err != nil {
		return Snapshot{}, err
	}
	s, err := readSnapshot(rec.Value)
	if err == nil && !bytes.Equal(rec.Key, SnapshotKey(s.Session, s.Offset)) {
		err = &DecodeError{fmt.Errorf("snapshot of %s at %d under key %q", s.Session, s.Offset, rec.Key)}
	}
	return s, err
}

// ParseSnapshot reads the value of a session's snapshot.
func ParseSnapshot(session SessionID, value []byte) (Snapshot, error) {
	s, err := readSnapshot(value)
	if err == nil && s.Session != session {
		err = &DecodeError{fmt.Errorf("snapshot of %s, not of %s", s.Session, session)}
	}
	return s, err
}

func readSnapshot(value []byte) (Snapshot, error) {
	var s Snapshot
	var form string
	r := readWire(value)
	for r.next() {
		switch r.field {
		case 1:
			s.Session = SessionID(r.string())
		case 2:
			s.Offset = int64(r.number)
		case 3:
			r.fixed(s.Hash[:])
		case 4:
			s.Chunks = append(s.Chunks, r.chunkRef())
		case 5:
			s.Rows = append(s.Rows, r.storedRow())
		case 6:
			s.LastingSeq = Seq(r.number)
		case 7:
			s.LastingTime = Millis(r.number)
		case 8:
			form = r.string()
		}
	}
	if err := r.done(); err != nil {
		return Snapshot{}, err
	}
	if form != RowsForm {
		return Snapshot{}, ErrForm
	}
	return s, nil
}

// EncodeChunk writes a chunk of a session's rows as a record of annal.snapshots.
func EncodeChunk(s SessionID, offset int64, number uint32, rows []StoredRow, e Envelope) (Record, error) {
	var w wireWriter
	w.rows(1, rows)
	value, err := w.done()
	if err != nil {
		return Record{}, err
	}
	id := fmt.Sprintf("%s/%d/%d", s, offset, number)
	return Record{Key: ChunkKey(s, offset, number), Value: value, Headers: headers(e, TypeChunk, id, string(s), 0)}, nil
}

// DecodeChunk reads a chunk's record value, which must have the reference's hash.
func DecodeChunk(value []byte, ref ChunkRef) ([]StoredRow, error) {
	if sha256.Sum256(value) != ref.SHA256 {
		return nil, &DecodeError{errors.New("the chunk is not the one that the snapshot names")}
	}
	var rows []StoredRow
	r := readWire(value)
	for r.next() {
		if r.field == 1 {
			rows = append(rows, r.storedRow())
		}
	}
	return rows, r.done()
}

// EncodeCheckpoint writes a checkpoint as a record of annal.snapshots.
func EncodeCheckpoint(c Checkpoint, e Envelope) (Record, error) {
	var w wireWriter
	wireString(&w, 1, RowsForm)
	w.uint(2, uint64(c.Progress.Offset))
	w.owner(3, c.Progress.Owner)
	w.uint(4, uint64(c.Progress.Last))
	w.uint(5, uint64(c.Progress.Time))
	w.uint(6, c.Census.Sessions)
	w.uint(7, c.Census.Sum)
	value, err := w.done()
	if err != nil {
		return Record{}, err
	}
	return Record{Key: CheckpointKey(c.Progress.Offset), Value: value, Headers: headers(e, TypeCheckpoint, c.Progress.String(), "", 0)}, nil
}

// DecodeCheckpoint reads a checkpoint. Errors are *VersionError, *TypeError, *DecodeError
// or ErrForm.
func DecodeCheckpoint(rec Record) (Checkpoint, error) {
	if _, err := checkType(rec, TypeCheckpoint); err != nil {
		return Checkpoint{}, err
	}
	var c Checkpoint
	var form string
	r := readWire(rec.Value)
	for r.next() {
		switch r.field {
		case 1:
			form = r.string()
		case 2:
			c.Progress.Offset = int64(r.number)
		case 3:
			c.Progress.Owner = r.owner()
		case 4:
			c.Progress.Last = int64(r.number)
		case 5:
			c.Progress.Time = Millis(r.number)
		case 6:
			c.Census.Sessions = r.number
		case 7:
			c.Census.Sum = r.number
		}
	}
	switch err := r.done(); {
	case err != nil:
		return Checkpoint{}, err
	case form != RowsForm:
		return Checkpoint{}, ErrForm
	case !bytes.Equal(rec.Key, CheckpointKey(c.Progress.Offset)):
		return Checkpoint{}, &DecodeError{fmt.Errorf("checkpoint at %d under key %q", c.Progress.Offset, rec.Key)}
	}
	return c, nil
}

// String gives the text that ParseCheckpoint reads.
func (c Checkpoint) String() string {
	return fmt.Sprintf("%s %d %d", c.Progress, c.Census.Sessions, c.Census.Sum)
}

// ParseCheckpoint reads what String wrote.
func ParseCheckpoint(s string) (Checkpoint, error) {
	// The two numbers behind the progress.
	second := strings.LastIndexByte(s, ' ')
	first := strings.LastIndexByte(s[:max(second, 0)], ' ')
	if first < 0 {
		return Checkpoint{}, fmt.Errorf("events: %q is no checkpoint", s)
	}
	var c Checkpoint
	var errs [3]error
	c.Progress, errs[0] = ParseProgress(s[:first])
	c.Census.Sessions, errs[1] = strconv.ParseUint(s[first+1:second], 10, 64)
	c.Census.Sum, errs[2] = strconv.ParseUint(s[second+1:], 10, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return Checkpoint{}, fmt.Errorf("events: checkpoint %q: %w", s, err)
	}
	return c, nil
}

// EncodeMark gives a record that only marks how far annal.snapshots reaches.
func EncodeMark(e Envelope) Record {
	return Record{Key: []byte(MarkKey), Value: []byte{}, Headers: headers(e, TypeMark, MarkKey, "", 0)}
}

func (w *wireWriter) rows(field protowire.Number, rows []StoredRow) {
	for _, row := range rows {
		m := w.begin(field)
		w.bytes(1, []byte(row.Key))
		w.bytes(2, row.Value)
		w.end(m)
	}
}

func (r *wireReader) storedRow() (row StoredRow) {
	row.Value = []byte{}
	r.within(func() {
		switch r.field {
		case 1:
			row.Key = Key(r.data)
		case 2:
			row.Value = append(row.Value, r.data...)
		}
	})
	return row
}

func (r *wireReader) chunkRef() (c ChunkRef) {
	r.within(func() {
		switch r.field {
		case 1:
			c.Offset = int64(r.number)
		case 2:
			c.Number = uint32(r.number)
		case 3:
			r.fixed(c.SHA256[:])
		case 4:
			c.Lasting = r.bool()
		}
	})
	return c
}
