package webpush

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"annal/internal/devstack"
	"annal/internal/devstack/pushfakes"
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
	clients, err := devstack.Cached("clients")
	if err != nil {
		t.Fatal(err)
	}
	r := vendor.Open(t)
	authorities := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authorities, r.Server.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	ours := r.Write("Hello")
	ours.Note.Expires = r.Now().Add(60*time.Second + 900*time.Millisecond)
	if a := r.Send(t.Context(), []push.Letter{ours})[0]; a.Result != push.Delivered {
		t.Fatalf("%+v", a)
	}
	for name, command := range map[string][]string{
		"web-push": {"node", "client.mjs"}, "pywebpush": {filepath.Join(clients, "venv", "bin", "python"), "client.py"},
	} {
		t.Run(name, func(t *testing.T) {
			task := r.Fake.Settings(r.Server.URL)
			task["token"], task["topic"], task["payload"] = r.Token(), ours.Note.Collapse, string(encode(&ours.Note))
			in, err := json.Marshal(task)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
			cmd.Env = append(os.Environ(), "CLIENTS="+clients, "NODE_EXTRA_CA_CERTS="+authorities, "REQUESTS_CA_BUNDLE="+authorities)
			var complaints bytes.Buffer
			cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &complaints
			if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != "201" {
				t.Fatalf("%v: %s%s", err, out, complaints.String())
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
