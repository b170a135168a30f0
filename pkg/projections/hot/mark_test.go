package hot

import (
	"errors"
	"strings"
	"testing"

	"annal/internal/fuzzcorpus"
	"annal/pkg/events"
)

func TestMarks(t *testing.T) {
	owner := events.Owner{N: 1 << 40, Random: [16]byte{1, 2, 3}}
	huge := mark{
		view: strings.Repeat("v", maxViewID), life: strings.Repeat("r", MaxRun),
		progress: events.Progress{Offset: 1<<63 - 1, Owner: owner, Last: 1<<63 - 1, Time: 1<<63 - 1},
		older:    events.Progress{Offset: 1<<63 - 1, Owner: owner, Last: 1<<63 - 1, Time: 1<<63 - 1},
	}
	if n := len(huge.String()); n > 3400 {
		t.Errorf("the greatest mark has %d bytes, want 3,400 at most of the 4,096 that Kafka takes", n)
	}
	small := mark{view: "0000000001-a", life: "a,b", progress: events.Progress{Offset: 9, Owner: owner, Last: 7, Time: 5}, older: events.Start()}
	for _, m := range []mark{huge, small} {
		if got, err := parseMark(m.String()); err != nil || got != m {
			t.Errorf("%.80q is read as %+v, %v; want what was written", m, got, err)
		}
	}
	good := small.String()
	for what, text := range map[string]string{
		"nothing":                "",
		"a rebuilding's":         "rebuilding",
		"a later form":           "h5" + good[2:],
		"a first word alone":     "h" + good[2:],
		"a part too much":        good + "|",
		"a space too much":       good + " ",
		"no view":                strings.Replace(good, "0000000001-a", "", 1),
		"a view with a space":    strings.Replace(good, "0000000001-a", "0 1", 1),
		"a view too long":        strings.Replace(good, "0000000001-a", strings.Repeat("v", maxViewID+1), 1),
		"no life":                strings.Replace(good, "a,b", "", 1),
		"a life too long":        strings.Replace(good, "a,b", strings.Repeat("r", MaxRun+1), 1),
		"a number not canonical": strings.Replace(good, "p1 9 ", "p1 09 ", 1),
		"an older one ahead":     strings.Replace(good, "|p1 0 ", "|p1 10 ", 1),
	} {
		if m, err := parseMark(text); err == nil {
			t.Errorf("%s is read as %+v, want an error", what, m)
		}
	}
}

// TestMarksOfOtherForms: they name their view, so that a new one stands above it, and no more.
func TestMarksOfOtherForms(t *testing.T) {
	rest := "|0000000001-a|a,b|p1 9"
	for text, want := range map[string]error{
		"h1" + rest: errOtherForm, "h1-building|0000000001-a": errOtherForm, "h12" + rest: errOtherForm,
		"h4-building|0000000001-a": errUnfinished, buildingMark("0000000001-a", 7): errUnfinished,
	} {
		if _, err := parseMark(text); !errors.Is(err, want) || newestView(text) != "0000000001-a" {
			t.Errorf("%q is read with %v and of view %q, want %v", text, err, newestView(text), want)
		}
	}
	for _, text := range []string{"", "h" + rest, "x1" + rest, "hh1" + rest, "h1a" + rest, "-building" + rest} {
		if got := newestView(text); got != "" {
			t.Errorf("%q is of view %q, want of none", text, got)
		}
	}
}

// TestBuildingInPlace: how far a building is, is read of commits that say it alone.
func TestBuildingInPlace(t *testing.T) {
	if view, reached, ok := BuildingInPlace(buildingMark("0000000001-a", 7)); !ok || view != "0000000001-a" || reached != 7 {
		t.Errorf("it is read as %q up to %d, %t", view, reached, ok)
	}
	whole := mark{view: "0000000001-a", life: "a,b", progress: events.Start(), older: events.Start()}.String()
	for _, text := range []string{"", whole, "h4-building|0000000001-a", "h1-building|0000000001-a|7", "h4-building|0000000001-a|x", "h4-building|0000000001-a|7|8"} {
		if view, reached, ok := BuildingInPlace(text); ok {
			t.Errorf("%q is read as a building of %q up to %d", text, view, reached)
		}
	}
}

func FuzzMarks(f *testing.F) {
	f.Add(mark{view: "v", life: "r", progress: events.Progress{Offset: 3, Last: 2, Time: 1}, older: events.Start()}.String())
	fuzzcorpus.Add(f)
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := parseMark(text); err == nil && m.String() != text {
			t.Errorf("%q is read as %q", text, m)
		}
	})
}
