package kafka

import "time"

// gather says how long a round of appends waits for more to join. Kafka's cost is
// per request, so waiting 1 to 3 ms pays once thousands of records a second come on
// their own; when it is quiet it would only add to each one's time. And it would
// be lost time where appends come in answer to others: those that wait for the
// round under way are not there to join the next. So what counts is what came
// while a round was under way.
type gather struct {
	limit time.Duration
	// rate is the records per second that came during rounds, smoothed.
	rate float64
}

// Between these rates the wait grows from nothing to the limit.
const (
	gatherFrom = 5_000
	gatherFull = 20_000
	// gatherRecords is with how many records a round goes at once.
	gatherRecords = 512
)

// flown notes that a round took that long and n records came meanwhile.
func (g *gather) flown(n int, took time.Duration) {
	seconds := max(took, 100*time.Microsecond).Seconds()
	const smooth = 0.050 // s that a reading's weight falls in
	weight := seconds / (seconds + smooth)
	g.rate += (float64(n)/seconds - g.rate) * weight
}

// wait is how long the first record of a round may wait for others.
func (g *gather) wait() time.Duration {
	share := (g.rate - gatherFrom) / (gatherFull - gatherFrom)
	return time.Duration(min(max(share, 0), 1) * float64(g.limit))
}
