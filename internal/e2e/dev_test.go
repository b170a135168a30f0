package e2e

import (
	"annal/internal/annaltest"

	"path/filepath"
	"testing"
)

// dev starts `annal dev` on engines of a kind.
func dev(t *testing.T, engines string) *annaltest.Server {
	t.Helper()
	return annaltest.Serve(t, "dev-"+engines, "dev", "--engines", engines, "--data", filepath.Join(t.TempDir(), "data"))
}

func TestAllInOneProcess(t *testing.T) {
	s := dev(t, "embedded")
	p := annaltest.Meet(t, annaltest.Connect(t, s.File, s.At.Token, "alice"), annaltest.Connect(t, s.File, s.At.Token, "bob"))
	p.Converse(t)
	f := p.Flow(t)
	f.GoesOn(t, 50)
	for range 2 {
		s.Crash(t)
		f.GoesOn(t, 50)
	}
	f.Finish(t)
	annaltest.Verify(t, s.File)
}
