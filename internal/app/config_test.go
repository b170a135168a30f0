package app

import (
	"errors"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	whole := Config{Roles: Roles(), Kafka: []string{"k:9092"}, Redis: "r:6379", AuthKeys: "keys.json", Data: "data"}
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
		{"no data", func(c *Config) { c.Data = "" }, ErrNoData},
		{"a sequencer needs no Redis and no keys", func(c *Config) { c.Roles, c.Redis, c.AuthKeys = []string{RoleSequencer}, "", "" }, nil},
	} {
		config := whole
		c.change(&config)
		if err := config.Validate(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	config := whole
	config.Roles = []string{"king"}
	if err := config.Validate(); err == nil || !strings.Contains(err.Error(), `"king"`) {
		t.Errorf("an unknown role: %v, want an error that names it", err)
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
