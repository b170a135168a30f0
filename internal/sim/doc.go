// Package sim simulates the whole of Annal: the production sequencer, hot projector,
// gateway, steward and archiver, several of each, with only their ports replaced and on fake time
// (testing/synctest). A seed draws the load and the faults; after them everything must
// come to rest as the promises P1 to P6 say.
//
// A seed that failed: SEED=n go test -run TestSeed -v ./internal/sim
package sim
