package ws

import "encoding/binary"

// Opcodes of RFC 6455, section 5.2.
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

const (
	final = 0x80
	// maxControl is the limit of a control frame's payload.
	maxControl = 125
)

// appendFrame adds an unfragmented frame as a server sends it: without a mask.
func appendFrame(b []byte, opcode byte, payload []byte) []byte {
	b = append(b, final|opcode)
	switch n := len(payload); {
	case n <= maxControl:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

// appendClose adds a close frame. Reasons are codes: short, and ASCII.
func appendClose(b []byte, status int, reason string) []byte {
	payload := binary.BigEndian.AppendUint16(make([]byte, 0, maxControl), uint16(status))
	payload = append(payload, reason[:min(len(reason), maxControl-2)]...)
	return appendFrame(b, opClose, payload)
}
