package devstack

import (
	"strings"
	"testing"
	"time"
)

func TestRedisCluster(t *testing.T) {
	start := time.Now()
	c, err := StartRedisCluster(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up after %v", time.Since(start))
	if n := len(c.Addrs()); n != 3 {
		t.Errorf("%d nodes, want 3", n)
	}
	moved := 0
	for _, addr := range c.Addrs() {
		// The slot of "a" is one node's alone.
		if _, err := askRedis(testContext(t), addr, "SET", "a", "1"); err != nil && strings.Contains(err.Error(), "MOVED 15495") {
			moved++
		} else if err != nil {
			t.Error(err)
		}
	}
	if moved != 2 {
		t.Errorf("%d nodes say that the slot is another's, want 2", moved)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	for _, addr := range c.Addrs() {
		if err := pingRedis(testContext(t), addr); err == nil {
			t.Errorf("%s answers after Stop", addr)
		}
	}
}
