package e2e

import (
	"path/filepath"
	"testing"
)

// dev starts `annal dev` on engines of a kind.
func dev(t *testing.T, engines string) *server {
	t.Helper()
	return serve(t, "dev-"+engines, "dev", "--engines", engines, "--data", filepath.Join(t.TempDir(), "data"))
}

func TestAllInOneProcess(t *testing.T) {
	s := dev(t, "embedded")
	p := meet(t, connect(t, s.file, s.at.Token, "alice"), connect(t, s.file, s.at.Token, "bob"))
	p.converse(t)
	f := p.flow(t)
	f.goesOn(t, 50)
	for range 2 {
		s.crash(t)
		f.goesOn(t, 50)
	}
	f.finish(t)
	verify(t, s.file)
}
