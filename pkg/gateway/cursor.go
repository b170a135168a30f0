package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"annal/pkg/events"
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
	cursorSummed  = 18
)

// place is where a walk goes on.
type place struct {
	seq  events.Seq
	down bool
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
	return base64.RawURLEncoding.EncodeToString(append(b, sum[:cursorBytes-cursorSummed]...))
}

// place reads a cursor; INVALID_CURSOR.
func (q question) place(cursor string) (place, *events.Error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) == 0 || b[0] == 0 {
		return place{}, events.Errorf(events.CodeInvalidCursor, "the cursor is not one of ours")
	}
	if b[0] > cursorVersion {
		return place{}, events.Errorf(events.CodeInvalidCursor, "the cursor is of a newer server: begin again")
	}
	if len(b) != cursorBytes || b[1] > 1 {
		return place{}, events.Errorf(events.CodeInvalidCursor, "the cursor is not one of ours")
	}
	if sum := sha256.Sum256(b[:cursorSummed]); !bytes.Equal(sum[:cursorBytes-cursorSummed], b[cursorSummed:]) {
		return place{}, events.Errorf(events.CodeInvalidCursor, "the cursor is damaged")
	}
	if !bytes.Equal(b[2:10], q[:]) {
		return place{}, events.Errorf(events.CodeInvalidCursor, "the cursor is of another session or filter")
	}
	return place{events.Seq(binary.BigEndian.Uint64(b[10:cursorSummed])), b[1] == 1}, nil
}
