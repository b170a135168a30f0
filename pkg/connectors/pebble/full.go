package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// A disk that takes nothing more, or fails, ends the process: what counts is in the log, and whoever takes the partitions
// over needs nothing that is here. Going on would be of no use: Pebble keeps the locks of a write that failed, panics
// where nobody can catch it, and tries a failed flush again without a pause.

// quiet keeps Pebble's own narration at debug level.
type quiet struct{ log *slog.Logger }

func (q quiet) Infof(format string, args ...any) {
	q.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

func (q quiet) Errorf(format string, args ...any) {
	q.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble calls it when its files can't be trusted.
func (q quiet) Fatalf(format string, args ...any) {
	q.exit(fmt.Errorf(format, args...))
}

func (q quiet) exit(err error) {
	q.log.Error("the rows can't be stored; this process ends", "error", err)
	os.Exit(1)
}

// background hears of what failed while nobody waited for it.
func (q quiet) background(err error) {
	q.Errorf("in the background: %v", q.must(err))
}

// isDisk says of an error that the disk is full, or fails.
func isDisk(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO, syscall.EROFS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (q quiet) listener() *pebble.EventListener {
	return &pebble.EventListener{BackgroundError: q.background}
}

// guardedFS ends the process at the first file or write that fails for the disk's sake.
type guardedFS struct {
	vfs.FS
	quiet
}

// Create implements vfs.FS.
func (g guardedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.guard(g.FS.Create(name, c))
}

// ReuseForWrite implements vfs.FS.
func (g guardedFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.guard(g.FS.ReuseForWrite(from, to, c))
}

func (g guardedFS) guard(f vfs.File, err error) (vfs.File, error) {
	if g.must(err) != nil {
		return nil, err
	}
	return guardedFile{f, g.quiet}, nil
}

type guardedFile struct {
	vfs.File
	quiet
}

// must gives the error back, unless it is the disk's.
func (q quiet) must(err error) error {
	if isDisk(err) {
		q.exit(err)
	}
	return err
}

// Write implements vfs.File.
func (g guardedFile) Write(p []byte) (int, error) {
	n, err := g.File.Write(p)
	return n, g.must(err)
}

// Sync implements vfs.File.
func (g guardedFile) Sync() error { return g.must(g.File.Sync()) }

// SyncData implements vfs.File.
func (g guardedFile) SyncData() error { return g.must(g.File.SyncData()) }
