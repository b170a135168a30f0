package annaltest

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"annal/internal/app"
	"annal/internal/devstack"
	"annal/internal/devstack/pushfakes"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// Partitions is how many a deployment's topics have.
const Partitions = 4

// Deployment is every role in a process of its own on Kafka and Redis, under a prefix of its own.
type Deployment struct {
	Kafka  []string
	Redis  string
	Prefix string
	// ClickHouse is where the archive is; without a URL there is none.
	ClickHouse app.ClickHouse
	// Vault is where the vault is; without a URL there is none.
	Vault app.Vault
	// PushApps is the file of the apps that are notified, and Phones where it is shown what their phones show; without a file there are none.
	PushApps, Phones string
	// Roles are the processes, by name.
	Roles map[string]*Server
	// KeyFile has the key that tokens are signed with.
	KeyFile string
	key     auth.Key
	public  string
}

// NewDeployment makes topics and keys on the engines that tests share; no role runs yet.
func NewDeployment(t *testing.T) *Deployment {
	t.Helper()
	return NewDeploymentOn(t, devstack.RedisForTest(t).Addr())
}

// NewDeploymentOn is NewDeployment with a Redis of the test's own, which it may empty.
func NewDeploymentOn(t *testing.T, redis string) *Deployment {
	t.Helper()
	return newDeployment(t, devstack.KafkaForTest(t).Addrs(), redis)
}

// NewDeploymentAt is NewDeployment with a Kafka of the test's own, whose files it may look into.
func NewDeploymentAt(t *testing.T, kafka *devstack.Kafka) *Deployment {
	t.Helper()
	return newDeployment(t, kafka.Addrs(), devstack.RedisForTest(t).Addr())
}

