package app

import (
	"errors"
	"strings"
	"testing"
	"time"

	"annal/pkg/connectors/clickhouse"
)

func TestValidate(t *testing.T) {
	whole := Defaults()
	whole.Kafka, whole.Redis, whole.AuthKeys, whole.ClickHouse.URL = []string{"k:9092"}, "r:6379", "keys.json", "http://ch:8123"
	if err := whole.Validate(); err != nil {
		t.Fatalf("a whole configuration: %v", err)
	}
	for _, c := range []struct {
		what   string
		change func(*Config)
		want   error
	}{
		{"no roles", func(c *Config) { c.Roles = nil }, ErrNoRoles},
		{"no Kafka", func(c *Config) { c.Kafka = nil }, ErrNoKafka},
		{"no Redis", func(c *Config) { c.Redis = "" }, ErrNoRedis},
		{"no keys", func(c *Config) { c.AuthKeys = "" }, ErrNoKeys},
		{"no ClickHouse", func(c *Config) { c.ClickHouse.URL = "" }, ErrNoArchive},
		{"ClickHouse without a port", func(c *Config) { c.ClickHouse.URL = "http://ch" }, clickhouse.ErrURL},
		{"ClickHouse's native protocol", func(c *Config) { c.ClickHouse.URL = "tcp://ch:9000" }, clickhouse.ErrURL},
		{"a password in ClickHouse's URL", func(c *Config) { c.ClickHouse.URL = "http://u:secret@ch:8123" }, clickhouse.ErrURL},
		{"a database that is no name", func(c *Config) { c.ClickHouse.Database = "a; DROP" }, clickhouse.ErrName},
		{"a cluster that is no name", func(c *Config) { c.ClickHouse.Cluster = "a'b" }, clickhouse.ErrName},
		{"no ClickHouse and no archive", func(c *Config) { c.Roles, c.ClickHouse.URL = []string{RoleHot}, "" }, nil},
		{"no data", func(c *Config) { c.Data = "" }, ErrNoData},
		{"an unknown role", func(c *Config) { c.Roles = []string{"king"} }, ErrUnknownRole},
		{"a role twice", func(c *Config) { c.Roles = []string{RoleHot, RoleHot} }, ErrRoleTwice},
		{"Kafka without a port", func(c *Config) { c.Kafka = []string{"k:9092", "k"} }, ErrKafka},
		{"nodes of a Redis cluster", func(c *Config) { c.Redis = "r1:6379,r2:6379" }, nil},
		{"a Redis node without a port", func(c *Config) { c.Redis = "r1:6379,r2" }, ErrRedis},
		{"a URL of Redis", func(c *Config) { c.Redis = "redis://u:secret@r:6379" }, ErrRedis},
		{"a port that is none", func(c *Config) { c.HTTP = ":http" }, ErrHTTP},
		{"checkpoints all the time", func(c *Config) { c.CheckpointEvery = time.Millisecond }, ErrCheckpoints},
		{"a checkpoint of every event", func(c *Config) { c.CheckpointEvents = 1 }, ErrCheckpoints},
		{"heartbeats without a pause", func(c *Config) { c.Heartbeat = time.Millisecond }, ErrHeartbeats},
		{"a heartbeat that is late at once", func(c *Config) { c.HeartbeatTimeout = c.Heartbeat }, ErrHeartbeats},
		{"a heartbeat that nobody misses", func(c *Config) { c.HeartbeatTimeout = time.Hour }, ErrHeartbeats},
		{"looking at a view all the time", func(c *Config) { c.VerifyEvery = time.Millisecond }, ErrVerifyEvery},
		{"never looking at a view", func(c *Config) { c.VerifyEvery = 0 }, nil},
		{"a port that is too high", func(c *Config) { c.HTTP = ":65536" }, ErrHTTP},
		{"a sequencer needs no Redis and no keys", func(c *Config) { c.Roles, c.Redis, c.AuthKeys = []string{RoleSequencer}, "", "" }, nil},
	} {
		config := whole
		c.change(&config)
		if err := config.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	for _, c := range []struct {
		what   string
		change func(*Config, *Engines)
		want   error
	}{
		{"the defaults", func(*Config, *Engines) {}, nil},
		{"other engines", func(_ *Config, e *Engines) { e.Kind = "steam" }, ErrEngines},
		{"no partitions", func(_ *Config, e *Engines) { e.Partitions = 0 }, ErrPartitions},
		{"too many partitions", func(_ *Config, e *Engines) { e.Partitions = maxPartitions + 1 }, ErrPartitions},
		{"no data", func(c *Config, _ *Engines) { c.Data = "" }, ErrNoData},
		{"no port", func(c *Config, _ *Engines) { c.HTTP = "localhost" }, ErrHTTP},
	} {
		config, engines := Defaults(), DefaultEngines()
		c.change(&config, &engines)
		if err := config.ValidateDev(engines); !errors.Is(err, c.want) {
			t.Errorf("dev, %s: %v, want %v", c.what, err, c.want)
		}
	}
}

func TestErrorsRepeatNoPassword(t *testing.T) {
	c := Config{Roles: Roles(), Kafka: []string{"k:9092"}, Redis: "r:secret@r:6379", AuthKeys: "keys.json", Data: "data", HTTP: ":0"}
	if err := c.Validate(); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v; want an error without the password", err)
	}
}

func TestViewIDsGrow(t *testing.T) {
	last := ""
	for range 12 {
		next := NewViewID(last)
		if next <= last {
			t.Fatalf("%s follows %s", next, last)
		}
		last = next
	}
}

func TestDevKeyIsMadeOnceAndSigns(t *testing.T) {
	dir := t.TempDir()
	first, path, err := devKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := devKey(dir)
	if err != nil || string(first.Public()[keyName(first.Public())]) != string(again.Public()[keyName(again.Public())]) {
		t.Fatalf("another key the second time (%v)", err)
	}
	token, err := IssueToken(TokenRequest{KeyFile: path, User: "alice", TTL: 1 << 40})
	if err != nil || strings.Count(token, ".") != 2 {
		t.Errorf("token %q, %v", token, err)
	}
	public, err := PublicKeys(TokenRequest{KeyFile: path})
	if err != nil || strings.Contains(string(public), `"d"`) || !strings.Contains(string(public), `"x"`) {
		t.Errorf("public keys %s, %v: want x and no private part", public, err)
	}
	if err := NewKey(path); err == nil {
		t.Error("a key file was written over")
	}
}

func keyName[K any](keys map[string]K) string {
	for name := range keys {
		return name
	}
	return ""
}
