package fold_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/internal/devstack"
	"annal/internal/fold"
	"annal/pkg/connectors/clickhouse"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// alteration spoils one column of one row of a table, by inserting the row again with another value that wins there.
type alteration struct {
	table, column string
	// which is the row, of a session whose story has it.
	which string
	value string
	// what names what is then different.
	what string
	// alone is for those that others of the same row would hide.
	alone bool
}

// alterations have one of each column. Rows of keys that are altered are doubled under another key.
var alterations = []alteration{
	{"event_rows", "partition", "seq = 3", "partition + 7", "event", true},
	{"event_rows", "offset", "seq = 3", "offset + 100000", "event", true},
	{"event_rows", "command", "seq = 3", "command + 1", "event.command", false},
	{"event_rows", "owner", "seq = 3", "'2-00'", "event.owner", false},
	{"event_rows", "outcome", "seq = 3", "'rejected'", "event.kind", false},
	{"event_rows", "event", "seq = 3", "'revoked'", "event.event", false},
	{"event_rows", "code", "outcome = 'rejected'", "'OTHER'", "event.code", false},
	{"event_rows", "detail", "outcome = 'rejected'", "'other'", "event.detail", false},
	{"event_rows", "seq", "seq = 3", "77", "event.seq", false},
	{"event_rows", "index", "seq = 3", "77", "event.index", false},
	{"event_rows", "target", "event = 'revoked'", "3", "event.target", false},
	{"event_rows", "people", "event = 'created'", "['eve']", "event.people", false},
	{"event_rows", "id", "seq = 3", "generateUUIDv4()", "event.id", false},
	{"event_rows", "actor", "seq = 3", "'mallory'", "event.actor", false},
	{"event_rows", "service", "seq = 3", "'bot'", "event.service", false},
	{"event_rows", "client_id", "seq = 3", "'other'", "event.client_id", false},
	{"event_rows", "device", "seq = 3", "'other'", "event.device", false},
	{"event_rows", "client_version", "seq = 3", "'9'", "event.client_version", false},
	{"event_rows", "address", "seq = 3", "'192.0.2.9'", "event.address", false},
	{"event_rows", "time", "seq = 3", "time + 1", "event.time", false},
	{"event_rows", "origin_time", "seq = 3", "toDateTime64(5, 3, 'UTC')", "event.origin", false},
	{"event_rows", "prev_hash", "seq = 3", "unhex(repeat('ab', 32))", "event.prev_hash", false},
	{"event_rows", "hash", "seq = 3", "unhex(repeat('cd', 32))", "event.hash", false},
	{"event_rows", "bytes", "seq = 3", "concat(bytes, 'x')", "event.bytes", false},

	{"message_rows", "seq", "seq = 3", "78", "message", true},
	{"message_rows", "index", "seq = 3", "99", "message.index", false},
	{"message_rows", "id", "seq = 3", "toUUID('ffffffff-ffff-ffff-ffff-ffffffffffff')", "message.id", false},
	{"message_rows", "time", "seq = 3", "time + 1", "message.time", false},
	{"message_rows", "origin_time", "seq = 3", "toDateTime64(5, 3, 'UTC')", "message.origin", false},
	{"message_rows", "sender", "seq = 3", "'zed'", "message.sender", false},
	{"message_rows", "service", "seq = 3", "'zed'", "message.service", false},
	{"message_rows", "device", "seq = 3", "'zed'", "message.device", false},
	{"message_rows", "client_version", "seq = 3", "'9'", "message.client_version", false},
	{"message_rows", "reply_to", "seq = 3", "2", "message.refs.reply_to", false},
	{"message_rows", "thread", "seq = 3", "2", "message.refs.thread", false},
	{"message_rows", "mentions", "seq = 3", "['zed']", "message.refs.mentions", false},
	{"message_rows", "mention_all", "seq = 3", "1", "message.refs.mention_all", false},
	{"message_rows", "priority", "seq = 3", "2", "message.refs.priority", false},
	{"message_rows", "body", "seq = 3", "(99, 'file', 'other')", "message.text", false},
	{"message_rows", "overrides", "seq = 3", "[toUInt64(9)]", "message.versions", false},
	{"message_rows", "overridden_at", "seq = 3", "toDateTime64('2100-01-01 00:00:00', 3, 'UTC')", "message.overridden_at", false},
	{"message_rows", "revoked", "seq = 4", "(99, time, 'zed')", "message.revoked_by", false},
	{"message_rows", "deleted", "seq = 5", "(99, time, 'zed', 'other')", "message.reason", false},
	{"message_rows", "pinned", "seq = 2", "99", "message.pinned", false},
	{"message_rows", "unpinned", "seq = 3", "99", "message.pinned", false},
	{"message_rows", "reacted", "seq = 3", "map('zed 👍', 99)", "message.reactions", false},
	{"message_rows", "unreacted", "seq = 3", "map('bob 👍', 99)", "message.reactions", true},
	{"message_rows", "reporters", "seq = 3", "['zed']", "message.reports", false},

	{"marker_rows", "user", "user = 'bob' AND kind = 'read'", "'zed'", "markers", true},
	{"marker_rows", "kind", "user = 'ann' AND kind = 'read'", "'delivered'", "markers.delivered", true},
	{"marker_rows", "seq", "user = 'bob' AND kind = 'read'", "99", "markers.read", true},
	{"marker_rows", "time", "user = 'bob' AND kind = 'delivered'", "time + 1", "markers.delivered_at", false},

	{"member_rows", "user", "user = 'bob'", "'zed'", "stay", true},
	{"member_rows", "seq", "user = 'bob' AND seq = 1", "88", "stay", true},
	{"member_rows", "step", "user = 'cid' AND step = 'out'", "'role'", "stay.to", true},
	{"member_rows", "event", "user = 'bob'", "'joined'", "stay.came", false},
	{"member_rows", "role", "user = 'bob'", "'owner'", "member.role", false},
	{"member_rows", "actor", "user = 'cid' AND step = 'out'", "'zed'", "stay.let_out", false},
	{"member_rows", "time", "user = 'bob'", "time + 1", "member.since_time", false},
	{"member_rows", "origin_time", "user = 'bob'", "toDateTime64(5, 3, 'UTC')", "stay.from_origin", false},

	{"session_rows", "base", "1", "9", "session.base", false},
	{"session_rows", "created", "1", "(99, last_time, 'zed')", "session.creator", false},
	{"session_rows", "closed", "1", "(99, last_time, 'zed')", "session.closed", false},
	{"session_rows", "head", "1", "99", "session.head", false},
	{"session_rows", "messages", "1", "99", "session.messages", false},
	{"session_rows", "last_time", "1", "last_time + 1", "session.last_at", false},
	{"session_rows", "last_message_time", "1", "last_message_time + 1", "session.last_message_at", false},
	{"session_rows", "facts", "1", "map('policy', (99, '{\"history\":\"all\"}'))", "session.policy", false},
	{"session_rows", "facts", "1", "map('profile', (99, '{\"name\":\"zed\"}'))", "session.profile", true},
	{"session_rows", "facts", "1", "map('privacy', (99, '{\"add_me\":\"nobody\"}'))", "session.privacy", true},

	{"contact_rows", "a", "1", "'zzz'", "contact.a", true},
	{"contact_rows", "b", "1", "'zzz'", "contact.b", true},
	{"contact_rows", "state", "1", "(99, 'none', 'zed', '', toDateTime64(5, 3, 'UTC'))", "contact.state", false},
	{"contact_rows", "blocked", "1", "map(b, toUInt64(99))", "contact.b_blocks", false},
	{"contact_rows", "unblocked", "1", "map(a, toUInt64(99))", "contact.a_blocks", false},
}

