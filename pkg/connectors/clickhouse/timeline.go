package clickhouse

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

var _ archive.Timelines = (*ClickHouse)(nil)

// Reach implements archive.Timelines. A session's rows lie in the order of their offsets, so few of the last are read.
func (c *ClickHouse) Reach(ctx context.Context, s events.SessionID) (reach events.Seq, err error) {
	err = c.query(ctx, "find a session's reach", `SELECT seq FROM %s.event_rows WHERE session = {session:String} AND seq > 0
		ORDER BY partition DESC, offset DESC LIMIT 1`, func(r conn.Rows) error {
		return r.Scan((*uint64)(&reach))
	}, driver.Named("session", string(s)))
	return reach, err
}

// Missing implements archive.Timelines.
func (c *ClickHouse) Missing(ctx context.Context, s events.SessionID, seq events.Seq) (why archive.Missing, err error) {
	// The head first: what is inserted meanwhile comes before it.
	var head uint64
	err = c.query(ctx, "read a session's head", "SELECT max(head) FROM %s.session_rows WHERE session = {session:String}", func(r conn.Rows) error {
		return r.Scan(&head)
	}, driver.Named("session", string(s)))
	if err != nil || head < uint64(seq) {
		return archive.MissingBehind, err
	}
	err = c.query(ctx, "ask why an event is missing", `SELECT countIf(outcome = 'unreadable'), countIf(seq BETWEEN 1 AND {seq:UInt64})
		FROM %s.event_rows WHERE session = {session:String}`, func(r conn.Rows) error {
		var unreadable, before uint64
		err := r.Scan(&unreadable, &before)
		switch {
		case unreadable > 0:
			why = archive.MissingUnreadable
		case before == 0:
			why = archive.MissingDropped
		}
		return err
	}, driver.Named("session", string(s)), driver.Named("seq", fmt.Sprint(uint64(seq))))
	return why, err
}

// inSpan bounds seqs so that both of event_rows' indexes of them are used (schemas/clickhouse/0004_history.sql).
const inSpan = "seq >= {first:UInt64} AND if(seq = 0, 18446744073709551615, seq) <= {last:UInt64}"

// Timeline implements archive.Timelines. It reads no table with FINAL that it need not: rows of one seq are the same record.
func (c *ClickHouse) Timeline(ctx context.Context, s events.SessionID, span archive.Span) ([]archive.Entry, error) {
	if span.Limit < 1 || span.First > span.Last {
		return nil, nil
	}
	first, last := span.Looked()
	if span.Pick == nil {
		return c.entries(ctx, s, inSpan, order(span.Down), first, last)
	}
	seqs, err := c.picked(ctx, s, span)
	if err != nil || len(seqs) == 0 {
		return nil, err
	}
	there, err := c.entries(ctx, s, amongSeqs, order(span.Down), slices.Min(seqs), slices.Max(seqs), driver.Named("seqs", numbers(seqs)))
	if err != nil {
		return nil, err
	}
	all := make([]archive.Entry, len(seqs))
	for i, seq := range seqs {
		if all[i] = (archive.Entry{Seq: seq}); len(there) > 0 && there[0].Seq == seq {
			all[i], there = there[0], there[1:]
		}
	}
	return all, nil
}

// Entries implements archive.Timelines.
func (c *ClickHouse) Entries(ctx context.Context, s events.SessionID, at []events.Seq) ([]archive.Entry, error) {
	if len(at) == 0 {
		return nil, nil
	}
	return c.entries(ctx, s, amongSeqs, order(false), slices.Min(at), slices.Max(at), driver.Named("seqs", numbers(at)))
}

// amongSeqs is inSpan, and some of the seqs alone.
const amongSeqs = inSpan + " AND seq IN {seqs:Array(UInt64)}"

