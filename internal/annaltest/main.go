package annaltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"annal/internal/devstack"
)

// binary is the annal under test.
var binary string

// Binary is the path of the annal under test.
func Binary() string { return binary }

// Main builds annal, runs a package's tests and stops the engines they shared: call it from TestMain.
func Main(m *testing.M) { devstack.Main(built{m}) }

// built runs the tests with the binary there.
type built struct{ m *testing.M }

func (b built) Run() (code int) {
	dir, err := os.MkdirTemp("", "annal-test-")
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
	binary = filepath.Join(dir, "annal")
	args := append(append([]string{"build"}, buildFlags...), "-o", binary, "annal/cmd/annal")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build annal: %v\n%s", err, out)
		return 1
	}
	return b.m.Run()
}
