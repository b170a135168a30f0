package fcm

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

// TestClient: Google's own client finds in the fake what it knows of Google, and its requests are as the connector's.
func TestClient(t *testing.T) {
	r := vendor.Open(t)
	phone := r.Token()
	first, gone, other := r.Letter(phone, "Ann", "Hello, 世界"), r.Letter(r.Token(), "Ann", "x"), r.Letter(r.Token(), "Ann", "x")
	r.Fail(pushtest.Failure{Token: gone.Token, Name: "UNREGISTERED", Times: 2})
	r.Fail(pushtest.Failure{Token: other.Token, Name: "SENDER_ID_MISMATCH", Times: 2})
	bad := r.Letter("abc", "Ann", "x")
	said := byGoogle(t, r, first, gone, other, bad)
	want := []string{"", "messaging/registration-token-not-registered", "messaging/mismatched-credential", "messaging/invalid-argument"}
	want = append(want, want...) // once by HTTP/1.1, once by HTTP/2
	var got []string
	for _, s := range said {
		got = append(got, s.Error)
		if s.Error == "" && !strings.HasPrefix(s.Name, "projects/myproject-b5ae1/messages/") {
			t.Errorf("it was given %+v", s)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("it understood %+v, must %+v", said, want)
	}
	s := r.Phone(phone)
	if len(s.Shown) != 1 || s.Badge != 3 {
		t.Fatalf("%+v", s)
	}
	if n := s.Shown[0]; n.Body != "Hello, 世界" || n.ID != first.Note.ID || n.Times != 2 || n.Collapse != first.Note.Collapse || n.Thread != "g-1" || n.Link == "" {
		t.Errorf("%+v", n)
	}
	theirs := r.Fake.Requests.All()
	if a := r.One(t, first); a.Result != push.Delivered {
		t.Fatalf("%+v", a)
	}
	ours := r.Fake.Requests.All()[len(theirs):]
	// Who it is, and what of HTTP each does in its own way.
	but := []string{
		"User-Agent", "Accept", "Accept-Encoding", "Content-Length", "Connection", "X-Goog-Api-Client", "X-Firebase-Client", "Access_token_auth", "Transfer-Encoding",
	}
	for _, q := range ours {
		same := false
		for _, theirs := range theirs {
			same = same || slices.Equal(q.Shape(but...), theirs.Shape(but...))
		}
		if !same {
			t.Errorf("ours is\n%q\nand of theirs none:", q.Shape(but...))
			for _, theirs := range theirs {
				t.Errorf("%q", theirs.Shape(but...))
			}
		}
	}
	if len(ours) != 2 {
		t.Errorf("%d requests, must be one for access and one to send", len(ours))
	}
}

// said is what it understood of an answer.
type said struct{ Name, Error, Message string }

func byGoogle(t *testing.T, r *rig, letters ...push.Letter) []said {
	t.Helper()
	var messages []any
	for _, l := range letters {
		data := map[string]string{"link": l.Note.Link, "thread": l.Note.Thread}
		for key, value := range l.Note.Data {
			data[key] = value
		}
		messages = append(messages, map[string]any{
			"token": l.Token, "notification": map[string]string{"title": l.Note.Title, "body": l.Note.Body}, "data": data,
			"android": map[string]any{
				"priority": "high", "ttl": 600_000, "restrictedPackageName": app,
				"notification": map[string]any{"tag": l.Note.Collapse, "channelId": "message", "defaultSound": true, "notificationCount": l.Note.Badge},
			},
		})
	}
	config := r.Fake.Settings(r.Server.URL)
	task := map[string]any{"endpoint": config["endpoint"], "credentials": config["credentials"], "messages": messages}
	out := pushrig.Program{Name: "node", Script: "testdata/client.mjs", Trusts: "NODE_EXTRA_CA_CERTS"}.Do(t, r.Server, task)
	var all []said
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return all
}
