package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/people"
	"annal/pkg/accounts"
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
	opened, err := Open(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	r, closeRedis, err := openAlone(ctx, t)
	if err != nil {
		opened.Close()
		return nil, nil, err
	}
	feed, err := r.NewFeed(ctx)
	if err != nil {
		closeRedis()
		opened.Close()
		return nil, nil, err
	}
	c := gateway.DefaultConfig()
	c.Instance, c.Version = "people-"+rand.Text(), "annal"
	gw, err := gateway.New(c, gateway.Ports{
		Log: opened.Log, View: opened.View, Feed: feed, Notifier: r, Tokens: auth.NewVerifier(auth.Keys{}, time.Now), Now: time.Now,
		Logger: quiet, Metrics: gateway.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		closeRedis()
		opened.Close()
		return nil, nil, err
	}
	passwords, err := accounts.NewPasswords(accounts.DefaultCost(), 2, prometheus.NewRegistry())
	if err != nil {
		closeRedis()
		opened.Close()
		return nil, nil, err
	}
	table := accounts.NewTable(opened.Log, time.Now, quiet, accounts.NewMetrics(prometheus.NewRegistry()))
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- together(running, []func(context.Context) error{gw.Run, table.Run}) }()
	done = func() {
		cancel()
		<-ended
		closeRedis()
		opened.Close()
	}
	select {
	case <-table.Loaded():
		return &people.Admin{Table: table, Passwords: passwords, Self: login.Selves{Commands: gw}, View: opened.View, Now: time.Now}, done, nil
	case err := <-ended:
		ended <- nil
		done()
		return nil, nil, err
	case <-ctx.Done():
		done()
		return nil, nil, ctx.Err()
	}
}
