package events

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Record is a record's content in any of the topics, as written and as read.
type Record struct {
	Key     []byte
	Value   []byte
	Headers []Header
}

// Header is a record header.
type Header struct {
	Name  string
	Value []byte
}

// Header gives the value of the first header of that name.
func (r Record) Header(name string) (string, bool) {
	for _, h := range r.Headers {
		if h.Name == name {
			return string(h.Value), true
		}
	}
	return "", false
}

// Header names. The ce_ ones are CloudEvents 1.0 in Kafka's binary mode.
const (
	HeaderSpecVersion   = "ce_specversion"
	HeaderID            = "ce_id"
	HeaderType          = "ce_type"
	HeaderSource        = "ce_source"
	HeaderSubject       = "ce_subject"
	HeaderTime          = "ce_time"
	HeaderContentType   = "content-type"
	HeaderSchemaVersion = "schema_version"
	HeaderTraceParent   = "traceparent"
	HeaderOwner         = "owner"
	HeaderCommand       = "command"
	HeaderPrev          = "prev"
)

// Owner is one process's turn at deciding a partition. The zero Owner stands for
// "none yet".
type Owner struct {
	// N is one above the owner it replaced.
	N      uint64
	Random [16]byte
}

// String gives the owner header's text: "12-" and the random part in hex.
func (o Owner) String() string {
	return strconv.FormatUint(o.N, 10) + "-" + hex.EncodeToString(o.Random[:])
}

// ParseOwner reads what String wrote.
func ParseOwner(s string) (Owner, error) {
	n, random, ok := strings.Cut(s, "-")
	var o Owner
	var err error
	if o.N, err = strconv.ParseUint(n, 10, 64); !ok || err != nil || len(random) != 2*len(o.Random) {
		return Owner{}, fmt.Errorf("events: %q is not an owner", s)
	}
	if _, err := hex.Decode(o.Random[:], []byte(random)); err != nil {
		return Owner{}, fmt.Errorf("events: %q is not an owner", s)
	}
	return o, nil
}

// Fence opens an owner's turn; it counts only if After is the owner then.
type Fence struct {
	Owner Owner
	After Owner
}

// Stamp is what the reader's rule looks at in an outcome's headers.
type Stamp struct {
	Owner Owner
	// Command is the offset of the outcome's command in the same partition of annal.commands.
	Command int64
	// Prev is the command offset of the owner's outcome before this one.
	Prev int64
}
