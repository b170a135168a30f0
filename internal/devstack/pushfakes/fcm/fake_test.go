package fcmfake

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/printed"
)

const app = "com.example.chat"

type rig struct {
	fake   *Fake
	server *pushfakes.Server
	client *http.Client
	phones *pushfakes.Phones
	token  string
	clock  time.Time
}

func open(t *testing.T) *rig {
	t.Helper()
	r := &rig{phones: pushfakes.NewPhones(), clock: time.Now()}
	var err error
	if r.fake, err = New(r.phones, app, func() time.Time { return r.clock }); err != nil {
		t.Fatal(err)
	}
	if r.server, err = pushfakes.Serve(r.fake, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.server.Close(); err != nil {
			t.Error(err)
		}
	})
	r.client, r.token = r.server.Client(), r.fake.Token(r.server.URL)
	return r
}

func (r *rig) do(t *testing.T, method, path, body string, header map[string]string) (int, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, r.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		q.Header.Set(name, value)
	}
	response, err := r.client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, b
}

// claims are those that are right.
func (r *rig) claims() jwt.MapClaims {
	return jwt.MapClaims{"iss": email, "scope": scopes[0], "aud": audience, "iat": r.clock.Unix(), "exp": r.clock.Add(time.Hour).Unix()}
}

func (r *rig) grant(t *testing.T, key any, method jwt.SigningMethod, kid string, claims jwt.MapClaims) (int, map[string]any) {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = kid
	assertion, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}.Encode()
	return r.ask(t, form, "application/x-www-form-urlencoded")
}

func (r *rig) ask(t *testing.T, form, media string) (int, map[string]any) {
	t.Helper()
	status, body := r.do(t, http.MethodPost, "/token", form, map[string]string{"Content-Type": media})
	var said map[string]any
	if err := json.Unmarshal(body, &said); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return status, said
}

func (r *rig) access(t *testing.T) string {
	t.Helper()
	status, said := r.grant(t, r.fake.key, jwt.SigningMethodRS256, r.fake.keyID, r.claims())
	token, is := said["access_token"].(string)
	if status != http.StatusOK || !is || said["expires_in"] != 3599.0 || said["token_type"] != "Bearer" {
		t.Fatalf("%d %v", status, said)
	}
	return token
}

// TestStrictAccess: an assertion that Google would not take is not taken.
func TestStrictAccess(t *testing.T) {
	r := open(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) jwt.MapClaims {
		c := r.claims()
		c[name] = value
		return c
	}
	for name, c := range map[string]struct {
		key    any
		method jwt.SigningMethod
		kid    string
		claims jwt.MapClaims
		word   string
	}{
		"another key":      {other, jwt.SigningMethodRS256, r.fake.keyID, r.claims(), "invalid_grant"},
		"another key's id": {r.fake.key, jwt.SigningMethodRS256, "1234", r.claims(), "invalid_grant"},
		"another method":   {r.fake.key, jwt.SigningMethodPS256, r.fake.keyID, r.claims(), "invalid_grant"},
		"another account":  {r.fake.key, jwt.SigningMethodRS256, r.fake.keyID, with("iss", "me@example.com"), "invalid_grant"},
		"another audience": {r.fake.key, jwt.SigningMethodRS256, r.fake.keyID, with("aud", "https://example.com/token"), "invalid_grant"},
		"two hours":        {r.fake.key, jwt.SigningMethodRS256, r.fake.keyID, with("exp", r.clock.Add(2*time.Hour).Unix()), "invalid_grant"},
		"over":             {r.fake.key, jwt.SigningMethodRS256, r.fake.keyID, with("exp", r.clock.Add(-time.Second).Unix()), "invalid_grant"},
		"not begun":        {r.fake.key, jwt.SigningMethodRS256, r.fake.keyID, with("iat", r.clock.Add(30*time.Minute).Unix()), "invalid_grant"},
		"no end":           {r.fake.key, jwt.SigningMethodRS256, r.fake.keyID, jwt.MapClaims{"iss": email, "scope": scopes[0], "aud": audience, "iat": r.clock.Unix()}, "invalid_grant"},
		"another scope":    {r.fake.key, jwt.SigningMethodRS256, r.fake.keyID, with("scope", "https://www.googleapis.com/auth/drive"), "invalid_scope"},
	} {
		if status, said := r.grant(t, c.key, c.method, c.kid, c.claims); status != http.StatusBadRequest || said["error"] != c.word || said["access_token"] != nil {
			t.Errorf("%s: %d %v", name, status, said)
		}
	}
	for form, want := range map[string]string{"grant_type=password": "unsupported_grant_type", "grant_type=%zz": "invalid_request"} {
		if status, said := r.ask(t, form, "application/x-www-form-urlencoded"); status != http.StatusBadRequest || said["error"] != want {
			t.Errorf("%s: %d %v", form, status, said)
		}
	}
	if status, said := r.ask(t, "{}", "application/json"); status != http.StatusBadRequest || said["error"] != "invalid_request" {
		t.Errorf("JSON: %d %v", status, said)
	}
}