// unverified are columns that the log says nothing of; what is wrong there is seen otherwise.
var unverified = map[string]string{
	"event_rows.archived_at": "when it was archived is the archiver's to say",
	"event_rows.form":        "which of two rows holds: the one that holds is compared",
	// TestStrangers has the keys.
	"event_rows.session": "", "message_rows.session": "", "marker_rows.session": "", "member_rows.session": "", "session_rows.session": "", "contact_rows.session": "",
	// TestProgress has these.
	"progress_rows.partition": "", "progress_rows.archived": "", "progress_rows.log_end": "", "progress_rows.time": "",
	"progress_rows.at": "when it was said is the archiver's to say",
}

// shelf is an archive in ClickHouse's engine, of a log.
type shelf struct {
	*testing.T
	author *author
	log    *eventlog.Memory
	store  *clickhouse.ClickHouse
	conn   conn.Conn
	db     string
}

// story is a group with something of everything, as the rules decide it.
func story(a *author) events.SessionID {
	s := a.open(0, "bob", "cid") // 1
	for range 4 {
		a.must(s, "ann", events.Send{Body: events.TextBody("hello")}) // 2–5
	}
	a.must(s, "ann", events.Override{Seq: 2, Body: events.TextBody("hello again")}) // 6
	a.must(s, "ann", events.Revoke{Seq: 4})                                         // 7
	a.must(s, "ann", events.Delete{Seq: 5, Reason: "spam"})                         // 8
	a.must(s, "bob", events.React{Seq: 3, Emoji: "👍"})                              // 9
	a.must(s, "ann", events.Pin{Seq: 3})                                            // 10
	a.must(s, "cid", events.Leave{})                                                // 11
	a.must(s, "bob", events.MarkRead{Seq: 3})
	a.must(s, "bob", events.MarkDelivered{Seq: 5})
	a.must(s, "bob", events.Report{Seq: 3, Reason: "rude"})
	a.do(events.Command{Session: s, Actor: events.Actor{User: "eve"}, ClientID: fmt.Sprint("c", len(a.said)), Op: events.Send{Body: events.TextBody("let me in")}})
	return s
}

