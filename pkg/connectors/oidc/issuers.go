// Package oidc lets tokens of other OpenID providers in: their keys are found by discovery (OpenID Connect Discovery 1.0), and what of a
// token's claims makes a user of Annal's is configuration.
package oidc

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"

	"gopkg.in/yaml.v3"
)

// Mapping says which tokens of an issuer are taken, and for whom they speak.
type Mapping struct {
	// Issuer is the provider's URL, as in iss.
	Issuer string `yaml:"issuer"`
	// Audience must be in aud.
	Audience string `yaml:"audience"`
	// User is the claim that says who it is; sub when empty.
	User string `yaml:"user"`
	// Prefix goes before what that claim says: without one, whoever has a name there is the user of that name here. It has to be given, be it empty.
	Prefix *string `yaml:"prefix"`
	// Device is the claim that says which device it is; empty: none does.
	Device string `yaml:"device"`
	// Require are claims with what they must be, or hold where they are lists.
	Require map[string]string `yaml:"require"`
	// KeysURL is where the issuer's JWK Set is; empty: discovery tells.
	KeysURL string `yaml:"jwks_uri"`
}

// Bounds of a file of mappings.
const (
	maxFile    = 256 << 10
	maxIssuers = 16
)

// Errors of a file of mappings.
var (
	// ErrMappings says what such a file looks like.
	ErrMappings = errors.New("oidc: want a YAML list of issuers, each with issuer, audience and prefix, and if need be user, device, require and jwks_uri")
	// ErrURL says what an issuer's URL looks like.
	ErrURL = errors.New("oidc: an issuer's URLs are https, or http on a loopback address")
)

// ReadMappings reads a file of mappings.
func ReadMappings(path string) ([]Mapping, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%w, of %d bytes at most", ErrMappings, maxFile)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	return ParseMappings(content)
}

// ParseMappings reads mappings.
func ParseMappings(content []byte) ([]Mapping, error) {
	var all []Mapping
	d := yaml.NewDecoder(bytes.NewReader(content))
	d.KnownFields(true)
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMappings, err)
	}
	if len(all) == 0 || len(all) > maxIssuers {
		return nil, fmt.Errorf("%w, 1 to %d of them", ErrMappings, maxIssuers)
	}
	for i, m := range all {
		if m.Issuer == "" || m.Audience == "" || m.Prefix == nil {
			return nil, fmt.Errorf("%w: the one of %q lacks something", ErrMappings, m.Issuer)
		}
		if slices.ContainsFunc(all[:i], func(other Mapping) bool { return other.Issuer == m.Issuer }) {
			return nil, fmt.Errorf("%w: %q stands twice", ErrMappings, m.Issuer)
		}
		for _, text := range []string{m.Issuer, m.KeysURL} {
			if err := checkURL(text); text != "" && err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())) {
		return fmt.Errorf("%w, not %q", ErrURL, text)
	}
	return nil
}
