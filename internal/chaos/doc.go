// Package chaos runs Annal as processes on real engines, three Kafka brokers and a Redis, has people chat, and does to it
// what production does: kills, stops and restarts processes and brokers, and empties Redis. In the end package check judges
// what the log, the view and every client hold.
//
// Faults are chosen by a seed, so a run can be had again as far as schedulers allow. Every process is bound to this one
// (devstack.Start): none outlives it, however it ends.
package chaos
