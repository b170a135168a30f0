package clickhouse

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"

	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/projections/archive"
	schema "annal/schemas/clickhouse"
)

var byTest = MigrateOptions{Program: "test", Holder: "it's {the} test"}

func (c *ClickHouse) mustExec(t *testing.T, text string) {
	t.Helper()
	if err := c.apply(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestMigrate(t *testing.T) {
	c := open(t)
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, "before the first", c.Check(t.Context()), ErrOlder)
	applied, err := c.Migrate(t.Context(), byTest)
	if err != nil || len(applied) != len(all) {
		t.Fatalf("%d migrations applied, %v; want %d", len(applied), err, len(all))
	}
	if err := c.Check(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if applied, err := c.Migrate(t.Context(), byTest); err != nil || len(applied) != 0 {
		t.Errorf("again: %d applied, %v", len(applied), err)
	}

	// One whose process died in it is applied again, to what is there.
	c.mustExec(t, "DELETE FROM {{.Database}}.migrations WHERE number >= 2 SETTINGS mutations_sync = 2")
	wantErr(t, "without the second", c.Check(t.Context()), ErrOlder)
	if applied, err := c.Migrate(t.Context(), byTest); err != nil || len(applied) != len(all)-1 || applied[0].Number != 2 {
		t.Errorf("after one that died: %v applied, %v", applied, err)
	}

	c.mustExec(t, "INSERT INTO {{.Database}}.migrations VALUES (99, 'later', 'x', now64(3), 'later')")
	wantErr(t, "of a newer program", c.Check(t.Context()), ErrNewer)
	_, err = c.Migrate(t.Context(), byTest)
	wantErr(t, "downgrade", err, ErrNewer)

	c.mustExec(t, "DELETE FROM {{.Database}}.migrations WHERE number = 99 SETTINGS mutations_sync = 2")
	c.mustExec(t, "INSERT INTO {{.Database}}.migrations VALUES (1, 'tables', 'another', now64(3), 'x')")
	_, err = c.Migrate(t.Context(), byTest)
	wantErr(t, "a migration changed", err, ErrChanged)
}

func TestMigrateAtOnce(t *testing.T) {
	c := open(t)
	c.mustExec(t, "CREATE DATABASE {{.Database}}")
	other := byTest
	other.Holder = "an earlier one"
	if err := c.lock(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	_, err := c.Migrate(t.Context(), byTest)
	wantErr(t, "while another is under way", err, ErrLocked)
	if err == nil || !strings.Contains(err.Error(), "an earlier one since 2") {
		t.Errorf("it says %v, not who holds the lock", err)
	}
	forced := byTest
	forced.Unlock = true
	if _, err := c.Migrate(t.Context(), forced); err != nil {
		t.Errorf("with --unlock: %v", err)
	}

	var all sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		all.Go(func() { _, errs[i] = c.Migrate(t.Context(), byTest) })
	}
	all.Wait()
	done := 0
	for _, err := range errs {
		switch {
		case err == nil:
			done++
		case !errors.Is(err, ErrLocked):
			t.Errorf("at once: %v", err)
		}
	}
	if done == 0 {
		t.Error("four at once: none migrated")
	}
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNoRoles: an engine without roles says so, and all else is there.
func TestNoRoles(t *testing.T) {
	c := open(t)
	o := byTest
	o.Roles = true
	applied, err := c.Migrate(t.Context(), o)
	wantErr(t, "roles", err, ErrNoRoles)
	if err := c.Check(t.Context()); err != nil || len(applied) == 0 {
		t.Errorf("%d applied, %v", len(applied), err)
	}
}

// TestClusterStatements: the same files make a cluster's tables, in the engine's own eyes.
func TestClusterStatements(t *testing.T) {
	c := migrated(t)
	files, err := fs.Glob(schema.Files, "*.sql")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, cluster := range []string{"", "blue"} {
		as := &ClickHouse{opts: c.opts, conn: c.conn}
		as.opts.Cluster = cluster
		for _, file := range files {
			text, err := fs.ReadFile(schema.Files, file)
			if err != nil {
				t.Fatal(err)
			}
			statements, err := as.render(string(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range statements {
				if err := c.query(t.Context(), "parse", "EXPLAIN AST "+strings.ReplaceAll(s, "%", "%%")+" -- %s", func(conn.Rows) error { return nil }); err != nil {
					t.Errorf("%s: %.60s…: %v", file, s, err)
				}
				if on := strings.Contains(s, " ON CLUSTER blue"); on != (cluster != "") {
					t.Errorf("%s, cluster %q: %.60s… is wrong", file, cluster, s)
				}
				if strings.Contains(s, "ENGINE = ") && strings.Contains(s, "ENGINE = Replicated") != (cluster != "") {
					t.Errorf("%s, cluster %q: %.60s… has the wrong engine", file, cluster, s)
				}
			}
		}
	}
}

// TestKeepDays: outcomes go when they are that old, and messages stay; and that can be taken back.
func TestKeepDays(t *testing.T) {
	c := open(t)
	o := byTest
	days := func(n int) *int { return &n }
	for _, step := range []struct {
		days *int
		want int
	}{{nil, 2}, {days(0), 2}, {days(30), 1}, {days(60), 1}, {days(60), 1}, {nil, 1}, {days(0), 2}} {
		o.KeepDays = step.days
		if _, err := c.Migrate(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		c.mustExec(t, "INSERT INTO {{.Database}}.event_rows (session, partition, offset, time) VALUES ('g_1', 0, 1, now64(3)), ('g_1', 0, 2, now64(3) - INTERVAL 90 DAY)")
		c.mustExec(t, "INSERT INTO {{.Database}}.message_rows (session, seq, `index`, time) VALUES ('g_1', 2, 1, now64(3) - INTERVAL 90 DAY)")
		c.mustExec(t, "OPTIMIZE TABLE {{.Database}}.event_rows FINAL")
		counts, err := c.Count(t.Context())
		messages, err2 := c.Messages(t.Context(), "g_1", 0, 10)
		if err != nil || err2 != nil || int(counts[archive.KindAccepted]) != step.want || len(messages) != 1 {
			t.Errorf("%v days: %v outcomes, %d messages, %v, %v; want %d and 1", step.days, counts, len(messages), err, err2, step.want)
		}
	}
}

// TestComments: whoever looks at a table or column is told what it is.
func TestComments(t *testing.T) {
	c := migrated(t)
	tables, columns := 0, 0
	const of = "database IN ('%[1]s', '%[1]s_v1')"
	if err := c.query(t.Context(), "tables", "SELECT database || '.' || name, comment FROM system.tables WHERE "+of, func(r conn.Rows) error {
		var name, comment string
		err := r.Scan(&name, &comment)
		tables++
		if comment == "" {
			t.Errorf("%s has no comment", name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.query(t.Context(), "columns", "SELECT database || '.' || table || '.' || name, comment FROM system.columns WHERE "+of, func(r conn.Rows) error {
		var name, comment string
		err := r.Scan(&name, &comment)
		columns++
		if comment == "" {
			t.Errorf("%s has no comment", name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if tables < 30 || columns < 200 {
		t.Errorf("%d tables with %d columns are too few", tables, columns)
	}
}

// TestMasked: who has not been granted texts sees none, whatever view.
func TestMasked(t *testing.T) {
	c := migrated(t)
	c.mustExec(t, "INSERT INTO {{.Database}}.message_rows (session, seq, `index`, sender, body) VALUES ('g_1', 2, 1, 'ann', (2, 'text', 'Secret, 日本!'))")
	c.mustExec(t, "INSERT INTO {{.Database}}.message_rows (session, seq, `index`, sender, deleted) VALUES ('g_1', 3, 2, 'ann', (4, now64(3), 'bob', 'Secret too'))")
	c.mustExec(t, "INSERT INTO {{.Database}}.message_rows (session, seq, reacted) VALUES ('g_1', 2, map('bob Secret wages', 5, 'bob 👍', 6))")
	c.mustExec(t, "INSERT INTO {{.Database}}.event_rows (session, partition, offset, outcome, event, bytes, address) VALUES ('g_1', 0, 1, 'accepted', 'sent', 'Secret', '192.0.2.1')")
	var views []string
	if err := c.query(t.Context(), "views", "SELECT name FROM system.tables WHERE database = '%s_v1'", func(r conn.Rows) error {
		var name string
		err := r.Scan(&name)
		views = append(views, name)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, view := range views {
		if err := c.query(t.Context(), view, "SELECT toString(tuple(*)) FROM %s_v1."+view, func(r conn.Rows) error {
			var row string
			err := r.Scan(&row)
			if strings.Contains(row, "Secret") || strings.Contains(row, "192.0.2.1") {
				shown[view] = true
			}
			if view == "messages" && !strings.Contains(row, "******* ***") && !strings.Contains(row, "****** ***") {
				t.Errorf("a masked text is %s", row)
			}
			if view == "messages" && strings.Contains(row, "******* ***") && !strings.Contains(row, "{'👍':1}") {
				t.Errorf("reactions are not shown by %s", row)
			}
			return err
		}); err != nil {
			t.Errorf("%s: %v", view, err)
		}
	}
	roles, err := fs.ReadFile(schema.Files, rolesFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, view := range views {
		role := "_analyst;"
		if view == "messages_with_texts" {
			role = "_texts;"
		}
		if grants := strings.Count(string(roles), "_v1."+view+" TO "); grants != 1 || !strings.Contains(string(roles), "_v1."+view+" TO {{.Database}}"+role) {
			t.Errorf("%s is granted %d times, or not to %s", view, grants, role)
		}
	}
	if len(shown) != 1 || !shown["messages_with_texts"] || len(views) < 15 {
		t.Errorf("texts are shown by %v of %d views", shown, len(views))
	}
}
