package app

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The heap may grow by so much between collections, in percent. Much of what is on its way
// is garbage at once and little of it stays, so Go's own 100 collects a small heap twice a
// second under load and takes a seventh of the process's time: mostPercent. What stays in
// some processes is large; the same share of it would be memory that never comes back, to
// save collections that are seldom anyway: leastPercent.
const (
	mostPercent  = 200
	leastPercent = 30
	// roomEvery is how often what is live is looked at.
	roomEvery = time.Second
)

// roomOf is how much garbage, in bytes, is allowed in a process of that role alone while
// neither bound says otherwise; false for others. What stays in a gateway are its connections,
// which rest; in a sequencer the rows and records of very many sessions, which it works on.
func roomOf(role string) (room uint64, bounded bool) {
	room, bounded = map[string]uint64{RoleGateway: 24 << 20, RoleSequencer: 128 << 20}[role]
	return room, bounded
}

// percentFor gives what the heap may grow by when so many bytes are live.
func percentFor(live, room uint64) int {
	return int(min(max(room*100/max(live, 1), leastPercent), mostPercent))
}

// ownGarbage says whether how much garbage there may be is left to us: GOGC goes before.
func ownGarbage() bool { return os.Getenv("GOGC") == "" }

// boundGarbage keeps to percentFor as what is live comes and goes, until ctx ends.
func boundGarbage(ctx context.Context, room uint64) {
	ticker := time.NewTicker(roomEvery)
	defer ticker.Stop()
	for set := mostPercent; ; {
		// Setting it stops everything for a moment: only when it matters.
		if want := percentFor(liveBytes(), room); want < set-set/10 || want > set+set/10 || want != set && (want == leastPercent || want == mostPercent) {
			debug.SetGCPercent(want)
			set = want
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// liveBytes is what the last collection found live, and the stacks, which a goroutine per
// connection makes as much of.
func liveBytes() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() + samples[1].Value.Uint64()
}
