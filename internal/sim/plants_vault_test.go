package sim

import (
	"context"
	"strings"
	"sync"

	"annal/pkg/eventlog"
	"annal/pkg/projections/vault"
)

// forgetful is a bucket that keeps every third segment's manifest, and not its records.
type forgetful struct {
	vault.Bucket
	mu sync.Mutex
	n  int
}

func (f *forgetful) Put(ctx context.Context, name string, content []byte) error {
	f.mu.Lock()
	f.n++
	n := f.n
	f.mu.Unlock()
	if strings.HasSuffix(name, ".seg") && n%3 == 0 {
		return nil
	}
	return f.Bucket.Put(ctx, name, content)
}

// overwriting is a bucket in which a name that is taken may be written again.
type overwriting struct {
	vault.Bucket
	mu    sync.Mutex
	later map[string][]byte
}

func (o *overwriting) Put(ctx context.Context, name string, content []byte) error {
	o.mu.Lock()
	o.later[name] = content
	o.mu.Unlock()
	_ = o.Bucket.Put(ctx, name, content) // taken: what it gives is in later
	return nil
}

func (o *overwriting) Get(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	o.mu.Lock()
	content := o.later[name]
	o.mu.Unlock()
	if content == nil {
		return o.Bucket.Get(ctx, name, offset, length)
	}
	from := min(offset, int64(len(content)))
	to := int64(len(content))
	if length >= 0 {
		to = min(to, from+length)
	}
	return content[from:to], nil
}

// often has an operator trim the log again and again.
func often(o *odds) { o.trim, o.every = 200, 1500 }

var vaultPlants = map[string]Plant{
	"vault loses a segment": {Bucket: func(b vault.Bucket) vault.Bucket { return &forgetful{Bucket: b} }, Odds: often},
	"vault's objects can be altered": {
		Bucket: func(b vault.Bucket) vault.Bucket { return &overwriting{Bucket: b, later: map[string][]byte{}} }, Odds: often,
	},
	"log is trimmed beyond the vault": {
		Trims: func(log *eventlog.Memory, partition int32) {
			_, end, _ := log.Bounds(context.Background(), eventlog.Events, partition) // of memory: it does not fail
			log.Trim(eventlog.Events, partition, end)
		},
		Odds: often,
	},
}
