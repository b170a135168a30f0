package devstack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The rules of Annal go by the broker's append time, so a development broker that kept the clients' clocks would let a
// client with a clock in 2020 revoke forever. kfake ignores message.timestamp.type, and a batch that carries the
// LogAppendTime attribute gets its time after any hook and keeps its old checksum, so that consumers refuse it. Hence
// appendTimes rewrites a batch into one whose *create* times all are the broker's time: base and maximum timestamp are
// set, each record's delta becomes zero, and the checksum is computed again.

// Offsets in a record batch (KIP-98, "message format v2"), in bytes from its start.
const (
	batchLengthAt    = 8
	batchMagicAt     = 16
	batchCRCAt       = 17
	batchAttrsAt     = 21 // the checksum covers everything from here
	batchFirstTimeAt = 27
	batchMaxTimeAt   = 35
	batchCountAt     = 57
	batchRecordsAt   = 61
)

const (
	attrCodec         = 0x0007
	attrLogAppendTime = 0x0008
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errBatch = errors.New("not a record batch of version 2")

// appendTimes is the clock of one broker: never earlier than it was, over restarts too.
type appendTimes struct {
	now    func() time.Time
	lastMS int64
}

// next is the time of the next batch in milliseconds of Unix time; atLeastMS is the latest time its partition holds.
func (a *appendTimes) next(atLeastMS int64) int64 {
	a.lastMS = max(a.lastMS, atLeastMS, a.now().UnixMilli())
	return a.lastMS
}

// stampProduces makes cluster give every batch for a topic with LogAppendTime the broker's time. A batch that can't be
// read is left as it is: kfake refuses it, with the code that a real broker has for what is wrong.
func stampProduces(cluster *kfake.Cluster, now func() time.Time) {
	clock := appendTimes{now: now} // kfake runs control functions one at a time
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		produce, ok := req.(*kmsg.ProduceRequest)
		if !ok {
			return nil, nil, false
		}
		for i := range produce.Topics {
			topic := &produce.Topics[i]
			info := cluster.TopicInfo(topic.Topic)
			if topic.Topic == "" { // version 13 and above name topics by id
				info = cluster.TopicIDInfo(topic.TopicID)
			}
			if info == nil || !wantsAppendTime(info.Configs) {
				continue
			}
			for j := range topic.Partitions {
				p := &topic.Partitions[j]
				latestMS := int64(0)
				if part := cluster.PartitionInfo(info.Topic, p.Partition); part != nil {
					latestMS = part.MaxTimestamp
				}
				if stamped, err := stampBatch(p.Records, clock.next(latestMS)); err == nil {
					p.Records = stamped
				}
			}
		}
		return nil, nil, false
	})
}

func wantsAppendTime(configs map[string]*string) bool {
	v := configs["message.timestamp.type"]
	return v != nil && *v == "LogAppendTime"
}

// stampBatch returns the record batch with every record's timestamp being unixMS. It may change batch in place.
// The error is errBatch, or says what in the records can't be read.
func stampBatch(batch []byte, unixMS int64) ([]byte, error) {
	if len(batch) < batchRecordsAt || batch[batchMagicAt] != 2 ||
		int(binary.BigEndian.Uint32(batch[batchLengthAt:])) != len(batch)-batchLengthAt-4 ||
		binary.BigEndian.Uint32(batch[batchCRCAt:]) != crc32.Checksum(batch[batchAttrsAt:], castagnoli) {
		return nil, errBatch
	}
	attrs := binary.BigEndian.Uint16(batch[batchAttrsAt:])

	records, err := withoutDeltas(batch[batchRecordsAt:], attrs&attrCodec, int(binary.BigEndian.Uint32(batch[batchCountAt:])))
	if err != nil {
		return nil, err
	}
	batch = append(batch[:batchRecordsAt:batchRecordsAt], records...)
	binary.BigEndian.PutUint32(batch[batchLengthAt:], uint32(len(batch)-batchLengthAt-4))
	binary.BigEndian.PutUint16(batch[batchAttrsAt:], attrs&^attrLogAppendTime)
	binary.BigEndian.PutUint64(batch[batchFirstTimeAt:], uint64(unixMS))
	binary.BigEndian.PutUint64(batch[batchMaxTimeAt:], uint64(unixMS))
	binary.BigEndian.PutUint32(batch[batchCRCAt:], crc32.Checksum(batch[batchAttrsAt:], castagnoli))
	return batch, nil
}

// withoutDeltas rewrites the records of a batch, compressed by codec, with timestamp deltas of zero.
func withoutDeltas(records []byte, codec uint16, count int) ([]byte, error) {
	plain := records
	if codec != 0 {
		var err error
		if plain, err = kgo.DefaultDecompressor().Decompress(records, kgo.CompressionCodecType(codec)); err != nil {
			return nil, fmt.Errorf("decompress a batch: %w", err)
		}
	}
	out, allZero := make([]byte, 0, len(plain)), true
	for range count {
		length, n := binary.Varint(plain)
		if n <= 0 || length < 1 || length > int64(len(plain)-n) {
			return nil, errBatch
		}
		body := plain[n : n+int(length)]
		plain = plain[n+int(length):]
		delta, n := binary.Varint(body[1:]) // body[0] holds the record's attributes
		if n <= 0 {
			return nil, errBatch
		}
		allZero = allZero && delta == 0
		rest := body[1+n:]
		out = binary.AppendVarint(out, int64(2+len(rest)))
		out = append(out, body[0], 0)
		out = append(out, rest...)
	}
	if allZero {
		return records, nil
	}
	return recompress(out, kgo.CompressionCodecType(codec))
}

var compressions = map[kgo.CompressionCodecType]kgo.CompressionCodec{
	kgo.CodecGzip:   kgo.GzipCompression(),
	kgo.CodecSnappy: kgo.SnappyCompression(),
	kgo.CodecLz4:    kgo.Lz4Compression(),
	kgo.CodecZstd:   kgo.ZstdCompression(),
}

// recompress keeps the codec the producer chose, so that the broker's size limit sees about what it sent.
func recompress(records []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if codec == kgo.CodecNone {
		return records, nil
	}
	compressor, err := kgo.DefaultCompressor(compressions[codec])
	if err != nil {
		return nil, fmt.Errorf("compress a batch with codec %d: %w", codec, err)
	}
	out, used := compressor.Compress(new(bytes.Buffer), records)
	if used != codec {
		return nil, fmt.Errorf("compress a batch: asked for codec %d, got %d", codec, used)
	}
	return out, nil
}
