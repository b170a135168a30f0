package protocol

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-faster/jx"

	"annal/pkg/events"
)

// maxDouble is the first integer whose neighbours a JSON number cannot tell apart in
// every reader: 2^53. From there on numbers must be decimal strings.
const maxDouble = 1 << 53

// digits gives a number's decimal text, from a string or an integral JSON number.
func (r *reader) digits() (text []byte, quoted bool) {
	if r.null() || r.failed() {
		return nil, false
	}
	switch t := r.jx.Next(); t {
	case jx.String:
		b, err := r.jx.StrBytes()
		r.malformed(err)
		return b, true
	case jx.Number:
		n, err := r.jx.Num()
		r.malformed(err)
		if bytes.ContainsAny(n, ".eE") {
			r.fail(events.CodeInvalidField, "%s is not an integer written in digits", n)
		}
		return n, false
	default:
		r.fail(events.CodeMalformedFrame, "a number is expected, not %v", t)
		return nil, false
	}
}

func (r *reader) uint64() uint64 {
	if r.binary {
		return r.varint()
	}
	text, quoted := r.digits()
	if r.failed() || text == nil {
		return 0
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	switch {
	case err != nil:
		r.fail(events.CodeInvalidField, "%q is not a number from 0 to 2^64-1", text)
	case !quoted && n >= maxDouble:
		r.fail(events.CodeInvalidField, "%d must be a decimal string, as all from 2^53", n)
	default:
		return n
	}
	return 0
}

// optionalUint64 tells 0 from none.
func (r *reader) optionalUint64() *uint64 {
	if r.null() {
		return nil
	}
	n := r.uint64()
	return &n
}

func (r *reader) int64() int64 {
	if r.binary {
		return int64(r.varint())
	}
	text, quoted := r.digits()
	if r.failed() || text == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	switch {
	case err != nil, text[0] == '+':
		r.fail(events.CodeInvalidField, "%q is not a number from -2^63 to 2^63-1", text)
	case !quoted && (n >= maxDouble || n <= -maxDouble):
		r.fail(events.CodeInvalidField, "%d must be a decimal string, as all from 2^53", n)
	default:
		return n
	}
	return 0
}

func (r *reader) uint32() uint32 {
	n := r.uint64()
	if n > math.MaxUint32 {
		r.fail(events.CodeInvalidField, "%d is over 2^32-1", n)
		return 0
	}
	return uint32(n)
}

// limit reads a page's limit.
func (r *reader) limit(most uint32) uint32 {
	n := r.uint32()
	if n > most {
		r.fail(events.CodeInvalidField, "%d is over the limit of %d", n, most)
		return 0
	}
	return n
}
