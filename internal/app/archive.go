package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"annal/internal/fold"
	"annal/pkg/connectors/clickhouse"
	"annal/pkg/gateway"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/follow"
)

// ClickHouse says where the archive is.
type ClickHouse struct {
	// URL is http://host:port or https://host:port.
	URL  string
	User string
	// PasswordFile holds the password alone; empty: none.
	PasswordFile string
	Database     string
	// Cluster is the name of ClickHouse's cluster that keeps it; empty: one server.
	Cluster string
}

// DefaultClickHouse are the settings where nothing else is said.
func DefaultClickHouse() ClickHouse {
	return ClickHouse{User: "default", Database: clickhouse.Defaults().Database}
}

func (c ClickHouse) options(password string) clickhouse.Options {
	o := clickhouse.Defaults()
	o.URL, o.User, o.Password, o.Database, o.Cluster = c.URL, c.User, password, c.Database, c.Cluster
	return o
}

func (c ClickHouse) open() (*clickhouse.ClickHouse, error) {
	password := ""
	if c.PasswordFile != "" {
		content, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("app: --clickhouse-password-file: %w", err)
		}
		password = strings.TrimSpace(string(content))
	}
	return clickhouse.Open(c.options(password))
}

const (
	// gatherWait is how long outcomes wait for others to be stored with: a table likes few large insertions. It adds to how
	// far the archive is behind.
	gatherWait = 500 * time.Millisecond
	// gatherBytes bounds what a process holds back for that, and with it what an outage of the store keeps in memory.
	gatherBytes = 64 << 20
	// reportEvery is how often it stores how far it is.
	reportEvery = 5 * time.Second
)

// openArchive adds the role. It is no part of readiness: a process whose archive waits for ClickHouse is fit for all else, and
// the lag says how it does.
func (p *process) openArchive(ctx context.Context) error {
	store, err := p.config.ClickHouse.open()
	if err != nil {
		return err
	}
	p.closers = append(p.closers, store.Close)
	member, err := p.member(RoleArchive)
	if err != nil {
		return err
	}
	projector := archive.New(archive.Options{
		Log: p.log, Store: store, Source: p.source(RoleArchive), ReportEvery: reportEvery, Now: time.Now, Logger: p.config.Log.With("role", RoleArchive),
		Metrics: archive.NewMetrics(p.metrics),
	})
	follower, err := follow.New(ctx, follow.Options{
		Log: p.log, Group: archive.Group, Role: RoleArchive, Instance: member, CommitEvery: time.Second, TellTrouble: true, Handler: projector,
		Gather: follow.Gather{Wait: gatherWait, Bytes: gatherBytes}, Logger: p.config.Log, Metrics: follow.NewMetrics(p.metrics, RoleArchive),
	})
	if err != nil {
		return err
	}
	look := p.sampling(RoleArchive, fold.Options{Log: p.log, Archive: store, Group: archive.Group}, follower.Partitions)
	p.roles = append(p.roles, role{RoleArchive, func(ctx context.Context) error {
		if err := p.awaitTables(ctx, store); err != nil || ctx.Err() != nil {
			return err
		}
		g, running := errgroup.WithContext(context.WithoutCancel(ctx))
		following, stop := context.WithCancel(running)
		defer context.AfterFunc(ctx, stop)()
		g.Go(func() error {
			look(following)
			return nil
		})
		reporting, done := context.WithCancel(running)
		g.Go(func() error {
			defer done() // it reports once more how far all came
			return follower.Run(following)
		})
		g.Go(func() error {
			projector.Run(reporting)
			return nil
		})
		return g.Wait()
	}})
	return nil
}

// openCold gives gateways the archive to read history from; nil when the process is told of none. The process starts without
// it as well: until it answers, history ends with the window.
func (p *process) openCold() (gateway.Cold, error) {
	if p.config.ClickHouse.URL == "" {
		return nil, nil
	}
	store, err := p.config.ClickHouse.open()
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, store.Close)
	return store, nil
}

// awaitTables waits until ClickHouse answers, and refuses tables that this program does not know.
func (p *process) awaitTables(ctx context.Context, store *clickhouse.ClickHouse) error {
	wait := 100 * time.Millisecond
	for {
		err := store.Check(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, clickhouse.ErrOlder) || errors.Is(err, clickhouse.ErrNewer) || errors.Is(err, clickhouse.ErrChanged) {
			return err
		}
		p.config.Log.Warn("ClickHouse does not answer; the archive waits for it", "retry_in", wait, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// MigrateArchive makes the archive's tables and gives what it applied, "0001_tables" and so on. With Roles it makes those too,
// and says in the error, which is then ErrNoRoles, why there are none.
func MigrateArchive(ctx context.Context, c ClickHouse, o clickhouse.MigrateOptions) ([]string, error) {
	store, err := c.open()
	if err != nil {
		return nil, err
	}
	applied, err := store.Migrate(ctx, o)
	names := make([]string, len(applied))
	for i, m := range applied {
		names[i] = fmt.Sprintf("%04d_%s", m.Number, m.Name)
	}
	return names, errors.Join(err, store.Close())
}
