package scenario

import (
	"encoding/json"
	"fmt"
	"io"
)

// Report is what came of several scenarios.
type Report struct {
	Results []Result
	// Steps were done in all of them.
	Steps int
	// Passed, Failed and NotRun are numbers of scenarios; they add up to all.
	Passed, Failed, NotRun int
}

// Add takes a result.
func (r *Report) Add(one Result) {
	r.Results = append(r.Results, one)
	r.Steps += one.Steps
	switch {
	case one.Failed != nil:
		r.Failed++
	case one.NotRun != "":
		r.NotRun++
	default:
		r.Passed++
	}
}

// WriteResult says in a line or a few what came of a scenario.
func WriteResult(w io.Writer, r *Result) {
	s := r.Scenario
	switch {
	case r.Failed != nil:
		fmt.Fprintf(w, "FAILED  %s: %s\n\t%s:%v\n", s.File, s.Name, s.File, r.Failed)
	case r.NotRun != "":
		fmt.Fprintf(w, "not run %s: %s\n\tfrom line %d on: %s\n", s.File, s.Name, r.Line, r.NotRun)
	default:
		fmt.Fprintf(w, "passed  %s: %s (%d steps, %.1f s)\n", s.File, s.Name, r.Steps, r.Took.Seconds())
	}
}

// Summary says the numbers in words.
func (r *Report) Summary() string {
	return fmt.Sprintf("%d scenarios, %d steps: %d passed, %d failed, %d not run", len(r.Results), r.Steps, r.Passed, r.Failed, r.NotRun)
}

// WriteJSON writes the numbers as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	err := json.NewEncoder(w).Encode(struct {
		Scenarios int `json:"scenarios"`
		Steps     int `json:"steps"`
		Passed    int `json:"passed"`
		Failed    int `json:"failed"`
		NotRun    int `json:"not_run"`
	}{len(r.Results), r.Steps, r.Passed, r.Failed, r.NotRun})
	if err != nil {
		return fmt.Errorf("scenario: %w", err)
	}
	return nil
}
