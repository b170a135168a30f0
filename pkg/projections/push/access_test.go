package push

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"annal/internal/bubble"
	"annal/pkg/projections/follow"
)

// tokens gives access tokens for an hour, one after the other, unless it is told to fail or to take its time.
type tokens struct {
	asked   int
	failing *Answer
	takes   time.Duration
}

func (v *tokens) ask(ctx context.Context) (string, time.Duration, *Answer) {
	v.asked++
	if !follow.Sleep(ctx, v.takes) {
		return "", 0, &Answer{Result: Retry, Unsure: true}
	}
	if v.failing != nil {
		failed := *v.failing
		return "", 0, &failed
	}
	return fmt.Sprint("token ", v.asked), time.Hour, nil
}

func TestAccess(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		v := &tokens{}
		a := NewAccess(time.Now, v.ask)
		want := func(why, want string) {
			t.Helper()
			if token, failed := a.Token(t.Context()); token != want || failed != nil {
				t.Errorf("%s: %q %+v, not %q", why, token, failed, want)
			}
		}
		want("the first", "token 1")
		follow.Sleep(t.Context(), 55*time.Minute-1)
		want("kept", "token 1")
		follow.Sleep(t.Context(), 1)
		want("renewed before it ends", "token 2")
		a.Forget("token 1")
		want("the other is forgotten already", "token 2")
		a.Forget("token 2")
		want("no good", "token 3")

		follow.Sleep(t.Context(), 55*time.Minute)
		v.failing = &Answer{Result: Retry}
		want("still good, though there is no other", "token 3")
		want("not asked again at once", "token 3")
		if v.asked != 4 {
			t.Errorf("asked %d times, not 4", v.asked)
		}
		follow.Sleep(t.Context(), renewAgain)
		v.failing, v.takes = nil, time.Minute
		began := time.Now()
		want("still good, and nobody waits for the other", "token 3")
		if waited := time.Since(began); waited != renewPatience {
			t.Errorf("waited %v", waited)
		}
		follow.Sleep(t.Context(), 5*time.Minute)
		want("ended, so it is waited for", "token 6")
	})
}

func TestAccessFails(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		for _, c := range []struct{ says, want Answer }{
			{Answer{Result: Retry, Unsure: true, Code: "x", After: time.Second}, Answer{Result: Retry, All: true, Code: "x", After: time.Second}},
			{Answer{Result: Refused, Code: "x"}, Answer{Result: Misconfigured, Code: "x"}},
			{Answer{Result: Misconfigured}, Answer{Result: Misconfigured}},
		} {
			a := NewAccess(time.Now, (&tokens{failing: &c.says}).ask)
			if token, failed := a.Token(t.Context()); token != "" || failed == nil || *failed != c.want {
				t.Errorf("%+v: %q %+v", c.says, token, failed)
			}
		}
		// One asks, and one waits for it; the time of both ends.
		v := &tokens{takes: time.Hour}
		a := NewAccess(time.Now, v.ask)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if _, failed := a.Token(ctx); failed == nil || failed.Result != Retry || !failed.Unsure || failed.All {
					t.Errorf("%+v", failed)
				}
			})
		}
		both.Wait()
		if v.asked != 1 {
			t.Errorf("asked %d times", v.asked)
		}
	})
}

// TestAccessAtOnce: many that need a token ask for one together.
func TestAccessAtOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		v := &tokens{takes: time.Second}
		a := NewAccess(time.Now, v.ask)
		for round := 1; round <= 2; round++ {
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					if token, failed := a.Token(t.Context()); failed != nil || token != fmt.Sprint("token ", round) {
						t.Errorf("%q %+v", token, failed)
					}
				})
			}
			all.Wait()
			for range 20 {
				a.Forget(fmt.Sprint("token ", round))
			}
		}
		if v.asked != 2 {
			t.Errorf("asked %d times", v.asked)
		}
	})
}

// TestAccessWith: a call is made once more if its token is no good, and no more than that.
func TestAccessWith(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		v := &tokens{}
		a := NewAccess(time.Now, v.ask)
		for bad, want := range map[int]int{0: 1, 1: 2, 2: 2} {
			calls := 0
			if failed := a.With(t.Context(), func(string) bool { calls++; return calls <= bad }); failed != nil || calls != want {
				t.Errorf("no good %d times: %d calls, %+v", bad, calls, failed)
			}
		}
		v.failing = &Answer{Result: Misconfigured, Code: "x"}
		calls := 0
		if failed := a.With(t.Context(), func(string) bool { calls++; return true }); failed == nil || failed.Code != "x" || calls != 1 {
			t.Errorf("%d calls, %+v", calls, failed)
		}
	})
}
