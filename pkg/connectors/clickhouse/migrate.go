package clickhouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	schema "annal/schemas/clickhouse"
)

// Errors of Migrate and Check.
var (
	// ErrNewer: a newer program made the tables; this one must not touch them.
	ErrNewer = errors.New("clickhouse: the archive's tables are of a newer program")
	// ErrOlder: the tables lack migrations, or are not there.
	ErrOlder = errors.New("clickhouse: the archive's tables are not up to date; `annal archive migrate` makes them so")
	// ErrChanged: a migration is not the one that was applied under its number.
	ErrChanged = errors.New("clickhouse: a migration is not the one that was applied")
	// ErrLocked: another migration is under way, or ended without a word.
	ErrLocked = errors.New("clickhouse: another migration is under way")
	// ErrNoRoles: the engine has no roles, or the user may not make any.
	ErrNoRoles = errors.New("clickhouse: no roles were made")
)

const (
	codeTableExists   = 57
	codeUnknownTable  = 60
	codeNoDatabase    = 81
	codeAccessDenied  = 497
	rolesFile         = "roles.sql"
	lockTable         = "migrating"
	migrationTimeout  = 10 * time.Minute
	migrationsDefined = `CREATE TABLE IF NOT EXISTS {{.Database}}.migrations{{.OnCluster}} (
		number UInt32 COMMENT 'The migration''s', name String COMMENT 'Its name', sha256 String COMMENT 'Of its text, in hex',
		applied_at DateTime64(3, 'UTC') COMMENT 'When it was applied', program String COMMENT 'The version of the program that did it'
	) ENGINE = {{engine "ReplacingMergeTree" ""}} ORDER BY number COMMENT 'What was applied to this database'`
)

// Migration is a step of the tables.
type Migration struct {
	Number uint32
	Name   string
	// Text is a template of statements; Hash is its SHA-256 in hex.
	Text string
	Hash string
}

