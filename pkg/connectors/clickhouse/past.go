package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

var _ archive.Past = (*ClickHouse)(nil)

// The past is read from event_rows without FINAL: that would read the bytes of the whole session to put rows together. Rows of one
// outcome say the same but for those of form 0, which say nothing, so maxima need no merging, and of what is listed the rest is
// dropped here. Which rows are meant is decided by narrow columns (PREWHERE); bytes are read of those alone.
const ofSession = "%s.event_rows PREWHERE session = {session:String} AND outcome = 'accepted'"

func until(offset uint64) any { return driver.Named("until", fmt.Sprint(offset)) }

// Instant implements archive.Past.
func (c *ClickHouse) Instant(ctx context.Context, s events.SessionID, seq events.Seq, at events.Millis) (now archive.Moment, found bool, err error) {
	// What has no seq stands at an instant by its place: for a seq, up to that event's.
	bound := "time <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')"
	if seq != 0 {
		bound = "offset <= (SELECT max(offset) FROM %[1]s.event_rows PREWHERE session = {session:String} AND seq = {seq:UInt64} AND outcome = 'accepted')"
	}
	text := "SELECT max(offset), max(seq), max(index), maxIf(time, seq > 0) FROM " + strings.ReplaceAll(ofSession, "%s", "%[1]s") + " AND " + bound
	err = c.query(ctx, "find an instant", text, func(r conn.Rows) error {
		var offset, last, index uint64
		var when time.Time
		err := r.Scan(&offset, &last, &index, &when)
		now = archive.Moment{Until: offset, Seq: events.Seq(last), Index: events.Index(index), Time: millis(when)}
		return err
	}, driver.Named("session", string(s)), driver.Named("seq", fmt.Sprint(seq)), driver.Named("at", fmt.Sprint(int64(at))))
	return now, now.Seq != 0 && (seq == 0 || now.Seq == seq), err
}

// Happened implements archive.Past.
func (c *ClickHouse) Happened(ctx context.Context, s events.SessionID, upTo uint64, names []string, targets []events.Seq) ([]archive.Outcome, error) {
	which := " AND offset <= {until:UInt64} AND event IN {names:Array(String)}"
	if targets != nil {
		which += " AND target IN {targets:Array(UInt64)}"
	}
	return c.past(ctx, "list what happened", "SELECT offset, bytes FROM "+ofSession+which+" ORDER BY offset",
		driver.Named("session", string(s)), until(upTo), driver.Named("names", listOf(names)), driver.Named("targets", numbers(targets)))
}

// Sent implements archive.Past.
func (c *ClickHouse) Sent(ctx context.Context, s events.SessionID, upTo uint64, within []events.Span, before events.Seq, limit int) ([]archive.Outcome, error) {
	if len(within) == 0 {
		return nil, nil
	}
	firsts, lasts := make([]events.Seq, len(within)), make([]events.Seq, len(within))
	for i, v := range within {
		firsts[i], lasts[i] = v.First, v.Last
	}
	least, most := slices.Min(firsts), slices.Max(lasts)
	if before != 0 {
		most = min(most, before-1)
	}
	which := " AND offset <= {until:UInt64} AND event = 'sent' AND seq >= {least:UInt64} AND seq <= {most:UInt64}"
	if len(within) > 1 { // a look at every span for every row is dear
		which += " AND arrayExists((f, l) -> seq >= f AND seq <= l, {firsts:Array(UInt64)}, {lasts:Array(UInt64)})"
	}
	// Places first, then the bytes of those places: a sort would read the bytes of all that it sorts.
	places := "SELECT DISTINCT offset FROM " + strings.ReplaceAll(ofSession, "%s", "%[1]s") + which + " ORDER BY offset DESC LIMIT {limit:UInt64}"
	text := "SELECT offset, bytes FROM " + strings.ReplaceAll(ofSession, "%s", "%[1]s") + " AND offset IN (" + places + ") ORDER BY offset DESC"
	return c.past(ctx, "list messages of then", text, driver.Named("session", string(s)), until(upTo), driver.Named("least", fmt.Sprint(uint64(least))),
		driver.Named("most", fmt.Sprint(uint64(most))), driver.Named("firsts", numbers(firsts)), driver.Named("lasts", numbers(lasts)), driver.Named("limit", fmt.Sprint(limit)))
}

// past lists outcomes, each once.
func (c *ClickHouse) past(ctx context.Context, what, text string, args ...any) ([]archive.Outcome, error) {
	var all []archive.Outcome
	err := c.query(ctx, what, text, func(r conn.Rows) error {
		var o archive.Outcome
		err := r.Scan(&o.Offset, &o.Bytes)
		if len(all) == 0 || all[len(all)-1].Offset != o.Offset {
			all = append(all, o)
		}
		return err
	}, args...)
	return all, err
}

// Marked implements archive.Past.
func (c *ClickHouse) Marked(ctx context.Context, s events.SessionID, upTo uint64) ([]archive.MarkersNow, error) {
	var all []archive.MarkersNow
	text := "SELECT actor, maxIf(if(event = 'sent', seq, target), event != 'delivered'), maxIf(target, event = 'delivered') FROM " + ofSession +
		" AND offset <= {until:UInt64} AND event IN ('read', 'delivered', 'sent') GROUP BY actor ORDER BY actor"
	err := c.query(ctx, "list markers of then", text, func(r conn.Rows) error {
		var actor string
		var read, delivered uint64
		err := r.Scan(&actor, &read, &delivered)
		all = append(all, archive.MarkersNow{User: events.UserID(actor), Read: events.Seq(read), Delivered: events.Seq(delivered)})
		return err
	}, driver.Named("session", string(s)), until(upTo))
	return all, err
}

// listOf writes names as an array; they are events' own and hold no quote.
func listOf(names []string) string { return "['" + strings.Join(names, "','") + "']" }
