package events

import (
	"math"
	"testing"
)

func TestProgressSurvivesItsText(t *testing.T) {
	owner := Owner{N: math.MaxUint64, Random: [16]byte{0: 1, 15: 0xff}}
	for _, want := range []Progress{
		Start(),
		{Offset: 7, Owner: Owner{N: 1}, Last: 0, Time: 1},
		{Offset: math.MaxInt64, Owner: owner, Last: math.MaxInt64, Time: math.MaxInt64},
	} {
		text := want.String()
		got, err := ParseProgress(text)
		if err != nil || got != want {
			t.Errorf("ParseProgress(%q) = %+v, %v; want %+v", text, got, err, want)
		}
		if len(text) > 150 {
			t.Errorf("%q has %d bytes, want 150 at most", text, len(text))
		}
	}
}

func TestParseProgressRefuses(t *testing.T) {
	good := Progress{Offset: 3, Owner: Owner{N: 2}, Last: 1, Time: 9}.String()
	zeros := Owner{}.String()
	for _, s := range []string{
		"", "p1", good + " ", good + " 1", "p2" + good[2:], "p1 x " + zeros + " 1 1", "p1 1 2-00 1 1",
		"p1 -1 " + zeros + " 1 1", "p1 1 " + zeros + " -2 1", "p1 1 " + zeros + " 1 -1",
	} {
		if p, err := ParseProgress(s); err == nil {
			t.Errorf("ParseProgress(%q) = %+v, want an error", s, p)
		}
	}
}
