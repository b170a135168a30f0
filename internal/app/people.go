package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/people"
	"annal/pkg/accounts"
	"annal/pkg/connectors/redis"
	"annal/pkg/eventlog"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/login"
)

// ErrNoView says that a target names no Redis.
var ErrNoView = errors.New("app: no Redis is named: give --redis")

// OpenPeople opens a target for the administration of its people; done ends that. What it has done in the log it has done as a gateway does, by one
// that nobody connects to.
func OpenPeople(ctx context.Context, t Target) (admin *people.Admin, done func(), err error) {
	if t.Redis == "" {
		return nil, nil, ErrNoView
	}
	var closers []func()
	done = func() {
		for _, f := range slices.Backward(closers) {
			f()
		}
	}
	defer func() {
		if err != nil {
			done()
		}
	}()
	log, err := openLog(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, log.Close)
	partitions, err := log.Partitions(ctx, eventlog.Events)
	if err != nil {
		return nil, nil, err
	}
	quiet, metrics := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	c := gateway.DefaultConfig()
	c.Instance, c.Version = "people-"+rand.Text(), "annal"
	opts := redis.Defaults()
	opts.Addrs, opts.Prefix, opts.Partitions, opts.Embedded = strings.Split(t.Redis, ","), t.Prefix, partitions, t.Embedded
	opts.Instance, opts.Log = c.Instance, quiet
	r, err := redis.Open(ctx, opts)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, func() { _ = r.Close() }) // what it was given it has answered: nothing can be lost
	feed, err := r.NewFeed(ctx)
	if err != nil {
		return nil, nil, err
	}
	view := r.Reader()
	gw, err := gateway.New(c, gateway.Ports{
		Log: log, View: view, Feed: feed, Notifier: r, Tokens: auth.NewVerifier(auth.Keys{}, time.Now), Now: time.Now, Logger: quiet, Metrics: gateway.NewMetrics(metrics),
	})
	if err != nil {
		return nil, nil, err
	}
	passwords, err := accounts.NewPasswords(accounts.DefaultCost(), 2, metrics)
	if err != nil {
		return nil, nil, err
	}
	table := accounts.NewTable(log, time.Now, quiet, accounts.NewMetrics(metrics))
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = together(running, []func(context.Context) error{gw.Run, table.Run})
	}()
	closers = append(closers, func() { cancel(); <-ended })
	select {
	case <-table.Loaded():
		return &people.Admin{Table: table, Passwords: passwords, Self: login.Selves{Commands: gw}, View: view, Now: time.Now}, done, nil
	case <-ended:
		return nil, nil, failed
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}
