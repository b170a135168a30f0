package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	driver "github.com/SherClockHolmes/webpush-go"

	"annal/pkg/projections/push"
)

// Codes of what is refused without asking anybody.
const (
	codeUnsupported  = "UNSUPPORTED"
	codeExpired      = "EXPIRED"
	codeSubscription = "BAD_SUBSCRIPTION"
	codeNotAllowed   = "ENDPOINT_NOT_ALLOWED"
	codeNoHost       = "NO_SUCH_HOST"
	codeTooBig       = "TOO_BIG"
)

// maxSubscription is how long a token can be, in bytes; those of browsers have less than 1000.
const maxSubscription = 4096

func refused(code, text string) *push.Answer {
	return &push.Answer{Result: push.Refused, Code: code, Text: push.Clip(text)}
}

// subscription reads a token: what PushSubscription.toJSON gives a page (https://www.w3.org/TR/push-api/#dom-pushsubscription-tojson). where is the
// place of ours that its endpoint is in.
func (s *Service) subscription(token string) (sub *driver.Subscription, where place, bad *push.Answer) {
	sub = &driver.Subscription{}
	if len(token) > maxSubscription || json.Unmarshal([]byte(token), sub) != nil {
		return nil, where, refused(codeSubscription, "want the JSON of a PushSubscription")
	}
	p256dh, ok := fromBase64(sub.Keys.P256dh)
	if _, err := ecdh.P256().NewPublicKey(p256dh); !ok || err != nil {
		return nil, where, refused(codeSubscription, "keys.p256dh is no point of P-256")
	}
	auth, ok := fromBase64(sub.Keys.Auth)
	if !ok || len(auth) != 16 {
		return nil, where, refused(codeSubscription, "keys.auth is not of 16 bytes")
	}
	// The driver takes any alphabet, and asks for the padding that its own reading of lengths expects: it gets one form only.
	sub.Keys = driver.Keys{P256dh: base64.RawURLEncoding.EncodeToString(p256dh), Auth: base64.RawURLEncoding.EncodeToString(auth)}
	u, err := url.Parse(sub.Endpoint)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" {
		return nil, where, refused(codeNotAllowed, "an endpoint is https://HOST/PATH")
	}
	for _, p := range s.places {
		if p.has(u) {
			sub.Endpoint = canonical(u)
			return sub, p, nil
		}
	}
	return nil, where, refused(codeNotAllowed, "its endpoint is not in hosts")
}

// fromBase64 reads what pages make of a key: base64url, or base64, with padding or without.
func fromBase64(s string) ([]byte, bool) {
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawURLEncoding.DecodeString(s)
	return b, err == nil
}
