package bench

import (
	"fmt"
	"syscall"
)

// spareDescriptors is what a process opens besides connections of clients.
const spareDescriptors = 256

// allowDescriptors sees to it that this process, and those that it starts, can have that
// many connections each.
func allowDescriptors(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("bench: limit of open files: %w", err)
	}
	want := uint64(connections) + spareDescriptors
	if limit.Cur >= want {
		return nil
	}
	if limit.Max >= want {
		limit.Cur = limit.Max
	} else {
		limit = syscall.Rlimit{Cur: want, Max: want} // who may raise the hard limit may go on
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("bench: %d connections take %d open files in a process, and the hard limit is lower (ulimit -Hn): %w", connections, want, err)
	}
	return nil
}
