package web_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/internal/web"
)

var quiet = slog.New(slog.DiscardHandler)

// files are where a certificate and its key are.
type files struct {
	*testing.T
	cert, key string
}

func newFiles(t *testing.T) files {
	dir := t.TempDir()
	return files{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

func (f files) write(cert, key []byte) {
	f.Helper()
	for file, content := range map[string][]byte{f.cert: cert, f.key: key} {
		if content == nil {
			continue
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			f.Fatal(err)
		}
	}
}

// TestCertificates: what the files hold is given, and the new one soon after they were replaced; a pair that is not whole, or expired,
// changes nothing.
func TestCertificates(t *testing.T) {
	now := time.Now()
	f := newFiles(t)
	if _, err := web.NewCertificates(f.cert, f.key, time.Now, quiet); err == nil {
		t.Error("without files there is no error")
	}
	first, firstKey := annaltest.Certificate(t, "first", now.Add(time.Hour))
	second, secondKey := annaltest.Certificate(t, "second", now.Add(2*time.Hour))
	old, oldKey := annaltest.Certificate(t, "old", now.Add(-time.Hour))
	f.write(old, oldKey)
	if _, err := web.NewCertificates(f.cert, f.key, time.Now, quiet); !errors.Is(err, web.ErrExpired) {
		t.Errorf("with one that is expired: %v", err)
	}
	f.write(first, firstKey)
	c, err := web.NewCertificates(f.cert, f.key, func() time.Time { return now }, quiet)
	if err != nil {
		t.Fatal(err)
	}
	want := func(name string, after time.Duration) {
		t.Helper()
		now = now.Add(after)
		got, err := c.Get(nil)
		if err != nil || got.Leaf.Subject.CommonName != name {
			t.Errorf("got %v, %v; want %s", got, err, name)
		}
	}
	want("first", 0)
	f.write(second, nil) // of two files one is there
	want("first", 2*time.Second)
	f.write(nil, secondKey)
	want("first", 0) // looked at a moment ago
	want("second", 2*time.Second)
	f.write(old, oldKey)
	want("second", 2*time.Second)
	if err := os.Remove(f.cert); err != nil {
		t.Fatal(err)
	}
	want("second", 2*time.Second)
	f.write(first, firstKey)
	want("first", 2*time.Second)
}

// serve serves a handler that says hello, and gives where.
func serve(t *testing.T, c *web.Certificates) (s *web.Server, at net.Addr) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = web.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }), c, nil, quiet)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(t.Context()), <-served); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return s, listener.Addr()
}

// TestServer: headers are there, with TLS and without, and what is too large is refused.
func TestServer(t *testing.T) {
	f := newFiles(t)
	cert, key := annaltest.Certificate(t, "one", time.Now().Add(time.Hour))
	f.write(cert, key)
	c, err := web.NewCertificates(f.cert, f.key, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(client.CloseIdleConnections)
	for scheme, certificates := range map[string]*web.Certificates{"http": nil, "https": c} {
		s, at := serve(t, certificates)
		url := s.URL("http", at)
		if !strings.HasPrefix(url, scheme+"://127.0.0.1:") || !strings.HasPrefix(s.URL("ws", at), strings.Replace(scheme, "http", "ws", 1)+"://") {
			t.Errorf("it is at %s", url)
		}
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		for _, name := range []string{"X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "Cache-Control"} {
			if resp.Header.Get(name) == "" {
				t.Errorf("%s: no %s", scheme, name)
			}
		}
		if got := resp.Header.Get("Strict-Transport-Security") != ""; got != (scheme == "https") {
			t.Errorf("%s: Strict-Transport-Security is there: %v", scheme, got)
		}
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Large", strings.Repeat("x", 100<<10))
		if resp, err = client.Do(req); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: a header of 100 KiB is answered with %s", scheme, resp.Status)
		}
	}
}

// TestPlainTextOverTLS: who speaks no TLS is told so, and nothing else.
func TestPlainTextOverTLS(t *testing.T) {
	f := newFiles(t)
	f.write(annaltest.Certificate(t, "one", time.Now().Add(time.Hour)))
	c, err := web.NewCertificates(f.cert, f.key, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	_, at := serve(t, c)
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(conn).ReadString('\n'); !strings.Contains(line, "400") {
		t.Errorf("it is answered %q", line)
	}
}

func TestCheckOrigin(t *testing.T) {
	for origin, good := range map[string]bool{
		"https://chat.example": true, "http://127.0.0.1:3000": true, "https://chat.example/": false, "https://chat.example/a": false, "chat.example": false,
		"*": false, "": false, "https://a:b@chat.example": false, "https://chat.example?x": false, "ftp://chat.example": false,
	} {
		if err := web.CheckOrigin(origin); (err == nil) != good {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
