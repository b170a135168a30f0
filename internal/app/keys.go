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
		ring, err := auth.ParseRing(content)
		if err != nil {
			return auth.Key{}, "", fmt.Errorf("app: %s: %w", path, err)
		}
		key, err := ring.Signer(time.Now())
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
	ring, err := r.ring()
	if err != nil {
		return "", err
	}
	now := time.Now()
	key, err := ring.Signer(now)
	if err != nil {
		return "", fmt.Errorf("app: %s: %w", r.path(), err)
	}
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

func (r TokenRequest) path() string {
	if r.KeyFile != "" {
		return r.KeyFile
	}
	return filepath.Join(r.Data, devKeyFile)
}

// ring reads the signer's keys.
func (r TokenRequest) ring() (auth.Ring, error) {
	content, err := os.ReadFile(r.path())
	if err != nil {
		return nil, fmt.Errorf("app: the signing key: %w (annal dev makes one)", err)
	}
	ring, err := auth.ParseRing(content)
	if err != nil {
		return nil, fmt.Errorf("app: %s: %w", r.path(), err)
	}
	return ring, nil
}

// PublicKeys is what gateways check tokens with (--auth-keys): the signer's keys
// without their private parts, as a JWK Set.
func PublicKeys(r TokenRequest) ([]byte, error) {
	ring, err := r.ring()
	if err != nil {
		return nil, err
	}
	content, err := ring.WithoutPrivate().Marshal()
	if err != nil {
		return nil, fmt.Errorf("app: %w", err)
	}
	return content, nil
}

// Bounds of RotateKeys.
const (
	LeastPrepare = 10 * time.Second
	MostPrepare  = 30 * 24 * time.Hour
	MostKeep     = 400 * 24 * time.Hour
)

// ErrRotate says for how long a new key is prepared, and old ones are kept.
var ErrRotate = fmt.Errorf("app: --prepare is %s to %s: whoever checks tokens needs the new key by then; --keep is for as long as tokens last, and %s at most", LeastPrepare, MostPrepare, MostKeep)

// RotateKeys puts a new key into the signer's file, which is signed with after prepare; the old ones' tokens are good for keep longer. It gives the
// new key's id, and from when it signs. The file is whole at each moment.
func RotateKeys(r TokenRequest, prepare, keep time.Duration) (id string, from time.Time, err error) {
	if prepare < LeastPrepare || prepare > MostPrepare || keep <= 0 || keep > MostKeep {
		return "", time.Time{}, ErrRotate
	}
	ring, err := r.ring()
	if err != nil {
		return "", time.Time{}, err
	}
	if ring, err = ring.Rotate(time.Now(), prepare, keep, rand.Reader); err != nil {
		return "", time.Time{}, fmt.Errorf("app: %w", err)
	}
	content, err := ring.Marshal()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("app: %w", err)
	}
	next := r.path() + ".new"
	if err := writeNew(next, content); err != nil {
		return "", time.Time{}, err
	}
	if err := os.Rename(next, r.path()); err != nil {
		return "", time.Time{}, fmt.Errorf("app: %w", err)
	}
	last := ring[len(ring)-1]
	return last.ID, last.From, nil
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
	return writeNew(path, content)
}

// writeNew writes a file that only its owner reads, and that must not exist.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	if _, err := f.Write(content); err != nil {
		return errors.Join(fmt.Errorf("app: %w", err), f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	return nil
}
