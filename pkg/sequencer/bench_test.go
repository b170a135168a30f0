package sequencer_test

import (
	"fmt"
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/sequencer"
)

// benchCommands are n sends of 300 bytes by the owners of many sessions, behind the
// commands that create these.
func benchCommands(b *testing.B, sessions, n int) []eventlog.Record {
	b.Helper()
	policy := events.Policy{
		RevokeWindow: 120_000, OverrideWindow: 900_000, History: events.HistoryStay, MemberLimit: 10_000,
		AddRole: events.RoleAdmin, WriteRole: events.RoleMember, Joining: events.JoiningClosed, ReceiptsLimit: 100,
	}
	text := fmt.Sprintf("%0300d", 0)
	var recs []eventlog.Record
	for i := range sessions + n {
		user := events.UserID(fmt.Sprint("user", i%sessions))
		create := events.Create{Kind: events.KindGroup, Policy: policy}
		c := events.Command{
			Session: events.NewSessionID(create, user, "create"), Actor: events.Actor{User: user}, ClientID: "create",
			Client: events.ClientContext{Device: "phone", Version: "1.0"}, ReplyTo: events.ReplyTo{Instance: "gw-1", Request: uint64(i)}, Op: create,
		}
		if i >= sessions {
			c.ClientID, c.Op = fmt.Sprintf("client-%010d", i), events.Send{Body: events.TextBody(text)}
		}
		rec, err := events.EncodeCommand(c, events.Envelope{Source: "/gateway/gw-1"})
		if err != nil {
			b.Fatal(err)
		}
		recs = append(recs, eventlog.Record{Record: rec, Topic: eventlog.Commands, Offset: int64(i), Time: 1_700_000_000_000 + events.Millis(i)})
	}
	return recs
}

// BenchmarkMachine decides, encodes, counts and stores one command an iteration, with
// the rules of production and batches of 256 in flight.
func BenchmarkMachine(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) sequencer.Store{
		"memory": func(*testing.B) sequencer.Store { return sequencer.NewMemoryStore() },
		"pebble": openPebble,
	} {
		b.Run(name, func(b *testing.B) { benchMachine(b, open(b)) })
	}
}

func benchMachine(b *testing.B, store sequencer.Store) {
	const sessions, batch = 1000, 256
	commands := benchCommands(b, sessions, b.N)
	m, err := sequencer.NewMachine(sequencer.Config{
		Cluster: "bench", Source: "/sequencer/1", Rules: sequencer.SessionRules{}, CacheBytes: 32 << 20,
	}, store)
	if err != nil {
		b.Fatal(err)
	}
	offset, accepted := int64(0), 0
	count := func(recs []eventlog.Record) {
		for i := range recs {
			recs[i].Offset = offset
			offset++
		}
		t, err := m.Events(recs)
		if err != nil || t.Lost != "" {
			b.Fatal(t.Lost, err)
		}
		for _, l := range t.Own {
			if l.Kind == "accepted" {
				accepted++
			}
		}
	}
	fence, err := m.Fence([16]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	count([]eventlog.Record{{Record: fence.Record}})
	recs := make([]eventlog.Record, 0, batch)
	run := func(commands []eventlog.Record) {
		for len(commands) > 0 {
			recs = recs[:0]
			for _, c := range commands[:min(batch, len(commands))] {
				a, err := m.Command(c)
				if err != nil {
					b.Fatal(err)
				}
				recs = append(recs, eventlog.Record{Record: a.Record})
			}
			commands = commands[len(recs):]
			count(recs)
		}
	}
	run(commands[:sessions])
	b.ReportAllocs()
	b.ResetTimer()
	run(commands[sessions:])
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
	if accepted != sessions+b.N {
		b.Fatalf("%d accepted, want %d", accepted, sessions+b.N)
	}
}
