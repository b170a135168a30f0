// Package engines tests what docs/operations.md says of engines that fail: all roles run on real Kafka and Redis, one of
// which is then broken, while clients send and listen. Clients must get what the page says, nothing acked may be lost,
// nothing may be done twice, and metric and log line must tell of it.
package engines
