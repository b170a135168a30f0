package webpush

import (
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"annal/internal/devstack/pushfakes"
	webpushfake "annal/internal/devstack/pushfakes/webpush"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "chat.example"

// rig is a fake, what it shows, and a service at it.
type rig struct {
	*Service
	t      *testing.T
	phones *pushfakes.Phones
	fake   *webpushfake.Fake
	server *pushfakes.Server
}

func newRig(t *testing.T) *rig {
	t.Helper()
	phones := pushfakes.NewPhones()
	fake, err := webpushfake.New(phones, app, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	server, err := pushfakes.Serve(fake, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, phones: phones, fake: fake, server: server}
	r.Service = r.serve(nil)
	return r
}

// serve makes a service with the fake's settings, some of them changed.
func (r *rig) serve(change map[string]string) *Service {
	r.t.Helper()
	settings := r.fake.Settings(r.server.URL)
	for name, value := range change {
		settings[name] = value
	}
	written, err := yaml.Marshal(settings)
	if err != nil {
		r.t.Fatal(err)
	}
	var c Config
	if err := yaml.Unmarshal(written, &c); err != nil {
		r.t.Fatal(err)
	}
	s, err := New(app, c, r.server.Client())
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) token() string { return r.fake.Token(r.server.URL) }

func (r *rig) screen(token string) pushfakes.Screen {
	return r.phones.Screen(pushfakes.Phone{Service: "webpush", Package: app, Token: token})
}

func TestConformance(t *testing.T) {
	pushtest.Run(t, func(t *testing.T) pushtest.Fixture {
		r := newRig(t)
		return pushtest.Fixture{
			Service: r.Service, Package: app, Token: r.token,
			Fail: func(token, name string) { r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: name}) },
			Gone: "410", Busy: "429", Refuse: "413", Wrong: "BadJwtToken",
			Screen: func(token string) (shown [][2]string, badge, came int) {
				s := r.screen(token)
				for _, n := range s.Shown {
					shown = append(shown, [2]string{n.Title, n.Body})
				}
				return shown, s.Badge, s.Came
			},
		}
	})
}

// letter is one that shows everything a note can have.
func letter(token string) push.Letter {
	return push.Letter{Token: token, Package: app, Note: push.Note{
		ID: "0189aaaa-0000-7000-8000-000000000001", Kind: push.Message, Title: "Ann", Body: "Hello <b>&</b>", Badge: 3, Collapse: "c-1_A", Thread: "g-1",
		Link: "https://chat.example/s/g-1?seq=7", Data: map[string]string{"kind": "message", "session": "g-1", "event": "0189aaaa-0000-7000-8000-000000000001"}, Urgent: true, Expires: time.Now().Add(time.Minute),
	}}
}

// TestPart: each maker's service is a part of its own, whatever the names below it.
func TestPart(t *testing.T) {
	r := newRig(t)
	public, auth := r.token(), ""
	c := r.fake.Settings(r.server.URL)
	s, err := New(app, Config{Subject: c["subject"], PublicKey: c["public_key"], PrivateKey: c["private_key"]}, r.server.Client())
	if err != nil {
		t.Fatal(err)
	}
	_, keys, _ := strings.Cut(public, `"keys":`)
	auth = `","expirationTime":null,"keys":` + keys
	for endpoint, want := range map[string]string{
		"https://updates.push.services.mozilla.com/wpush/v2/abc": "updates.push.services.mozilla.com/wpush/",
		"https://a.notify.windows.com/w/?token=1":                "notify.windows.com/w/",
		"https://b.notify.windows.com/w/?token=2":                "notify.windows.com/w/",
		"https://elsewhere.example/x":                            "",
	} {
		if got := s.Part(`{"endpoint":"` + endpoint + auth); got != want {
			t.Errorf("%s is of %q, must %q", endpoint, got, want)
		}
	}
	if got := s.Part("no token"); got != "" {
		t.Error(got)
	}
}
