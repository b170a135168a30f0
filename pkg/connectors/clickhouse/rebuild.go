package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

const (
	// nextSuffix ends the names of tables that are built anew.
	nextSuffix = "_next"
	// aliveParts is how often the holder of a rebuild says that it is there before it would be taken for gone.
	aliveParts = 5
	// lookEvery is how often it is looked whether writers know.
	lookEvery = 200 * time.Millisecond
	// replicaWait is how long a word of a writer may take to every server of a cluster.
	replicaWait = 5 * time.Second
)

// rebuild is one that this process holds.
type rebuild struct {
	c      *ClickHouse
	id     uint64
	phase  uint64
	holder string
	ends   map[int32]uint64
	news   map[string]string
	// turn is which holder of it this is.
	turn  int
	alive context.CancelFunc
	gone  sync.WaitGroup
}

var _ archive.Rebuild = (*rebuild)(nil)

// Rebuild implements archive.Builder.
func (c *ClickHouse) Rebuild(ctx context.Context, holder string) (archive.Rebuild, error) {
	r, err := c.newest(ctx)
	if err != nil {
		return nil, err
	}
	begins := r.ended()
	if begins {
		r.id, r.phase, r.ends, r.news = r.id+1, 0, nil, nil
	}
	r.holder = plain.Replace(holder)
	if err := r.take(ctx); err != nil {
		return nil, err
	}
	switch {
	case begins:
		err = r.make(ctx)
	case r.phase == phaseAbandon:
		err = errors.New("clickhouse: this rebuild is being abandoned; --abandon goes on with that")
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// newest is the last rebuild there was; its id is 0 when there was none.
func (c *ClickHouse) newest(ctx context.Context) (*rebuild, error) {
	r := &rebuild{c: c, phase: phaseDone}
	err := c.query(ctx, "see the last rebuild", "SELECT id, version, ends, news FROM %s.rebuilds ORDER BY version DESC LIMIT 1", func(rows conn.Rows) error {
		var version uint64
		err := rows.Scan(&r.id, &version, &r.ends, &r.news)
		r.phase = version % versions
		return err
	})
	return r, err
}

func (r *rebuild) ended() bool { return r.phase == phaseDone || r.phase == phaseAbandoned }

// lockPrefix begins the names of the tables that say who holds the rebuild: a table that only one can make.
func (r *rebuild) lockPrefix() string { return fmt.Sprintf("rebuilding_%d_", r.id) }

func (r *rebuild) lockName() string { return fmt.Sprint(r.lockPrefix(), r.turn) }

// lastTurn is the newest holder's, and how long ago it was heard of.
func (r *rebuild) lastTurn(ctx context.Context) (turn int, holder string, silent time.Duration, err error) {
	var since float64
	text := "SELECT name, comment, dateDiff('millisecond', metadata_modification_time, now64(3)) / 1000 FROM system.tables WHERE database = '%s' AND startsWith(name, '" + r.lockPrefix() + "')"
	err = r.c.query(ctx, "see who rebuilds", text, func(rows conn.Rows) error {
		var name, comment string
		var age float64
		if err := rows.Scan(&name, &comment, &age); err != nil {
			return err
		}
		n := 0
		if _, err := fmt.Sscanf(strings.TrimPrefix(name, r.lockPrefix()), "%d", &n); err == nil && n > turn {
			turn, holder, since = n, comment, age
		}
		return nil
	})
	if err != nil || turn == 0 {
		return turn, holder, 0, err
	}
	text = fmt.Sprintf("SELECT if(count() = 0, %f, dateDiff('millisecond', max(at), now64(3)) / 1000) FROM %%s.%s%d", since, r.lockPrefix(), turn)
	err = r.c.query(ctx, "see whether they are alive", text, func(rows conn.Rows) error { return rows.Scan(&since) })
	return turn, holder, time.Duration(since * float64(time.Second)), err
}

// take makes this process the holder, unless another is and lives; and keeps saying that it is there.
func (r *rebuild) take(ctx context.Context) error {
	turn, holder, silent, err := r.lastTurn(ctx)
	switch {
	case err != nil:
		return err
	case turn > 0 && silent < r.c.opts.HolderGone:
		return fmt.Errorf("%w: by %s, heard of %v ago; if that one has ended, wait until that is %v", archive.ErrRebuilding, holder, silent.Round(time.Second), r.c.opts.HolderGone)
	}
	r.turn = turn + 1
	err = r.c.apply(ctx, fmt.Sprintf("CREATE TABLE {{.Database}}.%s{{.OnCluster}} (at DateTime64(3, 'UTC') COMMENT 'It was there then') ENGINE = {{engine \"MergeTree\" \"\"}} ORDER BY at COMMENT '%s'",
		r.lockName(), r.holder))
	if codeOf(err) == codeTableExists {
		return fmt.Errorf("%w: another process has just taken it", archive.ErrRebuilding)
	}
	if err != nil {
		return err
	}
	living, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.alive = stop
	r.gone.Go(func() { r.live(living) })
	return nil
}

// live says that the holder is there.
func (r *rebuild) live(ctx context.Context) {
	tick := time.NewTicker(r.c.opts.HolderGone / aliveParts)
	defer tick.Stop()
	for {
		// One that fails is followed by the next; who takes over makes this one stop.
		_ = r.c.conn.Exec(ctx, "INSERT INTO "+r.c.opts.Database+"."+r.lockName()+" SELECT now64(3)")
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Close implements archive.Rebuild.
func (r *rebuild) Close() {
	r.alive()
	r.gone.Wait()
}

// held is nil while no other holder came after this one.
func (r *rebuild) held(ctx context.Context) error {
	turn, holder, _, err := r.lastTurn(ctx)
	if err == nil && turn != r.turn {
		err = fmt.Errorf("%w: %s", archive.ErrTakenOver, holder)
	}
	return err
}

// enter writes down that the rebuild is in a phase; one that it was in already stays.
func (r *rebuild) enter(ctx context.Context, phase uint64) error {
	if err := r.held(ctx); err != nil || r.phase >= phase {
		return err
	}
	err := r.c.conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s.rebuilds SELECT toUInt64(%d), toUInt64(%d), '%s', %s, %s, now64(3)",
		r.c.opts.Database, r.id, r.id*versions+phase, r.holder, endsText(r.ends), newsText(r.news)))
	if err == nil {
		r.phase = phase
	}
	return r.c.failed("note a rebuild's phase", err)
}

func endsText(ends map[int32]uint64) string {
	parts := make([]string, 0, 2*len(ends))
	for p, end := range ends {
		parts = append(parts, fmt.Sprintf("toInt32(%d)", p), fmt.Sprintf("toUInt64(%d)", end))
	}
	return "CAST(map(" + strings.Join(parts, ", ") + "), 'Map(Int32, UInt64)')"
}

func newsText(news map[string]string) string {
	parts := make([]string, 0, 2*len(news))
	for name, id := range news {
		parts = append(parts, "'"+name+"'", "'"+id+"'")
	}
	return "CAST(map(" + strings.Join(parts, ", ") + "), 'Map(String, String)')"
}

// await waits until all writers know of a phase.
func (r *rebuild) await(ctx context.Context, phase uint64) error {
	if r.c.opts.Cluster != "" {
		if err := pause(ctx, replicaWait); err != nil {
			return err
		}
	}
	for {
		n, err := r.c.unaware(ctx, r.id*versions+phase)
		if err != nil || n == 0 {
			return err
		}
		if err := pause(ctx, lookEvery); err != nil {
			return fmt.Errorf("clickhouse: %d writers have not said yet that they know of the rebuild: %w", n, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Double implements archive.Rebuild.
func (r *rebuild) Double(ctx context.Context) error {
	if err := r.enter(ctx, phaseDoubling); err != nil || r.phase > phaseDoubling {
		return err
	}
	return r.await(ctx, phaseDoubling)
}

// Bound implements archive.Rebuild.
func (r *rebuild) Bound(ctx context.Context, ends map[int32]int64) (map[int32]int64, error) {
	if r.phase < phaseFilling {
		r.ends = map[int32]uint64{}
		for p, end := range ends {
			r.ends[p] = uint64(end)
		}
	}
	if err := r.enter(ctx, phaseFilling); err != nil {
		return nil, err
	}
	fixed := map[int32]int64{}
	for p, end := range r.ends {
		fixed[p] = int64(end)
	}
	return fixed, nil
}

// Filled implements archive.Rebuild.
func (r *rebuild) Filled(ctx context.Context) (map[int32]archive.Filled, error) {
	all := map[int32]archive.Filled{}
	text := fmt.Sprintf("SELECT partition, progress, outcomes, refused FROM %%s.rebuild_fills FINAL WHERE id = %d", r.id)
	err := r.c.query(ctx, "see how far a rebuild is", text, func(rows conn.Rows) error {
		var partition int32
		var progress string
		var f archive.Filled
		if err := rows.Scan(&partition, &progress, &f.Outcomes, &f.Refused); err != nil {
			return err
		}
		var err error
		f.Progress, err = events.ParseProgress(progress)
		all[partition] = f
		return err
	})
	return all, err
}

// Fill implements archive.Rebuild.
func (r *rebuild) Fill(ctx context.Context, rows *archive.Rows) error {
	if r.phase >= phaseSwapping {
		return nil // what is behind the names now is being swapped
	}
	for _, t := range tables {
		if !t.rebuilt || t.empty(rows) {
			continue
		}
		if err := t.insert(ctx, r.c, t.name+nextSuffix, rows); err != nil {
			return err
		}
	}
	return nil
}

// Note implements archive.Rebuild.
func (r *rebuild) Note(ctx context.Context, partition int32, f archive.Filled) error {
	if err := r.held(ctx); err != nil {
		return err
	}
	err := r.c.conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s.rebuild_fills SELECT toUInt64(%d), toInt32(%d), toUInt64(%d), '%s', toUInt64(%d), toUInt64(%d)",
		r.c.opts.Database, r.id, partition, f.Progress.Offset, f.Progress, f.Outcomes, f.Refused))
	return r.c.failed("note how far a rebuild is", err)
}

// Count implements archive.Rebuild.
func (r *rebuild) Count(ctx context.Context, partition int32, below int64) (n uint64, exact bool, err error) {
	ttl, err := r.c.ttl(ctx)
	if err != nil || r.phase >= phaseSwapping { // it was counted before
		return 0, false, err
	}
	text := fmt.Sprintf("SELECT count() FROM %%s.event_rows%s FINAL WHERE partition = %d AND offset < %d", nextSuffix, partition, below)
	err = r.c.query(ctx, "count what was built", text, func(rows conn.Rows) error { return rows.Scan(&n) })
	return n, ttl == "", err
}
