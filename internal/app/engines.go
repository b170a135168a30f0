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
}

// DefaultEngines are those of `annal dev` where nothing else is said.
func DefaultEngines() Engines { return Engines{Kind: EnginesEmbedded, Partitions: 4} }

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
