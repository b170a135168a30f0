package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/pkg/client"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

const (
	// newcomers sign in for the first time while the service is killed again and again, regulars did before it was there.
	newcomers, regulars = 300, 5
	// signingAtOnce is how many people sign in at once.
	signingAtOnce = 4
	// greetingTime is how long the service may take for what is left once it lives.
	greetingTime = 20 * time.Second
)

// TestWelcome: a service that has the log and a token, and nothing else, greets everybody at their first sign-in, once: killed every second while people
// sign in it neither misses nor repeats, and reading all of the log again it says nothing to whom it greeted.
func TestWelcome(t *testing.T) {
	s := deploySigning(t, "--limits", "address.login=off,device.login=off")
	program := filepath.Join(t.TempDir(), "welcome")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", program, "annal/examples/welcome").CombinedOutput(); err != nil {
		t.Fatalf("build welcome: %v\n%s", err, out)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(s.annal(t, "", "service", "add", "welcome", "--scopes", "read,write")), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(group, from string) *annaltest.Process {
		t.Helper()
		return annaltest.StartProgram(t, program, "welcome", nil, "--kafka", strings.Join(s.Kafka, ","), "--prefix", s.Prefix, "--login", s.issuer,
			"--servers", s.Roles["gateway"].At.HTTP, "--secret-file", secret, "--instance", "one", "--group", group, "--from", from, "--http", "127.0.0.1:0")
	}
	var early, late []string
	for i := range regulars {
		early = append(early, fmt.Sprintf("regular-%d", i))
	}
	for i := range newcomers {
		late = append(late, fmt.Sprintf("newcomer-%d", i))
	}
	s.signUpAll(t, early...)
	s.signInAll(t, "phone", early...)
	service := start("welcome", "now")
	annaltest.Eventually(t, annaltest.Patience, func() error { return ready(t, service) })

	coming := make(chan struct{})
	go func() {
		defer close(coming)
		s.signUpAll(t, late...)
		for i := 0; i < len(late); i += 50 {
			s.signInAll(t, "phone", late[i:i+50]...)
			s.signInAll(t, "tablet", append(early, late[i:i+10]...)...)
		}
	}()
	lives := 1
	for live := true; live; {
		select {
		case <-coming:
			live = false
		case <-time.After(500*time.Millisecond + rand.N(time.Second)):
			if ended, err := service.HasEnded(); ended {
				t.Fatalf("the service ended by itself: %v\n%s", err, service.Log())
			}
			service.Kill()
			service, lives = start("welcome", "now"), lives+1
		}
	}
	t.Logf("%d lives", lives)
	log := s.Open(t).Log
	wantGreeted := func(when string, people ...string) {
		t.Helper()
		annaltest.Eventually(t, greetingTime, func() error { return missing(greetings(t, log, append(early, late...)), people) })
		for user, n := range greetings(t, log, append(early, late...)) {
			if n != 1 {
				t.Errorf("%s %s was greeted %d times", when, user, n)
			}
		}
	}
	wantGreeted("at last", late...)
	for user := range greetings(t, log, early) {
		t.Errorf("%s was greeted, who was there before", user)
	}
	service.Stop()
	again := start("another", "start")
	wantGreeted("once all was read again,", append(early, late...)...)
	annaltest.Eventually(t, greetingTime, func() error {
		if n := strings.Count(metricsOf(t, again), "annal_welcome_greetings_total{outcome=\"repeated\"} "+fmt.Sprint(newcomers)); n != 1 {
			return fmt.Errorf("it has not come upon all again:\n%s", metricsOf(t, again))
		}
		return nil
	})
	wantGreeted("when it had come upon all again,", append(early, late...)...)
	annaltest.Verify(t, s.File())
}

// missing says who has no greeting.
func missing(got map[string]int, people []string) error {
	var without []string
	for _, user := range people {
		if got[user] == 0 {
			without = append(without, user)
		}
	}
	if len(without) > 0 {
		return fmt.Errorf("%d of %d were not greeted: %.10q", len(without), len(people), without)
	}
	return nil
}

// greetings are how many each of them got, by what counts in the log.
func greetings(t *testing.T, log eventlog.Log, people []string) map[string]int {
	t.Helper()
	of := map[events.SessionID]string{}
	for _, user := range people {
		of[events.NewDirectID("welcome", events.UserID(user))] = user
	}
	got := map[string]int{}
	for p := range int32(annaltest.Partitions) {
		err := eventlog.EachCounted(t.Context(), log, p, func(rec *eventlog.Record) error {
			user, ok := of[events.SessionID(rec.Key)]
			if !ok {
				return nil
			}
			o, err := events.DecodeOutcome(rec.Record)
			if err != nil {
				return err
			}
			if a, ok := o.Result.(events.Accepted); ok {
				if _, ok := a.Event.(events.Sent); ok {
					got[user]++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// each does something for several people at once.
func each(t *testing.T, people []string, do func(user string) error) {
	t.Helper()
	var working sync.WaitGroup
	next := make(chan string)
	for range signingAtOnce {
		working.Go(func() {
			for user := range next {
				if err := do(user); err != nil {
					t.Errorf("%s: %v", user, err)
				}
			}
		})
	}
	for _, user := range people {
		next <- user
	}
	close(next)
	working.Wait()
}

// signUpAll makes accounts, as people do.
func (s *signing) signUpAll(t *testing.T, people ...string) {
	t.Helper()
	each(t, people, func(user string) error { return s.signUp(t.Context(), user) })
}

// signInAll signs people in on a device of that name.
func (s *signing) signInAll(t *testing.T, device string, people ...string) {
	t.Helper()
	each(t, people, func(user string) error {
		in := client.LoginServer{URL: s.issuer, Device: device, Kind: "phone"}
		_, err := in.Password(t.Context(), user, testPassword)
		return err
	})
}

// at is where a service says that it listens.
func at(p *annaltest.Process) string {
	_, after, _ := strings.Cut(p.Log(), "msg=listening url=")
	url, _, _ := strings.Cut(after, "\n")
	return url
}

func fetched(ctx context.Context, url string) (status int, body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	return w.StatusCode, string(b), err
}

func ready(t *testing.T, p *annaltest.Process) error {
	t.Helper()
	status, body, err := fetched(t.Context(), at(p)+"/readyz")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%d: %s", status, body)
	}
	return err
}

func metricsOf(t *testing.T, p *annaltest.Process) string {
	t.Helper()
	_, body, err := fetched(t.Context(), at(p)+"/metrics")
	if err != nil {
		return err.Error()
	}
	return body
}
