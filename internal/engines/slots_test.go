package engines

import (
	"net"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"annal/internal/devstack"
)

// TestSlotMoves: the slot of a session in use moves from node to node of a Redis Cluster, key by key, and home again.
func TestSlotMoves(t *testing.T) {
	cluster := devstack.RedisClusterForTest(t)
	w := start(t, on{kafka: kafkaCluster(t).Addrs(), redis: strings.Join(cluster.Addrs(), ",")})
	f := w.flow(2)
	m := w.mover(cluster.Addrs())
	slot, err := m.nodes[0].ClusterKeySlot(t.Context(), "{"+f.sessions[0].id+"}").Result()
	w.ok(err)
	home := m.owner(slot)
	r := f.read()
	for i := range 3 {
		m.move(slot, (home+1+i)%3)
		f.goesOn(20)
	}
	if now := m.owner(slot); now != home {
		t.Errorf("the slot is at node %d, want it home at %d", now, home)
	}
	w.says("subscriptions are back")
	if w.metric("annal_hot_rebuilds_total{reason=\"gap\"}")+w.metric("annal_hot_rebuilds_total{reason=\"view_gone\"}") > 0 {
		t.Error("a view was built anew although nothing was lost")
	}
	r.finish()
	f.finish()
}

// mover moves slots as redis-cli would.
type mover struct {
	*world
	nodes []*goredis.Client
	ids   []string
}

func (w *world) mover(addrs []string) *mover {
	w.Helper()
	m := &mover{world: w}
	for _, addr := range addrs {
		node := w.redis(addr)
		id, err := node.Do(w.Context(), "CLUSTER", "MYID").Text()
		w.ok(err)
		m.nodes, m.ids = append(m.nodes, node), append(m.ids, id)
	}
	return m
}

// owner is the node that has the slot.
func (m *mover) owner(slot int64) int {
	m.Helper()
	shards, err := m.nodes[0].ClusterShards(m.Context()).Result()
	m.ok(err)
	for _, shard := range shards {
		for _, r := range shard.Slots {
			if n := slices.Index(m.ids, shard.Nodes[0].ID); r.Start <= slot && slot <= r.End && n >= 0 {
				return n
			}
		}
	}
	m.Fatalf("nobody has slot %d", slot)
	return 0
}

// move moves a slot to a node, key by key.
func (m *mover) move(slot int64, to int) {
	m.Helper()
	from := m.owner(slot)
	do := func(node int, args ...any) { m.ok(m.nodes[node].Do(m.Context(), args...).Err()) }
	do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", m.ids[from])
	do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", m.ids[to])
	host, port, err := net.SplitHostPort(m.nodes[to].Options().Addr)
	m.ok(err)
	for {
		keys, err := m.nodes[from].ClusterGetKeysInSlot(m.Context(), int(slot), 1).Result()
		m.ok(err)
		if len(keys) == 0 {
			break
		}
		do(from, "MIGRATE", host, port, keys[0], 0, 5000)
	}
	for _, node := range []int{to, from, 0, 1, 2} {
		do(node, "CLUSTER", "SETSLOT", slot, "NODE", m.ids[to])
	}
}
