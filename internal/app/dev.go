package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"annal/internal/devstack"
	"annal/internal/devstack/pushfakes"
	"annal/pkg/connectors/kafka"
	"annal/pkg/gateway/auth"
)

// Dev runs all roles and their engines in this process until ctx ends, and tells w
// where to go next.
func Dev(ctx context.Context, c Config, e Engines, w io.Writer) (err error) {
	if err := c.ValidateDev(e); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o755); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	if c.EndpointsFile == "" {
		c.EndpointsFile = filepath.Join(c.Data, "endpoints.json")
	}
	key, keyFile, err := devKey(c.Data)
	if err != nil {
		return err
	}
	now := time.Now()
	request := TokenRequest{User: "dev", Service: "dev", TTL: devTokenTTL}
	if c.token, err = auth.Issue(key, identity(request, now), now); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	running, err := startEngines(ctx, e, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.stop()) }()
	c.Roles, c.Kafka, c.Redis, c.AuthKeys, c.Login.SigningKeys = Roles(), running.kafka, running.redis, keyFile, keyFile
	noArchive := errors.New("off (--archive=false)")
	if e.Archive {
		var archive *devstack.ClickHouse
		if archive, noArchive = startArchive(ctx, e, c.Data, c.Version); noArchive == nil {
			defer func() { err = errors.Join(err, archive.Stop()) }()
			c.ClickHouse.URL = archive.URL()
		}
	}
	if noArchive != nil {
		c.Roles = slices.DeleteFunc(c.Roles, func(role string) bool { return role == RoleArchive })
		c.Log.Warn("no archive", "reason", noArchive)
	}
	noVault := errors.New("off (--vault=false)")
	if e.Vault {
		var store *devstack.S3
		if store, c.Vault, noVault = startVault(ctx, e, c.Data); noVault == nil {
			defer func() { err = errors.Join(err, store.Stop()) }()
		}
	}
	if noVault != nil {
		c.Roles = slices.DeleteFunc(c.Roles, func(role string) bool { return role == RoleVault })
		c.Log.Warn("no vault", "reason", noVault)
	}
	if c.Push.Apps == "" {
		standIns, err := StartPushStandIns(DevPackage)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, standIns.Close()) }()
		c.Push.Apps = filepath.Join(c.Data, "push-apps.yaml")
		if err := standIns.WriteApps(c.Push.Apps, DevPackage); err != nil {
			return err
		}
		c.phones = pushfakes.Page(standIns.Phones, standIns.Servers)
	}
	c.clusterID, c.embedded, c.minISR, c.announce = running.clusterID, running.embedded, 1, func(url string) { welcome(w, url, c, e.Kind, noArchive, noVault) }
	if err := c.createTopics(ctx, e.Partitions); err != nil {
		return err
	}
	return Serve(ctx, c)
}

// createTopics makes the topics of a one-broker deployment.
func (c Config) createTopics(ctx context.Context, partitions int32) error {
	log, err := openLog(ctx, Target{Kafka: c.Kafka, Prefix: c.Prefix})
	if err != nil {
		return err
	}
	defer log.Close()
	spec := kafka.DefaultSpec()
	if c.embedded {
		spec = kafka.EmbeddedSpec()
	}
	spec.Partitions, spec.Replication, spec.MinISR = partitions, 1, 1
	return log.CreateTopics(ctx, spec)
}

func welcome(w io.Writer, url string, c Config, engines string, noArchive, noVault error) {
	flag := ""
	if c.EndpointsFile != filepath.Join("data", "endpoints.json") {
		flag = " --endpoints " + c.EndpointsFile
	}
	archive := fmt.Sprintf("Ask the archive (docs/analytics.md), and how far it is:\n    curl '%s/?user=analyst' --data-binary 'SELECT * FROM %s_v1.messages LIMIT 5'\n    %s archive status%s",
		c.ClickHouse.URL, c.ClickHouse.Database, os.Args[0], flag)
	if noArchive != nil {
		archive = fmt.Sprint("No archive: ", noArchive)
	}
	vault := fmt.Sprintf("The vault, sealed segments of the log: bucket %s on %s (S3)", c.Vault.Bucket, c.Vault.URL)
	if noVault != nil {
		vault = fmt.Sprint("No vault: ", noVault)
	}
	phones := ""
	if c.phones != nil {
		phones = fmt.Sprintf("See what phones show of who isn't looking (docs/push.md):\n    %s/phones\n", url)
	}
	fmt.Fprintf(w, `
Annal is up on %s, on %s engines. Endpoints and a token: %s

Chat, in two more terminals:
    %[5]s chat%[4]s --as alice --with bob
    %[5]s chat%[4]s --as bob --with alice
Sign up, and chat as who you are there (docs/login.md):
    curl -d '{"user":"carol","password":"correct horse"}' %[1]s/v1/signup
    %[5]s chat%[4]s --sign-in --as carol --with alice
See the log:
    %[5]s log tail%[4]s -f
%[8]sBring in real chat, and hold the view against the log:
    %[5]s import%[4]s examples/ubuntu-irc-sample.jsonl.gz
    %[5]s verify%[4]s
%[6]s
%[7]s
Metrics: %[1]s/metrics
Ctrl-C stops it; kill -9 loses nothing.

`, url, engines, c.EndpointsFile, flag, os.Args[0], archive, vault, phones)
}
