package apns

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sideshow/apns2"
	builder "github.com/sideshow/apns2/payload"
	"github.com/sideshow/apns2/token"

	"annal/internal/devstack/pushfakes"
	"annal/internal/devstack/pushfakes/pushrig"
	"annal/pkg/projections/push"
)

// TestClients: senders that others wrote find in the fake what they know of Apple, and their requests are as the connector's.
func TestClients(t *testing.T) {
	for name, send := range map[string]func(*testing.T, *rig, ...push.Letter) []said{"apns2": byGo, "aioapns": byPython} {
		t.Run(name, func(t *testing.T) {
			r := vendor.Open(t)
			phone := r.Token()
			first, gone, bad := r.Letter(phone, "Ann", "Hello, 世界"), r.Letter(r.Token(), "Ann", "x"), r.Letter("0123abcd", "Ann", "x")
			r.Fake.Faults().Add(pushfakes.Fault{Token: gone.Token, Name: "Unregistered", Since: time.UnixMilli(1_700_000_000_000)})
			got := send(t, r, first, gone, bad)
			want := []said{{200, "", first.Note.ID, 0}, {410, "Unregistered", gone.Note.ID, 1_700_000_000_000}, {400, "BadDeviceToken", bad.Note.ID, 0}}
			if !slices.Equal(got, want) {
				t.Errorf("it understood %+v, must %+v", got, want)
			}
			theirs := r.Fake.Requests.All()[0]
			s := r.Phone(phone)
			if len(s.Shown) != 1 || s.Badge != 3 {
				t.Fatalf("%+v", s)
			}
			if n := s.Shown[0]; n.Body != "Hello, 世界" || n.ID != first.Note.ID || n.Collapse != first.Note.Collapse || n.Thread != "g-1" || n.Link == "" {
				t.Errorf("%+v", n)
			}
			if a := r.One(t, first); a.Result != push.Delivered {
				t.Fatalf("%+v", a)
			}
			all := r.Fake.Requests.All()
			// Who it is, and what HTTP/2 does not need.
			but := []string{"User-Agent", "Accept-Encoding", "Content-Length", "Content-Type", "Host"}
			if ours := all[len(all)-1].Shape(but...); !slices.Equal(ours, theirs.Shape(but...)) {
				t.Errorf("ours is\n%q\ntheirs\n%q", ours, theirs.Shape(but...))
			}
		})
	}
}

// said is what a client understood of an answer; the time in milliseconds.
type said struct {
	status     int
	reason, id string
	at         int64
}

func byGo(t *testing.T, r *rig, letters ...push.Letter) []said {
	t.Helper()
	config := r.Fake.Settings(r.Server.URL)
	key, err := token.AuthKeyFromBytes([]byte(config["key"]))
	if err != nil {
		t.Fatal(err)
	}
	client := apns2.NewTokenClient(&token.Token{AuthKey: key, KeyID: config["key_id"], TeamID: config["team_id"]})
	client.Host, client.HTTPClient = r.Server.URL, r.Server.Client()
	var all []said
	for _, l := range letters {
		p := builder.NewPayload().AlertTitle(l.Note.Title).AlertBody(l.Note.Body).Badge(l.Note.Badge).Sound("default").ThreadID(l.Note.Thread)
		for key, value := range custom(l.Note) {
			p.Custom(key, value)
		}
		answer, err := client.Push(&apns2.Notification{
			ApnsID: l.Note.ID, CollapseID: l.Note.Collapse, DeviceToken: l.Token, Topic: r.Package, Expiration: l.Note.Expires,
			Priority: apns2.PriorityHigh, PushType: apns2.PushTypeAlert, Payload: p,
		})
		if err != nil {
			t.Fatal(err)
		}
		s := said{status: answer.StatusCode, reason: answer.Reason, id: answer.ApnsID}
		if !answer.Timestamp.IsZero() {
			s.at = answer.Timestamp.UnixMilli()
		}
		all = append(all, s)
	}
	return all
}

func custom(n push.Note) map[string]string {
	all := map[string]string{"link": n.Link}
	for key, value := range n.Data {
		all[key] = value
	}
	return all
}

func byPython(t *testing.T, r *rig, letters ...push.Letter) []said {
	t.Helper()
	at, err := url.Parse(r.Server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		t.Fatal(err)
	}
	config := r.Fake.Settings(r.Server.URL)
	task := map[string]any{"host": at.Hostname(), "port": port, "key": config["key"], "key_id": config["key_id"], "team_id": config["team_id"], "topic": r.Package}
	var notifications []any
	for _, l := range letters {
		payload := map[string]any{"aps": map[string]any{
			"alert": map[string]string{"title": l.Note.Title, "body": l.Note.Body}, "badge": l.Note.Badge, "sound": "default", "thread-id": l.Note.Thread,
		}}
		for key, value := range custom(l.Note) {
			payload[key] = value
		}
		notifications = append(notifications, map[string]any{
			"token": l.Token, "payload": payload, "id": l.Note.ID, "seconds": 600, "priority": 10, "collapse": l.Note.Collapse, "type": "alert",
		})
	}
	task["notifications"] = notifications
	var answers []struct {
		Status, Reason, ID string
		Timestamp          int64
	}
	out := pushrig.Program{Name: "venv/bin/python", Script: "testdata/client.py", Trusts: "SSL_CERT_FILE"}.Do(t, r.Server, task)
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	var all []said
	for _, a := range answers {
		status, err := strconv.Atoi(a.Status)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, said{status, a.Reason, a.ID, a.Timestamp})
	}
	return all
}
