package sim

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// archiveStore is an archive with both its sides.
type archiveStore interface {
	archive.Store
	archive.View
	gateway.Cold
}

func openArchiver(p *process, l *life) (func(context.Context) error, error) {
	logger, log := p.w.logger.With("process", l.name), planted(p.w.plant.ArchiverLog, l.whole(p))
	projector := archive.New(archive.Options{
		Log: log, Store: netArchive{l.link.part("archive"), p.w}, Source: l.name, ReportEvery: 2 * time.Second, Now: time.Now, Logger: logger,
		Metrics: archive.NewMetrics(prometheus.NewRegistry()),
	})
	gather := follow.Gather{Wait: time.Duration(p.dice.n(2)*p.dice.n(500)) * time.Millisecond, Bytes: pick(p.dice, []int{2000, 1 << 20})}
	f, err := follow.New(context.Background(), follow.Options{
		Log: log, Group: archive.Group, Role: "archive", Instance: p.name, Handler: planted[follow.Handler](p.w.plant.Archiver, projector), Gather: gather,
		CommitEvery: time.Second, Logger: logger, Metrics: follow.NewMetrics(prometheus.NewRegistry(), "archive"),
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		reporting, done := context.WithCancel(context.Background())
		var reports sync.WaitGroup
		reports.Go(func() { projector.Run(reporting) })
		defer reports.Wait()
		defer done() // it reports once more how far all came
		return f.Run(ctx)
	}, nil
}

// netArchive is the archive over a link. One table is stored after the other, and what goes wrong in between leaves some with
// their rows and others without.
type netArchive struct {
	link *link
	w    *World
}

// Insert implements archive.Store.
func (n netArchive) Insert(ctx context.Context, rows *archive.Rows) error {
	if n.link.chance(n.link.odds.late) {
		return n.late(ctx, rows)
	}
	for _, table := range tablesOf(rows) {
		if err := n.reach(ctx); err != nil {
			return err
		}
		if err := n.w.archive.Insert(ctx, &table); err != nil {
			return err
		}
	}
	return n.link.fromStore()
}

// reach is the way to the archive. While that is away a call hangs, and comes to nothing.
func (n netArchive) reach(ctx context.Context) error {
	if err := n.link.toStore(ctx); err != nil {
		return err
	}
	up := n.w.archiveUp.whenOpen()
	if closed(up) {
		return nil
	}
	select {
	case <-up:
		return errLostAnswer
	case <-ctx.Done():
		return ctx.Err()
	case <-n.link.dead:
		return errDead
	}
}

// late is a call that times out while the archive goes on with it: it is stored when others have long followed.
func (n netArchive) late(ctx context.Context, rows *archive.Rows) error {
	n.w.running.Go(func() {
		n.w.sleep(n.link.dice.between(time.Second, 20*time.Second))
		n.w.pass(n.link.moment())
		_ = n.w.archive.Insert(context.Background(), rows) // nobody hears of it
	})
	if err := n.link.wait(ctx, n.link.dice.between(100*time.Millisecond, 2*time.Second)); err != nil {
		return err
	}
	return errLostAnswer
}

// tablesOf gives the rows of each table that has some, in the order in which they are stored.
func tablesOf(r *archive.Rows) []archive.Rows {
	var tables []archive.Rows
	for _, t := range []archive.Rows{
		{Messages: r.Messages}, {Markers: r.Markers}, {Members: r.Members}, {Sessions: r.Sessions}, {Contacts: r.Contacts}, {Events: r.Events},
		{Progress: r.Progress},
	} {
		if t.Len() > 0 {
			tables = append(tables, t)
		}
	}
	return tables
}

// archiveChaos has the archive be away for all.
func (w *World) archiveChaos() {
	d := w.dice("archive")
	w.repeatedly(d, []fault{{w.odds.cutStore, func() {
		away := d.between(200*time.Millisecond, 8*time.Second)
		w.note("the archive is away for %v", away)
		w.archiveUp.set(false)
		w.sleep(away)
		w.archiveUp.set(true)
	}}})
}

// watchArchive looks at the archive at moments, until the world is calm.
func (w *World) watchArchive(ctx context.Context) {
	for d := w.dice("watch"); w.sleep(d.between(time.Second, 7*time.Second)); {
		if err := w.checkArchive(ctx); err != nil {
			w.violate("looking at the archive: %v", err)
		}
	}
}

// checkArchive: the archive has every outcome below what archivers committed, and below what they say in it; and nothing
// that does not count. All this goes on meanwhile, so what is looked at later may have more.
func (w *World) checkArchive(ctx context.Context) error {
	commits, err := w.log.Commits(ctx, archive.Group, eventlog.Events)
	if err != nil {
		return err
	}
	said, err := w.archive.Progress(ctx)
	if err != nil {
		return err
	}
	done := map[int32]int64{}
	for _, c := range commits {
		done[c.Partition] = c.Offset
	}
	for _, p := range said {
		done[p.Partition] = max(done[p.Partition], p.Archived)
	}
	counts, err := w.archive.Count(ctx)
	if err != nil {
		return err
	}
	total, sound := 0, 0
	for _, n := range counts {
		total += int(n)
	}
	for p := range w.partitions {
		n, err := w.checkArchived(ctx, p, done[p])
		if err != nil {
			return err
		}
		sound += n
	}
	if sound < total {
		w.violate("the archive has %d outcomes, and %d that the log has", total, sound)
	}
	return nil
}

// checkArchived looks at the outcomes of a partition, and gives how many the archive has that count.
func (w *World) checkArchived(ctx context.Context, partition int32, done int64) (sound int, err error) {
	_, end, err := w.log.Bounds(ctx, eventlog.Events, partition)
	if err != nil {
		return 0, err
	}
	want := map[events.SessionID]map[int64]string{}
	err = eventlog.EachCounted(ctx, w.log, partition, func(rec *eventlog.Record) error {
		s := events.SessionID(rec.Key)
		if want[s] == nil {
			want[s] = map[int64]string{}
		}
		want[s][rec.Offset] = string(rec.Value)
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, s := range slices.Sorted(maps.Keys(want)) {
		outcomes := want[s]
		got, err := w.archive.Outcomes(ctx, s, -1, int(end)+len(outcomes))
		if err != nil {
			return 0, err
		}
		for _, o := range got {
			switch value, counts := outcomes[int64(o.Offset)]; {
			case counts && value == o.Bytes:
				sound++
				delete(outcomes, int64(o.Offset))
			case counts || int64(o.Offset) < end:
				w.violate("the archive has as offset %d of partition %d what does not count", o.Offset, partition)
			}
		}
		for _, offset := range slices.Sorted(maps.Keys(outcomes)) {
			if offset < done {
				w.violate("offset %d of partition %d is not archived, which is done up to %d", offset, partition, done)
			}
		}
	}
	return sound, nil
}

func (p Plant) archive(a *archive.Memory) archiveStore {
	if p.Archive == nil {
		return a
	}
	return p.Archive(a)
}
