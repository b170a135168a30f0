package clickhouse

import (
	"context"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack"
	"annal/pkg/projections/archive/archivetest"
)

func TestMain(m *testing.M) { devstack.Main(m) }

// open gives an archive of the test's own, without tables.
func open(t testing.TB) *ClickHouse {
	t.Helper()
	o := Defaults()
	o.URL = devstack.ClickHouseForTest(t).URL()
	o.Database = "t_" + strings.ReplaceAll(devstack.UniqueName(t), "-", "_")
	if len(o.Database) > 50 {
		o.Database = o.Database[:20] + o.Database[len(o.Database)-30:]
	}
	o.Timeout = 30 * time.Second
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, text := range []string{"DROP DATABASE IF EXISTS {{.Database}}", "DROP DATABASE IF EXISTS {{.Database}}_v1"} {
			if err := c.apply(context.Background(), text); err != nil {
				t.Error(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// migrated gives one with tables.
func migrated(t testing.TB) *ClickHouse {
	t.Helper()
	c := open(t)
	if _, err := c.Migrate(t.Context(), MigrateOptions{Program: "test", Holder: "the test"}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConforms(t *testing.T) {
	archivetest.Run(t, func(t *testing.T) archivetest.Archive { return migrated(t) })
}
