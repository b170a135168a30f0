package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"annal/internal/reload"
)

// Certificates gives connections the certificate that two files hold, and the new one once they were replaced. A pair that is not whole,
// as while one file of two is written, changes nothing. It may be used by many goroutines at once.
type Certificates struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	files   *reload.Files
}

// NewCertificates reads the files (PEM), which must be whole.
func NewCertificates(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{certFile: certFile, keyFile: keyFile, now: now, log: log}
	files, err := reload.New(now(), certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	c.files = files
	return c, c.read()
}

// Get implements tls.Config.GetCertificate.
func (c *Certificates) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	return c.current, nil
}

// look reads the files again if they are others.
func (c *Certificates) look() {
	changed, err := c.files.Changed(c.now())
	if err == nil && changed {
		err = c.read()
	}
	switch {
	case err != nil:
		c.log.Warn("the certificate can't be read; going on with the one before", "error", err)
	case changed:
		c.log.Info("the certificate was replaced", "until", c.current.Leaf.NotAfter)
	}
}

// ErrExpired says that a certificate's time is over.
var ErrExpired = errors.New("web: the certificate is expired")

func (c *Certificates) read() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("web: %w", err)
	}
	if c.now().After(pair.Leaf.NotAfter) {
		return fmt.Errorf("%w since %s", ErrExpired, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	c.current = &pair
	return nil
}
