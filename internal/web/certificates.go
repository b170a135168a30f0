package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is how often the files of a certificate are looked at, while anybody connects.
const lookEvery = time.Second

// Certificates gives connections the certificate that two files hold, and the new one once they were replaced. A pair that is not whole,
// as while one file of two is written, changes nothing. It may be used by many goroutines at once.
type Certificates struct {
	certFile, keyFile string
	now               func() time.Time
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	looked  time.Time
	// seen is what the files were like when they were last read, good or bad.
	seen [2]stamp
}

// stamp tells a file from another one under its name.
type stamp struct {
	at    time.Time
	bytes int64
}

// NewCertificates reads the files (PEM), which must be whole.
func NewCertificates(certFile, keyFile string, now func() time.Time, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{certFile: certFile, keyFile: keyFile, now: now, log: log}
	seen, err := c.stamps()
	if err == nil {
		err = c.read()
	}
	if err != nil {
		return nil, err
	}
	c.seen, c.looked = seen, now()
	return c, nil
}

// Get implements tls.Config.GetCertificate.
func (c *Certificates) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		c.look()
	}
	return c.current, nil
}

// look reads the files again if they are others.
func (c *Certificates) look() {
	seen, err := c.stamps()
	if err == nil {
		if seen == c.seen {
			return
		}
		c.seen = seen
		err = c.read()
	}
	if err != nil {
		c.log.Warn("the certificate can't be read; going on with the one before", "error", err)
		return
	}
	c.log.Info("the certificate was replaced", "until", c.current.Leaf.NotAfter)
}

func (c *Certificates) stamps() (s [2]stamp, err error) {
	for i, file := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(file)
		if err != nil {
			return s, fmt.Errorf("web: %w", err)
		}
		s[i] = stamp{info.ModTime(), info.Size()}
	}
	return s, nil
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
