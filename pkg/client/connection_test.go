package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/pkg/events"
)

func TestHalfOpenConnectionsAreLeft(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.heartbeat = 200 * time.Millisecond
		muted := false
		f.fates = func(m *clientv1.ClientFrame) fate {
			if m.GetSend() != nil && !muted {
				muted = true
				return mute
			}
			return serve
		}
		c := f.dial(nil)
		a, err := c.Send(within(t), "s", "hello")
		if err != nil || a.GetSeq() != 1 || !a.Resent {
			t.Errorf("got %v, resent %v, %v; want seq 1 by another connection", a.Ack, a.Resent, err)
		}
	})
}

func TestQuietConnectionsStayUp(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		// Long enough that a busy machine, which is late with everything, is not silence.
		f.heartbeat = time.Second
		var lost atomic.Int32
		f.dial(func(o *Options) {
			o.OnState = func(s State) {
				if !s.Connected {
					lost.Add(1)
				}
			}
		})
		f.until("four pings", func() bool {
			n := 0
			for _, s := range f.frames {
				if strings.Contains(s, "Ping") {
					n++
				}
			}
			return n >= 4
		})
		if n := lost.Load(); n != 0 {
			t.Errorf("the connection was lost %d times, want 0", n)
		}
	})
}

func TestCloseCodesThatPass(t *testing.T) {
	for _, code := range []events.Code{events.CodeTooSlow, events.CodeGoingAway, events.CodeHeartbeatTimeout, events.CodeHelloTimeout} {
		t.Run(string(code), func(t *testing.T) {
			each(t, func(t *testing.T, f *fake) {
				states := make(chan State, 16)
				c := f.dial(func(o *Options) { o.OnState = func(s State) { states <- s } })
				<-states
				f.closeAll(code.Info().Close)
				s := <-states
				var e *Error
				if !errors.As(s.Err, &e) || e.Code != code {
					t.Errorf("lost because of %v, want %s", s.Err, code)
				}
				if _, err := c.Send(within(t), "s", "again"); err != nil {
					t.Errorf("send after %s: %v", code, err)
				}
			})
		})
	}
}

func TestCloseCodesThatDoNotPass(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		c := f.dial(nil)
		f.closeAll(events.CodeBadToken.Info().Close)
		select {
		case <-c.Done():
		case <-within(t).Done():
			t.Fatal("the client goes on after BAD_TOKEN")
		}
		var e *Error
		if _, err := c.Send(within(t), "s", "x"); !errors.As(err, &e) || e.Code != events.CodeBadToken {
			t.Errorf("send: %v; want BAD_TOKEN", err)
		}
	})
}

func TestDialFailsForGood(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.admit = func(string) int { return events.CodeBadToken.Info().Close }
		var e *Error
		if _, err := Dial(within(t), Options{URL: f.url(), Codec: f.codec, Token: StaticToken("forged")}); !errors.As(err, &e) || e.Code != events.CodeBadToken {
			t.Errorf("got %v; want BAD_TOKEN", err)
		}
		web := httptest.NewServer(http.NotFoundHandler())
		defer web.Close()
		var h *HandshakeError
		if _, err := Dial(within(t), Options{URL: "ws" + strings.TrimPrefix(web.URL, "http"), Token: StaticToken("x")}); !errors.As(err, &h) || h.Status != 404 {
			t.Errorf("got %v; want a handshake error 404", err)
		}
	})
}

func TestDialTriesUntilItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := Dial(ctx, Options{URL: nowhere(t), Token: StaticToken("x")})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "connect to") {
		t.Errorf("got %v; want the deadline, and why there was no connection", err)
	}
}

func TestExpiredTokenIsReplaced(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.admit = func(token string) int {
			if token == "token 1" {
				return events.CodeTokenExpired.Info().Close
			}
			return 0
		}
		asked := 0
		c := f.dial(func(o *Options) {
			o.Token = func(context.Context) (string, error) {
				asked++
				return fmt.Sprintf("token %d", asked), nil
			}
		})
		if c.User() != "alice" || asked != 2 {
			t.Errorf("user %q after %d tokens; want alice after 2", c.User(), asked)
		}
		f.admit = func(string) int { return events.CodeTokenExpired.Info().Close }
		if _, err := Dial(within(t), Options{URL: f.url(), Codec: f.codec, Token: StaticToken("old")}); !errors.Is(err, errSameToken) {
			t.Errorf("got %v; want an end when there is no other token", err)
		}
	})
}

func TestTokenIsRenewedOnTheLiveConnection(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		f.expires = time.Now().Add(1500 * time.Millisecond)
		var asked atomic.Int32
		f.dial(func(o *Options) {
			o.Token = func(context.Context) (string, error) { return fmt.Sprintf("token %d", asked.Add(1)), nil }
		})
		f.until("a second hello", func() bool {
			if len(f.tokens) == 2 {
				f.expires = time.Now().Add(time.Hour)
			}
			return len(f.tokens) >= 2 && len(f.conns) == 1
		})
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.tokens[1] != "token 2" {
			t.Errorf("hello again with %q, want token 2", f.tokens[1])
		}
	})
}
