package sim

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"annal/internal/bubble"
)

// seedLimit is for how long a seed may run by the wall's clock: one that never lets time
// pass, or waits for what synctest does not see, ends there.
const seedLimit = 2 * time.Minute

// live runs one seed in a bubble and gives the world as it ended.
func live(t *testing.T, seed uint64, plant Plant, verbose bool) (*World, []string) {
	t.Helper()
	limit := time.AfterFunc(seedLimit, func() {
		stacks := make([]byte, 4<<20)
		panic(fmt.Sprintf("sim: seed %d does not end\n%s", seed, stacks[:runtime.Stack(stacks, true)]))
	})
	defer limit.Stop()
	var w *World
	var violations []string
	bubble.Test(t, func(t *testing.T) {
		var err error
		if w, err = newWorld(seed, plant, verbose); err != nil {
			t.Fatal(err)
		}
		violations = w.run(t.Context())
	})
	return w, violations
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%s is not a number", name, text)
	}
	return n
}

// TestSeed is for looking at one seed (SEED, 0 unless given), and at a planted bug with PLANT. TIMES runs it so
// often: hardly ever does anything happen at once, so that a seed mostly goes the same
// way; where it does, goroutines may take turns otherwise the next time.
func TestSeed(t *testing.T) {
	seed, times, failed := number(t, "SEED", 0), number(t, "TIMES", 1), 0
	for range times {
		w, violations := live(t, seed, plants()[os.Getenv("PLANT")], true)
		if len(violations) > 0 {
			failed++
			t.Errorf("seed %d: %s", seed, violations)
		}
		if failed == 1 || times == 1 {
			t.Logf("%s", w.trace.String())
		}
	}
	t.Logf("%d of %d failed", failed, times)
}

// shortSeeds are few enough for every run of the tests.
const shortSeeds = 60

// TestSeeds runs SEEDS seeds from FROM on.
func TestSeeds(t *testing.T) {
	first, n := number(t, "FROM", 0), number(t, "SEEDS", shortSeeds)
	began := time.Now()
	for seed := first; seed < first+n; seed++ {
		w, violations := live(t, seed, Plant{}, true)
		if len(violations) > 0 {
			t.Errorf("%s\nseed %d: %s\nlook at it: SEED=%d TIMES=20 go test -cpu 1 -run TestSeed$ -v ./internal/sim",
				w.trace.String(), seed, violations, seed)
		}
		if done := seed - first + 1; done%500 == 0 {
			t.Logf("%d of %d seeds, %.0f s", done, n, time.Since(began).Seconds())
		}
	}
}
