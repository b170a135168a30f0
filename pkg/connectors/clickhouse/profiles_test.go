package clickhouse

import (
	"fmt"
	"testing"

	conn "github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"annal/pkg/projections/archive"
)

// TestProfilesView: analysts see users by name who say anything, each part of what they say in a column.
func TestProfilesView(t *testing.T) {
	c := migrated(t)
	rows := archive.Rows{Sessions: []archive.Session{
		{
			Session: "s_ann", Created: archive.Fate{Seq: 1, By: "ann"}, Head: 3, LastTime: 1,
			Facts: map[string]archive.Fact{
				archive.FactProfile: {Seq: 2, Value: `{"name":"Ann","avatar":"img:1","status":"away","custom":{"team":"tea"}}`},
				archive.FactPrivacy: {Seq: 3, Value: `{"last_seen":"nobody","add_me":"contacts","write_first":"everyone"}`},
			},
		},
		{Session: "s_bob", Created: archive.Fate{Seq: 1, By: "bob"}, Facts: map[string]archive.Fact{archive.FactProfile: {Seq: 2, Value: `{"name":"Bob"}`}}},
		{Session: "s_cid", Created: archive.Fate{Seq: 1, By: "cid"}},
		{Session: "g_tea", Created: archive.Fate{Seq: 1, By: "ann"}},
	}}
	if err := c.Insert(t.Context(), &rows); err != nil {
		t.Fatal(err)
	}
	got := ""
	if err := c.query(t.Context(), "profiles", "SELECT toString(tuple(*)) FROM %s_v1.profiles ORDER BY user", func(r conn.Rows) error {
		var row string
		err := r.Scan(&row)
		got += row + "\n"
		return err
	}); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintln(`('ann','Ann','img:1','away',{'team':'tea'},'nobody','contacts','everyone')`) +
		fmt.Sprintln(`('bob','Bob','','',{},'everyone','everyone','everyone')`)
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
