package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/internal/app"
	"annal/internal/scenario/scenariotest"
)

// scenarioTime is how long all scenarios may take, most of which is waits.
const scenarioTime = 15 * time.Minute

var (
	passedLine = regexp.MustCompile(`^passed  (.*) \(\d+ steps, [0-9.]+ s\)$`)
	notRunLine = regexp.MustCompile(`^not run (.*)$`)
	reasonLine = regexp.MustCompile(`^\tfrom line (\d+) on: (.*)$`)
)

// TestScenariosLive runs all scenarios on a deployment with every role, and holds the table against what it
// says of them.
func TestScenariosLive(t *testing.T) {
	t.Parallel()
	d := annaltest.NewDeployment(t)
	d.Archive(t)
	d.StoreVault(t)
	d.StandInPush(t)
	d.Serve(t, app.Roles()...)
	run := func(name string, files []string) *annaltest.Process {
		args := append([]string{"scenario", "run", "--endpoints", d.File(), "--key", d.KeyFile, "--phones", d.Phones}, files...)
		return annaltest.Start(t, name, nil, args...)
	}
	phones, looks, others := kindsOfStories(t)
	var out string
	for _, p := range []*annaltest.Process{run("scenario-phones", phones), run("scenario", others)} {
		out += string(p.Wait(scenarioTime))
	}
	out += string(run("scenario-looks", looks).Wait(scenarioTime))
	cells, last := map[string]string{}, ""
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if m := passedLine.FindStringSubmatch(line); m != nil {
			cells[m[1]] = scenariotest.Passed
		} else if m := notRunLine.FindStringSubmatch(line); m != nil {
			last = m[1]
		} else if m := reasonLine.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			cells[last] = fmt.Sprintf("to line %d: %s", n-1, m[2])
		}
	}
	scenariotest.Check(t, "../..", scenariotest.Live, cells)
}

// kindsOfStories parts the scenarios, which mostly wait, so that some run at the same time: what is told to phones in a row, since the services that it has fail are
// everybody's; and what holds a whole view against the log when nothing else goes on.
func kindsOfStories(t *testing.T) (phones, looks, others []string) {
	for _, file := range scenariotest.Files(t, "../..") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case verifies.Match(content):
			looks = append(looks, file)
		case tellsPhones.Match(content):
			phones = append(phones, file)
		default:
			others = append(others, file)
		}
	}
	return phones, looks, others
}

var (
	verifies    = regexp.MustCompile(`(?m)^verify\b`)
	tellsPhones = regexp.MustCompile(`(?m)^(phone|push) `)
)

// TestScenarioFails: what is not as a scenario says is told, with the step, and by the exit status.
func TestScenarioFails(t *testing.T) {
	t.Parallel()
	s := annaltest.Serve(t, "dev", "dev", "--engines", "embedded", "--archive=false", "--data", filepath.Join(t.TempDir(), "data"))
	file := filepath.Join(t.TempDir(), "wrong.txt")
	text := "scenario Wrong\nu1 create group S u2\nu1 send S hello -> seq 7\n\n" +
		"scenario Right\nu1 create group S u2\nu2 unread S 0\n\n" +
		"scenario Elsewhere\nu1 create group S u2\nempty view\n\n" +
		"scenario No archive\nu1 create group S u2\narchived S\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := annaltest.Start(t, "scenario", nil, "scenario", "run", "--json", "--endpoints", s.File, file)
	if err := p.Ended(scenarioTime); err == nil {
		t.Error("a failed scenario, and the exit status is 0")
	}
	var got struct {
		Scenarios, Steps, Passed, Failed int
		NotRun                           int `json:"not_run"`
	}
	if err := json.Unmarshal(p.Output(), &got); err != nil {
		t.Fatalf("%v: %s", err, p.Output())
	}
	if got.Scenarios != 4 || got.Passed != 1 || got.Failed != 1 || got.NotRun != 2 || got.Steps != 8 {
		t.Errorf("got %+v, want one passed, one failed and two not run in 8 steps", got)
	}
	for _, part := range []string{"wrong.txt:line 3: u1 send S hello -> seq 7", "expected: ok seq 7", "got:      ok seq 2", "from line 15 on: no archive"} {
		if !strings.Contains(p.Log(), part) {
			t.Errorf("standard error does not say %q:\n%s", part, p.Log())
		}
	}
}
