package push

import (
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

func TestForgetIn(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 3})
	defer log.Close()
	client := log.Client()
	defer client.Close()
	forget := ForgetIn(client, "annal/push/1")
	f := Forgotten{User: "bob", Device: "phone", Token: "t", Until: 7}
	for range 2 {
		if err := forget(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	cursor, err := client.Read(t.Context(), eventlog.Commands, eventlog.KeyPartition([]byte(events.NewSelfID("bob")), 3), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer cursor.Close()
	var ids []string
	for len(ids) < 2 {
		records, err := cursor.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			c, err := events.DecodeCommand(r.Record)
			if err != nil {
				t.Fatal(err)
			}
			want := events.ForgetPush{Device: "phone", Token: "t", Until: 7, Reason: events.ForgetGone}
			if c.Op != want || c.Session != events.NewSelfID("bob") || c.Actor != (events.Actor{User: "bob", Service: Actor}) {
				t.Errorf("%+v", c)
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
			ids = append(ids, c.ClientID)
		}
	}
	if ids[0] != ids[1] {
		t.Error(ids)
	}
}
