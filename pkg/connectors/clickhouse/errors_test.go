package clickhouse

import (
	"errors"
	"testing"
	"time"

	"annal/pkg/projections/archive"
)

// TestRefused: what is wrong with rows is told from what is wrong with the server, or its tables.
func TestRefused(t *testing.T) {
	c := migrated(t)
	all := outcomes(t, "g_1", 5)
	insert := func(c *ClickHouse, from, to int) error {
		rows := archive.Plan(0, all[from:to])
		return c.Insert(t.Context(), &rows)
	}
	c.mustExec(t, "ALTER TABLE {{.Database}}.message_rows ADD CONSTRAINT no_poison CHECK tupleElement(body, 'text') != 'text 2'")
	for _, part := range []struct {
		from, to int
		refused  bool
	}{{0, 5, true}, {0, 2, false}, {2, 3, true}, {3, 5, false}} {
		if err := insert(c, part.from, part.to); errors.Is(err, archive.ErrRefused) != part.refused || !part.refused && err != nil {
			t.Errorf("outcomes %d to %d: %v, want refused %t", part.from, part.to, err, part.refused)
		}
	}
	messages, err := c.Messages(t.Context(), "g_1", 0, 10)
	if err != nil || len(messages) != 4 {
		t.Errorf("%d messages, %v; want 4", len(messages), err)
	}

	gone := c.opts
	gone.URL, gone.Timeout = "http://127.0.0.1:1", time.Second
	away, err := Open(gone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = away.Close() })
	if err := insert(away, 0, 1); err == nil || errors.Is(err, archive.ErrRefused) {
		t.Errorf("a server that is away: %v, want an outage", err)
	}
	c.mustExec(t, "DROP TABLE {{.Database}}.message_rows")
	if err := insert(c, 0, 1); err == nil || errors.Is(err, archive.ErrRefused) {
		t.Errorf("a table that is gone: %v, want an outage", err)
	}
}

func TestValidate(t *testing.T) {
	for _, o := range []Options{
		{}, {URL: "ch:8123", Database: "a"}, {URL: "http://ch", Database: "a"}, {URL: "tcp://ch:9000", Database: "a"}, {URL: "http://u:p@ch:8123", Database: "a"},
		{URL: "http://ch:8123/db", Database: "a"}, {URL: "http://ch:8123?x=1", Database: "a"}, {URL: "http://ch:8123"}, {URL: "http://ch:8123", Database: "a b"},
		{URL: "http://ch:8123", Database: "a", Cluster: "b'c"},
	} {
		if err := o.Validate(); !errors.Is(err, ErrURL) && !errors.Is(err, ErrName) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, url := range []string{"http://ch:8123", "https://ch:8443/", "http://[::1]:8123"} {
		o := Defaults()
		if o.URL = url; o.Validate() != nil {
			t.Errorf("%s: %v", url, o.Validate())
		}
	}
}
