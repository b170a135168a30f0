package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Key signs tokens.
type Key struct {
	// ID goes into a token's kid: the key's thumbprint (RFC 7638).
	ID      string
	Private ed25519.PrivateKey
}

// Keys are the public keys that tokens are checked with, by kid.
type Keys map[string]ed25519.PublicKey

// maxKeys is the most keys a set may have.
const maxKeys = 64

type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	ID    string `json:"kid,omitempty"`
	X     string `json:"x"`
	D     string `json:"d,omitempty"`
	Use   string `json:"use,omitempty"`
	Alg   string `json:"alg,omitempty"`
	From  int64  `json:"annal_from,omitempty"`
	Until int64  `json:"annal_until,omitempty"`
}

func publicJWK(id string, public ed25519.PublicKey) jwk {
	return jwk{Type: "OKP", Curve: "Ed25519", ID: id, Use: "sig", Alg: "EdDSA", X: base64.RawURLEncoding.EncodeToString(public)}
}

type jwks struct {
	Keys []jwk `json:"keys"`
}

// GenerateKey makes a key from the randomness of r (crypto/rand.Reader).
func GenerateKey(r io.Reader) (Key, error) {
	_, private, err := ed25519.GenerateKey(r)
	if err != nil {
		return Key{}, fmt.Errorf("auth: generate key: %w", err)
	}
	return newKey(private), nil
}

func newKey(private ed25519.PrivateKey) Key {
	public := private.Public().(ed25519.PublicKey)
	return Key{ID: thumbprint(public), Private: private}
}

// thumbprint is the key's name, RFC 7638: SHA-256 over the required members in
// lexical order.
func thumbprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Public is the set holding this key alone.
func (k Key) Public() Keys {
	return Keys{k.ID: k.Private.Public().(ed25519.PublicKey)}
}

// MarshalKey writes a key with its private part, as a JWK Set of one. Keep it secret.
func MarshalKey(k Key) ([]byte, error) {
	out := publicJWK(k.ID, k.Private.Public().(ed25519.PublicKey))
	out.D = base64.RawURLEncoding.EncodeToString(k.Private.Seed())
	return marshal([]jwk{out})
}

// ParseKey reads what MarshalKey wrote: a JWK Set with one private key.
func ParseKey(data []byte) (Key, error) {
	set, err := parseSet(data)
	if err != nil {
		return Key{}, err
	}
	if len(set.Keys) != 1 {
		return Key{}, fmt.Errorf("auth: %d keys, want one private key", len(set.Keys))
	}
	seed, err := base64.RawURLEncoding.DecodeString(set.Keys[0].D)
	if err != nil || len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("auth: key %q has no Ed25519 private part (d)", set.Keys[0].ID)
	}
	k := newKey(ed25519.NewKeyFromSeed(seed))
	if set.Keys[0].ID != "" {
		k.ID = set.Keys[0].ID
	}
	return k, nil
}

// MarshalKeys writes the public keys as a JWK Set.
func MarshalKeys(keys Keys) ([]byte, error) {
	var out []jwk
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		out = append(out, publicJWK(id, keys[id]))
	}
	return marshal(out)
}

// ParseKeys reads a JWK Set of Ed25519 keys, whatever their time; private parts are passed over, so a
// signer's own file serves too. Errors are those of ParseRing.
func ParseKeys(data []byte) (Keys, error) {
	ring, err := ParseRing(data)
	if err != nil {
		return nil, err
	}
	keys := Keys{}
	for _, d := range ring {
		keys[d.ID] = d.Public
	}
	return keys, nil
}

// Find gives the key of a kid.
func (k Keys) Find(id string) (ed25519.PublicKey, bool) {
	public, ok := k[id]
	return public, ok
}

func parseSet(data []byte) (jwks, error) {
	var set jwks
	if err := json.Unmarshal(data, &set); err != nil {
		return jwks{}, fmt.Errorf("auth: not a JWK Set: %w", err)
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return jwks{}, fmt.Errorf("auth: a JWK Set of %d keys, want 1 to %d", len(set.Keys), maxKeys)
	}
	for _, k := range set.Keys {
		if k.Type != "OKP" || k.Curve != "Ed25519" {
			return jwks{}, fmt.Errorf("auth: key %q is %s %s, want OKP Ed25519", k.ID, k.Type, k.Curve)
		}
	}
	return set, nil
}

func marshal(keys []jwk) ([]byte, error) {
	b, err := json.MarshalIndent(jwks{Keys: keys}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("auth: marshal keys: %w", err)
	}
	return append(b, '\n'), nil
}
