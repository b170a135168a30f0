package protocol

import (
	"github.com/go-faster/jx"

	"annal/pkg/events"
)

// enum reads an enum by name, in protobuf by number. A lenient reader takes names it does not know for
// "unspecified".
func enum[E ~int32](r *reader, values map[string]int32) E {
	if r.binary {
		return E(r.wireEnum(values))
	}
	if r.null() || r.failed() {
		return 0
	}
	switch t := r.jx.Next(); t {
	case jx.String:
		b, err := r.jx.StrBytes()
		r.malformed(err)
		v, ok := values[string(b)]
		if !ok && !r.lenient {
			r.fail(events.CodeInvalidField, "no such name: %q", b)
		}
		return E(v)
	case jx.Number:
		if r.lenient {
			n, err := r.jx.Int32()
			r.malformed(err)
			return E(n)
		}
		r.fail(events.CodeInvalidField, "enums go by name")
	default:
		r.fail(events.CodeMalformedFrame, "a name is expected, not %v", t)
	}
	return 0
}