// pair are two people who are contacts, of whom the first blocks the other.
func pair(a *author, n int) events.SessionID {
	one, two := events.UserID(fmt.Sprintf("ann%03d", n)), events.UserID(fmt.Sprintf("bob%03d", n))
	s := events.NewDirectID(one, two)
	direct := policy
	direct.MemberLimit = 2
	a.must(s, one, events.Create{Kind: events.KindDirect, Policy: direct, Members: []events.NewMember{{User: two, Role: events.RoleMember}}})
	a.must(s, one, events.Contact{Step: events.ContactBlock})
	return s
}

func newShelf(t *testing.T, a *author) *shelf {
	t.Helper()
	o := clickhouse.Defaults()
	o.URL, o.Timeout = devstack.ClickHouseForTest(t).URL(), 30*time.Second
	o.Database = "t_" + strings.ReplaceAll(devstack.UniqueName(t), "-", "_")
	store, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Migrate(t.Context(), clickhouse.MigrateOptions{Program: "test", Holder: "test"}); err != nil {
		t.Fatal(err)
	}
	c, err := driver.Open(&driver.Options{Addr: []string{strings.TrimPrefix(o.URL, "http://")}, Protocol: driver.HTTP, Auth: driver.Auth{Username: "default"}})
	if err != nil {
		t.Fatal(err)
	}
	sh := &shelf{T: t, author: a, log: logOf(t, a.said), store: store, conn: c, db: o.Database}
	t.Cleanup(func() {
		for _, database := range []string{o.Database, o.Database + "_v1"} {
			if err := c.Exec(context.Background(), "DROP DATABASE IF EXISTS "+database); err != nil {
				t.Error(err)
			}
		}
		_ = c.Close()
		_ = store.Close()
		sh.log.Close()
	})
	for p := range int32(partitions) {
		var all []follow.Outcome
		if err := eventlog.EachCounted(t.Context(), sh.log, p, func(rec *eventlog.Record) error {
			o, err := events.DecodeOutcome(rec.Record)
			all = append(all, follow.Outcome{Outcome: o, Err: err, Offset: rec.Offset, Record: rec.Record, Stamp: events.Stamp{Owner: owner, Command: rec.Offset - 1, Prev: rec.Offset - 2}})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 {
			continue
		}
		rows := archive.Plan(p, all)
		_, end, err := sh.log.Bounds(t.Context(), eventlog.Events, p)
		if err != nil {
			t.Fatal(err)
		}
		rows.Progress = []archive.Progress{{Partition: p, Archived: end, LogEnd: end, Time: all[len(all)-1].Time, At: 1}}
		if err := store.Insert(t.Context(), &rows); err != nil {
			t.Fatal(err)
		}
	}
	return sh
}

func (sh *shelf) exec(text string, args ...any) {
	sh.Helper()
	if err := sh.conn.Exec(sh.Context(), fmt.Sprintf(strings.ReplaceAll(text, "DB.", sh.db+"."), args...)); err != nil {
		sh.Fatal(err)
	}
}

// differences are those of a session, or of all.
func (sh *shelf) differences(s events.SessionID) []fold.Difference {
	sh.Helper()
	var report fold.Report
	if err := fold.Verify(sh.Context(), fold.Options{Log: sh.log, Archive: sh.store, Session: s}, &report); err != nil {
		sh.Fatal(err)
	}
	return report.Differences
}

func named(all []fold.Difference, what string) bool {
	return slices.ContainsFunc(all, func(d fold.Difference) bool { return d.What == what })
}

// spoils puts alterations of one row together, which are named one by one all the same.
func spoils() [][]alteration {
	var all [][]alteration
	for _, alter := range alterations {
		i := slices.IndexFunc(all, func(x []alteration) bool {
			return !x[0].alone && !alter.alone && x[0].table == alter.table && x[0].which == alter.which
		})
		if i < 0 {
			all = append(all, []alteration{alter})
		} else {
			all[i] = append(all[i], alter)
		}
	}
	return all
}

// TestAlteredInTheArchive: one field of every kind altered, a row dropped, a row doubled: it names each.
func TestAlteredInTheArchive(t *testing.T) {
	a := newAuthor(t)
	rows := spoils()
	of := make([]events.SessionID, len(rows))
	for i, row := range rows {
		if row[0].table == "contact_rows" {
			of[i] = pair(a, i)
		} else {
			of[i] = story(a)
		}
	}
	dropped := map[string]events.SessionID{"event_rows": story(a), "message_rows": story(a), "marker_rows": story(a), "member_rows": story(a), "session_rows": story(a), "contact_rows": pair(a, 900)}
	again, months := story(a), story(a)
	sh := newShelf(t, a)
	if d := sh.differences(""); len(d) > 0 {
		t.Fatalf("of a right archive: %v", d)
	}
	for i, row := range rows {
		values := make([]string, len(row))
		for j, alter := range row {
			values[j] = fmt.Sprintf("%s AS `%s`", alter.value, alter.column)
		}
		sh.exec("INSERT INTO DB.%s SELECT * REPLACE (%s) FROM (SELECT * FROM DB.%[1]s FINAL WHERE session = '%[3]s' AND %[4]s)",
			row[0].table, strings.Join(values, ", "), of[i], row[0].which)
	}
	for table, s := range dropped {
		sh.exec("ALTER TABLE DB.%s DELETE WHERE session = '%s' SETTINGS mutations_sync = 2", table, s)
	}
	sh.exec("INSERT INTO DB.event_rows SELECT * FROM DB.event_rows WHERE session = '%s'", again)
	sh.exec("INSERT INTO DB.event_rows SELECT * REPLACE (time + toIntervalMonth(2) AS time) FROM DB.event_rows WHERE session = '%s' AND seq = 3", months)
	for i, row := range rows {
		d := sh.differences(of[i])
		for _, alter := range row {
			if !named(d, alter.what) {
				t.Errorf("%s.%s as %s: %v, want %s", alter.table, alter.column, alter.value, d, alter.what)
			}
		}
	}
	for table, s := range dropped {
		what := map[string]string{"event_rows": "event", "message_rows": "message", "marker_rows": "markers", "member_rows": "stay", "session_rows": "session", "contact_rows": "contact"}[table]
		if d := sh.differences(s); !slices.ContainsFunc(d, func(d fold.Difference) bool { return d.What == what && d.Got == "none" }) {
			t.Errorf("rows of %s dropped: %v", table, d)
		}
	}
	if d := sh.differences(again); len(d) > 0 {
		t.Errorf("rows inserted again, which is nothing: %v", d)
	}
	if d := sh.differences(months); !named(d, "event.time") {
		t.Errorf("an event doubled in another month, which holds: %v", d)
	}
}

// TestEveryColumnIsAltered: a column that is added needs an alteration, or a reason.
func TestEveryColumnIsAltered(t *testing.T) {
	a := newAuthor(t)
	story(a)
	story(a)
	sh := newShelf(t, a)
	rows, err := sh.conn.Query(t.Context(), "SELECT table, name FROM system.columns WHERE database = '"+sh.db+"' AND endsWith(table, '_rows')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	n := 0
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		n++
		_, told := unverified[table+"."+column]
		if !told && !slices.ContainsFunc(alterations, func(x alteration) bool { return x.table == table && x.column == column }) {
			t.Errorf("%s.%s is not altered by any test", table, column)
		}
	}
	if err := rows.Err(); err != nil || n < 80 {
		t.Errorf("%d columns, %v", n, err)
	}
}

// TestStrangers: rows of sessions that the log does not have, and progress that is not so, are named.
func TestStrangers(t *testing.T) {
	a := newAuthor(t)
	s, two := story(a), pair(a, 1)
	story(a)
	sh := newShelf(t, a)
	for _, table := range []string{"event_rows", "message_rows", "marker_rows", "member_rows", "session_rows"} {
		sh.exec("INSERT INTO DB.%s SELECT * REPLACE ('g_nobody' AS session) FROM (SELECT * FROM DB.%[1]s FINAL WHERE session = '%s' LIMIT 1)", table, s)
	}
	sh.exec("INSERT INTO DB.contact_rows SELECT * REPLACE ('d_nobody' AS session) FROM (SELECT * FROM DB.contact_rows FINAL WHERE session = '%s')", two)
	d := sh.differences("")
	for _, part := range archive.Parts() {
		if !named(d, string(part)) {
			t.Errorf("%s of nobody: %v", part, d)
		}
	}
	for column, what := range map[string]string{"archived": "progress", "log_end": "progress", "time": "progress.time"} {
		sh.exec("INSERT INTO DB.progress_rows SELECT * REPLACE (%s + 1000 AS %[1]s, at + 1 AS at) FROM DB.progress_rows FINAL WHERE partition = %d", column, eventlog.KeyPartition([]byte(s), partitions))
		if d := sh.differences(""); !named(d, what) {
			t.Errorf("%s of the progress: %v", column, d)
		}
		sh.exec("ALTER TABLE DB.progress_rows DELETE WHERE at > toDateTime64(0.001, 3, 'UTC') SETTINGS mutations_sync = 2")
	}
}
