package webpushfake

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// complaint is a refusal, as push services give it: a status, and Apple's reason where it has one.
type complaint struct {
	status         int
	reason, detail string
}

// longestToken is how far away the end of a token can be (RFC 8292, 2).
const longestToken = 24 * time.Hour

// claims are those of a token of RFC 8292, 2.
type claims struct {
	Aud string `json:"aud"`
	Exp int64  `json:"exp"`
	Sub string `json:"sub"`
}

// vapid is what Authorization says: "vapid t=TOKEN, k=KEY" (RFC 8292, 3).
type vapid struct {
	signed    string
	signature []byte
	key       []byte
	claims    claims
}

// parseVapid reads the header; it is not yet known to be true.
func parseVapid(header string) (v vapid, ok bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "vapid") {
		return v, false
	}
	fields := map[string]string{}
	for one := range strings.SplitSeq(rest, ",") {
		name, value, is := strings.Cut(strings.TrimSpace(one), "=")
		if _, twice := fields[name]; !is || twice {
			return v, false
		}
		fields[name] = strings.Trim(value, `"`)
	}
	parts := strings.Split(fields["t"], ".")
	var err error
	if v.key, err = base64.RawURLEncoding.DecodeString(fields["k"]); err != nil || len(parts) != 3 {
		return v, false
	}
	var head struct{ Alg, Typ string }
	if !decoded(parts[0], &head) || head.Alg != "ES256" || head.Typ != "JWT" || !decoded(parts[1], &v.claims) {
		return v, false
	}
	v.signed = parts[0] + "." + parts[1]
	v.signature, err = base64.RawURLEncoding.DecodeString(parts[2])
	return v, err == nil
}

func decoded(part string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, into) == nil
}

// genuine says whether the token is signed with the key.
func (v vapid) genuine() bool {
	key, err := ecdsa.ParseUncompressedPublicKey(curve, v.key)
	if err != nil || len(v.signature) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(v.signed))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(v.signature[:32]), new(big.Int).SetBytes(v.signature[32:]))
}

// check is what a push service does with the header of a message to a subscription that is restricted to a key (RFC 8292, 4.2). Origin is its own, which it
// takes from nothing that a sender says. Reasons are Apple's.
func (f *Fake) check(r *http.Request, origin string) *complaint {
	header := r.Header.Get("Authorization")
	if header == "" {
		return &complaint{status: http.StatusUnauthorized, detail: "no Authorization"}
	}
	v, ok := parseVapid(header)
	now := f.now()
	switch {
	case !ok || !v.genuine():
		return &complaint{http.StatusForbidden, "BadJwtToken", "the token is not signed with its key"}
	case v.claims.Aud != origin:
		return &complaint{http.StatusForbidden, "BadJwtToken", "aud is another origin"}
	case v.claims.Exp <= now.Unix() || v.claims.Exp > now.Add(longestToken).Unix():
		return &complaint{http.StatusForbidden, "BadJwtToken", "exp has gone by, or is more than a day away"}
	case !reachable(v.claims.Sub):
		return &complaint{http.StatusForbidden, "BadJwtToken", "sub is neither mailto: nor https:"}
	case base64.RawURLEncoding.EncodeToString(v.key) != f.public:
		return &complaint{status: http.StatusForbidden, detail: "the subscription is for another key"}
	}
	return nil
}

func reachable(sub string) bool {
	if address, is := strings.CutPrefix(sub, "mailto:"); is {
		return strings.Count(address, "@") == 1 && !strings.ContainsAny(address, " :<>")
	}
	u, err := url.Parse(sub)
	return err == nil && u.Scheme == "https" && u.Host != ""
}
