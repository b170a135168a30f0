package clickhouse

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

var _ archive.Searches = (*ClickHouse)(nil)

// searching finds the messages of which some row has the text, by its index of pairs of characters, and puts them in order by the
// rows that say when they were sent. No FINAL: it would leave rows out that the index does not point to.
const searching = `SELECT session, seq, max(time) AS at FROM %%[1]s.message_rows
	WHERE session IN %[1]s AND (session, seq) IN (
		SELECT session, seq FROM %%[1]s.message_rows
		WHERE session IN %[1]s AND lowerUTF8(body.text) LIKE unhex({pattern:String}))
	GROUP BY session, seq
	HAVING max(index) > 0 AND (at, session, seq) < (fromUnixTimestamp64Milli({time:Int64}), {session:String}, {seq:UInt64})
	ORDER BY at DESC, session DESC, seq DESC LIMIT {limit:UInt64}
	SETTINGS max_execution_time = 3, max_rows_to_read = 100000000, max_rows_in_set = 1000000, max_memory_usage = 1000000000`

// maxParameter is how many bytes of ids one parameter has: a server takes 128 KiB in a field, in which a comma is three.
const maxParameter = 96 << 10

// amongSessions gives an array of the sessions as SQL, and the parameters that it is made of.
func amongSessions(sessions []events.SessionID) (text string, args []any) {
	var parts, ids []string
	bytes := 0
	end := func() {
		name := fmt.Sprint("sessions", len(parts))
		parts, args = append(parts, "splitByChar(',', {"+name+":String})"), append(args, driver.Named(name, strings.Join(ids, ",")))
		ids, bytes = nil, 0
	}
	for _, s := range sessions {
		if bytes += len(s) + len("%2C"); bytes > maxParameter {
			end()
			bytes = len(s) + len("%2C")
		}
		ids = append(ids, string(s))
	}
	end()
	return "arrayConcat(" + strings.Join(parts, ", ") + ")", args
}

// literal makes of a text a pattern that is met by what contains it as it stands.
var literal = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// tooMuch are ClickHouse's codes for a query that is over a limit of its settings.
var tooMuch = map[int32]bool{
	158: true, // TOO_MANY_ROWS
	159: true, // TIMEOUT_EXCEEDED
	191: true, // SET_SIZE_LIMIT_EXCEEDED
	241: true, // MEMORY_LIMIT_EXCEEDED
}

// Search implements archive.Searches.
func (c *ClickHouse) Search(ctx context.Context, s archive.Search) (all []archive.Found, err error) {
	if len(s.Sessions) == 0 || s.Limit < 1 {
		return nil, nil
	}
	before := s.Before
	if before == (archive.Found{}) {
		before.Time = lastTime
	}
	among, args := amongSessions(s.Sessions)
	args = append(args, driver.Named("pattern", hex.EncodeToString([]byte("%"+literal.Replace(s.Text)+"%"))),
		driver.Named("time", fmt.Sprint(int64(min(before.Time, lastTime)))), driver.Named("session", string(before.Session)),
		driver.Named("seq", fmt.Sprint(uint64(before.Seq))), driver.Named("limit", fmt.Sprint(s.Limit)))
	err = c.query(ctx, "search", fmt.Sprintf(searching, among), func(r conn.Rows) error {
		var session string
		var seq uint64
		var at time.Time
		err := r.Scan(&session, &seq, &at)
		all = append(all, archive.Found{Time: millis(at), Session: events.SessionID(session), Seq: events.Seq(seq)})
		return err
	}, args...)
	if tooMuch[codeOf(err)] || errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", archive.ErrTooMuch, err)
	}
	return all, err
}
