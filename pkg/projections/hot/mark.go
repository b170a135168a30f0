package hot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"annal/pkg/events"
)

// mark is what the metadata of a commit holds: all that going on with a view needs.
type mark struct {
	// view and life are the view's id and that of the store it was whole in.
	view, life string
	progress   events.Progress
	// older is from where a store that failed over to a copy is brought up again.
	older events.Progress
}

// markForm begins a mark's text. Its number grows with what a view holds: one that an older
// program built lacks what only the past's events tell, and is built anew.
const markForm = "h4"

// buildingSuffix follows the form in a commit that names a view before it is built.
const buildingSuffix = "-building"

// Errors of parseMark that are no surprise.
var (
	errUnfinished = errors.New("hot: the view was only begun")
	errOtherForm  = errors.New("hot: the view is of another form")
)

// buildingMark is what is committed before anything is written under a view's id, and while that is built in place: all below reached is
// in it. The commit's offset says what was told, as ever.
func buildingMark(view string, reached int64) string {
	return strings.Join([]string{markForm + buildingSuffix, view, strconv.FormatInt(reached, 10)}, "|")
}

// BuildingInPlace reads from the metadata of a commit of Group which view is being built in place, and below which offset all is in it;
// ok is false when it does not say that.
func BuildingInPlace(metadata string) (view string, reached int64, ok bool) {
	parts := strings.Split(metadata, "|")
	if len(parts) != 3 || parts[0] != markForm+buildingSuffix {
		return "", 0, false
	}
	reached, err := strconv.ParseInt(parts[2], 10, 64)
	return parts[1], reached, err == nil
}

// newestView is the id of the newest view that a commit of whatever form speaks of; empty
// when it speaks of none.
func newestView(metadata string) string {
	form, rest, _ := strings.Cut(metadata, "|")
	number, ok := strings.CutPrefix(strings.TrimSuffix(form, buildingSuffix), markForm[:1])
	if !ok || number == "" || strings.Trim(number, "0123456789") != "" {
		return ""
	}
	view, _, _ := strings.Cut(rest, "|")
	return view
}

// maxViewID bounds a view's id, in bytes. So a mark has under 3,400 of the 4,096 bytes
// that Kafka takes.
const maxViewID = 64

// String gives the parts with '|' between.
func (m mark) String() string {
	return strings.Join([]string{markForm, m.view, m.life, m.progress.String(), m.older.String()}, "|")
}

// parseMark reads what String wrote, and nothing else. errUnfinished and errOtherForm say
// what else is a view's commit.
func parseMark(s string) (mark, error) {
	parts := strings.Split(s, "|")
	switch {
	case parts[0] == markForm && len(parts) == 5:
	case parts[0] == markForm || newestView(s) == "":
		return mark{}, fmt.Errorf("hot: %.200q is no commit of a view", s)
	case parts[0] == markForm+buildingSuffix:
		return mark{}, errUnfinished
	default:
		return mark{}, errOtherForm
	}
	m := mark{view: parts[1], life: parts[2]}
	if !printable(m.view, maxViewID) || !printable(m.life, MaxRun) {
		return mark{}, fmt.Errorf("hot: %.200q is no commit of a view: its view or life is none", s)
	}
	var err error
	if m.progress, err = events.ParseProgress(parts[3]); err != nil {
		return mark{}, fmt.Errorf("hot: a commit's progress: %w", err)
	}
	if m.older, err = events.ParseProgress(parts[4]); err != nil {
		return mark{}, fmt.Errorf("hot: a commit's older progress: %w", err)
	}
	if m.older.Offset > m.progress.Offset || m.String() != s {
		return mark{}, fmt.Errorf("hot: %.200q is no commit of a view: it is not as written", s)
	}
	return m, nil
}

// printable says whether s is 1 to most bytes of printable ASCII without space and '|'.
func printable(s string, most int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '|' {
			return false
		}
	}
	return s != "" && len(s) <= most
}
