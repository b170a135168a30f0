package follow

import (
	"fmt"
	"strconv"
	"strings"

	"annal/pkg/events"
)

// Trouble is the last thing that went wrong.
type Trouble struct {
	// At is by the follower's clock, 0 for never.
	At   events.Millis
	What string
}

// maxTroubleBytes bounds what is kept of one.
const maxTroubleBytes = 500

// Commit is what a follower's commit says, in its metadata.
type Commit struct {
	Progress events.Progress
	Trouble  Trouble
}

// String gives the metadata's text: the progress, and on a second line the trouble.
func (c Commit) String() string {
	if c.Trouble.At == 0 {
		return c.Progress.String()
	}
	what := strings.ToValidUTF8(c.Trouble.What, "?")
	if len(what) > maxTroubleBytes {
		what = strings.ToValidUTF8(what[:maxTroubleBytes], "")
	}
	return fmt.Sprintf("%s\n%d %s", c.Progress, c.Trouble.At, strings.Join(strings.Fields(what), " "))
}

// ParseCommit reads what String wrote.
func ParseCommit(text string) (Commit, error) {
	first, second, two := strings.Cut(text, "\n")
	var c Commit
	var err error
	if c.Progress, err = events.ParseProgress(first); err != nil || !two {
		return c, err
	}
	// What another program says there is no reason to stop.
	at, what, _ := strings.Cut(second, " ")
	if n, err := strconv.ParseInt(at, 10, 64); err == nil {
		c.Trouble = Trouble{At: events.Millis(n), What: what}
	}
	return c, nil
}
