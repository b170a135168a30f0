// Package reload tells when files that hold settings or secrets were replaced.
package reload

import (
	"os"
	"slices"
	"time"
)

// Every is how often files are looked at, while anybody asks.
const Every = time.Second

// Files are files that belong together. They are for one goroutine at a time.
type Files struct {
	paths  []string
	looked time.Time
	// seen is what the files were like when they were last read, good or bad.
	seen []stamp
}

// stamp tells a file from another one under its name.
type stamp struct {
	at    time.Time
	bytes int64
}

// New gives files that are read now.
func New(now time.Time, paths ...string) (*Files, error) {
	f := &Files{paths: paths, looked: now}
	var err error
	f.seen, err = f.stamps()
	return f, err
}

// Changed says whether the files are others than when it was last asked, so that they are to be read again. It looks no more often than Every.
func (f *Files) Changed(now time.Time) (bool, error) {
	if now.Sub(f.looked) < Every {
		return false, nil
	}
	f.looked = now
	seen, err := f.stamps()
	if err != nil || slices.Equal(seen, f.seen) {
		return false, err
	}
	f.seen = seen
	return true, nil
}

func (f *Files) stamps() ([]stamp, error) {
	var all []stamp
	for _, path := range f.paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		all = append(all, stamp{info.ModTime(), info.Size()})
	}
	return all, nil
}
