package presence_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"annal/pkg/presence"
)

// orders is a user who comes and goes on several nodes.
type orders struct {
	memory *presence.Memory
	nodes  map[string]*node
	stores map[string]*faulty
	// is has the node of each connection that is there, by its id; last is when the last one ended.
	is     map[string]string
	last   time.Time
	serial int
	// unsure: a store was away, so that what a killed node had to say of its connections may be lost.
	unsure bool
}

// on gives a node that lives: another process once it has ended.
func (o *orders) on(t *rapid.T) string {
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "node")
	for o.stores[name] != nil && o.nodes[name] == nil {
		name += "'"
	}
	if o.nodes[name] == nil {
		o.stores[name] = &faulty{Memory: o.memory}
		o.nodes[name] = start(o.stores[name], name)
		pass(0)
	}
	return name
}

func (o *orders) connect(t *rapid.T) {
	on := o.on(t)
	o.serial++
	id := fmt.Sprint(on, "/", o.serial)
	o.nodes[on].Put(presence.Connection{ID: id, User: "ann", Device: "phone"})
	o.is[id] = on
	pass(0)
}

func (o *orders) some(t *rapid.T) (id string) {
	all := slices.Sorted(maps.Keys(o.is))
	if len(all) == 0 {
		t.Skip("nobody is there") // rapid's: it draws another step
	}
	return rapid.SampledFrom(all).Draw(t, "connection")
}

// gone has all of a node's connections ended.
func (o *orders) gone(name string) {
	for id, on := range o.is {
		if on == name {
			delete(o.is, id)
			o.last = time.Now()
		}
	}
	o.nodes[name].stop()
	delete(o.nodes, name)
}

// settle waits until killed nodes are noticed, and compares.
func (o *orders) settle(t *rapid.T) {
	for _, s := range o.stores {
		s.away.Store(false)
	}
	pass(presence.Lasting + 3*time.Second)
	s := stateOf(t, o.memory, "ann")
	for _, c := range s.Connections {
		if o.is[c.ID] != c.Node {
			t.Fatalf("%s is there, which has ended", c.ID)
		}
	}
	if len(s.Connections) != len(o.is) {
		t.Fatalf("%d connections are there, want %v: %+v", len(s.Connections), o.is, s)
	}
	if len(o.is) == 0 && !o.last.IsZero() && !o.unsure {
		// Of a killed node the last sign of life tells.
		if off := o.last.Sub(time.UnixMilli(int64(s.Seen))); off < 0 || off > presence.Every+time.Second {
			t.Fatalf("they were last seen %v before the last one ended", off)
		}
	}
	o.last, o.unsure = time.Time{}, false
}

// Whatever the order in which connections come, go and change, and nodes end, are killed and cannot reach the store: a user is online if they have
// a connection to a node that lives, and else was last seen when the last of them ended.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(r *rapid.T) {
			o := &orders{memory: presence.NewMemory(time.Now), nodes: map[string]*node{}, stores: map[string]*faulty{}, is: map[string]string{}}
			defer func() {
				for _, n := range o.nodes {
					n.stop()
				}
			}()
			r.Repeat(map[string]func(*rapid.T){
				"connect": o.connect,
				"end": func(t *rapid.T) {
					id := o.some(t)
					o.nodes[o.is[id]].End(id, time.Now())
					delete(o.is, id)
					o.last = time.Now()
				},
				"replace": func(t *rapid.T) {
					// The second login of a device, whose first one ends before or after, on the same node or another.
					id, first := o.some(t), rapid.Bool().Draw(t, "end first")
					n := o.nodes[o.is[id]]
					if delete(o.is, id); first {
						n.End(id, time.Now())
					}
					o.last = time.Now()
					if o.connect(t); !first {
						n.End(id, time.Now())
					}
				},
				"change": func(t *rapid.T) {
					id := o.some(t)
					o.nodes[o.is[id]].Put(presence.Connection{ID: id, User: "ann", Device: "phone", Away: rapid.Bool().Draw(t, "away")})
				},
				"end a node": func(t *rapid.T) { o.gone(o.on(t)) },
				"kill a node": func(t *rapid.T) {
					name := o.on(t)
					o.stores[name].away.Store(true)
					o.gone(name)
				},
				"break":  func(t *rapid.T) { o.stores[o.on(t)].away.Store(true); o.unsure = true },
				"mend":   func(t *rapid.T) { o.stores[o.on(t)].away.Store(false) },
				"pass":   func(t *rapid.T) { pass(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond) },
				"settle": o.settle,
			})
		})
	})
}
