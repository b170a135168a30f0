// Package scenario reads and runs scenarios: stories about people, their devices and the
// system, told in text, step by step, with what everybody is to be answered and shown.
// docs/scenarios.md describes the language.
//
// One file runs in three ways, each a [Way]: against the pure rules ([NewRules]); against
// the whole system over connections of any kind ([NewSystem]), which is the system in
// process on fake time (internal/sim has it) or a live deployment (internal/scenario/live).
// A step that a way can't do ends the scenario there as not run, with the reason; it is
// never passed over.
package scenario
