package analytics

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// recorder stands before the archive and notes how a client speaks to it, which no client can be trusted to tell.
type recorder struct {
	url string

	mu sync.Mutex
	// parameters are the server-side ones; sent and got the compressions of requests and answers, "blocks" for ClickHouse's own.
	parameters, sent, got map[string]bool
	sessions              int
}

func record(t *testing.T, archive string) *recorder {
	t.Helper()
	to, err := url.Parse(archive)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{parameters: map[string]bool{}, sent: map[string]bool{}, got: map[string]bool{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { p.SetURL(to) },
		ModifyResponse: r.note,
		FlushInterval:  -1,
		// Of its own this one would ask for gzip, and unpack it.
		Transport: &http.Transport{DisableCompression: true},
		// That answers break off is meant to be.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *recorder) note(answer *http.Response) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	query := answer.Request.URL.Query()
	for name := range query {
		if name, ok := strings.CutPrefix(name, "param_"); ok {
			r.parameters[name] = true
		}
	}
	if query.Get("session_id") != "" {
		r.sessions++
	}
	encodings := func(h http.Header, blocks string, seen map[string]bool) {
		if name := h.Get("Content-Encoding"); name != "" {
			seen[name] = true
		}
		if query.Get(blocks) == "1" {
			seen["blocks"] = true
		}
	}
	encodings(answer.Request.Header, "decompress", r.sent)
	encodings(answer.Header, "compress", r.got)
	return nil
}
