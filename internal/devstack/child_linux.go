package devstack

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// startBound starts cmd so that the kernel kills it when this process ends, even by SIGKILL.
//
// Linux sends the parent-death signal when the *thread* that started the child ends, and Go ends threads whose locked
// goroutine returned. So one goroutine locks a thread for good and starts every child. Between fork and the request
// for the signal the parent could die unnoticed; package syscall closes that gap by comparing the parent's pid.
//
// The child gets a process group of its own: Ctrl-C in a terminal goes to the whole foreground group, and the engines
// have to outlive the roles, which are still writing what they have accepted.
func startBound(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	return <-started
}

func runSpawner(work <-chan func()) {
	runtime.LockOSThread() // never unlocked: the thread must not end, nor change, while this process lives
	for f := range work {
		f()
	}
}

// limitFiles lets no file of a process grow beyond that size: what it writes there fails as on a full disk, and the
// machine needs no disk that can be filled. 0 ends it.
func limitFiles(pid int, size uint64) error {
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &limit); err != nil {
		return fmt.Errorf("devstack: limit files: %w", err)
	}
	if limit.Cur = size; size == 0 {
		limit.Cur = limit.Max
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		return fmt.Errorf("devstack: limit files: %w", err)
	}
	return nil
}
