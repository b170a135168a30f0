// Package redis keeps the hot view in Redis: its store, its readers, and the
// notifications to gateways. Keys of one session share a hash tag, so the same code
// serves a cluster.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
)

// Options say how to reach Redis and within what bounds.
type Options struct {
	// Addrs are host:port: one of a server, or several nodes of a cluster.
	Addrs []string
	// Prefix goes before all keys and channels.
	Prefix string
	// Partitions is the events topic's count: a session's partition says which view it is of.
	Partitions int32
	// Window is how many timeline events of a session are kept.
	Window int
	// TallyFrom is how many people must have been in a session before it is kept who has
	// read how far, see hot.View.Tally.
	TallyFrom int
	// Embedded engines have no sharded pub/sub and no configuration to check.
	Embedded bool
	// Instance is the gateway's own name for answers (Feed only).
	Instance string
	// Connections bounds how many of them write at once.
	Connections int
	Timeout     time.Duration
	Log         *slog.Logger
}

// Defaults are the bounds for production.
func Defaults() Options {
	return Options{Window: 1000, TallyFrom: hot.TallyFrom, Connections: 4, Timeout: 5 * time.Second}
}

// Errors of Open.
var (
	ErrBounds   = errors.New("redis: addresses, partitions, window, tally, connections and timeout must be set")
	ErrEviction = errors.New("redis: maxmemory-policy must be noeviction: an evicted key would be a hole in the view")
)

// Redis is a connection pool to one Redis, or to each node of a cluster.
type Redis struct {
	opts   Options
	client redis.UniversalClient
	// aside is for what must not wait long, nor keep views waiting: counts, the register of gateways, and who is connected.
	aside   redis.UniversalClient
	scripts scripts
	// What small rounds of several partitions write and publish.
	applies, publishes together
	// sides are where partitions' views were when somebody last read them.
	sides []atomic.Value
	// horizon is how far readers saw views reach.
	horizon *hot.Horizon
}

// Open connects and checks that Redis keeps what it is given.
func Open(ctx context.Context, o Options) (*Redis, error) {
	if len(o.Addrs) == 0 || slices.Contains(o.Addrs, "") || o.Partitions < 1 || o.Window < 1 || o.TallyFrom < 1 || o.Connections < 1 || o.Timeout <= 0 || o.Log == nil {
		return nil, ErrBounds
	}
	driver.to.Store(o.Log)
	client := newClient(o, false)
	r := &Redis{opts: o, client: client, aside: newClient(o, true), scripts: newScripts(o.Embedded), applies: together{client: client}, publishes: together{client: client},
		sides: make([]atomic.Value, o.Partitions), horizon: hot.NewHorizon(o.Partitions)}
	if err := r.check(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// newClient makes a client for views; or one aside, whose calls end with their contexts and are not tried again, with connections of its own.
func newClient(o Options, aside bool) redis.UniversalClient {
	pool, retries := 4*o.Connections, 1
	if aside {
		pool, retries = 2*o.Connections, -1 // none
	}
	if len(o.Addrs) > 1 {
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: o.Addrs, PoolSize: pool, ContextTimeoutEnabled: aside,
			DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout,
			DisableIdentity: true, Protocol: 2,
		})
	}
	return redis.NewClient(&redis.Options{
		Addr: o.Addrs[0], PoolSize: pool, MaxRetries: retries, ContextTimeoutEnabled: aside,
		DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout,
		// Pings of the connection's name and library say nothing to us.
		DisableIdentity: true,
		// Nothing is pushed to us that RESP 2 has no form for, and looking for it costs.
		Protocol: 2,
	})
}

func (r *Redis) check(ctx context.Context) error {
	if err := r.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis: no answer from %s: %w", strings.Join(r.opts.Addrs, ", "), err)
	}
	if err := r.loadScripts(ctx); err != nil {
		return err
	}
	if r.opts.Embedded {
		return nil
	}
	return r.eachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		policy, err := master.ConfigGet(ctx, "maxmemory-policy").Result()
		if err != nil {
			return fmt.Errorf("redis: cannot read maxmemory-policy: %w", err)
		}
		if got := policy["maxmemory-policy"]; got != "noeviction" {
			return fmt.Errorf("%w; it is %q", ErrEviction, got)
		}
		return nil
	})
}

// eachMaster calls f for every master that now has slots, at once; or for the one server.
func (r *Redis) eachMaster(ctx context.Context, f func(context.Context, *redis.Client) error) error {
	return eachMasterOf(ctx, r.client, f)
}

func eachMasterOf(ctx context.Context, client redis.UniversalClient, f func(context.Context, *redis.Client) error) error {
	switch c := client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, f)
	case *redis.Client:
		return f(ctx, c)
	}
	return fmt.Errorf("redis: no masters of a %T", client)
}

// Close closes the connections.
func (r *Redis) Close() error {
	if err := errors.Join(r.client.Close(), r.aside.Close()); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// Keys.

// sessionKey is that of a part of a session on a side, see hot.Side.
func (r *Redis) sessionKey(side string, s events.SessionID, part string) string {
	return r.opts.Prefix + "annal:{" + string(s) + "}:" + part + side
}

// sessionKeys are all that a session has on the side of a view.
func (r *Redis) sessionKeys(view string, s events.SessionID) []string {
	side, keys := hot.Side(view), make([]string, len(sessionParts))
	for i, part := range sessionParts {
		keys[i] = r.sessionKey(side, s, part)
	}
	return keys
}

// listKeys are a user's sessions, and how many there were.
func (r *Redis) listKeys(u events.UserID) []string {
	user := r.opts.Prefix + "annal:{u:" + string(u) + "}:"
	return []string{user + "sessions", user + "count"}
}

// holdersKey has who registered a token.
func (r *Redis) holdersKey(p events.PushToken) string {
	return r.opts.Prefix + "annal:{t:" + hot.TokenKey(p) + "}:holders"
}

func (r *Redis) viewKey(partition int32) string {
	return fmt.Sprintf("%sannal:{view:%d}", r.opts.Prefix, partition)
}

func (r *Redis) partition(s events.SessionID) int32 {
	return eventlog.KeyPartition([]byte(s), r.opts.Partitions)
}

func (r *Redis) viewKeyOf(s events.SessionID) string { return r.viewKey(r.partition(s)) }

// Channels.

func (r *Redis) sessionChannel(s events.SessionID) string {
	return r.opts.Prefix + "annal:{" + string(s) + "}:events"
}

func (r *Redis) userChannel(u events.UserID) string {
	return r.opts.Prefix + "annal:{u:" + string(u) + "}:events"
}

func (r *Redis) answerChannel(instance string) string {
	return r.opts.Prefix + "annal:{gw:" + instance + "}:answers"
}
