// Package e2e tests the product as it is run: the annal binary, built with the race
// detector, in processes of its own that are killed with SIGKILL and started again,
// on embedded engines and on Apache Kafka and Redis, with clients over real sockets.
//
// Everything is waited for with a deadline; a process dies with the test that started
// it, and its log's end is shown when the test fails.
package e2e
