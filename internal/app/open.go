package app

import (
	"context"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/connectors/kafka"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/nodes"
	"annal/pkg/presence"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
)

// Target is a deployment as a tool reaches it.
type Target struct {
	Kafka []string
	// Redis is an address, or those of a cluster's nodes with commas between.
	Redis  string
	Prefix string
	// ClickHouse has no URL where there is no archive.
	ClickHouse ClickHouse
	// Vault has no URL where there is none; else Opened.Log goes on in it below Kafka's start.
	Vault Vault
	// Cluster replaces the log's own id where that does not tell.
	Cluster  string
	Embedded bool
}

// Opened is a deployment opened for a tool.
type Opened struct {
	Log eventlog.Log
	// View is nil when the target names no Redis.
	View hot.View
	// Store is the view's write side; nil as View.
	Store hot.Store
	// Archive is nil when the target names no ClickHouse.
	Archive Archive
	// Window is how many timeline events of a session the view holds.
	Window int
	close  []func()
}

// Archive is an archive as tools use it.
type Archive interface {
	archive.Store
	archive.View
	archive.Past
	archive.Builder
}

// Close gives everything back.
func (o Opened) Close() {
	for _, c := range o.close {
		c()
	}
}

// Open opens a deployment for a tool.
func Open(ctx context.Context, t Target) (Opened, error) {
	log, err := openLog(ctx, t)
	if err != nil {
		return Opened{}, err
	}
	whole, err := t.Vault.below(log, t.Prefix, slog.New(slog.DiscardHandler))
	if err != nil {
		log.Close()
		return Opened{}, err
	}
	return OpenView(ctx, whole, t)
}

// OpenView opens a target's view beside a log, which is closed with it.
func OpenView(ctx context.Context, log eventlog.Log, t Target) (Opened, error) {
	o := Opened{Log: log, close: []func(){log.Close}}
	if t.ClickHouse.URL != "" {
		store, err := t.ClickHouse.open()
		if err != nil {
			o.Close()
			return Opened{}, err
		}
		o.Archive = store
		o.close = append(o.close, func() { _ = store.Close() }) // what was inserted is
	}
	if t.Redis == "" {
		return o, nil
	}
	partitions, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		o.Close()
		return Opened{}, err
	}
	opts := redis.Defaults()
	opts.Addrs, opts.Prefix, opts.Partitions, opts.Embedded = strings.Split(t.Redis, ","), t.Prefix, partitions, t.Embedded
	opts.Log = slog.New(slog.DiscardHandler)
	r, err := redis.Open(ctx, opts)
	if err != nil {
		o.Close()
		return Opened{}, err
	}
	o.View, o.Store, o.Window = r.Reader(), r, opts.Window
	o.close = append(o.close, func() { _ = r.Close() }) // what it was given it has answered: nothing can be lost
	return o, nil
}

// OpenRegistry opens a target's register of gateways alone; done closes it.
func OpenRegistry(ctx context.Context, t Target) (nodes.Registry, func(), error) {
	r, done, err := openAlone(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	return r.Registry(), done, nil
}

// OpenPresence opens a target's store of who is online alone; done closes it.
func OpenPresence(ctx context.Context, t Target) (presence.Store, func(), error) {
	r, done, err := openAlone(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	return r.Presence(), done, nil
}

// openAlone opens a target's Redis for what is no view.
func openAlone(ctx context.Context, t Target) (r *redis.Redis, done func(), err error) {
	opts := redis.Defaults()
	opts.Addrs, opts.Prefix, opts.Partitions, opts.Embedded = strings.Split(t.Redis, ","), t.Prefix, 1, t.Embedded // views are not read
	opts.Log = slog.New(slog.DiscardHandler)
	if r, err = redis.Open(ctx, opts); err != nil {
		return nil, nil, err
	}
	return r, func() { _ = r.Close() }, nil
}

func openLog(ctx context.Context, t Target) (*kafka.Log, error) {
	return kafka.Open(ctx, kafka.Options{
		Seeds: t.Kafka, Prefix: t.Prefix, ClusterID: t.Cluster, ClientID: "annal-tool",
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
}

// OpenTopic opens a log in which topics are called as they are, and has a topic of that name there.
func OpenTopic(ctx context.Context, t Target, topic eventlog.Topic, partitions int32) (eventlog.Log, error) {
	t.Prefix = ""
	log, err := openLog(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := log.EnsureTopic(ctx, topic, partitions); err != nil {
		log.Close()
		return nil, err
	}
	return log, nil
}
