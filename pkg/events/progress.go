package events

import (
	"fmt"
	"strconv"
	"strings"
)

// progressForm begins a progress' text, so that another form can follow it one day.
const progressForm = "p1"

// String gives the text kept in commit metadata, under 150 bytes: the form, offset,
// owner, last and log time, with single spaces between.
func (p Progress) String() string {
	return fmt.Sprintf("%s %d %s %d %d", progressForm, p.Offset, p.Owner, p.Last, p.Time)
}

// ParseProgress reads what String wrote.
func ParseProgress(s string) (Progress, error) {
	parts := strings.Split(s, " ")
	if len(parts) != 5 || parts[0] != progressForm {
		return Progress{}, fmt.Errorf("events: %q is not a progress", s)
	}
	owner, err := ParseOwner(parts[2])
	if err != nil {
		return Progress{}, fmt.Errorf("events: %q is not a progress: %w", s, err)
	}
	var n [3]int64
	for i, part := range []string{parts[1], parts[3], parts[4]} {
		if n[i], err = strconv.ParseInt(part, 10, 64); err != nil {
			return Progress{}, fmt.Errorf("events: %q is not a progress: %w", s, err)
		}
	}
	if n[0] < 0 || n[1] < -1 || n[2] < 0 {
		return Progress{}, fmt.Errorf("events: %q is not a progress: a number is out of range", s)
	}
	return Progress{Offset: n[0], Owner: owner, Last: n[1], Time: Millis(n[2])}, nil
}
