package pushrig

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// counts are requests by path.
type counts struct {
	mu  sync.Mutex
	all map[string]int
}

func (c *counts) add(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[path]++
}

func (c *counts) of(path string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[path]
}

func (c *counts) sum() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, some := range c.all {
		n += some
	}
	return n
}

// wire carries requests to the vendor's server, unless there is an answer instead.
type wire struct {
	*http.Transport
	counts  *counts
	instead func(*http.Request) *http.Response
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.counts.add(r.URL.Path)
	if answer := w.instead(r); answer != nil {
		return answer, nil
	}
	return w.Transport.RoundTrip(r)
}

func (r *Rig[F, C, S]) instead(request *http.Request) *http.Response {
	if r.Instead == nil || request.URL.Path == r.vendor.Access {
		return nil
	}
	return r.Instead(request)
}

// Raw is an answer as it comes over the wire.
type Raw struct {
	Status           int
	RetryAfter, Body string
}

// Answer is for Rig.Instead: whoever asks is answered so.
func (a Raw) Answer(r *http.Request) *http.Response {
	h := http.Header{}
	if a.RetryAfter != "" {
		h.Set("Retry-After", a.RetryAfter)
	}
	return &http.Response{StatusCode: a.Status, Header: h, Body: io.NopCloser(strings.NewReader(a.Body)), Request: r}
}