// entries reads events, and at the same time what became of the messages among them: seqs are known before events are. What
// there is to be read of other messages, which overrides among the events speak of, comes after.
func (c *ClickHouse) entries(ctx context.Context, s events.SessionID, where, order string, first, last events.Seq, more ...any) ([]archive.Entry, error) {
	args := append([]any{driver.Named("session", string(s)), driver.Named("first", fmt.Sprint(uint64(first))), driver.Named("last", fmt.Sprint(uint64(last)))}, more...)
	var rows []timelineRow
	fates := map[events.Seq]*archive.Became{}
	both, within := errgroup.WithContext(ctx)
	both.Go(func() (err error) { rows, err = c.timelineRows(within, where+order, args...); return err })
	both.Go(func() error {
		return c.readFates(within, s, strings.ReplaceAll(where, inSpan, "seq BETWEEN {first:UInt64} AND {last:UInt64}"), fates, args...)
	})
	if err := both.Wait(); err != nil {
		return nil, err
	}
	return c.withFates(ctx, s, rows, fates)
}

// order puts rows in order of their seqs, of each the first.
func order(down bool) string {
	if down {
		return " ORDER BY seq DESC LIMIT 1 BY seq"
	}
	return " ORDER BY seq LIMIT 1 BY seq"
}

// lastTime is beyond all times that there are, and not beyond ClickHouse's.
const lastTime events.Millis = 5_000_000_000_000

// picked gives the seqs that a span picks.
func (c *ClickHouse) picked(ctx context.Context, s events.SessionID, span archive.Span) (seqs []events.Seq, err error) {
	p := span.Pick
	where := "session = {session:String} AND seq BETWEEN {first:UInt64} AND {last:UInt64} AND index > 0 AND time >= fromUnixTimestamp64Milli({from:Int64})"
	args := []any{
		driver.Named("session", string(s)), driver.Named("first", fmt.Sprint(uint64(span.First))), driver.Named("last", fmt.Sprint(uint64(span.Last))),
		driver.Named("from", fmt.Sprint(int64(min(p.From, lastTime)))), driver.Named("limit", fmt.Sprint(span.Limit)),
	}
	if p.Until > 0 {
		where, args = where+" AND time < fromUnixTimestamp64Milli({until:Int64})", append(args, driver.Named("until", fmt.Sprint(int64(min(p.Until, lastTime)))))
	}
	if len(p.Authors) > 0 {
		where, args = where+" AND "+amongTexts("authors", "sender"), append(args, driver.Named("authors", texts(p.Authors)))
	}
	if p.Thread > 0 {
		where, args = where+" AND (thread = {thread:UInt64} OR seq = {thread:UInt64})", append(args, driver.Named("thread", fmt.Sprint(uint64(p.Thread))))
	}
	if len(p.Kinds) > 0 {
		where, args = where+" AND ("+amongTexts("kinds", "body.kind")+" OR notEmpty(overrides))", append(args, driver.Named("kinds", texts(p.Kinds)))
	}
	text := "SELECT seq FROM %s.message_rows WHERE " + where + order(span.Down) + " LIMIT {limit:UInt64}"
	err = c.query(ctx, "pick messages", text, func(r conn.Rows) error {
		var seq uint64
		err := r.Scan(&seq)
		seqs = append(seqs, events.Seq(seq))
		return err
	}, args...)
	return seqs, err
}

// timelineRow is an event, and the message that it is of or about.
type timelineRow struct {
	archive.Entry
	event string
	// target is the message's seq; 0 of an event that says nothing.
	target events.Seq
}

// timelineRows gives a session's events; where is what they meet, and their order.
func (c *ClickHouse) timelineRows(ctx context.Context, where string, args ...any) (all []timelineRow, err error) {
	text := "SELECT seq, toString(event), target, bytes FROM %s.event_rows WHERE session = {session:String} AND " + where
	err = c.query(ctx, "read a timeline", text, func(r conn.Rows) error {
		var row timelineRow
		var seq, target uint64
		err := r.Scan(&seq, &row.event, &target, &row.Value)
		row.Seq, row.target = events.Seq(seq), events.Seq(target)
		all = append(all, row)
		return err
	}, args...)
	return all, err
}

