package sim

import (
	"context"
	"strings"
	"sync"

	"annal/pkg/eventlog"
	"annal/pkg/projections/vault"
)

// forgetful is a bucket that loses every third segment's records once its manifest is there.
type forgetful struct {
	vault.Bucket
	mu   sync.Mutex
	n    int
	lost map[string]bool // by the manifest's name, without its ending
}

func (f *forgetful) Put(ctx context.Context, name string, content []byte) error {
	err := f.Bucket.Put(ctx, name, content)
	if base, is := strings.CutSuffix(name, ".json"); is && err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.n++
		f.lost[base] = f.n%3 == 0
	}
	return err
}

func (f *forgetful) Get(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	base, _, records := strings.Cut(name, "-")
	f.mu.Lock()
	lost := records && f.lost[base]
	f.mu.Unlock()
	if lost {
		return nil, vault.ErrNoObject
	}
	return f.Bucket.Get(ctx, name, offset, length)
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
	"vault loses a segment": {Bucket: func(b vault.Bucket) vault.Bucket { return &forgetful{Bucket: b, lost: map[string]bool{}} }, Odds: often},
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
