package sequencer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/sequencer"
)

// crowd is one channel of very many members, decided command by command.
type crowd struct {
	b       *testing.B
	m       *sequencer.Machine
	random  *rand.Rand
	session events.SessionID
	command int64
	offset  int64
	members int
	seq     events.Seq
}

func newCrowd(b *testing.B, cache int) *crowd {
	b.Helper()
	m, err := sequencer.NewMachine(sequencer.Config{
		Cluster: "bench", Source: "/sequencer/1", Rules: sequencer.SessionRules{}, CacheBytes: cache,
	}, openPebble(b))
	if err != nil {
		b.Fatal(err)
	}
	c := &crowd{b: b, m: m, random: rand.New(rand.NewPCG(1, 1))}
	fence, err := m.Fence([16]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	c.count(fence.Record)
	create := events.Create{Kind: events.KindChannel, Policy: events.Policy{
		RevokeWindow: 120_000, OverrideWindow: 900_000, History: events.HistoryStay, MemberLimit: 1 << 20,
		AddRole: events.RoleAdmin, WriteRole: events.RoleAdmin, Joining: events.JoiningClosed, ReceiptsLimit: 100,
	}}
	c.session = events.NewSessionID(create, "owner", "0")
	c.do("owner", create)
	return c
}

func (c *crowd) count(rec events.Record) {
	c.b.Helper()
	t, err := c.m.Events([]eventlog.Record{{Record: rec, Offset: c.offset}})
	if err != nil || t.Lost != "" {
		c.b.Fatal(t.Lost, err)
	}
	c.offset++
	for _, l := range t.Own {
		if l.Kind != "accepted" {
			c.b.Fatalf("command %d: %s %s", c.command, l.Kind, l.Code)
		}
	}
}

// do decides a command, which must be accepted, and gives how long that took, rows loaded
// included, and the bytes it wrote into the log.
func (c *crowd) do(u events.UserID, op events.Op) (took time.Duration, bytes int) {
	c.b.Helper()
	rec, err := events.EncodeCommand(events.Command{
		Session: c.session, Actor: events.Actor{User: u}, ClientID: fmt.Sprint(c.command), Op: op,
	}, events.Envelope{Source: "/gateway/gw-1"})
	if err != nil {
		c.b.Fatal(err)
	}
	began := time.Now()
	a, err := c.m.Command(eventlog.Record{
		Record: rec, Topic: eventlog.Commands, Offset: c.command, Time: 1_700_000_000_000 + events.Millis(c.command),
	})
	took = time.Since(began)
	if err != nil {
		c.b.Fatal(err)
	}
	c.command++
	c.count(a.Record)
	if _, marker := op.(events.MarkRead); !marker {
		c.seq++
	}
	return took, len(a.Record.Value)
}

func (c *crowd) add(n int) (time.Duration, int) {
	c.b.Helper()
	var op events.Add
	for range n {
		op.Members = append(op.Members, events.NewMember{User: member(c.members), Role: events.RoleMember})
		c.members++
	}
	return c.do("owner", op)
}

func member(i int) events.UserID { return events.UserID(fmt.Sprint("member", i)) }

// BenchmarkCrowd decides commands in a channel of 500,000 members: with rows in the cache, and
// with a cache that holds none, so that each is read from the disk. In µs, the slowest of a hundred.
func BenchmarkCrowd(b *testing.B) {
	for _, cache := range []struct {
		name  string
		bytes int
	}{{"warm", 256 << 20}, {"cold", 0}} {
		b.Run(cache.name, func(b *testing.B) { benchCrowd(b, cache.bytes) })
	}
}

func benchCrowd(b *testing.B, cache int) {
	const members, batch, times = 500_000, 1000, 300
	c := newCrowd(b, cache)
	for c.members < members {
		c.add(batch)
	}
	p99 := func(what string, do func() (time.Duration, int)) {
		b.Helper()
		took := make([]time.Duration, times)
		bytes := 0
		for i := range took {
			took[i], bytes = do()
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[times*99/100].Microseconds()), what+"-µs")
		if what == "send" {
			b.ReportMetric(float64(bytes), "send-bytes")
		}
	}
	body := events.TextBody(fmt.Sprintf("%0300d", 0))
	p99("send", func() (time.Duration, int) { return c.do("owner", events.Send{Body: body}) })
	sent := c.seq
	reader := 0
	p99("read", func() (time.Duration, int) {
		reader += 1 + c.random.IntN(members/2/times)
		return c.do(member(reader), events.MarkRead{Seq: sent - events.Seq(c.random.IntN(100))})
	})
	p99("react", func() (time.Duration, int) {
		return c.do(member(members/2+c.random.IntN(members/4)), events.React{Seq: sent, Emoji: fmt.Sprint(c.command % 50)})
	})
	p99("revoke", func() (time.Duration, int) {
		sent--
		return c.do("owner", events.Revoke{Seq: sent + 1})
	})
	p99("add-one", func() (time.Duration, int) { return c.add(1) })
	p99("add-1000", func() (time.Duration, int) { return c.add(batch) })
	gone := members - 1
	p99("remove-one", func() (time.Duration, int) {
		gone--
		return c.do("owner", events.Remove{Users: []events.UserID{member(gone)}})
	})
}
