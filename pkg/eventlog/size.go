package eventlog

import "annal/pkg/events"

// MaxRecordBytes is the limit of a record's Size where an implementation has no
// other, and what our topics are created with (max.message.bytes).
const MaxRecordBytes = 1 << 20

// MaxMetadataBytes is the limit of a commit's metadata: Kafka's own.
const MaxMetadataBytes = 4096

// Framing in Kafka's format: a record in a batch of its own, and a header, each
// with the longest lengths there can be.
const (
	batchOverhead  = 61 + 36
	headerOverhead = 10
)

// Size is what a record takes in the log at most, in bytes, uncompressed and with
// Kafka's framing around it.
func Size(r events.Record) int {
	n := batchOverhead + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += headerOverhead + len(h.Name) + len(h.Value)
	}
	return n
}
