package scenario

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"annal/internal/sim"
)

func validText(data []byte) bool { return utf8.Valid(data) }

// directory holds the scenarios of the product.
var directory = filepath.Join("..", "..", "scenarios")

// readAll parses all files of the directory.
func readAll(t *testing.T) []Scenario {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios in %s: %v", directory, err)
	}
	var all []Scenario
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		some, err := Parse(filepath.Base(f), string(content))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	return all
}

// only is a part of the name of scenarios to run, from ONLY; all without it.
func only(s *Scenario) bool {
	part := os.Getenv("ONLY")
	return part == "" || strings.Contains(s.File+" "+s.Name, part)
}

func runRules(s *Scenario) Result { return Run(context.Background(), s, NewRules(), "") }

// runInProcess runs a scenario in a bubble.
func runInProcess(t *testing.T, s *Scenario) (result Result) {
	t.Helper()
	limit := time.AfterFunc(2*time.Minute, func() { panic("scenario: " + s.File + " " + s.Name + " does not end") })
	defer limit.Stop()
	synctest.Test(t, func(t *testing.T) {
		cluster, err := sim.NewCluster()
		if err != nil {
			t.Fatal(err)
		}
		way := NewSystem(inProcess{cluster})
		result = Run(t.Context(), s, way, "")
		way.Close()
		cluster.Stop()
		if v := cluster.Violations(); len(v) > 0 && result.Failed == nil {
			t.Errorf("%s: %q: %s", s.File, s.Name, v)
		}
		if os.Getenv("TRACE") != "" {
			t.Log(cluster.Trace())
		}
	})
	return result
}

// TestScenarios runs every scenario against the rules and in process. ONLY=F03 runs some, TRACE=1
// shows what the processes said.
func TestScenarios(t *testing.T) {
	for _, s := range readAll(t) {
		if !only(&s) {
			continue
		}
		t.Run(strings.TrimSuffix(s.File, ".txt")+"/"+s.Name, func(t *testing.T) {
			for way, result := range map[string]Result{"rules": runRules(&s), "in process": runInProcess(t, &s)} {
				switch {
				case result.Failed != nil:
					t.Errorf("%s: %s: %v", way, s.File, result.Failed)
				case result.NotRun != "":
					t.Logf("%s: not run from line %d: %s", way, result.Line, result.NotRun)
				}
			}
		})
	}
}
