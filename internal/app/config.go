// Package app wires the parts of Annal into processes. It is the only place that
// knows all of them.
package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"annal/internal/web"
	"annal/pkg/gateway"
	"annal/pkg/limits"
	"annal/pkg/login"
	"annal/pkg/nodes"
	"annal/pkg/sequencer"
)

// The roles a process may have.
const (
	RoleLogin     = "login"
	RoleGateway   = "gateway"
	RoleSequencer = "sequencer"
	RoleHot       = "hot"
	RoleSteward   = "steward"
	RolePush      = "push"
	RoleArchive   = "archive"
	RoleVault     = "vault"
)

// Roles are all roles.
func Roles() []string {
	return []string{RoleLogin, RoleGateway, RoleSequencer, RoleHot, RoleSteward, RolePush, RoleArchive, RoleVault}
}

// defaultRoles are those without the vault, which needs a bucket, login, which not everybody wants and needs keys, and push, which needs apps.
func defaultRoles() []string {
	return slices.DeleteFunc(Roles(), func(role string) bool { return role == RoleVault || role == RoleLogin || role == RolePush })
}

// Config is what a server process is told.
type Config struct {
	// HTTP is the address to listen on, host:port; port 0 takes a free one.
	HTTP string
	// EndpointsFile is written once the process is ready; empty: none.
	EndpointsFile string
	// Data is the directory of everything the process keeps.
	Data  string
	Roles []string
	// Kafka are bootstrap addresses.
	Kafka []string
	// Redis is an address, or those of several nodes of a cluster with commas between.
	Redis string
	// ClickHouse is where the archive is.
	ClickHouse ClickHouse
	// Vault is where the log goes on below Kafka's start.
	Vault Vault
	// Prefix goes before the names of topics, groups and view keys.
	Prefix string
	// Login is the role login's.
	Login Login
	// Push is the role push's.
	Push Push
	// AuthKeys is the file of public keys that tokens are checked with, read again when it is replaced.
	AuthKeys string
	// A sequencer takes a partition's checkpoint after CheckpointEvents records, or fewer
	// after CheckpointEvery.
	CheckpointEvery  time.Duration
	CheckpointEvents int64
	// A gateway wants a sign of life from a connection every Heartbeat, and closes one not
	// heard of for HeartbeatTimeout.
	Heartbeat        time.Duration
	HeartbeatTimeout time.Duration
	// MaxConnections is how many a gateway takes.
	MaxConnections int
	// TLSCert and TLSKey are PEM files, read again when they are replaced; empty: no TLS.
	TLSCert, TLSKey string
	// PublicURL is where clients reach this process's gateway; empty: where it listens.
	PublicURL string
	// Origins are the web pages' that may connect to a gateway; empty: all.
	Origins []string
	// TrustedProxies are the addresses or prefixes of proxies that are believed where requests come from (X-Forwarded-For).
	TrustedProxies []string
	// Limits are changes of how often who may do what (limits.Table.With).
	Limits []string
	// A hot projector and an archiver hold a session against the log every VerifyEvery; 0: never.
	VerifyEvery time.Duration

	Version string
	Log     *slog.Logger

	// The rest is set by Dev.
	clusterID string
	embedded  bool
	minISR    int
	token     string
	// phones is a page of what phones behind stand-ins of push services show; nil: there are none.
	phones http.Handler

	announce func(httpURL string)
}

// Defaults are a server's settings where nothing else is said.
func Defaults() Config {
	rows, gw := sequencer.Defaults(), gateway.DefaultConfig()
	return Config{
		HTTP: "127.0.0.1:8080", Data: "data", Roles: defaultRoles(), ClickHouse: DefaultClickHouse(), Vault: DefaultVault(), Login: DefaultLogin(), Push: DefaultPush(),
		CheckpointEvery: rows.CheckpointEvery, CheckpointEvents: rows.CheckpointEvents,
		Heartbeat: gw.Heartbeat, HeartbeatTimeout: gw.HeartbeatTimeout, MaxConnections: gw.MaxConnections, VerifyEvery: time.Minute,
	}
}

// DevDefaults are those of a process for development: whoever reaches it may sign up.
func DevDefaults() Config {
	c := Defaults()
	c.Login.SignUp = string(login.SignUpOpen)
	return c
}

// Errors of Validate and ValidateDev.
var (
	ErrNoRoles        = errors.New("app: --roles is empty")
	ErrUnknownRole    = errors.New("app: --roles: unknown role")
	ErrRoleTwice      = errors.New("app: --roles: a role is given twice")
	ErrNoKafka        = errors.New("app: --kafka is missing")
	ErrNoRedis        = errors.New("app: --redis is missing: roles login, gateway, hot, steward and push need it")
	ErrNoKeys         = errors.New("app: --auth-keys is missing: role gateway checks tokens with it")
	ErrNoArchive      = errors.New("app: --clickhouse is missing: role archive needs it (--roles can leave that out)")
	ErrNoVault        = errors.New("app: --vault is missing: role vault needs it")
	ErrSealEvery      = errors.New("app: --vault-seal-every is 100ms to 24h")
	ErrNoData         = errors.New("app: --data is empty")
	ErrHTTP           = errors.New("app: --http: want host:port")
	ErrKafka          = errors.New("app: --kafka: want host:port")
	ErrRedis          = errors.New("app: --redis: want host:port")
	ErrEngines        = errors.New("app: --engines: want " + EnginesEmbedded + " or " + EnginesReal)
	ErrCheckpoints    = errors.New("app: --checkpoint-every is 1s to 24h, --checkpoint-events at least 1000")
	ErrHeartbeats     = errors.New("app: --heartbeat is 1s at least, --heartbeat-timeout more than that and 10m at most")
	ErrMaxConnections = errors.New("app: --max-connections is at least 1")
	ErrTLS            = errors.New("app: --tls-cert and --tls-key are given together")
	ErrVerifyEvery    = errors.New("app: --verify-every is 0, or 1s to 24h")
	ErrPartitions     = errors.New("app: --partitions: want 1 to 1000")
)

