// Package accountstest has accounts for tests of what works with them.
package accountstest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/accounts"
	"annal/pkg/eventlog"
)

// Follow gives a table of a log that has read all, and runs until the test ends.
func Follow(t testing.TB, log eventlog.Log) *accounts.Table {
	t.Helper()
	table := accounts.NewTable(log, time.Now, slog.New(slog.DiscardHandler), accounts.NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- table.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-table.Loaded():
	case err := <-done:
		t.Fatal(err)
	}
	return table
}

// NewPasswords hashes at a cost that tests can bear.
func NewPasswords(t testing.TB) *accounts.Passwords {
	t.Helper()
	p, err := accounts.NewPasswords(accounts.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, 2, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return p
}
