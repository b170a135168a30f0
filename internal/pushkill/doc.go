// Package pushkill has people be told of messages while the processes that tell them are killed, one after another, and judges what their phones showed:
// none twice, none against the rules, none lost, and a reason for each.
//
// Everything runs as processes on a real Kafka and Redis; stand-ins of the push services, and people's clients, are in the test. `make test` has a short form,
// `make push-kill` the long one.
package pushkill
