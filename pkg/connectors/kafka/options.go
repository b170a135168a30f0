// Package kafka is the log (pkg/eventlog) on Apache Kafka, with franz-go.
package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/pkg/eventlog"
)

// Options say how to reach the cluster and within what bounds.
type Options struct {
	// Seeds are bootstrap addresses, host:port.
	Seeds []string
	// Prefix goes before topic and group names.
	Prefix string
	// ClusterID replaces the cluster's own id: for engines that all have the same.
	ClusterID string
	// ClientID names this process to the brokers.
	ClientID string
	// BufferRecords and BufferBytes bound what waits to be written, per topic;
	// Append blocks beyond.
	BufferRecords int
	BufferBytes   int
	// GatherWait is how long a round of appends waits for more to join once rounds
	// are large. Nothing waits when it is quiet.
	GatherWait time.Duration
	// CursorRecords bounds what a cursor holds ready; fetching pauses beyond.
	CursorRecords int
	// SessionTimeout is after how long without heartbeats a group gives a member's
	// partitions to others.
	SessionTimeout time.Duration
	// DrainTimeout bounds how long a member may take to finish released partitions.
	DrainTimeout time.Duration
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

// Defaults are what Open fills in for zero fields.
func Defaults() Options {
	return Options{
		ClientID:      "annal",
		BufferRecords: 100_000, BufferBytes: 64 << 20,
		GatherWait:     time.Millisecond,
		CursorRecords:  20_000,
		SessionTimeout: 6 * time.Second,
		DrainTimeout:   5 * time.Second,
	}
}

// Errors of Validate.
var (
	ErrNoSeeds  = errors.New("kafka: no bootstrap addresses")
	ErrBounds   = errors.New("kafka: buffer and cursor bounds must be positive")
	ErrTimeouts = errors.New("kafka: session timeout must be 1 s to 5 min, drain timeout positive, gather wait 0 to 100 ms")
	ErrNoLog    = errors.New("kafka: no logger or metrics registry")
)

func (o Options) withDefaults() Options {
	d := Defaults()
	if o.ClientID == "" {
		o.ClientID = d.ClientID
	}
	if o.BufferRecords == 0 {
		o.BufferRecords = d.BufferRecords
	}
	if o.BufferBytes == 0 {
		o.BufferBytes = d.BufferBytes
	}
	if o.GatherWait == 0 {
		o.GatherWait = d.GatherWait
	}
	if o.CursorRecords == 0 {
		o.CursorRecords = d.CursorRecords
	}
	if o.SessionTimeout == 0 {
		o.SessionTimeout = d.SessionTimeout
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = d.DrainTimeout
	}
	return o
}

// Validate refuses options that can't work.
func (o Options) Validate() error {
	switch {
	case len(o.Seeds) == 0:
		return ErrNoSeeds
	case o.BufferRecords < 1, o.BufferBytes < eventlog.MaxRecordBytes, o.CursorRecords < 1:
		return ErrBounds
	case o.SessionTimeout < time.Second, o.SessionTimeout > 5*time.Minute, o.DrainTimeout <= 0,
		o.GatherWait < 0, o.GatherWait > 100*time.Millisecond:
		return ErrTimeouts
	case o.Log == nil, o.Metrics == nil:
		return ErrNoLog
	}
	return nil
}

func (o Options) topic(t eventlog.Topic) string { return o.Prefix + string(t) }

// client makes a client with what all of ours have in common. Fresh topics are
// found within MetadataMinAge (franz-go's own 5 s would stall a new deployment).
func (o Options) client(more ...kgo.Opt) (*kgo.Client, error) {
	opts := append([]kgo.Opt{
		kgo.SeedBrokers(o.Seeds...),
		kgo.ClientID(o.ClientID),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(time.Minute),
		kgo.RetryBackoffFn(backoff),
	}, more...)
	c, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return c, nil
}

// backoff is how long to wait before try n of a request: 20 ms doubling to 1 s.
func backoff(n int) time.Duration {
	return min(10*time.Millisecond<<min(n, 10), time.Second)
}
