package endpoints

import (
	"context"
	"fmt"
	"time"
)

// awaitEvery is how often Await looks.
const awaitEvery = 20 * time.Millisecond

// Await waits until the process pid has written the file at path, which it does once
// it is ready; a file that an earlier process left is passed over. The error is that
// of ctx, and why the last look did not find it.
func Await(ctx context.Context, path string, pid int) (File, error) {
	tick := time.NewTicker(awaitEvery)
	defer tick.Stop()
	for {
		f, err := Read(path)
		switch {
		case err == nil && f.PID == pid:
			return f, nil
		case err == nil:
			err = fmt.Errorf("endpoints: %s is of process %d, want %d", path, f.PID, pid)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return File{}, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}
