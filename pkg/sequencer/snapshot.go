package sequencer

import (
	"fmt"

	"annal/pkg/events"
)

// Bounds of the records of annal.snapshots.
const (
	// chunkBytes is about how much goes into a chunk.
	chunkBytes = 512 << 10
	// inlineBytes is how much may stand in a snapshot itself.
	inlineBytes = 32 << 10
	// maxLastingChunks is how many chunks are used again; beyond, all is written anew.
	maxLastingChunks = 64
)

// snapshotting is one session's snapshot in the making. Rows of messages, and what was
// accepted under their client ids, seldom change once written: they go into lasting
// chunks that later snapshots use again, so that a long conversation costs what is new
// in it. All other rows are written each time.
type snapshotting struct {
	snapshot events.Snapshot
	now      events.Millis
	// put writes a chunk and gives the hash of its record's value.
	put func(number uint32, rows []events.StoredRow) (events.Hash, error)

	number            uint32
	lasting, volatile rowBuffer
	// chunks hold what is written each time.
	chunks []events.ChunkRef
	head   *events.Head
}

type rowBuffer struct {
	rows  []events.StoredRow
	bytes int
}

func (b *rowBuffer) add(k events.Key, value []byte) {
	b.rows = append(b.rows, events.StoredRow{Key: k, Value: append([]byte{}, value...)})
	b.bytes += len(k) + len(value) + 8
}

// takeSnapshot makes the snapshot of a session, using the lasting chunks of was, which
// may be nil. False when there is no such session. It is a function of the rows, their
// progress, and was.
func takeSnapshot(rows StoredRows, s events.SessionID, was *events.Snapshot, put func(uint32, []events.StoredRow) (events.Hash, error)) (events.Snapshot, bool, error) {
	p := rows.Progress()
	t := &snapshotting{now: p.Time, put: put, snapshot: events.Snapshot{Session: s, Offset: p.Offset}}
	if was != nil {
		t.reuse(was)
	}
	if err := rows.Session(s, t.row); err != nil {
		return events.Snapshot{}, false, err
	}
	if t.head == nil {
		return events.Snapshot{}, false, nil
	}
	err := t.finish()
	return t.snapshot, err == nil, err
}

func (t *snapshotting) reuse(was *events.Snapshot) {
	var chunks []events.ChunkRef
	for _, c := range was.Chunks {
		if c.Lasting {
			chunks = append(chunks, c)
		}
	}
	if len(chunks) > 0 && len(chunks) < maxLastingChunks {
		t.snapshot.Chunks = chunks
		t.snapshot.LastingSeq, t.snapshot.LastingTime = was.LastingSeq, was.LastingTime
	}
}

func (t *snapshotting) row(k events.Key, value []byte) error {
	lasting, keep, err := t.judge(k, value)
	if err != nil || !keep {
		return err
	}
	buffer, flush := &t.volatile, t.flushVolatile
	if lasting {
		buffer, flush = &t.lasting, t.flushLasting
	}
	buffer.add(k, value)
	if buffer.bytes >= chunkBytes {
		return flush()
	}
	return nil
}

// judge says whether a row is lasting, and whether it goes into this snapshot: not when
// it is in a lasting chunk already, or has expired.
func (t *snapshotting) judge(k events.Key, value []byte) (lasting, keep bool, err error) {
	row, err := events.DecodeRow(k, value)
	if err != nil {
		return false, false, fmt.Errorf("sequencer: row %q of %s: %w", k, t.snapshot.Session, err)
	}
	since := t.snapshot.LastingSeq
	switch row := row.(type) {
	case events.Head:
		t.head = &row
	case events.Message:
		seq, _ := events.KeySeq(k)
		return true, max(seq, row.Revoked, row.Deleted, row.Overridden) > since, nil
	case events.Place:
		seq, _ := events.KeySeq(k)
		return true, seq > since, nil
	case events.ClientID:
		if row.Code != "" {
			return false, t.now-row.Time <= events.ClientIDTTL, nil
		}
		// Of the same millisecond some may be in, and standing twice harms nothing.
		return true, since == 0 || row.Time >= t.snapshot.LastingTime, nil
	case events.Member, events.Standing, events.Info, events.AskRow, events.InviteRow, events.Noted, events.EmojiRow, events.SettingsRow, events.DeviceRow, events.Profile, events.Privacy, events.Notifications,
		events.LoginRow:
	}
	return false, true, nil
}

func (t *snapshotting) chunk(b *rowBuffer, lasting bool) (events.ChunkRef, error) {
	hash, err := t.put(t.number, b.rows)
	ref := events.ChunkRef{Offset: t.snapshot.Offset, Number: t.number, SHA256: hash, Lasting: lasting}
	t.number++
	*b = rowBuffer{}
	return ref, err
}

func (t *snapshotting) flushLasting() error {
	ref, err := t.chunk(&t.lasting, true)
	t.snapshot.Chunks = append(t.snapshot.Chunks, ref)
	return err
}

func (t *snapshotting) flushVolatile() error {
	ref, err := t.chunk(&t.volatile, false)
	t.chunks = append(t.chunks, ref)
	return err
}

func (t *snapshotting) finish() error {
	s := &t.snapshot
	small := len(s.Chunks) == 0 && t.lasting.bytes+t.volatile.bytes <= inlineBytes
	if !small && len(t.lasting.rows) > 0 {
		if err := t.flushLasting(); err != nil {
			return err
		}
	}
	if t.volatile.bytes > inlineBytes {
		if err := t.flushVolatile(); err != nil {
			return err
		}
	}
	s.LastingSeq, s.LastingTime = 0, 0
	if len(s.Chunks) > 0 {
		s.LastingSeq, s.LastingTime = t.head.Seq, t.now
	}
	s.Hash = t.head.Hash
	s.Chunks = append(s.Chunks, t.chunks...)
	s.Rows = append(t.lasting.rows, t.volatile.rows...)
	return nil
}
