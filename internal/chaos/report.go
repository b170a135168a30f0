package chaos

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"annal/internal/chaos/check"
	"annal/internal/chaos/load"
)

// gapLeast is the shortest time without an answer that is told.
const gapLeast = time.Second

// Report is what a run came to.
type Report struct {
	Seed                uint64
	Began               time.Time
	LoadFrom, LoadUntil time.Time
	Took                time.Duration
	Faults              []Fault
	// Commands were asked; Accepted, NoEffect and Rejected is what came of them. Acked are the first two.
	Commands, Accepted, NoEffect, Rejected int
	// Again counts answers beyond the first, and Given events that clients were given live.
	Again, Given int
	// Codes counts the errors clients were told, Connects their connections.
	Codes    map[string]int
	Connects int
	Views    int
	Gaps     []load.Gap
	Log      *check.Log
	// Stuck says what never came once all was quiet; empty if everything did.
	Stuck string
	// Deaths are processes that ended by themselves.
	Deaths []string
}

// Acked is how many operations were accepted, or had their effect already.
func (r *Report) Acked() int { return r.Accepted + r.NoEffect }

// OK says whether there is nothing to find fault with.
func (r *Report) OK() bool {
	return r.Log != nil && r.Log.Total() == 0 && len(r.Deaths) == 0 && r.Acked() > 0
}

func (r *Report) say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "%7.1f s  %s\n", time.Since(r.Began).Seconds(), fmt.Sprintf(format, args...))
}

func (r *Report) judge(log *check.Log, l *load.Load, views []*check.View) {
	commands, heard := l.Commands(), l.Heard()
	log.Commands(commands)
	chatters := map[string]bool{}
	for _, h := range heard {
		log.Heard(h)
		chatters[h.User] = true
		for _, run := range h.Runs {
			if !run.Filled {
				r.Given += len(run.Events)
			}
		}
	}
	for _, v := range views {
		log.View(v)
	}
	if r.Stuck == "" {
		log.Covered(chatters, heard, views)
	}
	for _, c := range commands {
		r.Commands++
		if len(c.Answers) == 0 {
			continue
		}
		r.Again += len(c.Answers) - 1
		switch a := c.Answers[0]; {
		case a.Rejected:
			r.Rejected++
		case a.Code != "":
			r.NoEffect++
		default:
			r.Accepted++
		}
	}
	r.Log, r.Views, r.Gaps = log, len(views), l.Gaps(gapLeast)
	r.Codes, r.Connects = l.Codes()
}

// Write prints it for people.
func (r *Report) Write(w io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	load := r.LoadUntil.Sub(r.LoadFrom)
	p("seed %d, %.0f s in all, %.0f s of load", r.Seed, r.Took.Seconds(), load.Seconds())
	p("operations: %d acked (%d accepted, %d without effect), %d rejected, of %d; %.0f acked/s; %d answered again",
		r.Acked(), r.Accepted, r.NoEffect, r.Rejected, r.Commands, float64(r.Acked())/load.Seconds(), r.Again)
	p("events given live: %d over %d connections; views compared: %d", r.Given, r.Connects, r.Views)
	p("log: %d outcomes count, %d do not; %d owners", r.Log.Counted, r.Log.Skipped, r.Log.Fences)
	r.writeFaults(p)
	r.writeGaps(p)
	p("errors told to clients:")
	for _, code := range slices.Sorted(maps.Keys(r.Codes)) {
		p("  %6d %s", r.Codes[code], code)
	}
	if r.Stuck != "" {
		p("once all was quiet: %s", r.Stuck)
	}
	for _, d := range r.Deaths {
		p("%s", d)
	}
	for _, line := range r.Log.Lines() {
		p("%s", line)
	}
	p("lost %d, doubled %d, out of order %d, incomplete %d, other %d", r.Log.Count(check.Lost), r.Log.Count(check.Doubled), r.Log.Count(check.Order), r.Log.Count(check.Incomplete),
		r.Log.Total()-r.Log.Count(check.Lost)-r.Log.Count(check.Doubled)-r.Log.Count(check.Order)-r.Log.Count(check.Incomplete))
	if r.OK() {
		p("verdict: all promises held")
		return
	}
	p("verdict: FAILED, %d problems, %d processes ended by themselves", r.Log.Total(), len(r.Deaths))
}

// longest is the greatest gap, and what it is put down to.
type longest struct {
	gap   time.Duration
	fault string
}

func (r *Report) writeFaults(p func(string, ...any)) {
	count, long := map[string]int{}, 0
	for _, f := range r.Faults {
		count[f.kind()]++
		if f.Long {
			long++
		}
	}
	p("faults: %d, %d of them long", len(r.Faults), long)
	worst := map[string]longest{}
	for _, g := range r.Gaps {
		f, name := r.cause(g)
		if g.Length > worst[f].gap {
			worst[f] = longest{g.Length, name}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		p("  %3d %-24s longest time without service %4.1f s", count[kind], kind, worst[kind].gap.Seconds())
	}
	if w, ok := worst[""]; ok {
		p("      %-24s longest time without service %4.1f s", "no fault", w.gap.Seconds())
	}
}

func (r *Report) writeGaps(p func(string, ...any)) {
	worst := map[int32]longest{}
	for _, g := range r.Gaps {
		if g.Length > worst[g.Partition].gap {
			_, name := r.cause(g)
			worst[g.Partition] = longest{g.Length, name}
		}
	}
	p("longest time without service, by partition:")
	for n := range int32(partitions) {
		if w, ok := worst[n]; ok {
			p("  %d %5.1f s  %s", n, w.gap.Seconds(), w.fault)
		} else {
			p("  %d under %.1f s", n, gapLeast.Seconds())
		}
	}
}

// kind is what faults are counted by: sequencer-2 is a sequencer.
func (f Fault) kind() string {
	role := f.Target
	for i := range role {
		if role[i] == '-' {
			role = role[:i]
			break
		}
	}
	if f.Long {
		role += ", long"
	}
	return f.Kind + " " + role
}

// cause is the fault a gap is put down to: the last that began before the gap ended, and was over no longer than apart
// before it began.
func (r *Report) cause(g load.Gap) (kind, name string) {
	for _, f := range slices.Backward(r.Faults) {
		if f.From.Before(g.From.Add(g.Length)) {
			if f.Until.Add(apart).Before(g.From) {
				break
			}
			return f.kind(), fmt.Sprintf("%s, at %.0f s", f, f.From.Sub(r.Began).Seconds())
		}
	}
	return "", fmt.Sprintf("no fault, at %.0f s", g.From.Sub(r.Began).Seconds())
}
