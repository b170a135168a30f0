package push

import (
	"context"
	"sync"
	"time"
)

// Access keeps the access token by which a vendor knows us. One call at a time asks for it, and others wait for what that one is given. Safe for use at once.
type Access struct {
	now func() time.Time
	ask AskAccess
	// turn is held by who asks.
	turn chan struct{}

	mu    sync.Mutex
	token string
	// The token is good until ends, and renewed from due on.
	due, ends time.Time
}

// AskAccess asks a vendor for an access token, and says for how long it is to be used; or what a letter is told that cannot be sent without one.
type AskAccess func(ctx context.Context) (token string, life time.Duration, failed *Answer)

const (
	// renewEarly is how long before its end a token is renewed at most; one that is good for less than ten times that, when a tenth is left.
	renewEarly = 5 * time.Minute
	// renewPatience is how long renewing may take while the token is still good, and renewAgain after how long it is tried again.
	renewPatience, renewAgain = 3 * time.Second, 30 * time.Second
)

// NewAccess has no token yet. The clock is given.
func NewAccess(now func() time.Time, ask AskAccess) *Access {
	return &Access{now: now, ask: ask, turn: make(chan struct{}, 1)}
}

// Token gives the token, or what is said to each letter that would need it: Retry, of All unless it was ctx that ended, or Misconfigured, since without a token no
// letter is taken, now or later. No letter was sent then; as with others that have no answer when ctx ends, they are Unsure if it did.
func (a *Access) Token(ctx context.Context) (string, *Answer) {
	if token, fresh := a.kept(); fresh {
		return token, nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return "", &Answer{Result: Retry, Unsure: true, Text: "no access token in time"}
	}
	old, fresh := a.kept()
	switch {
	case fresh:
		return old, nil
	case old == "":
		token, failed := a.renew(ctx)
		if failed == nil {
			return token, nil
		}
		if failed.Result != Retry {
			failed.Result = Misconfigured
			return "", failed
		}
		failed.Unsure = ctx.Err() != nil
		failed.All = !failed.Unsure
		return "", failed
	}
	// While the old one is good nobody waits for long, or again soon.
	short, cancel := context.WithTimeout(ctx, renewPatience)
	defer cancel()
	if token, failed := a.renew(short); failed == nil {
		return token, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.due = a.now().Add(renewAgain)
	return old, nil
}

// With makes a call with the token, and once more with another one if the vendor says that it is no good. What is given is said to each letter of a call that was not
// made, or not again, since there is no token.
func (a *Access) With(ctx context.Context, call func(token string) (noGood bool)) *Answer {
	for again := false; ; again = true {
		token, failed := a.Token(ctx)
		if failed != nil {
			return failed
		}
		if !call(token) || again {
			return nil
		}
		a.Forget(token)
	}
}

// Forget has another token asked for than that, which the vendor said is no good.
func (a *Access) Forget(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == token {
		a.token = ""
	}
}

// kept gives the token while it is good; fresh is false when it is time to renew it.
func (a *Access) kept() (token string, fresh bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if a.token == "" || !now.Before(a.ends) {
		return "", false
	}
	return a.token, now.Before(a.due)
}

func (a *Access) renew(ctx context.Context) (string, *Answer) {
	asked := a.now()
	token, life, failed := a.ask(ctx)
	if failed != nil {
		return "", failed
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token, a.ends = token, asked.Add(life)
	a.due = a.ends.Add(-min(renewEarly, life/10))
	return token, nil
}