// Validate refuses what can't work.
func (c Config) Validate() error {
	if len(c.Roles) == 0 {
		return ErrNoRoles
	}
	for i, r := range c.Roles {
		switch {
		case !slices.Contains(Roles(), r):
			return fmt.Errorf("%w %q: want some of %s", ErrUnknownRole, r, strings.Join(Roles(), ", "))
		case slices.Contains(c.Roles[:i], r):
			return fmt.Errorf("%w: %q", ErrRoleTwice, r)
		}
	}
	switch {
	case len(c.Kafka) == 0:
		return ErrNoKafka
	case c.Redis == "" && (c.has(RoleLogin) || c.has(RoleGateway) || c.has(RoleHot) || c.has(RoleSteward) || c.has(RolePush)):
		return ErrNoRedis
	case c.AuthKeys == "" && c.has(RoleGateway):
		return ErrNoKeys
	case c.has(RoleLogin) && c.Login.SigningKeys == "":
		return ErrNoSigningKeys
	case c.has(RolePush) && c.Push.Apps == "":
		return ErrNoPushApps
	case c.has(RoleVault) && c.Vault.URL == "":
		return ErrNoVault
	case c.Vault.SealEvery < 100*time.Millisecond || c.Vault.SealEvery > 24*time.Hour:
		return ErrSealEvery
	case c.has(RoleArchive) && c.ClickHouse.URL == "":
		return ErrNoArchive
	case c.ClickHouse.URL != "":
		if err := c.ClickHouse.options("").Validate(); err != nil {
			return fmt.Errorf("app: --clickhouse: %w", err)
		}
	}
	for _, k := range c.Kafka {
		if err := checkAddress(k, ErrKafka); err != nil {
			return err
		}
	}
	if c.Redis != "" {
		for r := range strings.SplitSeq(c.Redis, ",") {
			if err := checkAddress(r, ErrRedis); err != nil {
				return err
			}
		}
	}
	return c.validateOwn()
}

// ValidateDev refuses what can't work when the engines are started for the process.
func (c Config) ValidateDev(e Engines) error {
	switch {
	case e.Kind != EnginesEmbedded && e.Kind != EnginesReal:
		return fmt.Errorf("%w, not %q", ErrEngines, e.Kind)
	case e.Partitions < 1 || e.Partitions > maxPartitions:
		return fmt.Errorf("%w, not %d", ErrPartitions, e.Partitions)
	}
	return c.validateOwn()
}

// maxPartitions is far above what one process serves well: each costs requests.
const maxPartitions = 1000

// validateOwn checks what is the process's own.
func (c Config) validateOwn() error {
	if c.Data == "" {
		return ErrNoData
	}
	if c.CheckpointEvery < time.Second || c.CheckpointEvery > 24*time.Hour || c.CheckpointEvents < 1000 {
		return ErrCheckpoints
	}
	if c.Heartbeat < time.Second || c.HeartbeatTimeout <= c.Heartbeat || c.HeartbeatTimeout > 10*time.Minute {
		return ErrHeartbeats
	}
	if c.MaxConnections < 1 {
		return ErrMaxConnections
	}
	if c.VerifyEvery != 0 && (c.VerifyEvery < time.Second || c.VerifyEvery > 24*time.Hour) {
		return ErrVerifyEvery
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return ErrTLS
	}
	if err := errors.Join(c.Login.validate(), c.Push.Validate()); err != nil {
		return err
	}
	if c.PublicURL != "" {
		if err := nodes.CheckURL(c.PublicURL); err != nil {
			return fmt.Errorf("app: --public-url: %w", err)
		}
	}
	if _, err := limits.Defaults().With(c.Limits...); err != nil {
		return fmt.Errorf("app: --limits: %w", err)
	}
	if _, err := web.ParseProxies(c.TrustedProxies); err != nil {
		return fmt.Errorf("app: --trusted-proxies: %w", err)
	}
	for _, o := range c.Origins {
		if err := web.CheckOrigin(o); err != nil {
			return fmt.Errorf("app: --origins: %w", err)
		}
	}
	return checkAddress(c.HTTP, ErrHTTP)
}

// checkAddress does not repeat what may hold a password.
func checkAddress(address string, wrong error) error {
	_, port, err := net.SplitHostPort(address)
	if _, portErr := strconv.ParseUint(port, 10, 16); err == nil && portErr == nil && !strings.ContainsAny(address, "@/") {
		return nil
	}
	if strings.ContainsAny(address, "@/") {
		return fmt.Errorf("%w alone, without scheme, user or password", wrong)
	}
	return fmt.Errorf("%w, not %q", wrong, address)
}

func (c Config) has(role string) bool { return slices.Contains(c.Roles, role) }
