package e2e

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/accounts"
)

// asJSON posts JSON to a path of login, with a token if one is given.
func (s *signing) asJSON(t *testing.T, path, token string, content any) (status int, body map[string]any) {
	t.Helper()
	asked, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.issuer+path, strings.NewReader(string(asked)))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusNoContent {
		if err := json.NewDecoder(w.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
	}
	return w.StatusCode, body
}

// accounts reads the topic from its start.
func (s *signing) accounts(t *testing.T) *accounts.Table {
	t.Helper()
	opened := s.Open(t)
	table := accounts.NewTable(opened.Log, time.Now, slog.New(slog.DiscardHandler), accounts.NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- table.Run(ctx) }()
	select {
	case <-table.Loaded():
	case err := <-ended:
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return table
}
