package webpush

import (
	"bytes"
	"encoding/json"

	"annal/pkg/projections/push"
)

// payload is what a service worker gets: the contract with the page, described in the package's comment.
type payload struct {
	Kind   push.Kind         `json:"kind"`
	Title  string            `json:"title"`
	Body   string            `json:"body"`
	Tag    string            `json:"tag,omitempty"`
	Thread string            `json:"thread,omitempty"`
	Link   string            `json:"link,omitempty"`
	Badge  *int              `json:"badge,omitempty"`
	Data   map[string]string `json:"data"`
}

// Sizes, in bytes. A push service takes 4096 in a request at least (RFC 8030, 7.2), of which encryption needs 103; but what is on its way to Firefox on
// Android takes 3070 (autopush, "intended for a constrained device"). Nobody reads what would be between the two, so the smaller one is for all.
const (
	maxRequest = 3070
	// A header of salt, record size, key's length and key (RFC 8188, 2.1), the delimiter and the tag of the only record.
	header, delimiter, tag = 16 + 4 + 1 + 65, 1, 16
	maxPayload             = maxRequest - header - delimiter - tag
	// step is what requests' sizes are multiples of, so that a push service learns less of how long a text is.
	step = 256
)

// encode writes a note, its body cut to what fits; nil if even none does.
func encode(n *push.Note) []byte {
	p := payload{Kind: n.Kind, Tag: n.Collapse, Thread: n.Thread, Link: n.Link, Data: n.Data}
	if n.Badge >= 0 {
		p.Badge = &n.Badge
	}
	var written bytes.Buffer
	write := func(title, body string) bool {
		p.Title, p.Body = title, body
		written.Reset()
		e := json.NewEncoder(&written)
		e.SetEscapeHTML(false)
		// A struct of strings can be encoded.
		_ = e.Encode(p)
		return written.Len()-1 <= maxPayload
	}
	title, body, ok := push.Fit(n.Title, n.Body, write)
	if !ok {
		return nil
	}
	write(title, body)
	return bytes.TrimSuffix(written.Bytes(), []byte("\n"))
}

// recordSize is what the driver pads to, header included.
func recordSize(payload []byte) uint32 {
	size := header + len(payload) + delimiter + tag
	return uint32(min((size+step-1)/step*step, maxRequest))
}
