package chaos

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTwoMinutes is `make chaos` in short: a fixed seed, whose first faults are of several kinds.
func TestTwoMinutes(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "annal")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "annal/cmd/annal").CombinedOutput(); err != nil {
		t.Fatalf("build annal: %v\n%s", err, out)
	}
	r, err := Run(t.Context(), Options{Binary: binary, For: 2 * time.Minute, Seed: testSeed, Rate: 200, Out: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	var report strings.Builder
	r.Write(&report)
	t.Log(report.String())
	if !r.OK() || len(r.Faults) == 0 {
		t.Error("a promise was not kept, or nothing was done to anybody")
	}
}

// testSeed begins with a sequencer killed for long, Redis emptied, a broker killed and a projector stopped.
const testSeed = 19454
