// Package check judges a run of Annal from outside: by the topics as Kafka holds them, by what clients were told and shown,
// and by what a gateway says of the view. It shares no code with the product but the generated protobuf types: the reader's
// rule, the fold and the comparison are written here again from the design, in the plainest way.
//
// Feed a [Log] all records of the events topic, then those of the commands topic, each partition in order; then give it
// what clients recorded ([Log.Commands], [Log.Heard]) and what they read in the end ([Log.View]). Problems are collected.
package check

import (
	"fmt"
	"maps"
	"slices"
)

// Kinds of problems.
const (
	Lost       = "lost"       // acked, and not in the log
	Doubled    = "doubled"    // one client id took effect twice
	Answers    = "answers"    // a command got answers that differ, none, or another than the log's
	Undecided  = "undecided"  // a command in the log without an outcome, or with another's
	Chain      = "chain"      // a prev_hash that is not of the outcome before
	Hole       = "hole"       // seqs or indexes of the log are not dense
	Rules      = "rules"      // the log holds what no sequence of commands leads to
	Poison     = "poison"     // a record that no Annal writes
	Order      = "order"      // a client was given events out of order, twice, or with a gap
	Incomplete = "incomplete" // a client was never given an event of its stays
	Content    = "content"    // a client was given another event than the log's
	ViewDiffer = "view"       // the view is not the fold
)

// maxShown bounds how many problems of a kind are kept as text.
const maxShown = 10

// Problems are what was found, by kind.
type Problems struct {
	counts map[string]int
	texts  map[string][]string
}

// Add notes a problem.
func (p *Problems) Add(kind, format string, args ...any) {
	if p.counts == nil {
		p.counts, p.texts = map[string]int{}, map[string][]string{}
	}
	p.counts[kind]++
	if len(p.texts[kind]) < maxShown {
		p.texts[kind] = append(p.texts[kind], fmt.Sprintf(format, args...))
	}
}

// Count is how many problems of a kind there are.
func (p *Problems) Count(kind string) int { return p.counts[kind] }

// Total is how many problems there are.
func (p *Problems) Total() int {
	n := 0
	for _, c := range p.counts {
		n += c
	}
	return n
}

// Lines are the problems as text, kind by kind, the first of each.
func (p *Problems) Lines() []string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(p.counts)) {
		out = append(out, fmt.Sprintf("%s: %d", kind, p.counts[kind]))
		for _, t := range p.texts[kind] {
			out = append(out, "  "+t)
		}
	}
	return out
}
