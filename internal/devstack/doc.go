// Package devstack starts the engines Annal runs on, for tests and for `annal dev`: Apache Kafka and Redis as child
// processes ([StartKafka], [StartRedis]), and their in-process stand-ins ([StartKfake], [StartMiniredis]).
//
// Everything listens on loopback only. A child process dies with the process that started it, however that one ends
// (see child_linux.go), so an aborted test run leaves no broker behind.
//
// Tests share one engine per process: a package whose tests use [KafkaForTest] or [RedisForTest] has a
//
//	func TestMain(m *testing.M) { devstack.Main(m) }
//
// and keeps its tests apart by names from [UniqueName]. A missing engine fails the test, it never skips it:
// a promise that was not tested is not kept.
package devstack
