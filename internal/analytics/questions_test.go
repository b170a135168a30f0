package analytics

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var doc = filepath.Join("..", "..", "docs", "analytics.md")

// question is one of the doc, with what it says is the answer.
type question struct {
	Name       string      `json:"name"`
	SQL        string      `json:"sql"`
	Parameters []parameter `json:"parameters"`
	answer     string
}

type parameter struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

var (
	// asked is a question with its answer in the doc, and stated a parameter in the question.
	asked  = regexp.MustCompile("(?s)(```sql\n)(.*?)(```\n\n```text\n)(.*?)(```\n)")
	stated = regexp.MustCompile(`(?m)^-- \{(\w+):([^}]+)\} = (.*)$`)
)

// questions reads them out of the doc.
func questions(t *testing.T) []question {
	t.Helper()
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	var all []question
	for _, at := range asked.FindAllSubmatchIndex(text, -1) {
		before := string(text[:at[0]])
		name, _, _ := strings.Cut(before[strings.LastIndex(before, "\n## ")+len("\n## "):], "\n")
		q := question{Name: name, SQL: string(text[at[4]:at[5]]), Parameters: []parameter{}, answer: string(text[at[8]:at[9]])}
		for _, p := range stated.FindAllStringSubmatch(q.SQL, -1) {
			q.Parameters = append(q.Parameters, parameter{p[1], p[2], p[3]})
		}
		all = append(all, q)
	}
	return all
}

var (
	viewsRow = regexp.MustCompile("(?m)^\\| (`[a-z_]+`(?:, `[a-z_]+`)*) \\|")
	quoted   = regexp.MustCompile("`([a-z_]+)`")
)

// views are those that the doc names in its table, sorted.
func views(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range viewsRow.FindAllSubmatch(text, -1) {
		for _, name := range quoted.FindAllSubmatch(row[1], -1) {
			names = append(names, string(name[1]))
		}
	}
	slices.Sort(names)
	return names
}

// rewrite puts answers into the doc, in the order of its questions.
func rewrite(t *testing.T, answers []string) {
	t.Helper()
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	text = asked.ReplaceAllFunc(text, func(was []byte) []byte {
		part := asked.FindSubmatch(was)
		next++
		return []byte(string(part[1]) + string(part[2]) + string(part[3]) + answers[next-1] + string(part[5]))
	})
	if err := os.WriteFile(doc, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestQuestions: the doc has what is promised, so that no client is asked less.
func TestQuestions(t *testing.T) {
	all := questions(t)
	parameters, texts := 0, 0
	for _, q := range all {
		if len(q.Parameters) > 0 {
			parameters++
		}
		if strings.Contains(q.SQL, "messages_with_texts") {
			texts++
		}
		if uses := strings.Count(stated.ReplaceAllString(q.SQL, ""), "{"); uses < len(q.Parameters) || uses > 0 && len(q.Parameters) == 0 {
			t.Errorf("%s: it uses other parameters than it states", q.Name)
		}
	}
	if len(all) != 11 || parameters < 2 || texts == 0 {
		t.Errorf("%d questions, %d with parameters, %d about texts; want ten and the one about freshness, at least two and one", len(all), parameters, texts)
	}
}
