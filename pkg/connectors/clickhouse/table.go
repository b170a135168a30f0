package clickhouse

import (
	"context"
	"strings"

	"github.com/google/uuid"

	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// column is how one of a table's columns is made of rows.
type column[R any] struct {
	name string
	fill func(to conn.BatchColumn, rows []R) error
}

// of makes a column of a field; V is what the driver takes for it.
func of[R, V any](name string, field func(*R) V) column[R] {
	return column[R]{name, func(to conn.BatchColumn, rows []R) error {
		values := make([]V, len(rows))
		for i := range rows {
			values[i] = field(&rows[i])
		}
		return to.Append(values)
	}}
}

// insert stores rows in a table.
func insert[R any](ctx context.Context, c *ClickHouse, table string, columns []column[R], rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	names := make([]string, len(columns))
	for i, col := range columns {
		names[i] = "`" + col.name + "`"
	}
	batch, err := c.conn.PrepareBatch(ctx, "INSERT INTO "+c.opts.Database+"."+table+" ("+strings.Join(names, ", ")+")")
	if err != nil {
		return c.failed("prepare for "+table, err)
	}
	defer batch.Close() //nolint:errcheck // what is not sent is not stored, and is sent again
	for i, col := range columns {
		if err := col.fill(batch.Column(i), rows); err != nil {
			return c.failed(table+"."+col.name, err)
		}
	}
	return c.failed("insert into "+table, batch.Send())
}

// table is one that rows are inserted into.
type table struct {
	name string
	// rebuilt says that it is a function of the log, and so built anew.
	rebuilt bool
	empty   func(*archive.Rows) bool
	insert  func(ctx context.Context, c *ClickHouse, into string, r *archive.Rows) error
}

func tableFor[R any](name string, rebuilt bool, columns []column[R], rows func(*archive.Rows) []R) table {
	return table{
		name, rebuilt, func(r *archive.Rows) bool { return len(rows(r)) == 0 },
		func(ctx context.Context, c *ClickHouse, into string, r *archive.Rows) error {
			return insert(ctx, c, into, columns, rows(r))
		},
	}
}

// tables are all, in the order in which rows are inserted: those of events after what they changed, and those of sessions last of what
// is of the log, as their heads tell what was inserted.
var tables = []table{
	tableFor("message_rows", true, messageColumns, func(r *archive.Rows) []archive.Message { return r.Messages }),
	tableFor("marker_rows", true, markerColumns, func(r *archive.Rows) []archive.Marker { return r.Markers }),
	tableFor("member_rows", true, memberColumns, func(r *archive.Rows) []archive.Member { return r.Members }),
	tableFor("contact_rows", true, contactColumns, func(r *archive.Rows) []archive.Contact { return r.Contacts }),
	tableFor("event_rows", true, eventColumns, func(r *archive.Rows) []archive.Event { return r.Events }),
	tableFor("session_rows", true, sessionColumns, func(r *archive.Rows) []archive.Session { return r.Sessions }),
	tableFor("progress_rows", false, progressColumns, func(r *archive.Rows) []archive.Progress { return r.Progress }),
}

var eventColumns = []column[archive.Event]{
	of("session", func(r *archive.Event) string { return r.Session }),
	of("partition", func(r *archive.Event) int32 { return r.Partition }),
	of("offset", func(r *archive.Event) uint64 { return r.Offset }),
	of("command", func(r *archive.Event) uint64 { return r.Command }),
	of("owner", func(r *archive.Event) string { return r.Owner.String() }),
	of("outcome", func(r *archive.Event) string { return r.Kind.String() }),
	of("event", func(r *archive.Event) string { return r.Event }),
	of("code", func(r *archive.Event) string { return string(r.Code) }),
	of("detail", func(r *archive.Event) string { return r.Detail }),
	of("seq", func(r *archive.Event) uint64 { return uint64(r.Seq) }),
	of("index", func(r *archive.Event) uint64 { return uint64(r.Index) }),
	of("target", func(r *archive.Event) uint64 { return uint64(r.Target) }),
	of("people", func(r *archive.Event) []string { return r.People }),
	of("id", func(r *archive.Event) uuid.UUID { return uuid.UUID(r.ID) }),
	of("actor", func(r *archive.Event) string { return string(r.Actor) }),
	of("service", func(r *archive.Event) string { return r.Service }),
	of("client_id", func(r *archive.Event) string { return r.ClientID }),
	of("device", func(r *archive.Event) string { return r.Device }),
	of("client_version", func(r *archive.Event) string { return r.ClientVersion }),
	of("address", func(r *archive.Event) string { return r.Address }),
	of("time", func(r *archive.Event) int64 { return int64(r.Time) }),
	of("origin_time", func(r *archive.Event) int64 { return int64(r.Origin) }),
	of("prev_hash", func(r *archive.Event) []byte { return r.PrevHash[:] }),
	of("hash", func(r *archive.Event) []byte { return r.Hash[:] }),
	of("bytes", func(r *archive.Event) []byte { return r.Bytes }),
	of("form", func(r *archive.Event) uint8 { return r.Form }),
}

var messageColumns = []column[archive.Message]{
	of("session", func(r *archive.Message) string { return string(r.Session) }),
	of("seq", func(r *archive.Message) uint64 { return uint64(r.Seq) }),
	of("index", func(r *archive.Message) uint64 { return uint64(r.Index) }),
	of("id", func(r *archive.Message) uuid.UUID { return uuid.UUID(r.ID) }),
	of("time", func(r *archive.Message) int64 { return int64(r.Time) }),
	of("origin_time", func(r *archive.Message) int64 { return int64(r.Origin) }),
	of("sender", func(r *archive.Message) string { return string(r.Sender) }),
	of("service", func(r *archive.Message) string { return r.Service }),
	of("device", func(r *archive.Message) string { return r.Device }),
	of("client_version", func(r *archive.Message) string { return r.ClientVersion }),
	of("reply_to", func(r *archive.Message) uint64 { return uint64(r.Refs.ReplyTo) }),
	of("thread", func(r *archive.Message) uint64 { return uint64(r.Refs.Thread) }),
	of("mentions", func(r *archive.Message) []string {
		names := make([]string, len(r.Refs.Mentions))
		for i, u := range r.Refs.Mentions {
			names[i] = string(u)
		}
		return names
	}),
	of("mention_all", func(r *archive.Message) uint8 { return asUint8(r.Refs.MentionAll) }),
	of("priority", func(r *archive.Message) uint8 { return uint8(r.Refs.Priority) }),
	of("body", func(r *archive.Message) []any { return []any{uint64(r.Body.Seq), r.Body.Kind, r.Body.Text} }),
	of("overrides", func(r *archive.Message) []uint64 {
		if r.Override == 0 {
			return nil
		}
		return []uint64{uint64(r.Override)}
	}),
	of("overridden_at", func(r *archive.Message) int64 { return int64(r.OverrideTime) }),
	of("revoked", func(r *archive.Message) []any { return fate(r.Revoked) }),
	of("deleted", func(r *archive.Message) []any { return append(fate(r.Deleted), r.Deleted.Reason) }),
	of("pinned", func(r *archive.Message) uint64 { return uint64(r.Pinned) }),
	of("unpinned", func(r *archive.Message) uint64 { return uint64(r.Unpinned) }),
	of("reacted", func(r *archive.Message) map[string]uint64 { return at(r.Reacted, r.ReactedAt) }),
	of("unreacted", func(r *archive.Message) map[string]uint64 { return at(r.Unreacted, r.ReactedAt) }),
	of("reporters", func(r *archive.Message) []string {
		if r.Reporter == "" {
			return nil
		}
		return []string{string(r.Reporter)}
	}),
}

var markerColumns = []column[archive.Marker]{
	of("session", func(r *archive.Marker) string { return string(r.Session) }),
	of("user", func(r *archive.Marker) string { return string(r.User) }),
	of("kind", func(r *archive.Marker) string { return [...]string{"", "read", "delivered"}[r.Kind] }),
	of("seq", func(r *archive.Marker) uint64 { return uint64(r.Seq) }),
	of("time", func(r *archive.Marker) int64 { return int64(r.Time) }),
}

var memberColumns = []column[archive.Member]{
	of("session", func(r *archive.Member) string { return string(r.Session) }),
	of("user", func(r *archive.Member) string { return string(r.User) }),
	of("seq", func(r *archive.Member) uint64 { return uint64(r.Seq) }),
	of("step", func(r *archive.Member) string { return [...]string{"", "in", "out", "role"}[r.Step] }),
	of("event", func(r *archive.Member) string { return r.Event }),
	of("role", func(r *archive.Member) string { return named(roles, r.Role) }),
	of("actor", func(r *archive.Member) string { return string(r.Actor) }),
	of("time", func(r *archive.Member) int64 { return int64(r.Time) }),
	of("origin_time", func(r *archive.Member) int64 { return int64(r.Origin) }),
}

var sessionColumns = []column[archive.Session]{
	of("session", func(r *archive.Session) string { return string(r.Session) }),
	of("base", func(r *archive.Session) uint64 { return uint64(r.Base) }),
	of("created", func(r *archive.Session) []any { return fate(r.Created) }),
	of("closed", func(r *archive.Session) []any { return fate(r.Closed) }),
	of("head", func(r *archive.Session) uint64 { return uint64(r.Head) }),
	of("messages", func(r *archive.Session) uint64 { return uint64(r.Messages) }),
	of("last_time", func(r *archive.Session) int64 { return int64(r.LastTime) }),
	of("last_message_time", func(r *archive.Session) int64 { return int64(r.LastMessageTime) }),
	of("facts", func(r *archive.Session) map[string]map[string]any {
		facts := make(map[string]map[string]any, len(r.Facts))
		for name, f := range r.Facts {
			facts[name] = map[string]any{"seq": uint64(f.Seq), "value": f.Value}
		}
		return facts
	}),
}

var contactColumns = []column[archive.Contact]{
	of("session", func(r *archive.Contact) string { return string(r.Session) }),
	of("a", func(r *archive.Contact) string { return string(r.A) }),
	of("b", func(r *archive.Contact) string { return string(r.B) }),
	of("state", func(r *archive.Contact) []any {
		return []any{uint64(r.State.Seq), named(contactStates, r.State.State), string(r.State.By), r.State.Text, int64(r.State.Time)}
	}),
	of("blocked", func(r *archive.Contact) map[string]uint64 { return blocks(r, false) }),
	of("unblocked", func(r *archive.Contact) map[string]uint64 { return blocks(r, true) }),
}

var progressColumns = []column[archive.Progress]{
	of("partition", func(r *archive.Progress) int32 { return r.Partition }),
	of("archived", func(r *archive.Progress) uint64 { return uint64(r.Archived) }),
	of("log_end", func(r *archive.Progress) uint64 { return uint64(r.LogEnd) }),
	of("time", func(r *archive.Progress) int64 { return int64(r.Time) }),
	of("at", func(r *archive.Progress) int64 { return int64(r.At) }),
}

var (
	// contactStates are the names of what two people are.
	contactStates = []string{events.Contacts: "contacts", events.ContactAsked: "asked", events.NoContacts: "none"}
	roles         = []string{"none", events.RoleMember: "member", events.RoleAdmin: "admin", events.RoleOwner: "owner"}
)

// named is a number's name. A number of a newer program has none here, and stops nothing.
func named[N ~uint8](names []string, n N) string {
	if int(n) < len(names) {
		return names[n]
	}
	return "unknown"
}

func asUint8(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// fate is the tuple of what became of something.
func fate(f archive.Fate) []any { return []any{uint64(f.Seq), int64(f.Time), string(f.By)} }

// at is the map of one key to an event; empty without a key.
func at(key string, seq events.Seq) map[string]uint64 {
	if key == "" {
		return map[string]uint64{}
	}
	return map[string]uint64{key: uint64(seq)}
}

func blocks(r *archive.Contact, ends bool) map[string]uint64 {
	if r.Unblocks != ends {
		return map[string]uint64{}
	}
	return at(string(r.Blocker), r.Seq)
}
