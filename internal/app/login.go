package app

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"annal/pkg/accounts"
	"annal/pkg/connectors/oidc"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
	"annal/pkg/login"
	"annal/pkg/nodes"
	"annal/pkg/projections/follow"
)

// Login is what the role login is told.
type Login struct {
	// Issuer is the URL under which login is reached from outside; empty: where the process listens. Gateways that are given it take no tokens that
	// name another.
	Issuer string
	// SigningKeys is the file of the keys that tokens are signed with, read again when it is replaced.
	SigningKeys string
	SignUp      string
	AccessTTL   time.Duration
	RefreshTTL  time.Duration
	// Devices is how many devices of a kind may be signed in at once, as KIND=N.
	Devices []string
	// PasswordMemory is the memory that hashing a password takes, in KiB, and PasswordPasses the passes over it.
	PasswordMemory uint32
	PasswordPasses uint32
	// Issuers is the file of other issuers whose tokens gateways take (pkg/connectors/oidc); empty: none.
	Issuers string
}

// DefaultLogin is a login server's where nothing else is said.
func DefaultLogin() Login {
	cost := accounts.DefaultCost()
	return Login{
		SignUp: string(login.SignUpOff), AccessTTL: login.DefaultAccessTTL, RefreshTTL: login.DefaultRefreshTTL,
		PasswordMemory: cost.MemoryKiB, PasswordPasses: cost.Passes,
	}
}

// Bind makes flags of the settings that dev has too.
func (l *Login) Bind(f *pflag.FlagSet) {
	f.StringVar(&l.Issuer, "issuer", l.Issuer, "URL under which login is reached from outside, https://id.example (role login; default: where it listens); a gateway that has it refuses tokens of another")
	f.StringVar(&l.SignUp, "sign-up", l.SignUp, "who may sign up by themselves: off, invite or open (role login)")
	f.DurationVar(&l.AccessTTL, "access-ttl", l.AccessTTL, "for how long an access token is good (role login)")
	f.DurationVar(&l.RefreshTTL, "refresh-ttl", l.RefreshTTL, "after how long a device that was not used is signed out (role login)")
	f.StringSliceVar(&l.Devices, "devices", l.Devices, "how many devices of a kind may be signed in at once, as phone=1; the one that is so for longest makes room (role login)")
	f.Uint32Var(&l.PasswordMemory, "password-memory", l.PasswordMemory, "memory that hashing a password takes, in KiB (argon2id; role login)")
	f.Uint32Var(&l.PasswordPasses, "password-passes", l.PasswordPasses, "and passes over it")
	f.StringVar(&l.Issuers, "issuers", l.Issuers, "file of other OpenID providers whose tokens are taken (YAML; docs/login.md) (roles gateway and login)")
}

func (l Login) cost() accounts.Cost {
	return accounts.Cost{MemoryKiB: l.PasswordMemory, Passes: l.PasswordPasses, Lanes: accounts.DefaultCost().Lanes}
}

// devices reads how many devices of a kind there may be.
func (l Login) devices() (map[string]uint32, error) {
	all := map[string]uint32{}
	for _, text := range l.Devices {
		kind, count, _ := strings.Cut(text, "=")
		n, err := strconv.ParseUint(count, 10, 16)
		if _, twice := all[kind]; err != nil || n == 0 || twice || !slices.Contains(events.DeviceKinds(), kind) {
			return nil, fmt.Errorf("%w, not %q", login.ErrDevices, text)
		}
		all[kind] = uint32(n)
	}
	return all, nil
}

// config is what the server is told, reached at a URL.
func (l Login) config(at string, origins []string) (login.Config, error) {
	devices, err := l.devices()
	if err != nil {
		return login.Config{}, fmt.Errorf("app: --devices: %w", err)
	}
	if l.Issuer != "" {
		at = l.Issuer
	}
	c := login.Config{
		Issuer: at, SignUp: login.SignUpMode(l.SignUp), AccessTTL: l.AccessTTL, RefreshTTL: l.RefreshTTL, Devices: devices, Origins: origins,
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("app: --issuer, --sign-up, --access-ttl or --refresh-ttl: %w", err)
	}
	return c, nil
}

