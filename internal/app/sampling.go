package app

import (
	"context"
	crypto "crypto/rand"
	"math/rand/v2"
	"sync"

	"annal/internal/fold"
	"annal/internal/sampler"
	"annal/pkg/projections/archive"
)

// sampling gives what holds a role's view against the log until ctx ends; it does nothing where that is not wanted.
func (p *process) sampling(role string, view fold.Options, partitions func() []int32) func(context.Context) {
	if p.config.VerifyEvery == 0 {
		return func(context.Context) {}
	}
	if p.looks == nil {
		p.looks = sampler.NewMetrics(p.metrics)
	}
	p.looks.Shown(role)
	var seed [32]byte
	_, _ = crypto.Read(seed[:]) // never fails
	o := sampler.Options{
		Name: role, View: view, From: view.Archive, Partitions: partitions, Every: p.config.VerifyEvery, Dice: rand.New(rand.NewChaCha8(seed)),
		Logger: p.config.Log.With("role", role), Metrics: p.looks,
	}
	return func(ctx context.Context) {
		if from, done := p.archiveToRead(o.From); from != nil {
			o.From = from
			defer done()
		}
		sampler.Run(ctx, o)
	}
}

// archiveToRead is an archive that sessions may be read from: the view itself, or one that the process is told of for another role.
func (p *process) archiveToRead(own archive.View) (from archive.View, done func()) {
	if own != nil || p.config.ClickHouse.URL == "" {
		return own, func() {}
	}
	store, err := p.config.ClickHouse.open()
	if err != nil {
		p.config.Log.Warn("no archive to read sessions from that are far back", "error", err)
		return nil, func() {}
	}
	return store, func() { _ = store.Close() } // nothing was written
}

// beside runs both until ctx ends and run has returned.
func beside(ctx context.Context, look func(context.Context), run func(context.Context) error) error {
	looking, stop := context.WithCancel(ctx)
	var gone sync.WaitGroup
	gone.Go(func() { look(looking) })
	defer gone.Wait()
	defer stop()
	return run(ctx)
}
