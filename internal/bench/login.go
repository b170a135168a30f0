package bench

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/app"
	"annal/pkg/accounts"
	"annal/pkg/gateway/auth"
)

// LoginOptions are what Login is told.
type LoginOptions struct {
	Executable string
	// Users are how many sign in, in turn.
	Users int
	// Span is how long each measurement takes.
	Span     time.Duration
	Progress func(Figure)
}

// Figure is one that was measured.
type Figure struct {
	Name  string
	Value float64
	Unit  string
}

const (
	benchPassword = "correct horse"
	// loginTimeout bounds one sign-in.
	loginTimeout = 30 * time.Second
)

// Login measures signing in at a login server in a process of its own, on a real Kafka and Redis: with passwords at the default cost, by one at a
// time and by several, and renewals. In the same run: what hashing a password alone takes, and checking a token.
func Login(ctx context.Context, o LoginOptions) (err error) {
	s, err := startStack(ctx, o.Executable)
	if s != nil {
		defer func() { err = errors.Join(err, s.stop()) }()
	}
	if err != nil {
		return err
	}
	off := "--limits=user.login=off,device.login=off,address.login=off,address.connect=off"
	server, err := s.launch(ctx, "login", "--signing-keys", s.keyFile(), off)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if err := s.enroll(ctx, o.Users); err != nil {
		return err
	}
	cost := accounts.DefaultCost()
	if err := hashFloor(ctx, cost, o); err != nil {
		return err
	}
	l := &loginLoad{at: server.at.HTTP, span: o.Span, client: &http.Client{Timeout: loginTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	for _, many := range []int{1, 4, 32} {
		n := 0
		took, err := l.run(ctx, many, func(ctx context.Context, worker int) error {
			l.mu.Lock()
			user := person(n % o.Users)
			n++
			l.mu.Unlock()
			_, err := l.ask(ctx, url.Values{"grant_type": {"password"}, "client_id": {"app"}, "username": {user}, "password": {benchPassword}, "device": {fmt.Sprint("bench-", worker)}})
			return err
		})
		if err != nil {
			return err
		}
		o.tell(fmt.Sprintf("sign-ins with a password, %d at once", many), took, o.Span)
	}
	if err := l.renewals(ctx, o); err != nil {
		return err
	}
	return tokenCheck(s.key, o)
}

// tell tells the rate and the latencies of what took so long each.
func (o LoginOptions) tell(name string, took []time.Duration, span time.Duration) {
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Microseconds()) / 1000
	}
	o.Progress(Figure{name, float64(len(took)) / span.Seconds(), "/s"})
	o.Progress(Figure{name + ", p50", at(0.5), "ms"})
	o.Progress(Figure{name + ", p99", at(0.99), "ms"})
}

// enroll makes the accounts of n people, all with one password.
func (s *stack) enroll(ctx context.Context, n int) error {
	admin, done, err := app.OpenPeople(ctx, app.Target{Kafka: s.kafka.Addrs(), Redis: s.redis.Addr()})
	if err != nil {
		return err
	}
	defer done()
	hash, err := admin.Passwords.Hash(ctx, benchPassword)
	if err != nil {
		return err
	}
	var file strings.Builder
	file.WriteString("user,password_hash\n")
	for i := range n {
		fmt.Fprintf(&file, "%s,\"%s\"\n", person(i), hash)
	}
	tally, err := admin.Import(ctx, strings.NewReader(file.String()), func(int, error) {})
	if err == nil && tally.Created != n {
		err = fmt.Errorf("bench: %d of %d accounts were made", tally.Created, n)
	}
	return err
}

// hashFloor is what any server pays that hashes at this cost.
func hashFloor(ctx context.Context, cost accounts.Cost, o LoginOptions) error {
	p, err := accounts.NewPasswords(cost, runtime.GOMAXPROCS(0), prometheus.NewRegistry())
	if err != nil {
		return err
	}
	hash, err := p.Hash(ctx, benchPassword)
	if err != nil {
		return err
	}
	l := &loginLoad{span: o.Span}
	took, err := l.run(ctx, runtime.GOMAXPROCS(0), func(ctx context.Context, _ int) error {
		_, _, err := p.Check(ctx, hash, benchPassword)
		return err
	})
	if err != nil {
		return err
	}
	o.tell(fmt.Sprintf("argon2id alone (m=%d KiB, t=%d, p=%d), one on each processor", cost.MemoryKiB, cost.Passes, cost.Lanes), took, o.Span)
	return nil
}

// loginLoad asks a login server as fast as it answers.
type loginLoad struct {
	at     string
	span   time.Duration
	client *http.Client
	mu     sync.Mutex
}

// run has many do something again and again for the span, and gives how long each took.
func (l *loginLoad) run(ctx context.Context, many int, do func(ctx context.Context, worker int) error) (took []time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	until := time.Now().Add(l.span)
	var workers sync.WaitGroup
	for worker := range many {
		workers.Go(func() {
			for time.Now().Before(until) {
				began := time.Now()
				failed := do(ctx, worker)
				l.mu.Lock()
				if failed != nil && err == nil {
					err = failed
					cancel()
				}
				took = append(took, time.Since(began))
				l.mu.Unlock()
				if failed != nil {
					return
				}
			}
		})
	}
	workers.Wait()
	return took, err
}

func (l *loginLoad) ask(ctx context.Context, form url.Values) (refresh string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.at+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w, err := l.client.Do(r)
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	defer w.Body.Close()
	content, err := io.ReadAll(w.Body)
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal(content, &body); err != nil || w.StatusCode != http.StatusOK {
		return "", fmt.Errorf("bench: the login server answers %s: %s", w.Status, content)
	}
	return body.RefreshToken, nil
}

// renewals measures renewing logins, each again and again.
func (l *loginLoad) renewals(ctx context.Context, o LoginOptions) error {
	const many = 32
	tokens := make([]string, many)
	for i := range tokens {
		var err error
		form := url.Values{"grant_type": {"password"}, "client_id": {"app"}, "username": {person(i % o.Users)}, "password": {benchPassword}, "device": {fmt.Sprint("renews-", i)}}
		if tokens[i], err = l.ask(ctx, form); err != nil {
			return err
		}
	}
	took, err := l.run(ctx, many, func(ctx context.Context, i int) (err error) {
		tokens[i], err = l.ask(ctx, url.Values{"grant_type": {"refresh_token"}, "client_id": {"app"}, "refresh_token": {tokens[i]}})
		return err
	})
	if err == nil {
		o.tell(fmt.Sprintf("renewals, %d at once", many), took, o.Span)
	}
	return err
}

// tokenCheck measures what a gateway does with a token.
func tokenCheck(key auth.Key, o LoginOptions) error {
	now := time.Now()
	token, err := auth.Issue(key, auth.Identity{User: "p000001", Login: rand.Text(), Device: "pixel", Client: "app", Expires: now.Add(time.Hour)}, now)
	if err != nil {
		return err
	}
	v := auth.NewVerifier(key.Public(), time.Now)
	r := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, bad := v.Verify(token); bad != nil {
				b.Fatal(bad)
			}
		}
	})
	o.Progress(Figure{"checking a token (EdDSA)", float64(r.NsPerOp()), "ns"})
	return nil
}
