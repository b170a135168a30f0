package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"annal/internal/annaltest"
	"annal/pkg/client"
	"annal/pkg/login"
)

const (
	rotationPeople  = 8
	rotationPrepare = 10 * time.Second
	// rotationEach is how many tokens of each key are to be taken before the test is over, and rotationTime within what time.
	rotationEach = 5 * rotationPeople
	rotationTime = 45 * time.Second
)

// rotation is people who sign in, renew their tokens and connect, again and again, and what they saw.
type rotation struct {
	s      *signing
	logins []string

	mu sync.Mutex
	// taken counts the tokens that a gateway took, by the key that they are signed with.
	taken map[string]int
	errs  []error
}

// live is one person's, until ctx ends.
func (r *rotation) live(ctx context.Context, i int) {
	user, device := fmt.Sprint("user-", i), fmt.Sprint("device-", i)
	for round := 0; ctx.Err() == nil; round++ {
		in := client.LoginServer{URL: r.logins[round%len(r.logins)], Device: device, Kind: "phone"}
		var kept string
		in.Keep = func(refresh string) error { kept = refresh; return nil }
		tokens, err := in.Password(ctx, user, testPassword)
		if err != nil {
			r.failed(ctx, user, "signs in", err)
			return
		}
		// Renewed at the other server, at once.
		in.URL, in.Refresh = r.logins[(round+1)%len(r.logins)], kept
		if !r.connect(ctx, user, in.Kept()) || !r.connect(ctx, user, tokens) {
			return
		}
	}
}

// connect says hello with the token, and asks login who it is of.
func (r *rotation) connect(ctx context.Context, user string, tokens *client.Tokens) bool {
	token, err := tokens.Token(ctx)
	if err != nil {
		r.failed(ctx, user, "has no token", err)
		return false
	}
	if err := r.take(ctx, user, token); err != nil {
		r.failed(ctx, user, "is not let in", err)
		return false
	}
	return true
}

// take has a gateway and each login server take a token.
func (r *rotation) take(ctx context.Context, user, token string) error {
	dialing, cancel := context.WithTimeout(ctx, annaltest.Patience)
	defer cancel()
	c, err := client.Dial(dialing, client.Options{URL: r.s.Roles["gateway"].At.WS, Token: client.StaticToken(token), InFlight: 1})
	if err != nil {
		return err
	}
	defer c.Close()
	if c.User() != user {
		return fmt.Errorf("connected as %q", c.User())
	}
	for _, server := range r.logins {
		asked, err := http.NewRequestWithContext(dialing, http.MethodGet, server+login.PathUserinfo, nil)
		if err != nil {
			return err
		}
		asked.Header.Set("Authorization", "Bearer "+token)
		w, err := http.DefaultClient.Do(asked)
		if err != nil {
			return err
		}
		if w.Body.Close(); w.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", server, w.Status)
		}
	}
	kid := keyOf(token)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken[kid]++
	return nil
}

func (r *rotation) failed(ctx context.Context, user, what string, err error) {
	if ctx.Err() != nil {
		return // it is over
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, fmt.Errorf("%s %s: %w", user, what, err))
}

// keyOf is the key that a token says it is signed with.
func keyOf(token string) string {
	head, _, _ := strings.Cut(token, ".")
	content, err := base64.RawURLEncoding.DecodeString(head)
	var header struct{ Kid string }
	if err != nil || json.Unmarshal(content, &header) != nil {
		return ""
	}
	return header.Kid
}

// TestRotation: the signing key is replaced under people who sign in, renew and connect; nobody notices, and the tokens of both keys are good at once.
func TestRotation(t *testing.T) {
	t.Parallel()
	// Tries of passwords are what this is about: they are as many as come.
	s := signingOn(t, annaltest.NewDeployment(t), []string{"gateway", "login", "login-2"},
		"--issuer", "https://id.example", "--limits", "device.login=off,user.login=off")
	r := &rotation{s: s, logins: []string{s.issuer, s.Roles["login-2"].At.HTTP}, taken: map[string]int{}}
	for i := range rotationPeople {
		s.mustSignUp(t, fmt.Sprint("user-", i))
	}
	s.mustSignUp(t, "holder")
	held := text(s.password(t, "holder", "desk"), "access_token")
	first := keyOf(held)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var living sync.WaitGroup
	for i := range rotationPeople {
		living.Go(func() { r.live(ctx, i) })
	}
	await := func(what string, done func() bool) {
		t.Helper()
		annaltest.Eventually(t, rotationTime, func() error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(r.errs) > 0 {
				t.Fatal(r.errs)
			}
			if !done() {
				return fmt.Errorf("%s: %v", what, r.taken)
			}
			return nil
		})
	}
	await("of the first key", func() bool { return r.taken[first] >= rotationEach })
	began := time.Now()
	t.Log(annaltest.Run(t, "token", "--key", s.KeyFile, "--rotate", "--prepare", rotationPrepare.String(), "--keep", "1h"))
	s.Publish(t)
	other := func() (n int) {
		for kid, count := range r.taken {
			if kid != first {
				n += count
			}
		}
		return n
	}
	await("of the next key", func() bool { return other() >= rotationEach })
	t.Logf("%.1f s until %d tokens of the next key were taken", time.Since(began).Seconds(), rotationEach)
	if err := r.take(t.Context(), "holder", held); err != nil {
		t.Errorf("a token of the first key, after the switch: %v", err)
	}
	if next := text(s.password(t, "holder", "phone"), "access_token"); keyOf(next) == first {
		t.Error("after the switch login signs with the first key")
	}
	cancel()
	living.Wait()
	if len(r.errs) > 0 || len(r.taken) != 2 {
		t.Errorf("%v; by key %v", r.errs, r.taken)
	}
	t.Logf("tokens taken, by key: %v", r.taken)
}
