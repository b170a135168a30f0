package chdbd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"annal/internal/devstack"
)

const readerPassword = "look"

func TestMain(m *testing.M) { devstack.Main(m) }

// start gives a server of the test's own, with a user who only reads.
func start(t *testing.T, args ...string) *devstack.ClickHouse {
	t.Helper()
	c, err := devstack.StartClickHouse(context.Background(), devstack.ClickHouseOptions{
		Args: append([]string{"--reader", "analyst"}, args...), Env: []string{"CHDBD_READER_PASSWORD=" + readerPassword},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// asked is a request of HTTP, and answer what came of it.
type asked struct {
	method, query, body string
	params              url.Values
	header              map[string]string
	reader              bool
}

type answered struct {
	status int
	header http.Header
	body   string
	// err is that of reading the body.
	err error
}

func ask(t *testing.T, base string, a asked) answered {
	t.Helper()
	params := url.Values{}
	for k, v := range a.params {
		params[k] = v
	}
	if a.query != "" {
		params.Set("query", a.query)
	}
	if a.method == "" {
		a.method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), a.method, base+"/?"+params.Encode(), strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range a.header {
		req.Header.Set(k, v)
	}
	if a.reader {
		req.SetBasicAuth("analyst", readerPassword)
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, res.Body)
	return answered{res.StatusCode, res.Header, b.String(), err}
}

// exec runs a statement that must work.
func exec(t *testing.T, base, text string) string {
	t.Helper()
	got := ask(t, base, asked{body: text})
	if got.status != http.StatusOK || got.err != nil {
		t.Fatalf("%s: %d %s %v", text, got.status, got.body, got.err)
	}
	return got.body
}

func (a answered) String() string { return fmt.Sprintf("%d %q (%v)", a.status, a.body, a.err) }
