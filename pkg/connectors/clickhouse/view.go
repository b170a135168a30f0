package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

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

// orNever gives a time that may be none as 0.
func orNever(t *time.Time) events.Millis {
	if t == nil {
		return 0
	}
	return millis(*t)
}

// Outcomes implements archive.View.
func (c *ClickHouse) Outcomes(ctx context.Context, s events.SessionID, after int64, limit int) ([]archive.Outcome, error) {
	var all []archive.Outcome
	err := c.query(ctx, "list outcomes", `SELECT partition, offset, toString(outcome), toString(event), toString(code), seq, actor, time, origin_time,
		unhex(prev_hash), unhex(hash), bytes, command, toString(owner), detail, index, target, people, id, toString(service), client_id, device,
		toString(client_version), address
		FROM %s.events WHERE session = {session:String} AND offset >= {from:UInt64} ORDER BY offset LIMIT {limit:UInt64}`, func(r conn.Rows) error {
		var o archive.Outcome
		var kind, code, actor, prev, hash string
		var seq, index, target uint64
		var when time.Time
		var origin *time.Time
		var id uuid.UUID
		if err := r.Scan(&o.Partition, &o.Offset, &kind, &o.Event, &code, &seq, &actor, &when, &origin, &prev, &hash, &o.Bytes, &o.Command, &o.Owner, &o.Detail, &index,
			&target, &o.People, &id, &o.Service, &o.ClientID, &o.Device, &o.ClientVersion, &o.Address); err != nil {
			return err
		}
		o.Kind, o.Code, o.Seq, o.Actor, o.Time, o.Origin = kinds[kind], events.Code(code), events.Seq(seq), events.UserID(actor), millis(when), orNever(origin)
		o.Index, o.Target, o.ID = events.Index(index), events.Seq(target), events.ID(id)
		copy(o.PrevHash[:], prev)
		copy(o.Hash[:], hash)
		all = append(all, o)
		return nil
	}, driver.Named("session", string(s)), driver.Named("from", fmt.Sprint(after+1)), driver.Named("limit", fmt.Sprint(limit)))
	return all, err
}

// priorities are the names of a message's.
var priorities = map[string]events.Priority{"low": events.PriorityLow, "high": events.PriorityHigh}

// Messages implements archive.View.
func (c *ClickHouse) Messages(ctx context.Context, s events.SessionID, after events.Seq, limit int) ([]archive.MessageNow, error) {
	var all []archive.MessageNow
	err := c.query(ctx, "list messages", `SELECT seq, index, time, origin_time, sender, toString(kind), text, versions, revoked, revoked_by, deleted,
		deleted_by, delete_reason, pinned, reactions, reports, id, service, device, client_version, overridden_at, revoked_at, deleted_at, reply_to, thread,
		mentions, mention_all, toString(priority)
		FROM %s.messages WHERE session = {session:String} AND seq > {after:UInt64} ORDER BY seq LIMIT {limit:UInt64}`, func(r conn.Rows) error {
		var m archive.MessageNow
		var seq, index, replyTo, thread uint64
		var when time.Time
		var origin, overridden, revoked, deleted *time.Time
		var sender, revokedBy, deletedBy, priority string
		var mentions []string
		var id uuid.UUID
		if err := r.Scan(&seq, &index, &when, &origin, &sender, &m.Kind, &m.Text, &m.Versions, &m.Revoked, &revokedBy, &m.Deleted, &deletedBy, &m.Reason, &m.Pinned,
			&m.Reactions, &m.Reports, &id, &m.Service, &m.Device, &m.ClientVersion, &overridden, &revoked, &deleted, &replyTo, &thread, &mentions, &m.Refs.MentionAll,
			&priority); err != nil {
			return err
		}
		m.Seq, m.Index, m.Time, m.Origin, m.Sender, m.ID = events.Seq(seq), events.Index(index), millis(when), orNever(origin), events.UserID(sender), events.ID(id)
		m.RevokedBy, m.DeletedBy, m.OverriddenAt, m.RevokedAt, m.DeletedAt = events.UserID(revokedBy), events.UserID(deletedBy), orNever(overridden), orNever(revoked), orNever(deleted)
		m.Refs.ReplyTo, m.Refs.Thread, m.Refs.Priority = events.Seq(replyTo), events.Seq(thread), priorities[priority]
		for _, u := range mentions {
			m.Refs.Mentions = append(m.Refs.Mentions, events.UserID(u))
		}
		all = append(all, m)
		return nil
	}, driver.Named("session", string(s)), driver.Named("after", fmt.Sprint(after)), driver.Named("limit", fmt.Sprint(limit)))
	return all, err
}

// Markers implements archive.View.
func (c *ClickHouse) Markers(ctx context.Context, s events.SessionID) ([]archive.MarkersNow, error) {
	var all []archive.MarkersNow
	err := c.query(ctx, "list markers", "SELECT user, read, delivered, read_at, delivered_at FROM %s.markers WHERE session = {session:String} ORDER BY user", func(r conn.Rows) error {
		var user string
		var read, delivered uint64
		var readAt, deliveredAt *time.Time
		err := r.Scan(&user, &read, &delivered, &readAt, &deliveredAt)
		all = append(all, archive.MarkersNow{
			User: events.UserID(user), Read: events.Seq(read), Delivered: events.Seq(delivered), ReadAt: orNever(readAt), DeliveredAt: orNever(deliveredAt),
		})
		return err
	}, driver.Named("session", string(s)))
	return all, err
}

