package auth

import (
	"crypto/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annal/pkg/events"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func newTestKey(t *testing.T) Key {
	t.Helper()
	k, err := GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t *testing.T, k Key, method jwt.SigningMethod, key any, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	token.Header["kid"] = k.ID
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestIssuedTokenIsGoodUntilItExpires(t *testing.T) {
	k := newTestKey(t)
	now := noon
	v := NewVerifier(k.Public(), func() time.Time { return now })
	want := Identity{User: "u1", Service: "bridge", Expires: noon.Add(time.Minute)}
	token, err := Issue(k, want, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Duration{0, 59 * time.Second, 60 * time.Second, time.Hour} {
		now = noon.Add(at)
		got, e := v.Verify(token)
		if at < time.Minute && (e != nil || got.User != want.User || got.Service != want.Service || !got.Expires.Equal(want.Expires)) {
			t.Errorf("after %v: got %+v, %v; want %+v", at, got, e, want)
		}
		if at >= time.Minute && (e == nil || e.Code != events.CodeTokenExpired) {
			t.Errorf("after %v: got %+v, %v; want TOKEN_EXPIRED", at, got, e)
		}
	}
}

func TestBadTokens(t *testing.T) {
	k, other := newTestKey(t), newTestKey(t)
	v := NewVerifier(k.Public(), func() time.Time { return noon })
	good := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{"sub": "u1", "aud": Audience, "exp": noon.Add(time.Hour).Unix()}
		change(c)
		return c
	}
	ed := jwt.SigningMethodEdDSA
	valid := sign(t, k, ed, k.Private, good(func(jwt.MapClaims) {}))
	if _, e := v.Verify(valid); e != nil {
		t.Fatalf("the good token fails: %v", e)
	}
	head, rest, _ := strings.Cut(valid, ".")
	for name, token := range map[string]string{
		"empty":             "",
		"not a token":       "hello",
		"over long":         valid + strings.Repeat("x", maxTokenBytes),
		"cut signature":     valid[:len(valid)-4],
		"no claims":         head + ".." + rest[strings.Index(rest, ".")+1:],
		"alg none":          sign(t, k, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(func(jwt.MapClaims) {})),
		"alg HS256":         sign(t, k, jwt.SigningMethodHS256, []byte(k.Private.Seed()), good(func(jwt.MapClaims) {})),
		"another's key":     sign(t, Key{ID: k.ID}, ed, other.Private, good(func(jwt.MapClaims) {})),
		"unknown kid":       sign(t, other, ed, other.Private, good(func(jwt.MapClaims) {})),
		"no sub":            sign(t, k, ed, k.Private, good(func(c jwt.MapClaims) { delete(c, "sub") })),
		"sub with a space":  sign(t, k, ed, k.Private, good(func(c jwt.MapClaims) { c["sub"] = "u 1" })),
		"other audience":    sign(t, k, ed, k.Private, good(func(c jwt.MapClaims) { c["aud"] = "else" })),
		"no exp":            sign(t, k, ed, k.Private, good(func(c jwt.MapClaims) { delete(c, "exp") })),
		"nbf in the future": sign(t, k, ed, k.Private, good(func(c jwt.MapClaims) { c["nbf"] = noon.Add(6 * time.Second).Unix() })),
		"iat in the future": sign(t, k, ed, k.Private, good(func(c jwt.MapClaims) { c["iat"] = noon.Add(6 * time.Second).Unix() })),
	} {
		if id, e := v.Verify(token); e == nil || e.Code != events.CodeBadToken {
			t.Errorf("%s: got %+v, %v; want BAD_TOKEN", name, id, e)
		}
	}
	within := sign(t, k, ed, k.Private, good(func(c jwt.MapClaims) { c["iat"] = noon.Add(4 * time.Second).Unix() }))
	if _, e := v.Verify(within); e != nil {
		t.Errorf("iat 4 s ahead, within the leeway of %v: got %v", Leeway, e)
	}
}

func TestKeysSurviveTheirFile(t *testing.T) {
	a, b := newTestKey(t), newTestKey(t)
	file, err := MarshalKey(a)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseKey(file)
	if err != nil || back.ID != a.ID || !back.Private.Equal(a.Private) {
		t.Errorf("private key came back as %q, %v; want %q", back.ID, err, a.ID)
	}
	keys := a.Public()
	keys[b.ID] = b.Public()[b.ID]
	file, err = MarshalKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(file), `"d"`) {
		t.Errorf("public key set holds a private part: %s", file)
	}
	read, err := ParseKeys(file)
	if err != nil || len(read) != 2 || !read[a.ID].Equal(keys[a.ID]) || !read[b.ID].Equal(keys[b.ID]) {
		t.Errorf("key set came back as %v, %v", read, err)
	}
	for _, bad := range []string{``, `{}`, `{"keys":[]}`, `{"keys":[{"kty":"RSA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`} {
		if got, err := ParseKeys([]byte(bad)); err == nil {
			t.Errorf("ParseKeys(%q) = %v, want an error", bad, got)
		}
	}
}

func TestLoginAndScopes(t *testing.T) {
	k := newTestKey(t)
	v := NewVerifier(k.Public(), func() time.Time { return noon })
	for _, id := range []Identity{
		{User: "ann", Login: "l1", Device: "phone", Expires: noon.Add(time.Hour)},
		{User: "ann", Login: "l2", Device: "phone", Client: "web", Scopes: []Scope{ScopeRead}, Expires: noon.Add(time.Hour)},
		{User: "ann", Login: "l3", Device: "phone", Client: "web", Scopes: []Scope{}, Expires: noon.Add(time.Hour)},
		{User: "bot", Service: "bridge", Scopes: []Scope{ScopeRead, ScopeImport}, Expires: noon.Add(time.Hour)},
		{User: "bot", Service: "none", Scopes: []Scope{}, Expires: noon.Add(time.Hour)},
		{User: "bot", Service: "all", Expires: noon.Add(time.Hour)},
	} {
		token, err := Issue(k, id, noon)
		if err != nil {
			t.Fatal(err)
		}
		got, bad := v.Verify(token)
		got.Expires = got.Expires.UTC()
		if bad != nil || !reflect.DeepEqual(got, id) {
			t.Errorf("%+v: %+v, %v", id, got, bad)
		}
		for _, s := range Scopes() {
			want := id.Service == "all" || id.Service == "bridge" && (s == ScopeRead || s == ScopeImport)
			if got.May(s) != want {
				t.Errorf("%+v may %s: %v", id, s, !want)
			}
			if lets := want || id.Login == "l1" || id.Login == "l2" && s == ScopeRead; got.Lets(s) != lets {
				t.Errorf("%+v lets %s: %v", id, s, !lets)
			}
		}
	}
	foreign := sign(t, k, jwt.SigningMethodEdDSA, k.Private, jwt.MapClaims{"sub": "bot", "svc": "b", "aud": "annal", "exp": noon.Unix() + 9, "scope": "openid read"})
	if got, bad := v.Verify(foreign); bad != nil || !slices.Equal(got.Scopes, []Scope{ScopeRead}) {
		t.Errorf("scopes of others: %+v, %v", got, bad)
	}
	bad := sign(t, k, jwt.SigningMethodEdDSA, k.Private, jwt.MapClaims{"sub": "ann", "sid": "a\x00", "aud": "annal", "exp": noon.Unix() + 9})
	if _, err := v.Verify(bad); err == nil || err.Code != events.CodeBadToken {
		t.Errorf("a login that is no name: %v", err)
	}
}
