package sim

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/limits"
	"annal/pkg/presence"

	"annal/pkg/projections/archive"
	"annal/pkg/projections/push"

	"annal/pkg/projections/vault"
	"annal/pkg/sequencer"
)

// World is one seed's system with its clients, from start to end.
type World struct {
	seed       uint64
	verbose    bool
	odds       odds
	plant      Plant
	partitions int32
	// memory is the cluster that the log is kept in, and log the whole of it, which goes on in the bucket below.
	memory  *eventlog.Memory
	log     *vault.Log
	hot     *Hot
	archive archiveStore
	bucket  vault.Bucket
	// archiveUp and bucketUp are shut while those are away, and searchesUp while searches don't end.
	archiveUp, bucketUp, searchesUp *gate
	logger                          *slog.Logger
	// noCold: gateways that start have no archive.
	noCold atomic.Bool
	// limits changes the bounds of gateways, unless nil.
	limits func(*gateway.Config)
	// rates are how often people may do what, over all gateways, whose counts are one; nil: as often as they like.
	rates  limits.Table
	counts *limits.Memory

	// presence is where it is kept who is online, notes what was decided of notifications, and vendors the services that bring them.
	presence *presence.Memory
	notes    atomic.Pointer[push.Memory]
	vendors  *vendors
	// repeats are by entry how many calls of a service came after one of which nobody knew what came.
	repeats map[string]int
	// strays are entries put, and late how many calls were made for an entry, by processes taken for dead: neither they nor those in their place know of each other.
	strays map[string]bool
	late   map[string]int
	// wentBack: the store came back with what it had before.
	wentBack atomic.Bool
	// pushLost counts how often the pushers forgot how far they had come.
	pushLost atomic.Int64

	sequencers, projectors, gateways, stewards, archivers, vaulters, pushers []*process
	clients                                                                  []*client
	// open are channels anybody may join, once they are created.
	open []*command

	// running are all goroutines of the world's own.
	running sync.WaitGroup
	// calm: nothing goes wrong any more; calmed is closed then.
	calm   atomic.Bool
	calmed chan struct{}

	mu         sync.Mutex
	began      time.Time
	violations []string
	trace      strings.Builder
}

// signing is the key of all tokens, the same in every run.
var signing = auth.Key{ID: "sim", Private: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}

// newWorld makes all parts; none runs yet. With verbose the trace has the roles' logs.
func newWorld(seed uint64, plant Plant, verbose bool) (*World, error) {
	w := &World{seed: seed, plant: plant, verbose: verbose, calmed: make(chan struct{}), began: time.Now()}
	d := w.dice("world")
	w.odds = drawOdds(d)
	w.odds.rebuild, w.odds.trim = w.dice("rebuilds").n(12), w.dice("trims").n(12)
	pushes := w.dice("pushes")
	w.odds.pushCut, w.odds.pushBusy, w.odds.pushGone = pushes.n(80), pushes.n(80), pushes.n(40)
	if plant.Odds != nil {
		plant.Odds(&w.odds)
	}
	w.openEngines(int32(1+d.n(3)), pick(d, []int{12, 1000, 1000, 1000}))
	w.sequencers = w.processes("seq", 2+d.n(2), openSequencer)
	w.projectors = w.processes("hot", 2+d.n(2), openHot)
	w.gateways = w.processes("gw", 2, openGateway)
	w.stewards = w.processes("steward", 1+w.dice("stewards").n(2), openSteward)
	w.archivers = w.processes("archiver", 1+w.dice("archivers").n(2), openArchiver)
	w.vaulters = w.processes("vaulter", 1+w.dice("vaulters").n(2), openVaulter)
	w.pushers = w.processes("pusher", 1+w.dice("pushers").n(2), openPusher)
	w.pushLost.Add(1) // from the log's start on
	for i := range 3 + d.n(2) {
		user := events.UserID(fmt.Sprintf("user%d", i))
		token, err := auth.Issue(signing, auth.Identity{User: user, Expires: w.began.Add(24 * time.Hour)}, w.began)
		if err != nil {
			return nil, err
		}
		c := newClient(w, user, token)
		c.toDo = 5 + d.n(25)
		w.clients = append(w.clients, c)
	}
	return w, nil
}

