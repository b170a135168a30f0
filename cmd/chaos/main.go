// Command chaos runs Annal as processes on real engines, does to it what production does, and judges what it kept of its
// promises (internal/chaos). It ends with 0 if all, with 1 otherwise.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"annal/internal/chaos"
)

func main() {
	var o chaos.Options
	minutes := flag.Float64("minutes", 10, "how long the run may take in all")
	flag.StringVar(&o.Binary, "annal", "bin/annal", "the binary under test")
	flag.Uint64Var(&o.Seed, "seed", 0, "what faults are chosen by (0: any)")
	flag.IntVar(&o.Rate, "rate", 300, "operations tried a second")
	flag.BoolVar(&o.Keep, "keep", false, "keep the processes' logs even if nothing was found")
	flag.Parse()
	o.For, o.Out = time.Duration(*minutes*float64(time.Minute)), os.Stdout
	for o.Seed == 0 {
		o.Seed = rand.Uint64N(1_000_000)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	report, err := chaos.Run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	report.Write(os.Stdout)
	if !report.OK() {
		os.Exit(1)
	}
}
