// Package annaltest runs the annal binary, built with the race detector, in processes of its own for tests: each role by
// itself on Apache Kafka and Redis, or all in one. Processes are killed with SIGKILL and started again on the same data,
// and clients come over real sockets.
//
// Everything is waited for with a deadline; a process dies with the test that started it, and its log's end is shown when
// the test fails.
package annaltest
