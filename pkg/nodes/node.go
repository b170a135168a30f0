package nodes

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"hash/fnv"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Node is a gateway as it announces itself.
type Node struct {
	ID string `json:"id"`
	// URL is where clients reach its WebSocket.
	URL     string `json:"url"`
	Version string `json:"version"`
	// Connections are those that it has.
	Connections int `json:"connections"`
	// LagMs is by how many milliseconds it was late to say this: a process that has more to do than it can is late.
	LagMs int64 `json:"lag_ms"`
	// Draining: it takes no new connections, and sends away those that it has.
	Draining bool `json:"draining"`
}

// Registry is where nodes are announced. nodestest has its conformance suite. Errors are outages.
type Registry interface {
	// Announce notes what a node says of itself, until a time is over or it says so again.
	Announce(ctx context.Context, n Node, ttl time.Duration) error
	// Withdraw removes a node that ends; one that is not there is no error.
	Withdraw(ctx context.Context, id string) error
	// Nodes gives those that are announced, ascending by their ids.
	Nodes(ctx context.Context) ([]Node, error)
	// Assign notes which node a login is to connect to, until a time is over, if the one that was noted before is was, empty for none.
	// It gives the one that is noted now. With is and was the same it asks, and has the time begin anew. Of a user's devices the last
	// MaxDevices are kept.
	Assign(ctx context.Context, l Login, was, is string, ttl time.Duration) (string, error)
}

// Login is a user's device.
type Login struct{ User, Device string }

// MaxDevices is of how many of a user's devices it is kept which node each has.
const MaxDevices = 50

// ErrNoNode says that no gateway takes connections.
var ErrNoNode = errors.New("nodes: no gateway takes connections")

// ErrURL says what a node's URL looks like.
var ErrURL = errors.New("nodes: a node's URL is ws://host:port or wss://host:port, with a path if there is one")

// CheckURL says whether clients can be sent to a URL.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return ErrURL
	}
	return nil
}

// Directory chooses nodes for logins.
type Directory struct {
	registry Registry
	keep     time.Duration
	age      time.Duration

	// mu is held while nodes are read: one reads for all who ask.
	mu   sync.Mutex
	all  []Node
	asOf time.Time
}

const (
	// keepFor is for how long a login keeps its node after it was last told.
	keepFor = 12 * time.Hour
	// Fresh is how old what is known of the nodes may be.
	Fresh = time.Second
)

// NewDirectory chooses among the nodes of a registry, as it was no longer than age ago.
func NewDirectory(r Registry, age time.Duration) *Directory {
	return &Directory{registry: r, keep: keepFor, age: age}
}

// nodes gives those that take connections.
func (d *Directory) nodes(ctx context.Context, failed string) ([]Node, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asOf.IsZero() || time.Since(d.asOf) >= d.age {
		all, err := d.registry.Nodes(ctx)
		if err != nil {
			return nil, err
		}
		d.all, d.asOf = all, time.Now()
	}
	open := slices.DeleteFunc(slices.Clone(d.all), func(n Node) bool { return n.Draining })
	if len(open) > 1 {
		open = slices.DeleteFunc(open, func(n Node) bool { return n.ID == failed })
	}
	return open, nil
}

// Any gives a node for whoever is many, as a service is: one of those that have few connections. One that was just not reached (empty:
// none) is given only where there is no other. Errors are ErrNoNode, and outages.
func (d *Directory) Any(ctx context.Context, failed string) (Node, error) {
	all, err := d.nodes(ctx, failed)
	if err != nil {
		return Node{}, err
	}
	n, ok := choose(all, rand.Text())
	if !ok {
		return Node{}, ErrNoNode
	}
	return n, nil
}

// Of gives the node that a login is to connect to: the one that it was told before, while that takes connections, and else as Any.
func (d *Directory) Of(ctx context.Context, l Login, failed string) (Node, error) {
	all, err := d.nodes(ctx, failed)
	if err != nil {
		return Node{}, err
	}
	was, err := d.registry.Assign(ctx, l, "", "", d.keep)
	if err != nil {
		return Node{}, err
	}
	// Somebody else may choose for this login at the same time: whoever was first is right.
	for range maxTries {
		if n, ok := find(all, was); ok {
			_, err := d.registry.Assign(ctx, l, was, was, d.keep)
			return n, err
		}
		n, ok := choose(all, l.User+" "+l.Device)
		if !ok {
			return Node{}, ErrNoNode
		}
		is, err := d.registry.Assign(ctx, l, was, n.ID, d.keep)
		if err != nil || is == n.ID {
			return n, err
		}
		was = is
	}
	return Node{}, ErrNoNode
}

// maxTries is how often it is chosen when others choose at the same time.
const maxTries = 3

func find(all []Node, id string) (Node, bool) {
	for _, n := range all {
		if n.ID == id {
			return n, true
		}
	}
	return Node{}, false
}

// choose gives a node that has no more connections than a quarter above what each would have of all: among those the one that the
// login's name comes to, so that many who ask between two announcements are spread, and one who asks again finds the same.
func choose(all []Node, login string) (best Node, ok bool) {
	total := 1
	for _, n := range all {
		total += n.Connections
	}
	most, rank := uint64(0), uint64(0)
	for _, n := range all {
		if 4*n.Connections*len(all) >= 5*total {
			continue
		}
		if rank = weight(n.ID, login); !ok || rank > most {
			best, most, ok = n, rank, true
		}
	}
	return best, ok
}

func weight(node, login string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(node)) // never fails
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(login))
	// FNV's last bytes change its low bits alone, but for this.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

func byID(a, b Node) int { return cmp.Compare(a.ID, b.ID) }
