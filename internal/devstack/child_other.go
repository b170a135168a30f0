//go:build !linux

package devstack

import (
	"errors"
	"os/exec"
	"syscall"
)

// startBound starts cmd in a process group of its own. Only Linux can bind a child's life to its parent's: elsewhere a
// SIGKILL of this process leaves the engines running. Annal is developed and run on Linux.
func startBound(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	return <-started
}

func runSpawner(work <-chan func()) {
	for f := range work {
		f()
	}
}

func limitFiles(int, uint64) error { return errors.New("devstack: files can be limited on Linux only") }