func newDeployment(t *testing.T, kafka []string, redis string) *Deployment {
	t.Helper()
	d := &Deployment{Kafka: kafka, Redis: redis, Prefix: devstack.UniqueName(t) + ".", Roles: map[string]*Server{}}
	Run(t, "topics", "create", "--kafka", strings.Join(d.Kafka, ","), "--prefix", d.Prefix,
		"--partitions", strconv.Itoa(Partitions), "--replication", "1", "--min-insync-replicas", "1")
	d.KeyFile = filepath.Join(t.TempDir(), "key.json")
	Run(t, "token", "--new-key", d.KeyFile)
	// As in production: gateways hold public keys only.
	d.public = filepath.Join(t.TempDir(), "keys.json")
	d.Publish(t)
	content, err := os.ReadFile(d.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if d.key, err = auth.ParseKey(content); err != nil {
		t.Fatal(err)
	}
	return d
}

// Publish writes what gateways check tokens with anew, of the signer's keys as they are now. The file is whole at each moment.
func (d *Deployment) Publish(t *testing.T) {
	t.Helper()
	next := d.public + ".new"
	if err := os.WriteFile(next, []byte(Run(t, "token", "--key", d.KeyFile, "--public")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, d.public); err != nil {
		t.Fatal(err)
	}
}

// Archive gives it a database in the ClickHouse engine that tests share, with its tables, until the test ends.
func (d *Deployment) Archive(t *testing.T) {
	t.Helper()
	d.ArchiveAt(t, devstack.ClickHouseForTest(t).URL())
}

// ArchiveAt is Archive with a ClickHouse of the test's own.
func (d *Deployment) ArchiveAt(t *testing.T, url string) {
	t.Helper()
	d.ClickHouse = app.DefaultClickHouse()
	name := strings.ReplaceAll(devstack.UniqueName(t), "-", "_")
	d.ClickHouse.URL, d.ClickHouse.Database = url, "t"+name[max(0, len(name)-40):]
	Run(t, append([]string{"archive", "migrate", "--no-roles"}, d.archiveFlags()...)...)
}

func (d *Deployment) archiveFlags() []string {
	return []string{"--clickhouse", d.ClickHouse.URL, "--clickhouse-database", d.ClickHouse.Database}
}

// StandInPush starts stand-ins of push services, until the test ends.
func (d *Deployment) StandInPush(t *testing.T) {
	t.Helper()
	standIns, err := app.StartPushStandIns(app.DevPackage)
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewServer(pushfakes.Page(standIns.Phones, standIns.Servers))
	t.Cleanup(func() {
		page.Close()
		if err := standIns.Close(); err != nil {
			t.Error(err)
		}
	})
	d.PushApps, d.Phones = filepath.Join(t.TempDir(), "push-apps.yaml"), page.URL
	if err := standIns.WriteApps(d.PushApps, app.DevPackage); err != nil {
		t.Fatal(err)
	}
}

// Deploy makes a deployment and starts one process of each role, named after it.
func Deploy(t *testing.T) *Deployment {
	t.Helper()
	d := NewDeployment(t)
	d.Serve(t, "sequencer", "hot", "gateway")
	return d
}

// Serve starts processes and waits until all are ready. A name is its role, or begins with it and a '-'.
func (d *Deployment) Serve(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		d.Launch(t, name)
	}
	for _, name := range names {
		d.Roles[name].AwaitReady(t)
	}
}

// Launch starts a process with settings and does not wait.
func (d *Deployment) Launch(t *testing.T, name string, settings ...string) *Server {
	t.Helper()
	role, _, _ := strings.Cut(name, "-")
	if d.ClickHouse.URL != "" {
		settings = append(d.archiveFlags(), settings...)
	}
	if d.Vault.URL != "" {
		settings = append(d.vaultFlags(), settings...)
	}
	if role == app.RolePush {
		settings = append([]string{"--push-apps", d.PushApps}, settings...)
	}
	if role == app.RoleLogin {
		settings = append(d.loginFlags(), settings...)
	}
	d.Roles[name] = Launch(t, name, append([]string{
		"serve", "--roles", role, "--kafka", strings.Join(d.Kafka, ","), "--redis", d.Redis, "--prefix", d.Prefix,
		"--auth-keys", d.public, "--data", filepath.Join(t.TempDir(), name),
	}, settings...)...)
	return d.Roles[name]
}

// loginFlags give login its keys, and passwords' hashes that cost a test nothing.
func (d *Deployment) loginFlags() []string {
	return []string{"--signing-keys", d.KeyFile, "--password-memory", "64", "--password-passes", "1"}
}

// File is the endpoints file of the process named "gateway", by which tools and clients find the deployment.
func (d *Deployment) File() string { return d.Roles["gateway"].File }

// tokenLife is longer than any test.
const tokenLife = time.Hour

// Token is a user's own.
func (d *Deployment) Token(t *testing.T, user string) string {
	t.Helper()
	return d.issue(t, auth.Identity{User: events.UserID(user)})
}

// ServiceToken may act for every user, and say when something was first said.
func (d *Deployment) ServiceToken(t *testing.T) string {
	t.Helper()
	return d.issue(t, auth.Identity{User: "service", Service: "annaltest"})
}

// TokenOf says what the identity says, for longer than any test unless that says until when.
func (d *Deployment) TokenOf(t *testing.T, id auth.Identity) string {
	t.Helper()
	return d.issue(t, id)
}

func (d *Deployment) issue(t *testing.T, id auth.Identity) string {
	t.Helper()
	if id.Expires.IsZero() {
		id.Expires = time.Now().Add(tokenLife)
	}
	token, err := auth.Issue(d.key, id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Open opens the deployment's log and view as a tool does, until the test ends.
func (d *Deployment) Open(t *testing.T) app.Opened {
	t.Helper()
	opened, err := app.Open(t.Context(), app.Target{Kafka: d.Kafka, Redis: d.Redis, Prefix: d.Prefix, ClickHouse: d.ClickHouse})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

// Verify has the tool compare the view with a fold of the log.
func Verify(t *testing.T, file string) {
	t.Helper()
	t.Logf("annal verify: %s", Run(t, "verify", "--endpoints", file))
}

// OwnRedis starts a Redis of the test's own.
func OwnRedis(t *testing.T, opts devstack.RedisOptions) *devstack.Redis {
	t.Helper()
	r, err := devstack.StartRedis(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}
