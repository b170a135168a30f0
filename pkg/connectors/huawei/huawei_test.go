package huawei

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"annal/internal/devstack/pushfakes"
	huaweifake "annal/internal/devstack/pushfakes/huawei"
	"annal/pkg/projections/push"
	"annal/pkg/projections/push/pushtest"
)

const app = "example.chat"

// rig is a fake, what it shows, and a service at it.
type rig struct {
	*Service
	t      *testing.T
	phones *pushfakes.Phones
	fake   *huaweifake.Fake
	server *pushfakes.Server

	mu sync.Mutex
	// ahead is how far the clock of the fake is before ours; asked counts requests by path.
	ahead time.Duration
	asked map[string]int
}

// RoundTrip implements http.RoundTripper: it counts.
func (r *rig) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.asked[request.URL.Path]++
	r.mu.Unlock()
	return r.server.Client().Transport.RoundTrip(request)
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Add(r.ahead)
}

func (r *rig) times(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[path]
}

const tokenPath, sendPath = "/oauth2/v3/token", "/v1/104857600/messages:send"

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, phones: pushfakes.NewPhones(), asked: map[string]int{}}
	var err error
	if r.fake, err = huaweifake.New(r.phones, app, r.now); err != nil {
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
	s, err := New(app, c, &http.Client{Transport: r})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) token() string { return r.fake.Token(r.server.URL) }

func (r *rig) fail(token, name string, times int) {
	r.fake.Faults().Add(pushfakes.Fault{Token: token, Name: name, Times: times, RetryAfter: time.Minute})
}

func (r *rig) screen(token string) pushfakes.Screen {
	return r.phones.Screen(pushfakes.Phone{Service: "huawei", Package: app, Token: token})
}

func TestConformance(t *testing.T) {
	pushtest.Run(t, func(t *testing.T) pushtest.Fixture {
		r := newRig(t)
		return pushtest.Fixture{
			Service: r.Service, Package: app, Token: r.token,
			Fail: func(token, name string) { r.fail(token, name, 1) },
			Gone: "80300007", Busy: "503", Refuse: "80100003", Wrong: "80300002",
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
		Link: "https://chat.example/s/g-1?seq=7", Data: map[string]string{"kind": "message", "session": "g-1", "event": "01890000-0000-7000-8000-0000000000e1"}, Urgent: true,
		Expires: time.Now().Add(time.Minute + 900*time.Millisecond),
	}}
}

// send sends one letter.
func (r *rig) send(l push.Letter) push.Answer {
	r.t.Helper()
	return r.Send(r.t.Context(), []push.Letter{l})[0]
}
