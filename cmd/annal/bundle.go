package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"annal/pkg/audit"
)

// bundle is one on its way into a file, under other names beside it: under its own it stands whole or not at all, whenever the
// process ends.
type bundle struct {
	path       string
	out, spool *os.File
}

// newBundle sees that nothing has the name and that there can be written. What it makes, discard removes.
func newBundle(path string) (*bundle, error) {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return nil, fmt.Errorf("%s: %w", path, fs.ErrExist)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	b := &bundle{path: path}
	for _, f := range []**os.File{&b.out, &b.spool} {
		var err error
		if *f, err = os.CreateTemp(filepath.Dir(path), ".annal-audit-*"); err != nil {
			return nil, errors.Join(err, b.discard())
		}
	}
	return b, nil
}

// write exports, and gives the bundle its name unless something has it by now.
func (b *bundle) write(ctx context.Context, source audit.Source, r audit.Range, key ed25519.PrivateKey) (audit.Manifest, error) {
	m, err := audit.Export(ctx, source, r, key, b.spool, b.out)
	if err != nil {
		return m, err
	}
	if err := b.out.Sync(); err != nil {
		return m, err
	}
	if err := os.Link(b.out.Name(), b.path); err != nil {
		return m, err
	}
	dir, err := os.Open(filepath.Dir(b.path))
	if err != nil {
		return m, err
	}
	return m, errors.Join(dir.Sync(), dir.Close())
}

func (b *bundle) discard() error {
	var err error
	for _, f := range []*os.File{b.out, b.spool} {
		if f != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}
	return err
}