// ErrNoSigningKeys says that the role login has nothing to sign with.
var ErrNoSigningKeys = errors.New("app: --signing-keys is missing: role login signs tokens with it (annal token --new-key makes one)")

// validate refuses what can't work, whatever the roles, and wherever the process is going to listen.
func (l Login) validate() error {
	if _, err := l.config("https://id.example", nil); err != nil {
		return err
	}
	if _, err := accounts.NewPasswords(l.cost(), 1, prometheus.NewRegistry()); err != nil {
		return fmt.Errorf("app: --password-memory or --password-passes: %w", err)
	}
	if l.Issuers != "" {
		if _, err := oidc.ReadMappings(l.Issuers); err != nil {
			return fmt.Errorf("app: --issuers: %w", err)
		}
	}
	return nil
}

// verifier checks tokens with the keys of a file, and those of other issuers.
func (p *process) verifier(keys auth.KeySource) (*auth.Verifier, error) {
	issuer := p.config.Login.Issuer
	v := auth.NewVerifier(keys, time.Now)
	if p.config.Login.Issuers == "" {
		return v.WithIssuers(issuer, nil), nil
	}
	mappings, err := oidc.ReadMappings(p.config.Login.Issuers)
	if err != nil {
		return nil, fmt.Errorf("--issuers: %w", err)
	}
	return v.WithIssuers(issuer, oidc.Issuers(mappings, time.Now, p.config.Log, oidc.NewMetrics(p.metrics))), nil
}

// openLogin serves login at the process's address. What is to be in the log it has done as a gateway does, by one of its own where the process
// has none.
func (p *process) openLogin(ctx context.Context) error {
	c, err := p.config.Login.config(p.httpURL(), p.config.Origins)
	if err != nil {
		return err
	}
	keys, err := auth.OpenFile(p.config.Login.SigningKeys, time.Now, p.config.Log)
	if err != nil {
		return fmt.Errorf("--signing-keys: %w", err)
	}
	if _, err := keys.Ring().Signer(time.Now()); err != nil {
		return fmt.Errorf("--signing-keys: %w", err)
	}
	served, err := p.clients(ctx)
	if err != nil {
		return err
	}
	passwords, err := accounts.NewPasswords(p.config.Login.cost(), runtime.GOMAXPROCS(0), p.metrics)
	if err != nil {
		return err
	}
	logger := p.config.Log.With("role", RoleLogin)
	table := accounts.NewTable(p.kafka, time.Now, logger, accounts.NewMetrics(p.metrics))
	server, err := login.New(c, login.Ports{
		Table: table, Passwords: passwords, Keys: keys, Tokens: auth.NewVerifier(keys, time.Now).WithIssuers(c.Issuer, nil),
		Self: login.Selves{Commands: served.gateway}, Nodes: nodes.NewDirectory(served.redis.Registry(), nodes.Fresh), Limits: served.limits, Now: time.Now,
		Logger: p.config.Log, Metrics: login.NewMetrics(p.metrics),
	})
	if err != nil {
		return err
	}
	member, err := p.member(RoleLogin)
	if err != nil {
		return err
	}
	follower, err := follow.New(ctx, follow.Options{
		Log: p.log, Group: login.Group, Role: RoleLogin, Instance: member, CommitEvery: time.Second, Handler: login.Follower{Table: table},
		Logger: p.config.Log, Metrics: follow.NewMetrics(p.metrics, RoleLogin),
	})
	if err != nil {
		return err
	}
	server.Mount(p.mux)
	p.ready.Add(RoleLogin, table.Ready)
	work := []func(context.Context) error{table.Run, server.Run, follower.Run}
	if !p.config.has(RoleGateway) {
		work = append(work, served.gateway.Run)
	}
	p.roles = append(p.roles, role{RoleLogin, func(ctx context.Context) error { return together(ctx, work) }})
	return nil
}

// together runs work until ctx ends, or one of it fails or ends.
func together(ctx context.Context, work []func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan error, len(work))
	for _, run := range work {
		go func() {
			err := run(ctx)
			cancel()
			ends <- err
		}()
	}
	var all error
	for range work {
		all = errors.Join(all, <-ends)
	}
	return all
}
