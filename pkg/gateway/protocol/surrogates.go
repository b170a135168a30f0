package protocol

import (
	"bytes"
	"strconv"
	"unicode/utf16"
)

// loneSurrogate says whether an escape in the frame is half a surrogate pair without
// the other, which no UTF-8 can hold and the decoder would replace silently. In
// JSON, backslashes stand only in strings, so the frame can be scanned as a whole.
func loneSurrogate(frame []byte) bool {
	for {
		i := bytes.IndexByte(frame, '\\')
		if i < 0 || i+1 >= len(frame) {
			return false
		}
		first, ok := escapedUnit(frame[i:])
		if !ok {
			frame = frame[i+2:]
			continue
		}
		frame = frame[i+6:]
		if !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := escapedUnit(frame)
		if !ok || utf16.DecodeRune(first, second) == '\uFFFD' {
			return true
		}
		frame = frame[6:]
	}
}

// escapedUnit reads the UTF-16 unit of a \uXXXX that b begins with.
func escapedUnit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}
