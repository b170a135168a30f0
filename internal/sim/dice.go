package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// dice are one part's chances. Every part has its own, made from the seed and its name,
// so that what one draws does not depend on when others do.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(seed uint64, name string) *dice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return &dice{r: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// n is a number from 0 up to below most.
func (d *dice) n(most int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(most)
}

// permille is true in that many of a thousand cases.
func (d *dice) permille(odds int) bool { return odds > 0 && d.n(1000) < odds }

// between is a time from least to most, to the nanosecond: hardly ever do two things
// happen at once, whose order would be the scheduler's choice.
func (d *dice) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.n(int(most-least)))
}

// Uint64 makes dice a rand.Source.
func (d *dice) Uint64() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.Uint64()
}

// pick gives one of some.
func pick[T any](d *dice, some []T) T { return some[d.n(len(some))] }

// odds are of what may go wrong at each step, in a thousand, and how many faults of
// whole parts there are; each seed draws its own, so that some have much of one and
// none of another.
type odds struct {
	// delay of a call to a port, slow being a long one.
	delay, slow int
	// Of appends: never written, written without an answer, written late; the last of insertions into the archive, too.
	unwritten, unanswered, late int
	// Of calls to the hot store and the archive: not done, done without an answer.
	storeFails, storeUnanswered int
	// Of published messages: doubled, delayed (and so reordered).
	doubled, reordered int
	// Of a client's connection: lost, not read for a while, by tick.
	lost, stalled int
	// Weights of faults of a process.
	crash, loseDisk, freeze, cutLog, cutStore, stop int
	// Weights of faults of the store and of feeds.
	flush, damage, older, cutFeed int
	// Of calls of push services: cut on the way there or back, so that nobody knows what came of them; asked to come again; to a token that is gone from then on.
	pushCut, pushBusy, pushGone int
	// Weights of an operator who asks that a view be built anew, and who deletes from the log what the vault has.
	rebuild, trim int
	// every is the mean time between faults of one part, in milliseconds.
	every int
}

// drawOdds gives a quarter of the seeds no faults of a kind.
func drawOdds(d *dice) odds {
	up := func(most int) int {
		if d.n(4) == 0 {
			return 0
		}
		return d.n(most + 1)
	}
	return odds{
		delay: up(400), slow: up(20), unwritten: up(30), unanswered: up(40), late: up(30),
		storeFails: up(50), storeUnanswered: up(50), doubled: up(300), reordered: up(300),
		lost: up(8), stalled: up(8),
		crash: up(10), loseDisk: up(1000), freeze: up(10), cutLog: up(6), cutStore: up(6), stop: up(5),
		flush: up(6), damage: up(10), older: up(10), cutFeed: up(10), every: 1500 + d.n(9000),
	}
}