// openEngines makes the log, the store, the archive and the vault, empty.
func (w *World) openEngines(partitions int32, window int) {
	w.partitions = partitions
	w.logger = slog.New(slog.DiscardHandler)
	if w.verbose {
		w.logger = slog.New(slog.NewTextHandler(tracer{w}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	w.memory = eventlog.NewMemory(eventlog.MemoryOptions{
		Partitions: partitions, SessionTimeout: sessionTimeout,
		Now: func() events.Millis { return events.Millis(time.Now().UnixMilli()) },
	})
	w.hot = NewHot(partitions, window)
	w.archive, w.bucket = w.plant.archive(archive.NewMemory()), planted[vault.Bucket](w.plant.Bucket, vault.NewMemory())
	w.archiveUp, w.bucketUp, w.searchesUp = newGate(), newGate(), newGate()
	w.presence, w.vendors = presence.NewMemory(time.Now), newVendors()
	w.notes.Store(push.NewMemory())
	w.repeats, w.strays, w.late = map[string]int{}, map[string]bool{}, map[string]int{}
	w.log = vault.NewLog(trimmable{w.memory}, w.bucket, "", w.logger)
}

func (w *World) processes(name string, n int, open func(*process, *life) (func(context.Context) error, error)) []*process {
	out := make([]*process, n)
	for i := range out {
		name := fmt.Sprintf("%s%d", name, i)
		out[i] = &process{w: w, name: name, dice: w.dice(name), open: open, disk: map[int32]*sequencer.MemoryStore{}}
	}
	return out
}

func (w *World) dice(name string) *dice { return newDice(w.seed, name) }

// all are all processes.
func (w *World) all() []*process {
	var all []*process
	all = append(all, w.sequencers...)
	all = append(all, w.projectors...)
	all = append(all, w.gateways...)
	all = append(all, w.stewards...)
	all = append(all, w.archivers...)
	all = append(all, w.vaulters...)
	return append(all, w.pushers...)
}

// openSessions has the first clients create sessions.
func (w *World) openSessions() {
	a, b, c := w.clients[0], w.clients[1], w.clients[2]
	a.create(events.KindDirect, b.user)
	a.create(events.KindGroup, b.user, c.user)
	b.create(events.KindGroup, c.user)
	b.create(events.KindChannel)
	w.open = append(w.open, b.commands[len(b.commands)-1])
}

// channels are the channels that exist.
func (w *World) channels() []events.SessionID {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []events.SessionID
	for _, k := range w.open {
		if p, is := w.hot.peek(k.session); is == there && p > 0 {
			out = append(out, k.session)
		}
	}
	return out
}

// run is the seed's life; it gives what was violated.
func (w *World) run(ctx context.Context) []string {
	for _, p := range w.all() {
		w.pass(p.dice.between(time.Microsecond, time.Millisecond))
		if err := p.start(); err != nil {
			return []string{err.Error()}
		}
	}
	w.openSessions()
	clients, leave := context.WithCancel(ctx)
	for _, c := range w.clients {
		w.pass(c.dice.between(time.Microsecond, time.Millisecond))
		w.running.Go(func() { c.run(clients) })
	}
	var chaos sync.WaitGroup
	w.cause(&chaos)
	chaos.Go(func() { w.watchArchive(ctx) })
	w.pass(w.dice("load").between(15*time.Second, 45*time.Second))
	w.calm.Store(true)
	close(w.calmed)
	chaos.Wait()
	w.note("calm")
	w.settle(ctx)
	leave()
	for _, p := range w.all() {
		p.stop()
	}
	w.running.Wait()
	w.log.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.violations
}

func (w *World) pass(d time.Duration) { <-time.After(d) }

// maxViolations bounds what is said; the first is what matters.
const maxViolations = 10

func (w *World) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.note("violation: %s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.violations) < maxViolations {
		w.violations = append(w.violations, text)
	}
}

func (w *World) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.violations) > 0
}

// note adds to the trace.
func (w *World) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.trace, "%9.3f %s\n", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}

// detail adds to the trace what is only wanted when somebody looks at the seed.
func (w *World) detail(format string, args ...any) {
	if w.verbose {
		w.note(format, args...)
	}
}

// tracer takes the roles' logs.
type tracer struct{ w *World }

func (t tracer) Write(line []byte) (int, error) {
	text := string(line)
	if i := strings.Index(text, "level="); i > 0 {
		text = text[i:]
	}
	t.w.note("%s", strings.TrimSpace(text))
	return len(line), nil
}
