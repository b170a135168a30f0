// Package bubble runs a test on fake time, as testing/synctest does, safely under the race detector.
package bubble

import (
	"testing"
	"testing/synctest"
)

// Test runs f in a bubble of its own: see [synctest.Test]. Under the race detector the process's Go code runs on one
// thread from then on. A timer that is due already when somebody receives from it is run by the receiver, in a context
// of the detector which a bubble's goroutines share, and Go 1.26 does not lock it: two receivers at once crash the
// process. What the detector looks for, accesses that nothing orders, it finds on one thread as well.
func Test(t *testing.T, f func(*testing.T)) {
	t.Helper()
	oneThread()
	synctest.Test(t, f)
}
