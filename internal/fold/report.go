package fold

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"annal/pkg/events"
)

// ErrProblems says that the log or the view is not as it must be.
var ErrProblems = errors.New("fold: the log or the view is not as it must be")

// Difference is one thing that is not as it must be.
type Difference struct {
	Session events.SessionID `json:"session"`
	// What is named as in the code, with dots before its parts: "head.seq", "message.text"; "log" is of the log itself.
	What string `json:"what"`
	// Where says which one of several: "seq 5", "bob"; empty where there is one.
	Where string `json:"where"`
	Got   string `json:"got"`
	Must  string `json:"must"`
}

// String says it in a line.
func (d Difference) String() string {
	s := string(d.Session) + ": " + d.What
	if d.Where != "" {
		s += " of " + d.Where
	}
	if d.Must == "" {
		return s + ": " + d.Got
	}
	return s + " is " + d.Got + ", must be " + d.Must
}

// Report is what a verification found.
type Report struct {
	Records  int
	Outcomes map[string]int
	// Sessions are folded; Commands have an outcome.
	Sessions int
	Commands int
	// Undecided are commands in the log without a counted outcome, yet.
	Undecided int64
	// Skipped records do not count: late or broken.
	Skipped int
	Poison  int
	// Compared are memberships looked at in the hot view.
	Compared int
	// Restless sessions moved on whenever they were looked at: of them only what differed each time is told.
	Restless int
	// Differences are the first ones, Problems the same as text; Found counts all.
	Differences []Difference
	Problems    []string
	Found       int

	// strays are outcomes under keys that were no sessions.
	strays map[events.SessionID]*Session
}

// maxProblems bounds what is said, and maxShown how many bytes of a value.
const (
	maxProblems = 100
	maxShown    = 300
)

func (r *Report) add(d Difference) {
	r.Found++
	if len(r.Differences) < maxProblems {
		r.Differences = append(r.Differences, d)
		r.Problems = append(r.Problems, d.String())
	}
}

// problem is a difference that is said in words.
func (r *Report) problem(s events.SessionID, what, format string, args ...any) {
	r.add(Difference{Session: s, What: what, Got: fmt.Sprintf(format, args...)})
}

func (r *Report) differ(s events.SessionID, what, where string, got, must any) {
	r.add(Difference{s, what, where, show(got), show(must)})
}

// word stands for itself, where a text would stand in quotes.
type word string

// The words.
const (
	none     word = "none"
	there    word = "there"
	twice    word = "twice"
	once     word = "once"
	archived word = "archived"
)

func show(v any) string {
	text := fmt.Sprintf("%+v", v)
	switch v := v.(type) {
	case string:
		text = fmt.Sprintf("%q", v)
	case []byte:
		text = fmt.Sprintf("%d bytes of SHA-256 %x", len(v), sha256.Sum256(v))
	}
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}

// fields compares two structs of one type, field by field; those of structs within too.
func (r *Report) fields(s events.SessionID, what, where string, got, must any) {
	g, m := reflect.ValueOf(got), reflect.ValueOf(must)
	for i := range g.NumField() {
		name := what + "." + snake(g.Type().Field(i).Name)
		a, b := g.Field(i), m.Field(i)
		switch {
		case alike(a, b):
		case a.Kind() == reflect.Struct:
			r.fields(s, name, where, a.Interface(), b.Interface())
		default:
			r.differ(s, name, where, a.Interface(), b.Interface())
		}
	}
}

// alike takes nothing and none for the same.
func alike(a, b reflect.Value) bool {
	if k := a.Kind(); (k == reflect.Slice || k == reflect.Map) && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// snake gives a field's name as columns have it.
func snake(name string) string {
	var out strings.Builder
	upper := func(i int) bool { return i < 0 || i >= len(name) || unicode.IsUpper(rune(name[i])) }
	for i, c := range name {
		// A word begins at an upper letter behind a lower one, or before one: ClientID, ABlocks.
		if i > 0 && upper(i) && (!upper(i-1) || !upper(i+1)) {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(c))
	}
	return out.String()
}
