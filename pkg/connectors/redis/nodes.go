package redis

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"annal/pkg/nodes"
)

// Registry is where gateways are announced.
type Registry struct{ r *Redis }

var _ nodes.Registry = Registry{}

// Registry announces gateways here. What it keeps has an end by Redis's clock; none of it matters to the view.
func (r *Redis) Registry() Registry { return Registry{r} }

func (g Registry) nodesKey() string { return g.r.opts.Prefix + "annal:{nodes}" }

func (g Registry) userKey(user string) string { return g.r.opts.Prefix + "annal:node-of:" + user }

// Announce implements nodes.Registry.
func (g Registry) Announce(ctx context.Context, n nodes.Node, ttl time.Duration) error {
	said, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("redis: announce a node: %w", err)
	}
	if err := g.r.scripts.announce.Run(ctx, g.r.aside, []string{g.nodesKey()}, n.ID, said, ttl.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("redis: announce a node: %w", err)
	}
	return nil
}

// Withdraw implements nodes.Registry.
func (g Registry) Withdraw(ctx context.Context, id string) error {
	if err := g.r.aside.HDel(ctx, g.nodesKey(), id).Err(); err != nil {
		return fmt.Errorf("redis: withdraw a node: %w", err)
	}
	return nil
}

// Nodes implements nodes.Registry.
func (g Registry) Nodes(ctx context.Context) ([]nodes.Node, error) {
	said, err := g.r.scripts.nodes.Run(ctx, g.r.aside, []string{g.nodesKey()}).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("redis: nodes: %w", err)
	}
	all := make([]nodes.Node, 0, len(said))
	for _, text := range said {
		var n nodes.Node
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			// Of a program that is much newer: nobody is sent there by this one.
			g.r.opts.Log.Warn("a gateway's announcement cannot be read", "announcement", text, "error", err)
			continue
		}
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b nodes.Node) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// Assign implements nodes.Registry.
func (g Registry) Assign(ctx context.Context, l nodes.Login, was, is string, ttl time.Duration) (string, error) {
	has, err := g.r.scripts.assign.Run(ctx, g.r.aside, []string{g.userKey(l.User)}, l.Device, was, is, ttl.Milliseconds(), nodes.MaxDevices).Text()
	if err != nil {
		return "", fmt.Errorf("redis: assign a node: %w", err)
	}
	return has, nil
}
