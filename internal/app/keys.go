package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// devKeyFile holds the key that `annal dev` makes, private part included.
const devKeyFile = "dev-key.json"

// devTokenTTL is how long a development token lasts.
const devTokenTTL = 30 * 24 * time.Hour

// devKey gives the data directory's key, made the first time.
func devKey(data string) (auth.Key, string, error) {
	path := filepath.Join(data, devKeyFile)
	content, err := os.ReadFile(path)
	switch {
	case err == nil:
		key, err := auth.ParseKey(content)
		if err != nil {
			return auth.Key{}, "", fmt.Errorf("app: %s: %w", path, err)
		}
		return key, path, nil
	case !errors.Is(err, fs.ErrNotExist):
		return auth.Key{}, "", fmt.Errorf("app: %w", err)
	}
	key, err := auth.GenerateKey(rand.Reader)
	if err != nil {
		return auth.Key{}, "", fmt.Errorf("app: %w", err)
	}
	if content, err = auth.MarshalKey(key); err != nil {
		return auth.Key{}, "", fmt.Errorf("app: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return auth.Key{}, "", fmt.Errorf("app: %w", err)
	}
	return key, path, nil
}

// TokenRequest is what IssueToken is asked.
type TokenRequest struct {
	// KeyFile is the signer's key; empty: the development key under Data.
	KeyFile string
	Data    string
	// User the token is for; a service token may act for others too.
	User string
	// Service, when set, makes it a service token of that name.
	Service string
	// Scopes are what the service may; nil: all.
	Scopes []string
	// Login is the one that it comes from, and Device that one's; empty for none.
	Login, Device string
	TTL           time.Duration
}

// IssueToken signs a token.
func IssueToken(r TokenRequest) (string, error) {
	key, err := r.key()
	if err != nil {
		return "", err
	}
	now := time.Now()
	token, err := auth.Issue(key, identity(r, now), now)
	if err != nil {
		return "", fmt.Errorf("app: %w", err)
	}
	return token, nil
}

func identity(r TokenRequest, now time.Time) auth.Identity {
	id := auth.Identity{User: events.UserID(r.User), Service: r.Service, Login: r.Login, Device: r.Device, Expires: now.Add(r.TTL)}
	for _, scope := range r.Scopes {
		id.Scopes = append(id.Scopes, auth.Scope(scope))
	}
	return id
}

// key reads the signer's key.
func (r TokenRequest) key() (auth.Key, error) {
	path := r.KeyFile
	if path == "" {
		path = filepath.Join(r.Data, devKeyFile)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return auth.Key{}, fmt.Errorf("app: the signing key: %w (annal dev makes one)", err)
	}
	key, err := auth.ParseKey(content)
	if err != nil {
		return auth.Key{}, fmt.Errorf("app: %s: %w", path, err)
	}
	return key, nil
}

// PublicKeys is what gateways check tokens with (--auth-keys): the signer's key
// without its private part, as a JWK Set.
func PublicKeys(r TokenRequest) ([]byte, error) {
	key, err := r.key()
	if err != nil {
		return nil, err
	}
	content, err := auth.MarshalKeys(key.Public())
	if err != nil {
		return nil, fmt.Errorf("app: %w", err)
	}
	return content, nil
}

// NewKey writes a fresh signing key to path; it must not exist.
func NewKey(path string) error {
	key, err := auth.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	content, err := auth.MarshalKey(key)
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(fmt.Errorf("app: %w", err), f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	return nil
}
