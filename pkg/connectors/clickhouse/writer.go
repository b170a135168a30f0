package clickhouse

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/projections/archive"
)

// The phases of a rebuild; a version is its id times versions and the phase.
const (
	phaseDoubling  = 10
	phaseFilling   = 20
	phaseSwapping  = 30
	phaseStopping  = 40
	phaseDone      = 50
	phaseAbandoned = 91
	phaseAbandon   = 90

	versions = 100
)

// doubles says whether writers write to both tables by a version.
func doubles(version uint64) bool {
	phase := version % versions
	return phase >= phaseDoubling && phase <= phaseSwapping
}

const (
	// askEvery is for how long a writer goes by what it was told of rebuilds.
	askEvery = time.Second
	// sayEvery is how often it says that it is there, and lease how long that holds beyond an insertion's time.
	sayEvery = 5 * time.Second
	lease    = 10 * time.Second
	// withdrawTimeout bounds saying that it is gone.
	withdrawTimeout = 2 * time.Second
)

// writer is what a process that writes knows of rebuilds, and has said.
//
// It says that it is there before it asks, and asks again at least every askEvery before it begins to insert into a table. So who
// begins a rebuild, and then looks who is there, sees everybody that does not know of it.
type writer struct {
	name string

	mu      sync.Mutex
	version uint64
	asked   time.Time
	// said is the version that was said last, at saidAt, as the number-th word; below 0 nothing was.
	saidAt time.Time
	said   uint64
	number uint64
	// flying counts the insertions under way by the version that they go by.
	flying map[uint64]int
}

func newWriter() *writer {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return &writer{name: hex.EncodeToString(b[:]), flying: map[uint64]int{}}
}

// errMoved: a rebuild came into another phase while an insertion was under way, which begins again.
var errMoved = errors.New("clickhouse: a rebuild moved on")

// Insert implements archive.Store. While the archive is built anew, rows go to the new tables first: whatever is swapped
// in between, the one that stays has them.
func (c *ClickHouse) Insert(ctx context.Context, r *archive.Rows) error {
	for {
		version, err := c.know(ctx, true)
		if err != nil {
			return err
		}
		err = c.insertBy(ctx, version, r)
		c.writer.land(version)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
}

func (c *ClickHouse) insertBy(ctx context.Context, version uint64, r *archive.Rows) error {
	for _, t := range tables {
		if t.empty(r) {
			continue
		}
		now, err := c.know(ctx, false)
		switch {
		case err != nil:
			return err
		case now != version:
			return errMoved
		}
		if doubles(version) && t.rebuilt {
			if err := t.insert(ctx, c, t.name+nextSuffix, r); err != nil {
				if codeOf(err) == codeUnknownTable {
					c.writer.doubt()
				}
				return err
			}
		}
		if err := t.insert(ctx, c, t.name, r); err != nil {
			return err
		}
	}
	return nil
}

// doubt has the next insertion ask.
func (w *writer) doubt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = time.Time{}
}

// know gives the version of the newest rebuild, as of askEvery ago at most. An insertion that takes off by it has to land.
func (c *ClickHouse) know(ctx context.Context, takeOff bool) (uint64, error) {
	w := c.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.asked) >= askEvery {
		if err := c.ask(ctx, w); err != nil {
			return 0, err
		}
	}
	if takeOff {
		w.flying[w.version]++
	}
	return w.version, nil
}

func (w *writer) land(version uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flying[version]--; w.flying[version] == 0 {
		delete(w.flying, version)
	}
}

// ask learns the newest version, and says what all insertions go by. The writer is locked.
func (c *ClickHouse) ask(ctx context.Context, w *writer) error {
	began := time.Now()
	if w.saidAt.IsZero() || began.Sub(w.saidAt) >= sayEvery {
		if err := c.say(ctx, w); err != nil {
			return err
		}
	}
	if err := c.query(ctx, "ask for rebuilds", "SELECT max(version) FROM %s.rebuilds", func(r conn.Rows) error { return r.Scan(&w.version) }); err != nil {
		return err
	}
	w.asked = began
	if w.lowest() != w.said {
		return c.say(ctx, w)
	}
	return nil
}

// lowest is the oldest version that an insertion goes by.
func (w *writer) lowest() uint64 {
	lowest := w.version
	for v := range w.flying {
		lowest = min(lowest, v)
	}
	return lowest
}

func (c *ClickHouse) say(ctx context.Context, w *writer) error {
	seen, at := w.lowest(), time.Now()
	if err := c.tell(ctx, w, seen, c.opts.Timeout+lease); err != nil {
		return err
	}
	w.said, w.saidAt = seen, at
	return nil
}

func (c *ClickHouse) tell(ctx context.Context, w *writer, seen uint64, valid time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	w.number++
	text := fmt.Sprintf("INSERT INTO %s.writers SELECT '%s', toUInt64(%d), toUInt64(%d), now64(3) + toIntervalMillisecond(%d)", c.opts.Database, w.name, w.number, seen, valid.Milliseconds())
	return c.failed("say that it writes", c.conn.Exec(ctx, text))
}

// withdraw says that nothing is written any more, if it was said that something is.
func (c *ClickHouse) withdraw() {
	w := c.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.saidAt.IsZero() || len(w.flying) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), withdrawTimeout)
	defer cancel()
	_ = c.tell(ctx, w, w.said, 0) // else its word runs out by itself
}

// unaware are how many writers may still go by an older version.
func (c *ClickHouse) unaware(ctx context.Context, version uint64) (n uint64, err error) {
	text := fmt.Sprintf("SELECT count() FROM %%s.writers FINAL WHERE until > now64(3) AND seen < %d", version)
	err = c.query(ctx, "see who writes", text, func(r conn.Rows) error { return r.Scan(&n) })
	return n, err
}
