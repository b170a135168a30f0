package clickhouse

import (
	"context"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/events"
	"annal/pkg/projections/archive"
)

// make makes the new tables, empty, as the migrations make those that are read.
func (r *rebuild) make(ctx context.Context) error {
	if err := r.drop(ctx); err != nil {
		return err
	}
	statements, err := nextTables()
	if err != nil {
		return err
	}
	ttl, err := r.c.ttl(ctx)
	if err != nil {
		return err
	}
	if ttl != "" {
		statements = append(statements, "ALTER TABLE {{.Database}}.event_rows"+nextSuffix+"{{.OnCluster}} MODIFY TTL "+ttl)
	}
	for _, s := range statements {
		if err := r.c.apply(ctx, s); err != nil {
			return err
		}
	}
	r.news, err = r.uuids(ctx)
	if err == nil && len(r.news) != len(rebuiltTables()) {
		err = fmt.Errorf("clickhouse: of %d new tables %d were made", len(rebuiltTables()), len(r.news))
	}
	return err
}

func rebuiltTables() (names []string) {
	for _, t := range tables {
		if t.rebuilt {
			names = append(names, t.name)
		}
	}
	return names
}

// nextTables are the statements of the migrations that make or change tables which are built anew, with the new ones' names, as
// templates.
func nextTables() ([]string, error) {
	all, err := Migrations()
	if err != nil {
		return nil, err
	}
	of := strings.Join(rebuiltTables(), "|")
	about := regexp.MustCompile(`(?s)^(CREATE TABLE IF NOT EXISTS|ALTER TABLE) \{\{\.Database\}\}\.(` + of + `)\{\{\.OnCluster\}\}`)
	name := regexp.MustCompile(`\{\{\.Database\}\}\.(` + of + `)\b`)
	var out []string
	for _, m := range all {
		for _, s := range split(m.Text) {
			if about.MatchString(s) {
				out = append(out, name.ReplaceAllString(s, "{{.Database}}.${1}"+nextSuffix))
			}
		}
	}
	return out, nil
}

// ttl is how long outcomes are kept, as SQL has it; empty for ever.
func (c *ClickHouse) ttl(ctx context.Context) (string, error) {
	engine := ""
	if err := c.query(ctx, "see how long outcomes are kept", "SELECT engine_full FROM system.tables WHERE database = '%s' AND name = 'event_rows'", func(r conn.Rows) error {
		return r.Scan(&engine)
	}); err != nil {
		return "", err
	}
	_, ttl, _ := strings.Cut(engine, " TTL ")
	ttl, _, _ = strings.Cut(ttl, " SETTINGS ")
	return ttl, nil
}

// uuids are those of the tables that have new ones' names, by the names without what ends them.
func (r *rebuild) uuids(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	text := "SELECT name, toString(uuid) FROM system.tables WHERE database = '%s' AND endsWith(name, '" + nextSuffix + "')"
	err := r.c.query(ctx, "see the new tables", text, func(rows conn.Rows) error {
		var name, id string
		err := rows.Scan(&name, &id)
		all[strings.TrimSuffix(name, nextSuffix)] = id
		return err
	})
	return all, err
}

// drop removes what has new tables' names.
func (r *rebuild) drop(ctx context.Context) error {
	for _, name := range rebuiltTables() {
		if err := r.c.apply(ctx, "DROP TABLE IF EXISTS {{.Database}}."+name+nextSuffix+"{{.OnCluster}}"); err != nil {
			return err
		}
	}
	return nil
}

// Swap implements archive.Rebuild. Each table is swapped in a moment, and those that stay and those that go are both whole meanwhile.
func (r *rebuild) Swap(ctx context.Context) error {
	if err := r.enter(ctx, phaseSwapping); err != nil {
		return err
	}
	if r.phase < phaseStopping {
		for _, name := range rebuiltTables() {
			if err := r.swap(ctx, name); err != nil {
				return err
			}
		}
	}
	if err := r.enter(ctx, phaseStopping); err != nil {
		return err
	}
	if err := r.await(ctx, phaseStopping); err != nil {
		return err
	}
	return r.end(ctx, phaseDone)
}

// swap swaps a table, unless it was: then the new one's name is the old one's.
func (r *rebuild) swap(ctx context.Context, name string) error {
	if err := r.held(ctx); err != nil {
		return err
	}
	are, err := r.uuids(ctx)
	if err != nil || are[name] != r.news[name] {
		return err
	}
	return r.c.apply(ctx, fmt.Sprintf("EXCHANGE TABLES {{.Database}}.%s AND {{.Database}}.%[1]s%s{{.OnCluster}}", name, nextSuffix))
}

// end removes what is left, and notes that it is over.
func (r *rebuild) end(ctx context.Context, phase uint64) error {
	if err := r.drop(ctx); err != nil {
		return err
	}
	if err := r.enter(ctx, phase); err != nil {
		return err
	}
	r.Close()
	for turn := 1; turn <= r.turn; turn++ {
		if err := r.c.apply(ctx, fmt.Sprintf("DROP TABLE IF EXISTS {{.Database}}.%s%d{{.OnCluster}}", r.lockPrefix(), turn)); err != nil {
			return err
		}
	}
	return nil
}

// Abandon implements archive.Builder.
func (c *ClickHouse) Abandon(ctx context.Context, holder string) error {
	r, err := c.newest(ctx)
	if err != nil {
		return err
	}
	if r.ended() {
		// One that ended before it said anything left its lock, and tables that the next one removes.
		return archive.ErrNoRebuild
	}
	r.holder = plain.Replace(holder)
	if err := r.take(ctx); err != nil {
		return err
	}
	defer r.Close()
	if err := r.enter(ctx, phaseAbandon); err != nil {
		return err
	}
	if err := r.await(ctx, phaseAbandon); err != nil {
		return err
	}
	return r.end(ctx, phaseAbandoned)
}

// Remove implements archive.Builder.
func (c *ClickHouse) Remove(ctx context.Context, s events.SessionID) error {
	r, err := c.newest(ctx)
	switch {
	case err != nil:
		return err
	case !r.ended():
		return fmt.Errorf("%w, of all sessions", archive.ErrRebuilding)
	}
	// What comes last goes first: whoever finds an event finds what became of it, and whose head is known has its events.
	for _, name := range slices.Backward(rebuiltTables()) {
		if err := c.apply(ctx, fmt.Sprintf("ALTER TABLE {{.Database}}.%s{{.OnCluster}} DELETE WHERE session = unhex('%s') SETTINGS mutations_sync = 2",
			name, hex.EncodeToString([]byte(s)))); err != nil {
			return err
		}
	}
	return nil
}
