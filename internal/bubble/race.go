//go:build race

package bubble

import "runtime"

func oneThread() {
	if runtime.GOMAXPROCS(0) > 1 {
		runtime.GOMAXPROCS(1)
	}
}
