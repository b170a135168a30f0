// Package scenariotest reads the product's scenarios for tests, and holds the table that says which
// way runs which of them against what is so.
package scenariotest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"annal/internal/scenario"
)

var rewrite = flag.Bool("rewrite-table", false, "write what is so into scenarios/table.md")

// Columns of the table.
const (
	Rules     = "rules"
	InProcess = "in process"
	Live      = "live"
)

var columns = []string{Rules, InProcess, Live}

// Passed is the cell of a scenario that was run to its end.
const Passed = "passed"

// Files are the scenario files below the repository's root.
func Files(t testing.TB, root string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "scenarios", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios below %s: %v", root, err)
	}
	return files
}

// Read parses all scenario files.
func Read(t testing.TB, root string) []scenario.Scenario {
	t.Helper()
	var all []scenario.Scenario
	for _, f := range Files(t, root) {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		some, err := scenario.Parse(filepath.Base(f), string(content))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	return all
}

// Name is a scenario's in the table.
func Name(s *scenario.Scenario) string { return s.File + ": " + s.Name }

// Cell is what the table says of a result that did not fail.
func Cell(r *scenario.Result) string {
	if r.NotRun == "" {
		return Passed
	}
	return fmt.Sprintf("to line %d: %s", r.Line-1, r.NotRun)
}

// Table is scenarios by name, each with its cells by column.
type Table map[string]map[string]string

func path(root string) string { return filepath.Join(root, "scenarios", "table.md") }

// ReadTable reads the checked-in table.
func ReadTable(t testing.TB, root string) Table {
	t.Helper()
	content, err := os.ReadFile(path(root))
	if err != nil {
		t.Fatal(err)
	}
	table := Table{}
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 1+len(columns) || strings.Contains(line, "---") || strings.TrimSpace(cells[0]) == "scenario" {
			continue
		}
		row := map[string]string{}
		for i, c := range columns {
			row[c] = strings.TrimSpace(cells[i+1])
		}
		table[strings.TrimSpace(cells[0])] = row
	}
	return table
}

// Check holds a column against what is so. With -rewrite-table it writes it instead.
func Check(t testing.TB, root, column string, is map[string]string) {
	t.Helper()
	table := ReadTable(t, root)
	if *rewrite {
		for name, row := range table {
			if _, ok := is[name]; !ok {
				delete(table, name)
				continue
			}
			row[column] = is[name]
		}
		for name, cell := range is {
			if table[name] == nil {
				table[name] = map[string]string{column: cell}
			}
		}
		if err := os.WriteFile(path(root), []byte(table.text()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name := range table {
		if _, ok := is[name]; !ok {
			t.Errorf("scenarios/table.md has %q, which there is not", name)
		}
	}
	for name, cell := range is {
		if got := table[name][column]; got != cell {
			t.Errorf("scenarios/table.md says of %q, %s: %q\nwhat is so:   %q", name, column, got, cell)
		}
	}
}

func (table Table) text() string {
	var names []string
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("# Which way runs which scenario\n\n" +
		"*rules*: against the pure rules; *in process*: the whole system on fake time; *live*: `annal scenario run` on a deployment with an archive.\n" +
		"A scenario that a way can't run to its end has the line it comes to, and why. Kept by tests: `make scenario-table` writes it anew.\n\n")
	fmt.Fprintf(&b, "| scenario | %s |\n|---%s|\n", strings.Join(columns, " | "), strings.Repeat("|---", len(columns)))
	for _, name := range names {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = table[name][c]
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, strings.Join(cells, " | "))
	}
	return b.String()
}
