package sim

import (
	"context"

	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/projections/archive"
)

// netCold is the archive as gateways read it, over a link.
type netCold struct {
	link *link
	w    *World
}

var _ gateway.Cold = netCold{}

// cold is the archive for a gateway; nil when it is to have none.
func (w *World) cold(l *life) gateway.Cold {
	if w.noCold.Load() {
		return nil
	}
	return netCold{l.link, w}
}

func (n netCold) call(ctx context.Context, about events.SessionID, do func() error) error {
	link := n.link.part("cold " + string(about))
	if err := (netArchive{link, n.w}).reach(ctx); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return link.fromStore()
}

// Reach implements gateway.Cold.
func (n netCold) Reach(ctx context.Context, s events.SessionID) (seq events.Seq, err error) {
	err = n.call(ctx, s, func() (err error) { seq, err = n.w.archive.Reach(ctx, s); return err })
	return seq, err
}

// Timeline implements gateway.Cold.
func (n netCold) Timeline(ctx context.Context, s events.SessionID, span archive.Span) (all []archive.Entry, err error) {
	err = n.call(ctx, s, func() (err error) { all, err = n.w.archive.Timeline(ctx, s, span); return err })
	return all, err
}

// Entries implements gateway.Cold.
func (n netCold) Entries(ctx context.Context, s events.SessionID, seqs []events.Seq) (all []archive.Entry, err error) {
	err = n.call(ctx, s, func() (err error) { all, err = n.w.archive.Entries(ctx, s, seqs); return err })
	return all, err
}

// Missing implements gateway.Cold.
func (n netCold) Missing(ctx context.Context, s events.SessionID, seq events.Seq) (why archive.Missing, err error) {
	err = n.call(ctx, s, func() (err error) { why, err = n.w.archive.Missing(ctx, s, seq); return err })
	return why, err
}

// Search implements gateway.Cold.
func (n netCold) Search(ctx context.Context, s archive.Search) (found []archive.Found, err error) {
	select {
	case <-n.w.searchesUp.whenOpen():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err = n.call(ctx, "search", func() (err error) { found, err = n.w.archive.Search(ctx, s); return err })
	return found, err
}

// Progress implements gateway.Cold.
func (n netCold) Progress(ctx context.Context) (all []archive.Progress, err error) {
	err = n.call(ctx, "search", func() (err error) { all, err = n.w.archive.Progress(ctx); return err })
	return all, err
}