// TestStrict: what Google's pages say is refused is refused, with its answer.
func TestStrict(t *testing.T) {
	r := open(t)
	access := r.access(t)
	to := `"token":"` + r.token + `"`
	const path = "/v1/projects/" + project + "/messages:send"
	long := func(n int) string { return strings.Repeat("x", n-len("titleAnnbody")) }
	for name, c := range map[string]struct {
		body           string
		status         int
		code, mentions string
	}{
		"right":              {`{"message":{` + to + `,"notification":{"title":"Ann","body":"right"}}}`, 200, "", ""},
		"in capitals":        {`{"message":{` + to + `,"android":{"collapseKey":"c","priority":"high","ttl":"3.5s","notification":{"body":"right","channelId":"x"}}}}`, 200, "", ""},
		"only to see":        {`{"validate_only":true,"message":{` + to + `,"notification":{"title":"Ann","body":"not shown"}}}`, 200, "", ""},
		"no JSON":            {`message`, 400, "", "Invalid JSON payload"},
		"no object":          {`[]`, 400, "", "Invalid value"},
		"no message":         {`{}`, 400, "", "message"},
		"unknown field":      {`{"message":{` + to + `,"sound":"x"}}`, 400, "", `Unknown name \"sound\" at 'message'`},
		"unknown in Android": {`{"message":{` + to + `,"android":{"notification":{"badge":1}}}}`, 400, "", `Unknown name \"badge\" at 'message.android.notification'`},
		"a number as data":   {`{"message":{` + to + `,"data":{"a":12}}}`, 400, "", "message.data[0].value"},
		"text as a number":   {`{"message":{` + to + `,"android":{"notification":{"notification_count":"1"}}}}`, 400, "", "TYPE_INT32"},
		"text as truth":      {`{"message":{` + to + `,"android":{"notification":{"default_sound":"yes"}}}}`, 400, "", "TYPE_BOOL"},
		"text as an object":  {`{"message":{` + to + `,"apns":{"payload":"x"}}}`, 400, "", "protobuf.Struct"},
		"text as a list":     {`{"message":{` + to + `,"android":{"notification":{"body_loc_args":"x"}}}}`, 400, "", "body_loc_args"},
		"numbers in a list":  {`{"message":{` + to + `,"android":{"notification":{"body_loc_args":[1]}}}}`, 400, "", "body_loc_args[0]"},
		"a list as texts":    {`{"message":{` + to + `,"data":[]}}`, 400, "", "message.data"},
		"another priority":   {`{"message":{` + to + `,"android":{"priority":"urgent"}}}`, 400, "", "TYPE_ENUM"},
		"ttl as a number":    {`{"message":{` + to + `,"android":{"ttl":60}}}`, 400, "", "Duration"},
		"ttl without s":      {`{"message":{` + to + `,"android":{"ttl":"60"}}}`, 400, "", "Duration"},
		"ttl of five weeks":  {`{"message":{` + to + `,"android":{"ttl":"3024000s"}}}`, 400, "", "ttl"},
		"to nobody":          {`{"message":{"notification":{"title":"x"}}}`, 400, "INVALID_ARGUMENT", "Recipient"},
		"to two":             {`{"message":{` + to + `,"topic":"news"}}`, 400, "", "oneof"},
		"to a topic":         {`{"message":{"topic":"news"}}`, 400, "INVALID_ARGUMENT", "topics"},
		"no token's form":    {`{"message":{"token":"abc"}}`, 400, "INVALID_ARGUMENT", "not a valid FCM registration token"},
		"an unknown token":   {`{"message":{"token":"` + open(t).token + `"}}`, 404, "UNREGISTERED", "not found"},
		"another package":    {`{"message":{` + to + `,"android":{"restricted_package_name":"com.example.other"}}}`, 400, "INVALID_ARGUMENT", "package"},
		"from in data":       {`{"message":{` + to + `,"data":{"from":"x"}}}`, 400, "INVALID_ARGUMENT", "data payload key"},
		"google. in data":    {`{"message":{` + to + `,"data":{"google.x":"x"}}}`, 400, "INVALID_ARGUMENT", "data payload key"},
		"4097 bytes":         {`{"message":{` + to + `,"notification":{"title":"Ann","body":"` + long(4097) + `"}}}`, 400, "INVALID_ARGUMENT", "too big"},
		"4097 bytes of data": {`{"message":{` + to + `,"data":{"k":"` + strings.Repeat("x", 4096) + `"}}}`, 400, "INVALID_ARGUMENT", "too big"},
		"4096 bytes":         {`{"message":{` + to + `,"notification":{"title":"Ann","body":"` + long(4096) + `"}}}`, 200, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := r.do(t, http.MethodPost, path, c.body, map[string]string{"Content-Type": "application/json; UTF-8", "Authorization": "Bearer " + access})
			if status != c.status || !strings.Contains(string(body), c.mentions) || strings.Contains(string(body), "errorCode") != (c.code != "") ||
				!strings.Contains(string(body), c.code) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	if s := r.screen(); s.Came != 3 || len(s.Shown) != 3 {
		t.Errorf("%d came: %+v", s.Came, s.Shown)
	}
}

// TestStrictCaller: who is not known, or asks for another project, or for what is not there.
func TestStrictCaller(t *testing.T) {
	r := open(t)
	access := r.access(t)
	const path = "/v1/projects/" + project + "/messages:send"
	message := `{"message":{"token":"` + r.token + `"}}`
	for name, c := range map[string]struct {
		method, path, authorization, media string
		status                             int
		mentions                           string
	}{
		"right":            {http.MethodPost, path, "Bearer " + access, "application/json", 200, `"name"`},
		"no authorization": {http.MethodPost, path, "", "application/json", 401, "CREDENTIALS_MISSING"},
		"another scheme":   {http.MethodPost, path, "key=" + access, "application/json", 401, "CREDENTIALS_MISSING"},
		"unknown token":    {http.MethodPost, path, "Bearer ya29.c.x", "application/json", 401, "UNAUTHENTICATED"},
		"another project":  {http.MethodPost, "/v1/projects/other/messages:send", "Bearer " + access, "application/json", 403, "PERMISSION_DENIED"},
		"a form":           {http.MethodPost, path, "Bearer " + access, "application/x-www-form-urlencoded", 400, "INVALID_ARGUMENT"},
		"GET":              {http.MethodGet, path, "Bearer " + access, "application/json", 404, "<!DOCTYPE html>"},
		"another method":   {http.MethodPost, "/v1/projects/" + project + "/messages:batch", "Bearer " + access, "application/json", 404, "<!DOCTYPE html>"},
		"the old API":      {http.MethodPost, "/fcm/send", "Bearer " + access, "application/json", 404, "<!DOCTYPE html>"},
	} {
		if status, body := r.do(t, c.method, c.path, message, map[string]string{"Content-Type": c.media, "Authorization": c.authorization}); status != c.status || !strings.Contains(string(body), c.mentions) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	r.clock = r.clock.Add(time.Hour)
	if status, body := r.do(t, http.MethodPost, path, message, map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + access}); status != 401 || !strings.Contains(string(body), "UNAUTHENTICATED") {
		t.Errorf("an hour later: %d %s", status, body)
	}
}

func (r *rig) screen() pushfakes.Screen {
	return r.phones.Screen(pushfakes.Phone{Service: "fcm", Package: app, Token: r.token})
}

// TestSamples: the messages that Google prints are shown, but for their token, which is refused; and with the answers that it prints.
func TestSamples(t *testing.T) {
	r := open(t)
	access := r.access(t)
	send := func(body string) (int, []byte) {
		t.Helper()
		return r.do(t, http.MethodPost, "/v1/projects/"+project+"/messages:send", body, map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + access})
	}
	same := func(got []byte, name string) {
		t.Helper()
		var g, w any
		if err := json.Unmarshal(got, &g); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(printed.Sample(t, name+".json")), &w); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(g, w) {
			t.Errorf("%s: %s", name, got)
		}
	}
	for i, c := range []struct {
		name  string
		shown int
		data  map[string]string
	}{{"notification", 1, nil}, {"data", 1, nil}, {"both", 2, map[string]string{"Nick": "Mario", "Room": "PortugalVSDenmark"}}} {
		printed := printed.Sample(t, c.name+".json")
		status, body := send(printed)
		if status != 400 {
			t.Errorf("%s: %d", c.name, status)
		}
		same(body, "invalid-token")
		if status, body := send(strings.ReplaceAll(printed, "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1...", r.token)); status != 200 {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
		s := r.screen()
		if len(s.Shown) != c.shown {
			t.Fatalf("%d: shows %+v", i, s.Shown)
		}
		if n := s.Shown[c.shown-1]; n.Title != "Portugal vs. Denmark" || n.Body != "great match!" || fmt.Sprint(n.Data) != fmt.Sprint(c.data) {
			t.Errorf("%s: %+v", c.name, n)
		}
	}
	_, body := send(`{"message":{"token":"` + r.token + `","data":{"count":12}}}`)
	same(body, "invalid-value")
	cut, request := "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1...", printed.Sample(t, "request.json")
	if status, body := send(strings.ReplaceAll(request, cut, r.token)); status != 200 || !accepted.Match(body) || !accepted.MatchString(printed.Sample(t, "sent.json")) {
		t.Errorf("%d %s", status, body)
	}
	if n := r.screen().Shown[2]; n.Title != "FCM Message" || n.Body != "This is an FCM notification message!" {
		t.Errorf("%+v", n)
	}
	status, body := send(strings.ReplaceAll(request, cut, open(t).token))
	if same(body, "unregistered"); status != 404 {
		t.Errorf("%d", status)
	}
}

// accepted is the answer about a message that was taken.
var accepted = regexp.MustCompile(`^\{\s*"name":\s*"projects/[a-z0-9-]+/messages/0:[0-9]{16}%[0-9a-f]{16}"\s*\}\s*$`)
