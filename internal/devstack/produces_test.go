package devstack

import (
	"encoding/binary"
	"testing"
)

// TestProducesInPieces: answers to produce requests are told from others, however the streams are cut.
func TestProducesInPieces(t *testing.T) {
	var asked, said []byte
	for i, key := range []uint16{3, 0, 1, 0, 0, 18} {
		asked = binary.BigEndian.AppendUint32(asked, uint32(8+i))
		asked = binary.BigEndian.AppendUint16(asked, key)
		asked = binary.BigEndian.AppendUint16(asked, 9)
		asked = binary.BigEndian.AppendUint32(asked, uint32(i))
		asked = append(asked, make([]byte, i)...)
		said = binary.BigEndian.AppendUint32(said, uint32(4+2*i))
		said = binary.BigEndian.AppendUint32(said, uint32(i))
		said = append(said, make([]byte, 2*i)...)
	}
	for size := 1; size <= len(asked); size++ {
		var p produces
		found := 0
		for b := asked; len(b) > 0; b = b[min(size, len(b)):] {
			p.see(b[:min(size, len(b))])
		}
		for i := range said { // one by one: no two answers begin in one piece
			if p.answersProduce(said[i : i+1]) {
				found++
			}
		}
		if found != 3 {
			t.Errorf("in pieces of %d bytes: %d answers to produce requests were found, want 3", size, found)
		}
	}
}
