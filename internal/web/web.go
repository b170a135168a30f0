// Package web is the HTTP server of a process: its bounds, its headers, and TLS with certificates that may be replaced.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Bounds of what a request may cost before anybody knows who asks. A WebSocket has bounds of its own once it is one.
const (
	headerTime = 10 * time.Second
	readTime   = 30 * time.Second
	writeTime  = time.Minute
	idleTime   = 2 * time.Minute
	maxHeaders = 64 << 10
)

// Server serves a handler on a listener.
type Server struct {
	http         *http.Server
	certificates *Certificates
}

// NewServer makes one; with certificates it speaks TLS alone. What comes by one of the proxies comes from where that says.
func NewServer(h http.Handler, c *Certificates, proxies Proxies, logger *slog.Logger) *Server {
	s := &Server{certificates: c, http: &http.Server{
		Handler: proxies.through(secured(h, c != nil)), ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeaders,
		// What strangers send is no error of ours.
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}}
	if c != nil {
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.Get}
	}
	return s
}

// Serve returns when the server was shut down, or with what went wrong.
func (s *Server) Serve(listener net.Listener) (err error) {
	if s.certificates == nil {
		err = s.http.Serve(listener)
	} else {
		err = s.http.ServeTLS(listener, "", "")
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("web: %w", err)
}

// Shutdown ends it; requests under way may be answered until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

// URL is where a server that listens there is asked, by a scheme such as http or ws, with an s where it speaks TLS.
func (s *Server) URL(scheme string, at net.Addr) string {
	if s.certificates != nil {
		scheme += "s"
	}
	return scheme + "://" + at.String()
}

// secured has every answer say that it is no page: nothing here is to be shown, framed, guessed at or kept by a browser.
func secured(h http.Handler, overTLS bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		is := w.Header()
		is.Set("X-Content-Type-Options", "nosniff")
		is.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		is.Set("Referrer-Policy", "no-referrer")
		is.Set("Cache-Control", "no-store")
		if overTLS {
			is.Set("Strict-Transport-Security", "max-age=31536000")
		}
		h.ServeHTTP(w, r)
	})
}

// ErrOrigin says what an origin looks like.
var ErrOrigin = errors.New("web: an origin is https://host or https://host:port, as a browser sends it")

// CheckOrigin says whether a text is an origin as browsers send it.
func CheckOrigin(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.String() != u.Scheme+"://"+u.Host {
		return fmt.Errorf("%w, not %q", ErrOrigin, text)
	}
	return nil
}
