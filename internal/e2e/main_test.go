package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"annal/internal/devstack"
)

// annal is the binary under test.
var annal string

func TestMain(m *testing.M) { devstack.Main(built{m}) }

// built runs the tests with the binary there.
type built struct{ m *testing.M }

func (b built) Run() (code int) {
	dir, err := os.MkdirTemp("", "annal-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}()
	annal = filepath.Join(dir, "annal")
	if out, err := exec.Command("go", "build", "-race", "-o", annal, "annal/cmd/annal").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build annal: %v\n%s", err, out)
		return 1
	}
	return b.m.Run()
}
