// Package kafka is the log (pkg/eventlog) on Apache Kafka, with franz-go.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	// GatherWait is how long at most a round of appends waits for more to join when
	// many come (see gather). Nothing waits when it is quiet.
	GatherWait time.Duration
	// CursorRecords and CursorBytes bound what a cursor holds ready: fetching pauses
	// beyond, so that it holds one more fetch at most.
	CursorRecords int
	CursorBytes   int
	// FetchWait is how long a broker may hold a fetch without records. It bounds how
	// long a new cursor waits for its first fetch.
	FetchWait time.Duration
	// SessionTimeout is after how long without heartbeats a group gives a member's
	// partitions to others.
	SessionTimeout time.Duration
	// DrainTimeout bounds how long a member may take to finish released partitions.
	DrainTimeout time.Duration
	// Now is the clock that records are stamped with; the brokers replace it by
	// their own (LogAppendTime). nil: the system's.
	Now func() time.Time
	// Dial makes connections; nil: plain TCP.
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Defaults are what Open fills in for zero fields.
func Defaults() Options {
	return Options{
		ClientID:      "annal",
		BufferRecords: 32_000, BufferBytes: 16 << 20,
		GatherWait:    3 * time.Millisecond,
		CursorRecords: 8_000, CursorBytes: 8 << 20,
		FetchWait:      100 * time.Millisecond,
		SessionTimeout: 6 * time.Second,
		DrainTimeout:   5 * time.Second,
		Now:            time.Now,
	}
}

// Errors of Validate.
var (
	ErrNoSeeds  = errors.New("kafka: no bootstrap addresses")
	ErrBounds   = errors.New("kafka: buffer and cursor bounds must be positive, and hold a record of the greatest size")
	ErrTimeouts = errors.New("kafka: session timeout must be 1 s to 5 min, drain timeout positive, gather wait 0 to 100 ms, fetch wait 10 ms to 5 s")
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
	if o.CursorBytes == 0 {
		o.CursorBytes = d.CursorBytes
	}
	if o.FetchWait == 0 {
		o.FetchWait = d.FetchWait
	}
	if o.Now == nil {
		o.Now = d.Now
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
	case o.BufferRecords < 1, o.BufferBytes < eventlog.MaxRecordBytes, o.CursorRecords < 1,
		o.CursorBytes < eventlog.MaxRecordBytes:
		return ErrBounds
	case o.SessionTimeout < time.Second, o.SessionTimeout > 5*time.Minute, o.DrainTimeout <= 0,
		o.GatherWait < 0, o.GatherWait > 100*time.Millisecond,
		o.FetchWait < 10*time.Millisecond, o.FetchWait > 5*time.Second:
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
		kgo.RequestTimeoutOverhead(silence),
		kgo.ProduceRequestTimeout(writeTimeout),
		kgo.DialTimeout(silence),
		kgo.WithLogger(kgoLogger{o.Log}),
	}, more...)
	if o.Dial != nil {
		opts = append(opts, kgo.Dialer(o.Dial))
	}
	c, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return c, nil
}

// A broker that hangs, or whose machine is gone without a word, keeps its connections open: only silence tells. What is
// asked of it is asked again of whoever leads then. franz-go's own 10 s each, several after each other, were seen to
// keep a partition without service for 40 s.
const (
	// silence is how long an answer may take beyond the time that the request itself gives.
	silence = 3 * time.Second
	// writeTimeout is how long a broker may wait for its replicas.
	writeTimeout = 3 * time.Second
)

// kgoLogger passes franz-go's warnings and errors on.
type kgoLogger struct{ log *slog.Logger }

func (l kgoLogger) Level() kgo.LogLevel { return kgo.LogLevelWarn }

func (l kgoLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	if level == kgo.LogLevelError {
		l.log.Error(msg, keyvals...)
		return
	}
	l.log.Warn(msg, keyvals...)
}

// backoff is how long to wait before try n of a request: 20 ms doubling to 1 s.
func backoff(n int) time.Duration {
	return min(10*time.Millisecond<<min(n, 10), time.Second)
}
