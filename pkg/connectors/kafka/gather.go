package kafka

import "time"

// gather says how long a round of appends waits for more to join. Kafka's cost is
// per request, so waiting 1 to 3 ms pays once some thousand records a second come on
// their own: at 5,000/s it takes a third off what Kafka costs, and more off the latency; when it is quiet it would only add to each one's time. And it would
// be lost time where appends come in answer to others: who waits for the round
// under way is not there to join the next. So what counts is what came before the
// first answer of a round.
type gather struct {
	limit time.Duration
	// rate is the records per second that came during rounds, smoothed.
	rate float64
	// peak is about the most appends that were unanswered at once of late. Who has
	// that many together has them all.
	peak float64
}

// Between these rates the wait grows from nothing to the limit.
const (
	gatherFrom = 2_000
	gatherFull = 5_000
	// gatherRecords is with how many records a round goes at once, whatever the rate.
	gatherRecords = 512
)

// flown notes that the first answer to a round of size records took that long and
// that came more came meanwhile.
func (g *gather) flown(size, came int, took time.Duration) {
	seconds := max(took, 100*time.Microsecond).Seconds()
	const smooth = 0.050 // s that a reading's weight falls in
	weight := seconds / (seconds + smooth)
	g.rate += (float64(came)/seconds - g.rate) * weight
	const fade = 0.98 // per round
	g.peak = max(float64(size+came), g.peak*fade)
}

// wait is how long the first record of a round may wait for others, and with how
// many of them the round goes before that.
func (g *gather) wait() (limit time.Duration, goal int) {
	share := (g.rate - gatherFrom) / (gatherFull - gatherFrom)
	return time.Duration(min(max(share, 0), 1) * float64(g.limit)), min(int(g.peak), gatherRecords)
}