// Stays implements archive.View.
func (c *ClickHouse) Stays(ctx context.Context, s events.SessionID) ([]archive.Stay, error) {
	var all []archive.Stay
	err := c.query(ctx, "list stays", "SELECT user, `from`, `to`, toString(came_by), toString(went_by), let_in_by, from_time, from_origin_time, to_time, to_origin_time, let_out_by "+
		"FROM %s.stays WHERE session = {session:String} ORDER BY user, `from`", func(r conn.Rows) error {
		var stay archive.Stay
		var user, letIn, letOut string
		var from, to uint64
		var came time.Time
		var cameOrigin, went, wentOrigin *time.Time
		err := r.Scan(&user, &from, &to, &stay.Came, &stay.Went, &letIn, &came, &cameOrigin, &went, &wentOrigin, &letOut)
		stay.User, stay.From, stay.To, stay.LetIn, stay.LetOut = events.UserID(user), events.Seq(from), events.Seq(to), events.UserID(letIn), events.UserID(letOut)
		stay.FromTime, stay.FromOrigin, stay.ToTime, stay.ToOrigin = millis(came), orNever(cameOrigin), orNever(went), orNever(wentOrigin)
		all = append(all, stay)
		return err
	}, driver.Named("session", string(s)))
	return all, err
}

// Members implements archive.View.
func (c *ClickHouse) Members(ctx context.Context, s events.SessionID) ([]archive.MemberNow, error) {
	var all []archive.MemberNow
	err := c.query(ctx, "list members", "SELECT user, toString(role), since, since_time FROM %s.members WHERE session = {session:String} ORDER BY user", func(r conn.Rows) error {
		var m archive.MemberNow
		var user string
		var since uint64
		var when time.Time
		err := r.Scan(&user, &m.Role, &since, &when)
		m.User, m.Since, m.SinceTime = events.UserID(user), events.Seq(since), millis(when)
		all = append(all, m)
		return err
	}, driver.Named("session", string(s)))
	return all, err
}

// Sessions implements archive.View.
func (c *ClickHouse) Sessions(ctx context.Context, after events.SessionID, limit int) ([]archive.SessionNow, error) {
	return c.sessions(ctx, "session > {after:String} ORDER BY session LIMIT {limit:UInt64}", driver.Named("after", string(after)), driver.Named("limit", fmt.Sprint(limit)))
}

// Session implements archive.View.
func (c *ClickHouse) Session(ctx context.Context, s events.SessionID) (archive.SessionNow, bool, error) {
	all, err := c.sessions(ctx, "session = {session:String}", driver.Named("session", string(s)))
	if err != nil || len(all) == 0 {
		return archive.SessionNow{}, false, err
	}
	return all[0], true, nil
}

func (c *ClickHouse) sessions(ctx context.Context, which string, args ...any) ([]archive.SessionNow, error) {
	var all []archive.SessionNow
	err := c.query(ctx, "list sessions", `SELECT session, title, notice, policy, created_by, closed, base, head, messages, custom, avatar, description, created_at, closed_at,
		last_at, last_message_at, profile, privacy FROM %s.sessions WHERE `+which, func(r conn.Rows) error {
		var s archive.SessionNow
		var id, creator string
		var base, head, messages uint64
		var created, last time.Time
		var closed, lastMessage *time.Time
		err := r.Scan(&id, &s.Title, &s.Notice, &s.Policy, &creator, &s.Closed, &base, &head, &messages, &s.Custom, &s.Avatar, &s.Description, &created, &closed, &last, &lastMessage, &s.Profile, &s.Privacy)
		s.Session, s.Creator, s.Base, s.Head, s.Messages = events.SessionID(id), events.UserID(creator), events.Seq(base), events.Seq(head), events.Index(messages)
		s.CreatedAt, s.ClosedAt, s.LastAt, s.LastMessageAt = millis(created), orNever(closed), millis(last), orNever(lastMessage)
		all = append(all, s)
		return err
	}, args...)
	return all, err
}

// Contact implements archive.View.
func (c *ClickHouse) Contact(ctx context.Context, s events.SessionID) (now archive.ContactNow, found bool, err error) {
	err = c.query(ctx, "show a contact", "SELECT a, b, toString(state), asked_by, a_blocks_b, b_blocks_a, asked_with, since FROM %s.contacts WHERE session = {session:String}", func(r conn.Rows) error {
		var a, b, state, asked string
		var since time.Time
		err := r.Scan(&a, &b, &state, &asked, &now.ABlocks, &now.BBlocks, &now.AskedWith, &since)
		now.A, now.B, now.AskedBy, now.Since, found = events.UserID(a), events.UserID(b), events.UserID(asked), millis(since), true
		now.State = contactState(state)
		return err
	}, driver.Named("session", string(s)))
	return now, found, err
}

// contactState is the state of a name; one that is no state of this program's is none of them.
func contactState(name string) events.ContactState {
	for n, known := range contactStates {
		if known == name {
			return events.ContactState(n)
		}
	}
	return unknownState
}

const unknownState events.ContactState = 255

// Keys implements archive.View.
func (c *ClickHouse) Keys(ctx context.Context, p archive.Part, after string, limit int) ([]string, error) {
	var all []string
	text := "SELECT DISTINCT session FROM %s." + tableOf(p) + " WHERE session > {after:String} ORDER BY session LIMIT {limit:UInt64}"
	err := c.query(ctx, "list keys", text, func(r conn.Rows) error {
		var key string
		err := r.Scan(&key)
		all = append(all, key)
		return err
	}, driver.Named("after", after), driver.Named("limit", fmt.Sprint(limit)))
	return all, err
}

// tableOf is where a part's rows are: views would leave out those that are not whole.
func tableOf(p archive.Part) string {
	return map[archive.Part]string{
		"events": "event_rows", "messages": "message_rows", "markers": "marker_rows", "stays": "member_rows", "sessions": "session_rows", "contacts": "contact_rows",
	}[p]
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
