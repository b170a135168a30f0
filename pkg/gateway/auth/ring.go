package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"annal/internal/reload"
)

// Dated is a key with the time in which it serves.
type Dated struct {
	ID     string
	Public ed25519.PublicKey
	// Private is nil where only checking is done.
	Private ed25519.PrivateKey
	// From is when tokens are first signed with it; the zero time: since ever. They are good before, so that whoever checks has it in time.
	From time.Time
	// Until is when its tokens are no longer good; the zero time: never.
	Until time.Time
}

// Ring are the keys of one signer. In its file, a JWK Set, they have two members of Annal's own, in Unix seconds: annal_from and annal_until.
type Ring []Dated

// ErrNoSigner says that a ring has no key to sign with now.
var ErrNoSigner = errors.New("auth: there is no private key to sign with now")

// ParseRing reads a JWK Set of Ed25519 keys. Any other kind of key, a doubled kid, or an empty set is an error.
func ParseRing(data []byte) (Ring, error) {
	set, err := parseSet(data)
	if err != nil {
		return nil, err
	}
	var r Ring
	for _, k := range set.Keys {
		public, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(public) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("auth: key %q is not an Ed25519 public key", k.ID)
		}
		d := Dated{ID: k.ID, Public: public, From: ofUnix(k.From), Until: ofUnix(k.Until)}
		if d.ID == "" {
			d.ID = thumbprint(d.Public)
		}
		if slices.ContainsFunc(r, func(other Dated) bool { return other.ID == d.ID }) {
			return nil, fmt.Errorf("auth: key %q stands twice", d.ID)
		}
		if k.D != "" {
			seed, err := base64.RawURLEncoding.DecodeString(k.D)
			if err != nil || len(seed) != ed25519.SeedSize {
				return nil, fmt.Errorf("auth: key %q has no Ed25519 private part (d)", k.ID)
			}
			d.Private = ed25519.NewKeyFromSeed(seed)
			if !slices.Equal(d.Private.Public().(ed25519.PublicKey), d.Public) {
				return nil, fmt.Errorf("auth: key %q has a private part of another key", k.ID)
			}
		}
		r = append(r, d)
	}
	return r, nil
}

func ofUnix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0)
}

func toUnix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// Find gives the key of a kid that tokens may be signed with.
func (r Ring) Find(id string, now time.Time) (ed25519.PublicKey, bool) {
	for _, d := range r {
		if d.ID == id && d.serves(now) {
			return d.Public, true
		}
	}
	return nil, false
}

func (d Dated) serves(now time.Time) bool { return d.Until.IsZero() || now.Before(d.Until) }

// Signer gives the key that is signed with: of those that are begun and not ended the one that began last, the last of them.
func (r Ring) Signer(now time.Time) (Key, error) {
	var best *Dated
	for i, d := range r {
		if d.Private != nil && d.serves(now) && !d.From.After(now) && (best == nil || !d.From.Before(best.From)) {
			best = &r[i]
		}
	}
	if best == nil {
		return Key{}, ErrNoSigner
	}
	return Key{ID: best.ID, Private: best.Private}, nil
}

// Public gives the keys that tokens may be signed with, by kid, for a JWK Set that anybody may read: those to come too.
func (r Ring) Public(now time.Time) Keys {
	keys := Keys{}
	for _, d := range r {
		if d.serves(now) {
			keys[d.ID] = d.Public
		}
	}
	return keys
}

// Rotate gives a ring with a new key, made from the randomness of random, which is signed with after prepare: by then whoever checks tokens
// must have it. The tokens of those before are good for keep longer: no shorter than tokens last. Keys whose time is over are left out.
func (r Ring) Rotate(now time.Time, prepare, keep time.Duration, random io.Reader) (Ring, error) {
	k, err := GenerateKey(random)
	if err != nil {
		return nil, err
	}
	next := now.Add(prepare).Truncate(time.Second)
	var out Ring
	for _, d := range r {
		if !d.serves(now) {
			continue
		}
		if end := next.Add(keep); d.Until.IsZero() || d.Until.After(end) {
			d.Until = end
		}
		out = append(out, d)
	}
	return append(out, Dated{ID: k.ID, Public: k.Private.Public().(ed25519.PublicKey), Private: k.Private, From: next}), nil
}

// Marshal writes the ring, private parts included, as a JWK Set. Keep it secret.
func (r Ring) Marshal() ([]byte, error) {
	keys := make([]jwk, len(r))
	for i, d := range r {
		keys[i] = publicJWK(d.ID, d.Public)
		keys[i].From, keys[i].Until = toUnix(d.From), toUnix(d.Until)
		if d.Private != nil {
			keys[i].D = base64.RawURLEncoding.EncodeToString(d.Private.Seed())
		}
	}
	return marshal(keys)
}

// WithoutPrivate is what those need who only check tokens.
func (r Ring) WithoutPrivate() Ring {
	out := slices.Clone(r)
	for i := range out {
		out[i].Private = nil
	}
	return out
}

// File is a ring in a file, read again when that is replaced. One that can't be read changes nothing. It may be used by many goroutines at once.
type File struct {
	path string
	now  func() time.Time
	log  *slog.Logger

	mu    sync.Mutex
	ring  Ring
	files *reload.Files
}

// OpenFile reads a ring's file.
func OpenFile(path string, now func() time.Time, log *slog.Logger) (*File, error) {
	files, err := reload.New(now(), path)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	f := &File{path: path, now: now, log: log, files: files}
	f.ring, err = f.read()
	return f, err
}

// Ring gives the keys as they are now.
func (f *File) Ring() Ring {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed, err := f.files.Changed(f.now())
	if err == nil && changed {
		var ring Ring
		if ring, err = f.read(); err == nil {
			f.ring = ring
			f.log.Info("the keys of tokens were replaced", "keys", len(ring))
		}
	}
	if err != nil {
		f.log.Warn("the keys of tokens can't be read; going on with those before", "error", err)
	}
	return f.ring
}

// Find is [Ring.Find] now.
func (f *File) Find(id string) (ed25519.PublicKey, bool) { return f.Ring().Find(id, f.now()) }

func (f *File) read() (Ring, error) {
	content, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return ParseRing(content)
}
