package devstack

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// What can be done to engines beside killing them.

// ErrStopped is the answer to what needs a running engine.
var ErrStopped = errors.New("devstack: the engine does not run")

// LimitFiles lets no file of a process grow beyond that many bytes: what it writes there fails as on a full disk. 0 ends it.
func LimitFiles(pid int, size uint64) error { return limitFiles(pid, size) }

// Pause stops the node as if its machine hung, until Resume or Kill.
func (k *Kafka) Pause() error {
	if k.proc == nil {
		return ErrStopped
	}
	return k.proc.pause()
}

// Resume ends a pause.
func (k *Kafka) Resume() error {
	if k.proc == nil {
		return ErrStopped
	}
	return k.proc.resume()
}

// FillDisk leaves the node that many bytes to write: beyond, writes fail as on a full disk. A restart has room again.
func (k *Kafka) FillDisk(left uint64) error {
	if k.proc == nil {
		return ErrStopped
	}
	largest := uint64(0)
	err := filepath.WalkDir(filepath.Join(k.dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".log") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			largest = max(largest, uint64(info.Size()))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("devstack: kafka: %w", err)
	}
	return limitFiles(k.proc.cmd.Process.Pid, largest+left)
}

// Exited waits until the node has ended, and says whether it did within that time.
func (k *Kafka) Exited(within time.Duration) bool {
	if k.proc == nil {
		return true
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-k.proc.done:
	case <-timer.C:
	}
	select {
	case <-k.proc.done:
		return true
	default:
		return false
	}
}

// Pause stops the server as if its machine hung, until Resume or Kill.
func (r *Redis) Pause() error {
	if r.proc == nil {
		return ErrStopped
	}
	return r.proc.pause()
}

// Resume ends a pause.
func (r *Redis) Resume() error {
	if r.proc == nil {
		return ErrStopped
	}
	return r.proc.resume()
}
