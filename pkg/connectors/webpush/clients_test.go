package webpush

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
)

// shape is what requests of one protocol have in common, whoever made them: headers that are the protocol's, the names in the signed token, and the
// header of the encryption.
func shape(r pushfakes.Request) string {
	body := r.Body
	headers := []string{}
	for _, name := range []string{"Ttl", "Urgency", "Topic", "Content-Encoding"} {
		headers = append(headers, name+"="+strings.Join(r.Header.Values(name), ","))
	}
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	parts := strings.Split(strings.NewReplacer("t=", "", " ", "").Replace(rest), ".")
	var tokens []string
	for _, part := range parts[:min(2, len(parts))] {
		said := map[string]any{}
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || json.Unmarshal(b, &said) != nil {
			said["unreadable"] = part
		}
		for _, name := range slices.Sorted(maps.Keys(said)) {
			if name == "exp" { // when it ends is each sender's choice
				said[name] = "…"
			}
			tokens = append(tokens, fmt.Sprintf("%s=%v", name, said[name]))
		}
	}
	encryption := "none"
	if len(body) > 21 {
		encryption = fmt.Sprintf("key of %d bytes, whole in one record: %v", body[20], len(body)-21-int(body[20]) <= int(binary.BigEndian.Uint32(body[16:20])))
	}
	return strings.Join(headers, " ") + "\n" + strings.ToLower(scheme) + " " + strings.Join(tokens, " ") + "\n" + encryption
}

// TestOtherSenders: senders that others wrote reach the browsers of the fake, and their requests have the shape of ours.
func TestOtherSenders(t *testing.T) {
	r := vendor.Open(t)
	ours := r.Write("Hello")
	ours.Note.Expires = r.Now().Add(60*time.Second + 900*time.Millisecond)
	if a := r.Send(t.Context(), []push.Letter{ours})[0]; a.Result != push.Delivered {
		t.Fatalf("%+v", a)
	}
	for name, program := range map[string]pushrig.Program{
		"web-push":  {Name: "node", Script: "client.mjs", Trusts: "NODE_EXTRA_CA_CERTS"},
		"pywebpush": {Name: "venv/bin/python", Script: "client.py", Trusts: "REQUESTS_CA_BUNDLE"},
	} {
		t.Run(name, func(t *testing.T) {
			task := r.Fake.Settings(r.Server.URL)
			task["token"], task["topic"], task["payload"] = r.Token(), ours.Note.Collapse, string(encode(&ours.Note))
			if out := program.Do(t, r.Server, task); strings.TrimSpace(string(out)) != "201" {
				t.Fatalf("%s", out)
			}
			want, got := r.Phone(ours.Token).Shown[0], r.Phone(task["token"]).Shown
			if len(got) != 1 || got[0].Title != want.Title || got[0].Body != want.Body || got[0].ID != want.ID || !got[0].Urgent {
				t.Errorf("shows %+v, not %+v", got, want)
			}
			all := r.Fake.Requests.All()
			if ours, theirs := shape(all[0]), shape(all[len(all)-1]); theirs != ours {
				t.Errorf("its shape is\n%s\nours is\n%s", theirs, ours)
			}
		})
	}
}