// Migrations are all that this program knows, ascending by their numbers.
func Migrations() ([]Migration, error) {
	names, err := fs.Glob(schema.Files, "[0-9]*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	all := make([]Migration, len(names))
	for i, file := range names {
		number, name, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || i > 0 && uint32(n) <= all[i-1].Number {
			return nil, fmt.Errorf("clickhouse: %s has no number of its own", file)
		}
		text, err := fs.ReadFile(schema.Files, file)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		all[i] = Migration{uint32(n), name, string(text), hex.EncodeToString(sum[:])}
	}
	return all, nil
}

// MigrateOptions say how.
type MigrateOptions struct {
	// Program is the version that is noted.
	Program string
	// Holder is who is named to others that want to migrate at the same time.
	Holder string
	// Unlock: whoever holds the lock has ended without giving it back.
	Unlock bool
	// Roles: make the analysts' roles too.
	Roles bool
	// KeepDays is how long after their log time outcomes are kept; 0 is for ever, nil as it was. Messages and all else that is
	// so now stay.
	KeepDays *int
}

// Migrate applies what is missing, and gives it. Two at once exclude each other: the second gets ErrLocked. What was applied in part is
// applied again: every statement may be. With ErrNoRoles all else is done.
func (c *ClickHouse) Migrate(ctx context.Context, o MigrateOptions) (applied []Migration, err error) {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	all, err := Migrations()
	if err != nil {
		return nil, err
	}
	for _, text := range []string{
		"CREATE DATABASE IF NOT EXISTS {{.Database}}{{.OnCluster}}", "CREATE DATABASE IF NOT EXISTS {{.Database}}_v1{{.OnCluster}}", migrationsDefined,
	} {
		if err := c.apply(ctx, text); err != nil {
			return nil, err
		}
	}
	if err := c.lock(ctx, o); err != nil {
		return nil, err
	}
	defer func() {
		if unlockErr := c.unlock(context.WithoutCancel(ctx)); err == nil {
			err = unlockErr
		}
	}()
	missing, err := c.missing(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, m := range missing {
		if err := c.apply(ctx, m.Text); err != nil {
			return applied, fmt.Errorf("migration %d (%s): %w", m.Number, m.Name, err)
		}
		if err := c.conn.Exec(ctx, "INSERT INTO "+c.opts.Database+".migrations SELECT toUInt32(?), ?, ?, now64(3), ?", m.Number, m.Name, m.Hash, o.Program); err != nil {
			return applied, c.failed("note a migration", err)
		}
		applied = append(applied, m)
	}
	if o.KeepDays != nil {
		if err := c.keep(ctx, *o.KeepDays); err != nil {
			return applied, err
		}
	}
	if !o.Roles {
		return applied, nil
	}
	return applied, c.roles(ctx)
}

// keep has outcomes kept for so many days. What is so already is left alone: another TTL would go over the whole table again.
func (c *ClickHouse) keep(ctx context.Context, days int) error {
	ttl, err := c.ttl(ctx)
	if err != nil {
		return err
	}
	switch {
	case days == 0 && ttl == "", days > 0 && strings.HasSuffix(ttl, fmt.Sprintf(" + toIntervalDay(%d)", days)):
		return nil
	case days == 0:
		return c.apply(ctx, "ALTER TABLE {{.Database}}.event_rows{{.OnCluster}} REMOVE TTL")
	}
	return c.apply(ctx, fmt.Sprintf("ALTER TABLE {{.Database}}.event_rows{{.OnCluster}} MODIFY TTL toDateTime(time) + toIntervalDay(%d)", days))
}

func (c *ClickHouse) roles(ctx context.Context) error {
	text, err := fs.ReadFile(schema.Files, rolesFile)
	if err != nil {
		return err
	}
	err = c.apply(ctx, string(text))
	if codeOf(err) == codeAccessDenied {
		return fmt.Errorf("%w: %w", ErrNoRoles, err)
	}
	return err
}

// Check is nil when the tables are as this program knows them; else ErrNewer, ErrOlder, ErrChanged or an outage.
func (c *ClickHouse) Check(ctx context.Context) error {
	all, err := Migrations()
	if err != nil {
		return err
	}
	missing, err := c.missing(ctx, all)
	switch code := codeOf(err); {
	case code == codeUnknownTable || code == codeNoDatabase:
		return fmt.Errorf("%w: there is no %s.migrations", ErrOlder, c.opts.Database)
	case err != nil:
		return err
	case len(missing) > 0:
		return fmt.Errorf("%w: migration %d (%s) is missing", ErrOlder, missing[0].Number, missing[0].Name)
	}
	return nil
}

// missing are the migrations that were not applied.
func (c *ClickHouse) missing(ctx context.Context, all []Migration) ([]Migration, error) {
	had := map[uint32]string{}
	newest := uint32(0)
	err := c.query(ctx, "read which migrations were applied", "SELECT number, sha256 FROM %s.migrations FINAL ORDER BY number", func(r conn.Rows) error {
		var n uint32
		var hash string
		err := r.Scan(&n, &hash)
		had[n], newest = hash, max(newest, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	if known := all[len(all)-1].Number; newest > known {
		return nil, fmt.Errorf("%w: they have migration %d, this program knows %d", ErrNewer, newest, known)
	}
	var missing []Migration
	for _, m := range all {
		switch hash, ok := had[m.Number]; {
		case !ok:
			missing = append(missing, m)
		case hash != m.Hash:
			return nil, fmt.Errorf("%w: %d (%s)", ErrChanged, m.Number, m.Name)
		}
	}
	return missing, nil
}

// lock makes a table that only one can make; on a cluster the servers' common queue sees to that.
func (c *ClickHouse) lock(ctx context.Context, o MigrateOptions) error {
	if o.Unlock {
		if err := c.unlock(ctx); err != nil {
			return err
		}
	}
	mine := plain.Replace(o.Holder + " since " + time.Now().UTC().Format(time.RFC3339Nano))
	err := c.apply(ctx, fmt.Sprintf("CREATE TABLE {{.Database}}.%s{{.OnCluster}} (holder String COMMENT 'Nobody writes here: that there is the table says it all') ENGINE = Memory COMMENT '%s'",
		lockTable, mine))
	if err == nil {
		return nil
	}
	holder, err2 := c.holder(context.WithoutCancel(ctx))
	switch {
	case err2 != nil:
		return errors.Join(err, err2)
	case holder == mine: // the table was made, on one server at least, and no more was heard of it
		return errors.Join(err, c.unlock(context.WithoutCancel(ctx)))
	case codeOf(err) != codeTableExists:
		return err
	}
	return fmt.Errorf("%w: %s; if that one has ended, --unlock takes its place", ErrLocked, holder)
}

// holder is who holds the lock.
func (c *ClickHouse) holder(ctx context.Context) (string, error) {
	holder := "nobody now"
	err := c.query(ctx, "see who migrates", "SELECT comment FROM system.tables WHERE database = '%s' AND name = '"+lockTable+"'", func(r conn.Rows) error { return r.Scan(&holder) })
	return holder, err
}

func (c *ClickHouse) unlock(ctx context.Context) error {
	return c.apply(ctx, "DROP TABLE IF EXISTS {{.Database}}."+lockTable+"{{.OnCluster}}")
}

// plain leaves out what means something in a statement or its template.
var plain = strings.NewReplacer(`\`, "/", "'", "", "{", "(", "}", ")", "\n", " ")

// apply runs the statements of a template.
func (c *ClickHouse) apply(ctx context.Context, text string) error {
	statements, err := c.render(text)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if err := c.conn.Exec(ctx, s); err != nil {
			first, _, _ := strings.Cut(s, "\n")
			return c.failed(first, err)
		}
	}
	return nil
}

// render gives a template's statements, for one server or for a cluster.
func (c *ClickHouse) render(text string) ([]string, error) {
	replicated := c.opts.Cluster != ""
	t, err := template.New("").Funcs(template.FuncMap{"engine": func(name, version string) string {
		if replicated {
			name = "Replicated" + name
		}
		return name + "(" + version + ")"
	}}).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	values := map[string]string{"Database": c.opts.Database, "OnCluster": ""}
	if replicated {
		values["OnCluster"] = " ON CLUSTER " + c.opts.Cluster
	}
	var b strings.Builder
	if err := t.Execute(&b, values); err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	return split(b.String()), nil
}

// split gives a text's statements, without comments.
func split(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "--") {
			lines = append(lines, line)
		}
	}
	var statements []string
	for s := range strings.SplitSeq(strings.Join(lines, ""), ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			statements = append(statements, strings.TrimSuffix(s, ";"))
		}
	}
	return statements
}
