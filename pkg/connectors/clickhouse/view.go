package clickhouse

import (
	"context"
	"fmt"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// query asks, and calls scan for every row. A %s in the text is the database.
func (c *ClickHouse) query(ctx context.Context, what, text string, scan func(conn.Rows) error, args ...any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	rows, err := c.conn.Query(ctx, fmt.Sprintf(text, c.opts.Database), args...)
	if err != nil {
		return c.failed(what, err)
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	for rows.Next() {
		if err := scan(rows); err != nil {
			return c.failed(what, err)
		}
	}
	return c.failed(what, rows.Err())
}

func millis(t time.Time) events.Millis { return events.Millis(t.UnixMilli()) }

// kinds are the outcomes' by name.
var kinds = map[string]archive.Kind{
	"accepted": archive.KindAccepted, "rejected": archive.KindRejected, "answered": archive.KindAnswered, "unreadable": archive.KindUnreadable,
}

// Count implements archive.View.
func (c *ClickHouse) Count(ctx context.Context) (map[archive.Kind]uint64, error) {
	counts := map[archive.Kind]uint64{}
	err := c.query(ctx, "count outcomes", "SELECT toString(outcome), count() FROM %s.events GROUP BY 1", func(r conn.Rows) error {
		var name string
		var n uint64
		err := r.Scan(&name, &n)
		counts[kinds[name]] = n
		return err
	})
	return counts, err
}

// Outcomes implements archive.View.
func (c *ClickHouse) Outcomes(ctx context.Context, s events.SessionID, after int64, limit int) ([]archive.Outcome, error) {
	var all []archive.Outcome
	err := c.query(ctx, "list outcomes", `SELECT partition, offset, toString(outcome), toString(event), toString(code), seq, actor, time, ifNull(origin_time, toDateTime64(0, 3, 'UTC')),
		unhex(prev_hash), unhex(hash), bytes FROM %s.events WHERE session = {session:String} AND offset >= {from:UInt64} ORDER BY offset LIMIT {limit:UInt64}`, func(r conn.Rows) error {
		var o archive.Outcome
		var kind, event, code, actor, prev, hash, bytes string
		var seq uint64
		var at, origin time.Time
		if err := r.Scan(&o.Partition, &o.Offset, &kind, &event, &code, &seq, &actor, &at, &origin, &prev, &hash, &bytes); err != nil {
			return err
		}
		o.Kind, o.Event, o.Code, o.Seq, o.Actor, o.Time, o.Origin = kinds[kind], event, events.Code(code), events.Seq(seq), events.UserID(actor), millis(at), millis(origin)
		copy(o.PrevHash[:], prev)
		copy(o.Hash[:], hash)
		o.Bytes = bytes
		all = append(all, o)
		return nil
	}, driver.Named("session", string(s)), driver.Named("from", fmt.Sprint(after+1)), driver.Named("limit", fmt.Sprint(limit)))
	return all, err
}

// Messages implements archive.View.
func (c *ClickHouse) Messages(ctx context.Context, s events.SessionID, after events.Seq, limit int) ([]archive.MessageNow, error) {
	var all []archive.MessageNow
	err := c.query(ctx, "list messages", `SELECT seq, index, time, ifNull(origin_time, toDateTime64(0, 3, 'UTC')), sender, toString(kind), text, versions, revoked, revoked_by, deleted,
		deleted_by, delete_reason, pinned, reactions, reports
		FROM %s.messages WHERE session = {session:String} AND seq > {after:UInt64} ORDER BY seq LIMIT {limit:UInt64}`, func(r conn.Rows) error {
		var m archive.MessageNow
		var seq, index uint64
		var at, origin time.Time
		var sender, revokedBy, deletedBy string
		if err := r.Scan(&seq, &index, &at, &origin, &sender, &m.Kind, &m.Text, &m.Versions, &m.Revoked, &revokedBy, &m.Deleted, &deletedBy, &m.Reason, &m.Pinned,
			&m.Reactions, &m.Reports); err != nil {
			return err
		}
		m.Seq, m.Index, m.Time, m.Origin, m.Sender = events.Seq(seq), events.Index(index), millis(at), millis(origin), events.UserID(sender)
		m.RevokedBy, m.DeletedBy = events.UserID(revokedBy), events.UserID(deletedBy)
		all = append(all, m)
		return nil
	}, driver.Named("session", string(s)), driver.Named("after", fmt.Sprint(after)), driver.Named("limit", fmt.Sprint(limit)))
	return all, err
}

// Markers implements archive.View.
func (c *ClickHouse) Markers(ctx context.Context, s events.SessionID) ([]archive.MarkersNow, error) {
	var all []archive.MarkersNow
	err := c.query(ctx, "list markers", "SELECT user, read, delivered FROM %s.markers WHERE session = {session:String} ORDER BY user", func(r conn.Rows) error {
		var user string
		var read, delivered uint64
		err := r.Scan(&user, &read, &delivered)
		all = append(all, archive.MarkersNow{User: events.UserID(user), Read: events.Seq(read), Delivered: events.Seq(delivered)})
		return err
	}, driver.Named("session", string(s)))
	return all, err
}

// Stays implements archive.View.
func (c *ClickHouse) Stays(ctx context.Context, s events.SessionID) ([]archive.Stay, error) {
	var all []archive.Stay
	err := c.query(ctx, "list stays", "SELECT user, `from`, `to`, toString(came_by), toString(went_by), let_in_by FROM %s.stays WHERE session = {session:String} ORDER BY user, `from`", func(r conn.Rows) error {
		var stay archive.Stay
		var user, letIn string
		var from, to uint64
		err := r.Scan(&user, &from, &to, &stay.Came, &stay.Went, &letIn)
		stay.User, stay.From, stay.To, stay.LetIn = events.UserID(user), events.Seq(from), events.Seq(to), events.UserID(letIn)
		all = append(all, stay)
		return err
	}, driver.Named("session", string(s)))
	return all, err
}

// Sessions implements archive.View.
func (c *ClickHouse) Sessions(ctx context.Context, after events.SessionID, limit int) ([]archive.SessionNow, error) {
	var all []archive.SessionNow
	err := c.query(ctx, "list sessions", `SELECT session, title, notice, policy, created_by, closed, base, head, messages, custom
		FROM %s.sessions WHERE session > {after:String} ORDER BY session LIMIT {limit:UInt64}`, func(r conn.Rows) error {
		var s archive.SessionNow
		var id, creator string
		var base, head, messages uint64
		err := r.Scan(&id, &s.Title, &s.Notice, &s.Policy, &creator, &s.Closed, &base, &head, &messages, &s.Custom)
		s.Session, s.Creator, s.Base, s.Head, s.Messages = events.SessionID(id), events.UserID(creator), events.Seq(base), events.Seq(head), events.Index(messages)
		all = append(all, s)
		return err
	}, driver.Named("after", string(after)), driver.Named("limit", fmt.Sprint(limit)))
	return all, err
}

// Contact implements archive.View.
func (c *ClickHouse) Contact(ctx context.Context, s events.SessionID) (now archive.ContactNow, found bool, err error) {
	err = c.query(ctx, "show a contact", "SELECT a, b, toString(state), asked_by, a_blocks_b, b_blocks_a FROM %s.contacts WHERE session = {session:String}", func(r conn.Rows) error {
		var a, b, state, asked string
		err := r.Scan(&a, &b, &state, &asked, &now.ABlocks, &now.BBlocks)
		now.A, now.B, now.AskedBy, found = events.UserID(a), events.UserID(b), events.UserID(asked), true
		for n, name := range contactStates {
			if name == state {
				now.State = events.ContactState(n)
			}
		}
		return err
	}, driver.Named("session", string(s)))
	return now, found, err
}

// Progress implements archive.View.
func (c *ClickHouse) Progress(ctx context.Context) ([]archive.Progress, error) {
	var all []archive.Progress
	err := c.query(ctx, "show progress", "SELECT partition, archived, log_end, ifNull(newest, toDateTime64(0, 3, 'UTC')), looked_at FROM %s.freshness ORDER BY partition", func(r conn.Rows) error {
		var p archive.Progress
		var archived, end uint64
		var newest, at time.Time
		err := r.Scan(&p.Partition, &archived, &end, &newest, &at)
		p.Archived, p.LogEnd, p.Time, p.At = int64(archived), int64(end), millis(newest), millis(at)
		all = append(all, p)
		return err
	})
	return all, err
}
