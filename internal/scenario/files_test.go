package scenario_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"annal/internal/bubble"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/scenario"
	"annal/internal/scenario/scenariotest"
	"annal/internal/sim"
	"annal/pkg/events"
)

const root = "../.."

// only is a part of the name of scenarios to run, from ONLY; all without it.
func only(s *scenario.Scenario) bool {
	part := os.Getenv("ONLY")
	return part == "" || strings.Contains(s.File+" "+s.Name, part)
}

func runRules(s *scenario.Scenario) scenario.Result {
	return scenario.Run(context.Background(), s, scenario.NewRules(), "")
}

// bubbleLimit is for how long a scenario may run by the wall's clock.
const bubbleLimit = 2 * time.Minute

// runInProcess runs a scenario in a bubble.
func runInProcess(t *testing.T, s *scenario.Scenario) (result scenario.Result) {
	t.Helper()
	limit := time.AfterFunc(bubbleLimit, func() { panic("scenario: " + s.File + " " + s.Name + " does not end") })
	defer limit.Stop()
	bubble.Test(t, func(t *testing.T) {
		cluster, err := sim.NewCluster()
		if err != nil {
			t.Fatal(err)
		}
		way := scenario.NewSystem(inProcess{cluster})
		result = scenario.Run(t.Context(), s, way, "")
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

// TestScenarios runs every scenario against the rules and in process, holds the table against what
// came of them, and sees that every code is answered somewhere. ONLY=F03 runs some, TRACE=1 shows
// what the processes said.
func TestScenarios(t *testing.T) {
	cells := map[string]map[string]string{scenariotest.Rules: {}, scenariotest.InProcess: {}}
	produced := map[string]bool{}
	all := scenariotest.Read(t, root)
	for _, s := range all {
		if !only(&s) {
			continue
		}
		t.Run(strings.TrimSuffix(s.File, ".txt")+"/"+s.Name, func(t *testing.T) {
			for way, result := range map[string]scenario.Result{
				scenariotest.Rules: runRules(&s), scenariotest.InProcess: runInProcess(t, &s),
			} {
				if result.Failed != nil {
					t.Errorf("%s: %s: %v", way, s.File, result.Failed)
					continue
				}
				cells[way][scenariotest.Name(&s)] = scenariotest.Cell(&result)
				for code := range result.Codes {
					produced[code] = true
				}
			}
		})
	}
	if t.Failed() || os.Getenv("ONLY") != "" {
		return
	}
	for way, is := range cells {
		scenariotest.Check(t, root, way, is)
	}
	everyCode(t, all, produced)
}

// everyCode expects that each code of the table is answered in a scenario: here, or live, where the
// table of scenarios says that one passes which ends with nothing else.
func everyCode(t *testing.T, all []scenario.Scenario, produced map[string]bool) {
	t.Helper()
	table := scenariotest.ReadTable(t, root)
	for _, s := range all {
		if table[scenariotest.Name(&s)][scenariotest.Live] != scenariotest.Passed {
			continue
		}
		for _, step := range s.Steps {
			if step.Verb == "closed" {
				produced[step.Args[0]] = true
			}
		}
	}
	events.Codes(func(c events.Code, info events.CodeInfo) {
		// What is asked over plain HTTP is in pkg/login's tests.
		if info.Kind != events.KindHTTP && !produced[string(c)] {
			t.Errorf("no scenario produces %s", c)
		}
	})
}

// planted shows devices something else than what came.
type planted struct {
	*scenario.System
	change func([]*clientv1.Event) []*clientv1.Event
}

// Heard implements scenario.Way.
func (p planted) Heard(ctx context.Context, who scenario.Who, session string, live bool) ([]*clientv1.Event, error) {
	all, err := p.System.Heard(ctx, who, session, live)
	if len(all) > 1 {
		all = p.change(all)
	}
	return all, err
}

// TestPlanted: a scenario finds what is wrong behind it.
func TestPlanted(t *testing.T) {
	all, err := scenario.Parse("planted", "scenario Planted\nu1 create group S u2\nu1 send S hello\nu2 heard S 1-2\n")
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func([]*clientv1.Event) []*clientv1.Event{
		"1-2":   func(all []*clientv1.Event) []*clientv1.Event { return all },
		"1-2 2": func(all []*clientv1.Event) []*clientv1.Event { return append(all, all[1]) },
		"1":     func(all []*clientv1.Event) []*clientv1.Event { return all[:1] },
		"2 1":   func(all []*clientv1.Event) []*clientv1.Event { return []*clientv1.Event{all[1], all[0]} },
	} {
		bubble.Test(t, func(t *testing.T) {
			cluster, err := sim.NewCluster()
			if err != nil {
				t.Fatal(err)
			}
			way := scenario.NewSystem(inProcess{cluster})
			result := scenario.Run(t.Context(), &all[0], planted{way, change}, "")
			way.Close()
			cluster.Stop()
			got := "1-2"
			if result.Failed != nil {
				got = result.Failed.Got
			}
			if got != want {
				t.Errorf("heard %s, and the scenario says %s", want, got)
			}
		})
	}
}
