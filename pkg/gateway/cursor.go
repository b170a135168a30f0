package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// A cursor of history is a place in a timeline, and which way to go from there. It names no row of any store: so it leads over
// the border between hot and cold, which moves, and does not expire. It holds, in base64:
//
//	byte 0      the version
//	byte 1      1 for going down, to what is older; 0 for going up
//	bytes 2-9   of what question it is: the first bytes of the digest of its session and filter
//	bytes 10-17 the seq to go on with
//	bytes 18-21 the first bytes of the SHA-256 of all before
//
// It is no secret and gives no right: whoever asks gets what they may see.

const (
	cursorVersion = 1
	cursorBytes   = 22
	cursorSum     = 4
)

// place is where a walk goes on.
type place struct {
	seq  events.Seq
	down bool
}

// A cursor of a search is the last hit: the version, searchWay, the question and then its log time, seq and
// session, and the sum.

const (
	searchWay        = 2
	foundCursorBytes = 1 + 1 + 8 + 8 + 8 + 4
)

// foundCursor names a message that a search goes on after.
func (q question) foundCursor(f archive.Found) string {
	b := append([]byte{cursorVersion, searchWay}, q[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(f.Time))
	b = append(binary.BigEndian.AppendUint64(b, uint64(f.Seq)), f.Session...)
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(append(b, sum[:cursorSum]...))
}

// found reads a search's cursor; INVALID_CURSOR.
func (q question) found(cursor string) (archive.Found, *events.Error) {
	b, err := q.check(cursor)
	if err != nil {
		return archive.Found{}, err
	}
	if len(b) <= foundCursorBytes-cursorSum || b[1] != searchWay {
		return archive.Found{}, events.Errorf(events.CodeInvalidCursor, "the cursor is not one of ours")
	}
	f := archive.Found{Time: events.Millis(binary.BigEndian.Uint64(b[10:18])), Seq: events.Seq(binary.BigEndian.Uint64(b[18:26])), Session: events.SessionID(b[26:])}
	if f.Time < 0 || !events.ValidName(string(f.Session)) {
		return archive.Found{}, events.Errorf(events.CodeInvalidCursor, "the cursor is not one of ours")
	}
	return f, nil
}

// question is the digest of what was asked, places aside.
type question [8]byte

// cursor names the place in the answer to the question.
func (q question) cursor(p place) string {
	b := make([]byte, 0, cursorBytes)
	way := byte(0)
	if p.down {
		way = 1
	}
	b = append(b, cursorVersion, way)
	b = append(b, q[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.seq))
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(append(b, sum[:cursorSum]...))
}

// place reads a cursor; INVALID_CURSOR.
func (q question) place(cursor string) (place, *events.Error) {
	b, err := q.check(cursor)
	if err != nil {
		return place{}, err
	}
	if len(b) != cursorBytes-cursorSum || b[1] > 1 {
		return place{}, events.Errorf(events.CodeInvalidCursor, "the cursor is not one of ours")
	}
	return place{events.Seq(binary.BigEndian.Uint64(b[10:])), b[1] == 1}, nil
}

// check gives what a cursor says, without its sum, when it is whole and of this question.
func (q question) check(cursor string) ([]byte, *events.Error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	switch {
	case err != nil, len(b) == 0, b[0] == 0:
		return nil, events.Errorf(events.CodeInvalidCursor, "the cursor is not one of ours")
	case b[0] > cursorVersion:
		return nil, events.Errorf(events.CodeInvalidCursor, "the cursor is of a newer server: begin again")
	case len(b) < cursorBytes:
		return nil, events.Errorf(events.CodeInvalidCursor, "the cursor is not one of ours")
	}
	said, sum := b[:len(b)-cursorSum], sha256.Sum256(b[:len(b)-cursorSum])
	switch {
	case !bytes.Equal(sum[:cursorSum], b[len(said):]):
		return nil, events.Errorf(events.CodeInvalidCursor, "the cursor is damaged")
	case !bytes.Equal(said[2:10], q[:]):
		return nil, events.Errorf(events.CodeInvalidCursor, "the cursor is of another question")
	}
	return said, nil
}
