package eventlog

// KeyPartition is the partition, of n, that a key belongs to: the one Kafka's
// default partitioner chooses (murmur2, sign bit cleared, modulo n), so that any
// Kafka client puts a session's records where ours are. An empty key has a
// partition too.
func KeyPartition(key []byte, n int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % n
}

// murmur2 is the 32-bit hash as in org.apache.kafka.common.utils.Utils.murmur2,
// seed and all.
func murmur2(b []byte) uint32 {
	const (
		seed = 0x9747b28c
		mul  = 0x5bd1e995
	)
	h := uint32(seed) ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		k *= mul
		k ^= k >> 24
		h = h*mul ^ k*mul
	}
	if len(b) > 0 {
		var k uint32
		for i, c := range b {
			k |= uint32(c) << (8 * i)
		}
		h = (h ^ k) * mul
	}
	h ^= h >> 13
	h *= mul
	return h ^ h>>15
}
