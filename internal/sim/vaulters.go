package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/audit"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/vault"
)

func openVaulter(p *process, l *life) (func(context.Context) error, error) {
	v, err := vault.New(context.Background(), vault.Options{
		Log: l.log, Bucket: netBucket{l.link, p.w}, Instance: p.name, SegmentBytes: pick(p.dice, []int{vault.LeastSegmentBytes, 64 << 10}),
		SealEvery: p.dice.between(200*time.Millisecond, 5*time.Second), HeldBytes: 1 << 20, Logger: p.w.logger.With("process", l.name),
		Metrics: vault.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		return nil, err
	}
	return v.Run, nil
}

// whole is a process's log, which goes on in the vault below where the cluster's begins.
func (l *life) whole(p *process) eventlog.Log {
	return vault.NewLog(l.log, netBucket{l.link, p.w}, "", p.w.logger.With("process", l.name))
}

// netBucket is the vault's bucket over a link.
type netBucket struct {
	link *link
	w    *World
}

var _ vault.Bucket = netBucket{}

// call is a call about an object. While the bucket is away it fails after a while.
func (n netBucket) call(ctx context.Context, about string, do func() error) error {
	link := n.link.part("vault " + about)
	if err := link.toStore(ctx); err != nil {
		return err
	}
	if !closed(n.w.bucketUp.whenOpen()) {
		if err := link.wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		return errUnreachable
	}
	if err := do(); err != nil {
		return err
	}
	return link.fromStore()
}

// Put implements vault.Bucket.
func (n netBucket) Put(ctx context.Context, name string, content []byte) error {
	return n.call(ctx, name, func() error { return n.w.bucket.Put(ctx, name, content) })
}

// Get implements vault.Bucket.
func (n netBucket) Get(ctx context.Context, name string, offset, length int64) (content []byte, err error) {
	err = n.call(ctx, name, func() (err error) { content, err = n.w.bucket.Get(ctx, name, offset, length); return err })
	return content, err
}

// List implements vault.Bucket.
func (n netBucket) List(ctx context.Context, prefix, after string, each func(vault.Object) error) error {
	return n.call(ctx, prefix, func() error { return n.w.bucket.List(ctx, prefix, after, each) })
}

// trimmable is a log that can be trimmed, however new its records are.
type trimmable struct{ *eventlog.Memory }

// Trim deletes records below an offset.
func (t trimmable) Trim(_ context.Context, topic eventlog.Topic, partition int32, before int64) error {
	t.Memory.Trim(topic, partition, before)
	return nil
}

// Since is the log's end: all there is counts as older.
func (t trimmable) Since(ctx context.Context, topic eventlog.Topic, partition int32, _ events.Millis) (int64, error) {
	_, end, err := t.Bounds(ctx, topic, partition)
	return end, err
}

// vaultChaos has the bucket be away, and deletes from the log whatever is sealed.
func (w *World) vaultChaos() {
	d := w.dice("vault")
	w.repeatedly(d, []fault{
		{w.odds.cutStore, func() {
			away := d.between(200*time.Millisecond, 8*time.Second)
			w.note("the vault is away for %v", away)
			w.bucketUp.set(false)
			w.sleep(away)
			w.bucketUp.set(true)
		}},
		{w.odds.trim, func() {
			if err := w.trim(context.Background()); err != nil {
				w.violate("trimming the log: %v", err)
			}
		}},
	})
}

// trim deletes from the log what the vault has.
func (w *World) trim(ctx context.Context) error {
	for p := range w.partitions {
		if w.plant.Trims != nil {
			w.plant.Trims(w.memory, p)
			continue
		}
		did, err := w.log.Trim(ctx, p, events.Millis(time.Now().UnixMilli()))
		if err != nil {
			return err
		}
		w.note("partition %d begins at %d, after %d", p, did.NewStart, did.Start)
	}
	return nil
}

// unsealed is the first thing that the vault lacks, or has and should not.
func (w *World) unsealed(ctx context.Context) (string, error) {
	for p := range w.partitions {
		_, end, err := w.log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			return "", err
		}
		checked, err := w.log.Check(ctx, p, nil)
		if err != nil {
			return "", err
		}
		if checked.Next != end {
			return fmt.Sprintf("partition %d is sealed up to %d of %d", p, checked.Next, end), nil
		}
	}
	return "", nil
}

// checkChains: an auditor finds every session's chain whole, in the log with what lies below in the vault, and in the archive.
func (w *World) checkChains(ctx context.Context) {
	for name, source := range map[string]audit.Source{"log": audit.Log{Log: w.log}, "archive": audit.Archive{View: archive.View(w.archive)}} {
		chains, err := audit.CheckAll(ctx, source)
		switch {
		case err != nil:
			w.violate("auditing the %s: %v", name, err)
		case chains.Found > 0:
			w.violate("auditing the %s: %+v", name, chains.Faults[0])
		}
	}
}