// withFates adds what became of the messages; fates are those known. An event of a message that has no row is left out, as one that is
// yet to come: what became of it is not known.
func (c *ClickHouse) withFates(ctx context.Context, s events.SessionID, rows []timelineRow, fates map[events.Seq]*archive.Became) ([]archive.Entry, error) {
	var others []events.Seq
	for i := range rows {
		switch r := &rows[i]; r.event {
		case events.Sent{}.Name():
			r.target = r.Seq
		case events.Overridden{}.Name():
			if fates[r.target] == nil {
				others = append(others, r.target)
			}
		default:
			r.target = 0
		}
	}
	if len(others) > 0 {
		if err := c.readFates(ctx, s, "seq IN {seqs:Array(UInt64)}", fates, driver.Named("session", string(s)), driver.Named("seqs", numbers(others))); err != nil {
			return nil, err
		}
	}
	all := make([]archive.Entry, 0, len(rows))
	for _, r := range rows {
		now := fates[r.target]
		switch {
		case r.target == 0:
		case now == nil:
			continue
		case r.target == r.Seq:
			r.Now = now
		default:
			r.Now = &archive.Became{Revoked: now.Revoked, Deleted: now.Deleted, Overridden: now.Overridden, Override: now.Override}
		}
		all = append(all, r.Entry)
	}
	return all, nil
}

// readFates adds what became of a session's messages that meet where.
func (c *ClickHouse) readFates(ctx context.Context, s events.SessionID, where string, of map[events.Seq]*archive.Became, args ...any) error {
	overrides := map[events.Seq]*archive.Became{}
	err := c.query(ctx, "read what became of messages", `SELECT m.seq, m.revoked.seq, m.deleted.seq, m.body.seq, m.reacted, m.unreacted FROM
		(SELECT seq, revoked, deleted, body, reacted, unreacted FROM %s.message_rows FINAL WHERE session = {session:String} AND `+where+`) AS m`,
		func(r conn.Rows) error {
			var seq, revoked, deleted, body uint64
			var reacted, unreacted map[string]uint64
			if err := r.Scan(&seq, &revoked, &deleted, &body, &reacted, &unreacted); err != nil {
				return err
			}
			now := &archive.Became{Revoked: events.Seq(revoked), Deleted: events.Seq(deleted), Reacted: seqs(reacted), Unreacted: seqs(unreacted)}
			if body > seq {
				now.Overridden = events.Seq(body)
				overrides[now.Overridden] = now
			}
			of[events.Seq(seq)] = now
			return nil
		}, args...)
	if err != nil || len(overrides) == 0 {
		return err
	}
	at := slices.Collect(maps.Keys(overrides))
	rows, err := c.timelineRows(ctx, amongSeqs, driver.Named("session", string(s)), driver.Named("first", fmt.Sprint(uint64(slices.Min(at)))),
		driver.Named("last", fmt.Sprint(uint64(slices.Max(at)))), driver.Named("seqs", numbers(at)))
	for _, r := range rows {
		overrides[r.Seq].Override = r.Value
	}
	return err
}

func seqs(m map[string]uint64) map[string]events.Seq {
	out := make(map[string]events.Seq, len(m))
	for k, v := range m {
		out[k] = events.Seq(v)
	}
	return out
}

// numbers are an Array(UInt64) as a parameter.
func numbers(seqs []events.Seq) string {
	text := make([]string, len(seqs))
	for i, s := range seqs {
		text[i] = fmt.Sprint(uint64(s))
	}
	return "[" + strings.Join(text, ",") + "]"
}

// texts are some as a parameter, each in hex: a parameter's own escapes depend on the server.
func texts[S ~string](all []S) string {
	inHex := make([]string, len(all))
	for i, s := range all {
		inHex[i] = hex.EncodeToString([]byte(s))
	}
	return strings.Join(inHex, ",")
}

// amongTexts says in SQL that a column is one of the texts of a parameter.
func amongTexts(parameter, column string) string {
	return "has(arrayMap(x -> unhex(x), splitByChar(',', {" + parameter + ":String})), " + column + ")"
}
