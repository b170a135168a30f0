package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"annal/internal/obs"
)

func TestHealth(t *testing.T) {
	var ready obs.Readiness
	var err error
	ready.Add("hot", func() error { return err })
	mux := http.NewServeMux()
	obs.Mount(mux, &ready, obs.NewRegistry("test"))
	server := httptest.NewServer(mux)
	defer server.Close()
	_, port, splitErr := net.SplitHostPort(server.Listener.Addr().String())
	if splitErr != nil {
		t.Fatal(splitErr)
	}
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "", "[::]"} {
		if out, err := execute(t, healthCommand(), "", "--http", host+":"+port); err != nil || out != "ready\n" {
			t.Errorf("%s: %q, %v; want ready", host, out, err)
		}
	}
	err = errors.New("the view of partition 3 is being built")
	if _, err := execute(t, healthCommand(), "", "--http", ":"+port); err == nil || !strings.Contains(err.Error(), "partition 3") {
		t.Errorf("not ready: %v, want why", err)
	}
	if out, err := execute(t, healthCommand(), "", "--live", "--http", ":"+port); err != nil || out != "ok\n" {
		t.Errorf("it lives: %q, %v", out, err)
	}
	server.Close()
	if _, err := execute(t, healthCommand(), "", "--http", ":"+port); err == nil {
		t.Error("a server that is gone is well")
	}
}
