package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// Format is the version of segments and manifests that this program writes, and the only one it reads.
const Format = 1

// Errors of reading a vault.
var (
	// ErrDamaged: an object is not what its manifest, or the manifest after it, says.
	ErrDamaged = errors.New("vault: damaged")
	// ErrForeign: it is another cluster's, or of a newer program.
	ErrForeign = errors.New("vault: not of this log, or of a newer program")
	// ErrGap: records are neither in the vault nor in Kafka.
	ErrGap = errors.New("vault: a gap")
)

// Bounds of what is taken for a segment.
const (
	maxManifestBytes = 64 << 20
	maxBlockBytes    = blockBytes + 2*eventlog.MaxRecordBytes
)

// Manifest says what a segment is. It is JSON in the bucket, written once the segment's object is there.
type Manifest struct {
	Format    int            `json:"format"`
	Cluster   string         `json:"cluster"`
	Topic     eventlog.Topic `json:"topic"`
	Partition int32          `json:"partition"`
	// First and Next bound the offsets that are covered: those from First on, below Next.
	First int64 `json:"first,string"`
	Next  int64 `json:"next,string"`
	// Records is how many are in the segment.
	Records int `json:"records"`
	// Closing: the last record does not count. It is there so that who reads up to Next comes to an end.
	Closing bool `json:"closing,omitempty"`
	// Start and End are the reader's state before First and before Next (events.Progress).
	Start string `json:"start"`
	End   string `json:"end"`
	// Object has the blocks, one after the other; Bytes and SHA256 are of all of it.
	Object string `json:"object"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Previous is the SHA-256 of the manifest of the segment before, empty in a partition's first.
	Previous string  `json:"previous"`
	Blocks   []Block `json:"blocks"`
	// Sessions says which blocks have records of which session, by its id: block numbers, ascending.
	Sessions map[events.SessionID][]int `json:"sessions"`
}

// Block is a zstd frame within the object.
type Block struct {
	// At is where it begins in the object, Bytes how long it is there, Raw how long when decompressed.
	At    int64 `json:"at"`
	Bytes int64 `json:"bytes"`
	Raw   int64 `json:"raw"`
	// First is the offset of its first record.
	First  int64  `json:"first,string"`
	SHA256 string `json:"sha256"`
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// folder is where a partition's objects are.
func folder(prefix string, partition int32) string {
	return fmt.Sprintf("%sevents/%05d/", prefix, partition)
}

const manifestSuffix = ".json"

func manifestName(prefix string, partition int32, first int64) string {
	return fmt.Sprintf("%s%020d%s", folder(prefix, partition), first, manifestSuffix)
}

func objectName(prefix string, partition int32, first int64, hash string) string {
	return fmt.Sprintf("%s%020d-%s.seg", folder(prefix, partition), first, hash)
}

// parseManifestName gives a manifest's first offset, and not ok for other objects.
func parseManifestName(folder, name string) (first int64, ok bool) {
	digits, isManifest := strings.CutSuffix(strings.TrimPrefix(name, folder), manifestSuffix)
	if !isManifest || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseInt(digits, 10, 64)
	return first, err == nil && first >= 0
}

// parseManifest reads a manifest and checks that it is whole in itself.
func parseManifest(content []byte) (*Manifest, error) {
	var m Manifest
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(content, &version); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if version.Format != Format {
		return nil, fmt.Errorf("%w: format %d, this program reads %d", ErrForeign, version.Format, Format)
	}
	if err := json.Unmarshal(content, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &m, nil
}

func (m *Manifest) check() error {
	start, err := events.ParseProgress(m.Start)
	if err != nil {
		return err
	}
	end, err := events.ParseProgress(m.End)
	switch {
	case err != nil:
		return err
	case start.Offset != m.First || end.Offset != m.Next || m.Next <= m.First:
		return fmt.Errorf("it covers %d to %d, the reader's states are at %d and %d", m.First, m.Next, start.Offset, end.Offset)
	case m.Records < 1 || len(m.Blocks) < 1:
		return errors.New("it has no records")
	}
	at, last := int64(0), m.First-1
	for i, b := range m.Blocks {
		if b.At != at || b.Bytes < 1 || b.Raw < 1 || b.Raw > maxBlockBytes || b.First <= last || b.First >= m.Next {
			return fmt.Errorf("block %d is out of place", i)
		}
		at, last = at+b.Bytes, b.First
	}
	if at != m.Bytes {
		return fmt.Errorf("its blocks have %d bytes, the object %d", at, m.Bytes)
	}
	for session, blocks := range m.Sessions {
		last := -1
		for _, n := range blocks {
			if n <= last || n >= len(m.Blocks) {
				return fmt.Errorf("the index of session %s is out of order", session)
			}
			last = n
		}
	}
	return nil
}

// progress gives the reader's states, which check has read.
func (m *Manifest) progress() (start, end events.Progress) {
	start, _ = events.ParseProgress(m.Start)
	end, _ = events.ParseProgress(m.End)
	return start, end
}
