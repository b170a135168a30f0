package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"annal/internal/devstack"
	"annal/pkg/connectors/clickhouse"
)

// The kinds of engines `annal dev` can run on.
const (
	EnginesEmbedded = "embedded"
	EnginesReal     = "real"
)

// Engines say what `annal dev` runs on.
type Engines struct {
	// Kind is EnginesEmbedded or EnginesReal.
	Kind string
	// SyncWrites makes the embedded log wait for the disk.
	SyncWrites bool
	// Partitions of new topics.
	Partitions int32
	// Archive: start ClickHouse's engine too, and archive.
	Archive bool
	// Vault: start an object store too, and seal the log into it.
	Vault bool
	// S3d is its program.
	S3d string
	// Chdbd is ClickHouse's server's program.
	Chdbd string
}

// DefaultEngines are those of `annal dev` where nothing else is said.
func DefaultEngines() Engines {
	return Engines{Kind: EnginesEmbedded, Partitions: 4, Archive: true, Vault: true}
}

// engines are those started for this process; they end with it whatever happens.
type engines struct {
	kafka     []string
	redis     string
	clusterID string
	embedded  bool
	stop      func() error
}

func startEngines(ctx context.Context, e Engines, data string) (engines, error) {
	if e.Kind == EnginesReal {
		return startReal(ctx, data)
	}
	return startEmbedded(e, data)
}

// startArchive starts ClickHouse's engine and makes the tables. The error says why there is none, and what to do about that.
func startArchive(ctx context.Context, e Engines, data, version string) (*devstack.ClickHouse, error) {
	binary := e.Chdbd
	if binary == "" {
		own, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("app: %w", err)
		}
		binary = filepath.Join(filepath.Dir(own), "chdbd")
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("app: ClickHouse's server is missing, run make build: %w", err)
	}
	started, err := devstack.StartClickHouse(ctx, devstack.ClickHouseOptions{
		Dir: filepath.Join(data, "clickhouse"), Binary: binary, Args: []string{"--reader", "analyst"},
	})
	if err != nil {
		return nil, err
	}
	c := DefaultClickHouse()
	c.URL = started.URL()
	// The engine is this process's own, so nobody else can be at it.
	if _, err := MigrateArchive(ctx, c, clickhouse.MigrateOptions{Program: version, Holder: "annal dev", Unlock: true}); err != nil {
		return nil, errors.Join(err, started.Stop())
	}
	return started, nil
}

func startEmbedded(e Engines, data string) (engines, error) {
	// kfake's own cluster id is always the same; event ids must tell clusters apart.
	id, err := namedID(filepath.Join(data, "cluster-id"))
	if err != nil {
		return engines{}, err
	}
	log, err := devstack.StartKfake(devstack.KfakeOptions{Dir: filepath.Join(data, "log"), SyncWrites: e.SyncWrites})
	if err != nil {
		return engines{}, err
	}
	view, err := devstack.StartMiniredis()
	if err != nil {
		return engines{}, errors.Join(err, log.Stop())
	}
	return engines{
		kafka: log.Addrs(), redis: view.Addr(), clusterID: id, embedded: true,
		stop: func() error {
			view.Stop()
			return log.Stop()
		},
	}, nil
}

func startReal(ctx context.Context, data string) (engines, error) {
	// It may serve for long, so it is worth compiling well: after half a minute of work a
	// request takes half the time that the quick compiler's code takes.
	kafka, err := devstack.StartKafka(ctx, devstack.KafkaOptions{
		Dir: filepath.Join(data, "kafka"), JVMFlags: []string{"-XX:TieredStopAtLevel=4"},
	})
	if err != nil {
		return engines{}, err
	}
	redis, err := devstack.StartRedis(ctx, devstack.RedisOptions{Dir: filepath.Join(data, "redis")})
	if err != nil {
		return engines{}, errors.Join(err, kafka.Stop())
	}
	return engines{
		kafka: kafka.Addrs(), redis: redis.Addr(),
		stop: func() error { return errors.Join(redis.Stop(), kafka.Stop()) },
	}, nil
}

// namedID gives the random id kept in a file, made the first time.
func namedID(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err == nil && strings.TrimSpace(string(content)) != "" {
		return strings.TrimSpace(string(content)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("app: %w", err)
	}
	id := randomID()
	if err := os.WriteFile(path, []byte(id+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("app: %w", err)
	}
	return id, nil
}

// randomID is 12 random bytes in hex.
func randomID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
