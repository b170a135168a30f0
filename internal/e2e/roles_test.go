package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annal/internal/devstack"
)

// deployment is every role in a process of its own on Kafka and Redis.
type deployment struct {
	// roles are the processes, by role; the gateway's endpoints are the clients'.
	roles map[string]*server
	key   string
}

func (d *deployment) file() string { return d.roles["gateway"].file }

func deploy(t *testing.T) *deployment {
	t.Helper()
	kafka, redis := strings.Join(devstack.KafkaForTest(t).Addrs(), ","), devstack.RedisForTest(t).Addr()
	prefix := devstack.UniqueName(t) + "."
	d := &deployment{roles: map[string]*server{}, key: filepath.Join(t.TempDir(), "key.json")}
	run(t, "topics", "create", "--kafka", kafka, "--prefix", prefix, "--partitions", "4", "--replication", "1", "--min-insync-replicas", "1")
	run(t, "token", "--new-key", d.key)
	// As in production: the gateway holds public keys only.
	public := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(public, []byte(run(t, "token", "--key", d.key, "--public")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"sequencer", "hot", "gateway"} {
		d.roles[role] = serve(t, role, "serve", "--roles", role, "--kafka", kafka, "--redis", redis, "--prefix", prefix,
			"--auth-keys", public, "--data", filepath.Join(t.TempDir(), role))
	}
	return d
}

func (d *deployment) token(t *testing.T, user string) string {
	t.Helper()
	return run(t, "token", "--key", d.key, "--user", user)
}

// verify has the tool compare the view with a fold of the log.
func verify(t *testing.T, file string) {
	t.Helper()
	t.Logf("annal verify: %s", run(t, "verify", "--endpoints", file))
}

func TestRolesInProcessesOfTheirOwn(t *testing.T) {
	d := deploy(t)
	p := meet(t, connect(t, d.file(), d.token(t, "alice"), ""), connect(t, d.file(), d.token(t, "bob"), ""))
	p.converse(t)
	f := p.flow(t)
	f.goesOn(t, 50)
	for _, role := range []string{"sequencer", "hot", "gateway"} {
		d.roles[role].crash(t)
		f.goesOn(t, 50)
	}
	f.finish(t)
	verify(t, d.file())
}
