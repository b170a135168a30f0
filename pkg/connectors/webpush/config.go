package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// Config is who we are to push services, and which of them are called.
type Config struct {
	// Subject is whom a push service can reach about us: mailto:… or https://… (RFC 8292, 2.1). Apple's refuses every letter without one.
	Subject string `yaml:"subject"`
	// PublicKey and PrivateKey are the application server's: a point of P-256, uncompressed (65 bytes), and its scalar (32), base64url without
	// padding. Pages subscribe with the public one as applicationServerKey; a subscription takes letters signed with that key only, for ever.
	PublicKey  string `yaml:"public_key"`
	PrivateKey string `yaml:"private_key"`
	// Hosts are where letters may go, separated by commas: HOST, HOST:PORT (443 if none is said) or either with the beginning of a path; *. at the front
	// stands for any names below. Empty: DefaultHosts. Where a letter goes is what a browser said, or whoever pretends to be one: without this list it
	// would be our requests, made from inside our network, to wherever a user likes.
	Hosts string `yaml:"hosts"`
}

// DefaultHosts are those of Chrome and what is made of it, Firefox, Edge and Safari, and what subscriptions' paths begin with there.
const DefaultHosts = "fcm.googleapis.com/fcm/send/, fcm.googleapis.com/wp/, updates.push.services.mozilla.com/wpush/, *.notify.windows.com/w/, *.push.apple.com/"

// Errors of Validate and New.
var (
	ErrApp     = errors.New("webpush: the package is missing")
	ErrSubject = errors.New("webpush: the subject is mailto:ADDRESS or https://HOST")
	ErrKeys    = errors.New("webpush: public_key and private_key are a pair of P-256, base64url")
	ErrHosts   = errors.New("webpush: hosts are HOST[:PORT][/PATH], separated by commas; *. may begin one")
)

// Validate refuses what can't work. Errors repeat no secret.
func (c Config) Validate() error {
	if !validSubject(c.Subject) {
		return ErrSubject
	}
	scalar, err := base64.RawURLEncoding.DecodeString(c.PrivateKey)
	if err != nil {
		return ErrKeys
	}
	private, err := ecdh.P256().NewPrivateKey(scalar)
	if err != nil || base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes()) != c.PublicKey {
		return ErrKeys
	}
	_, err = parsePlaces(c.Hosts)
	return err
}

func validSubject(s string) bool {
	if address, is := strings.CutPrefix(s, "mailto:"); is {
		name, host, two := strings.Cut(address, "@")
		return two && name != "" && host != "" && !strings.ContainsAny(address, " <>:")
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Hostname() != ""
}

// place is where letters may go.
type place struct {
	host, port, path string
	// below: to the names below host, not to itself.
	below bool
}

func parsePlaces(hosts string) ([]place, error) {
	if strings.TrimSpace(hosts) == "" {
		hosts = DefaultHosts
	}
	var places []place
	for one := range strings.SplitSeq(hosts, ",") {
		u, err := url.Parse("https://" + strings.TrimSpace(one))
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, ErrHosts
		}
		p := place{host: strings.ToLower(u.Hostname()), port: u.Port(), path: u.Path}
		p.host, p.below = strings.CutPrefix(p.host, "*.")
		if p.host == "" || strings.Contains(p.host, "*") || p.below && !strings.Contains(p.host, ".") {
			return nil, ErrHosts
		}
		places = append(places, p)
	}
	return places, nil
}

// names are those below a host (RFC 1123, 2.1), with the dot before it. An endpoint has them in ASCII.
var names = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+$`)

// has says whether a letter may go to u.
func (p place) has(u *url.URL) bool {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	named := host == p.host
	if p.below {
		above, is := strings.CutSuffix(host, p.host)
		named = is && names.MatchString(above)
	}
	if port == "" {
		port = "443"
	}
	want := p.port
	if want == "" {
		want = "443"
	}
	// A server may resolve dots in a path, decoded or not; a subscription has none.
	return named && port == want && strings.HasPrefix(u.Path, p.path) && !strings.Contains(u.Path, "/.")
}

// canonical spells a URL as an origin is spelled (RFC 6454, 6.2): the host in lower case, no port that is the scheme's own. It is what a push service compares
// the audience of our token with, and the audience is made of how the endpoint is spelled.
func canonical(u *url.URL) string {
	c := *u
	c.Host = strings.ToLower(u.Hostname())
	switch port := u.Port(); {
	case port != "" && port != "443":
		c.Host = net.JoinHostPort(c.Host, port)
	case strings.Contains(c.Host, ":"):
		c.Host = "[" + c.Host + "]"
	}
	return c.String()
}
