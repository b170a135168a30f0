package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway"
)

// heldLog takes appends and, while held, does not write them.
type heldLog struct {
	eventlog.Log

	mu      sync.Mutex
	holding bool
	held    []func()
}

func (l *heldLog) Append(ctx context.Context, t eventlog.Topic, partition int32, r events.Record, done func(int32, int64, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	write := func() { l.Log.Append(ctx, t, partition, r, done) }
	if l.holding {
		l.held = append(l.held, write)
		return
	}
	write()
}

// hold begins to hold; release writes what was held, in order.
func (l *heldLog) hold() (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.holding = false
		for _, write := range l.held {
			write()
		}
		l.held = nil
	}
}

func (l *heldLog) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// TestALogThatTakesNothingIsBusy: beyond a bound of commands, or of their bytes, clients are told BUSY at once, and are
// heard still; when it is written what was refused can come again.
func TestALogThatTakesNothingIsBusy(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*gateway.Config)
		fit    int
	}{
		"commands": {func(c *gateway.Config) { c.MaxWriting = 3 }, 3},
		"bytes":    {func(c *gateway.Config) { c.MaxWritingBytes = 5000 }, 2},
	} {
		t.Run(what, func(t *testing.T) {
			run(t, c.change, func(b *bench) {
				u := b.hello("u1")
				s, text := direct(t, u), strings.Repeat("x", 2000)
				release := b.log.hold()
				for i := range 10 {
					got := u.ask(send(fmt.Sprint("m", i), s, text))
					if i < c.fit {
						if got != nil {
							t.Errorf("send %d: got %v, want nothing yet", i, got)
						}
						continue
					}
					if e := wantError(t, fmt.Sprint("send ", i), got, events.CodeBusy); e.GetRetryAfterMs() <= 0 {
						t.Errorf("BUSY names no retry_after_ms: %v", e)
					}
				}
				if n := b.log.waiting(); n != c.fit {
					t.Errorf("the log was given %d commands, want %d", n, c.fit)
				}
				if u.ask(`{"id":"p","ping":{}}`).GetPong() == nil {
					t.Error("the connection is not heard while the log takes nothing")
				}
				release()
				synctest.Wait()
				if ack := u.ask(send("m9", s, text)).GetAck(); ack.GetSeq() != uint64(2+c.fit) {
					t.Errorf("sent again: got %v, want seq %d", ack, 2+c.fit)
				}
			})
		})
	}
}

// TestAnswersUnheardInABreak: an outcome whose answer was lost with the subscriptions is unknown soon after these are
// back, not after the whole time for an answer; the others are awaited as ever.
func TestAnswersUnheardInABreak(t *testing.T) {
	run(t, nil, func(b *bench) {
		u := b.hello("u1")
		s := direct(t, u)
		resume := b.world.Stall()
		u.ask(send("before", s, "x"))
		pass(time.Second)
		b.feed.Resubscribe()
		pass(time.Second)
		u.ask(send("after", s, "x"))
		pass(3 * time.Second)
		refused := map[string]string{}
		for _, f := range u.all() {
			if f.GetError() != nil {
				refused[f.GetId()] = f.GetError().GetCode()
			}
		}
		if want := map[string]string{"before": string(events.CodeOutcomeUnknown)}; fmt.Sprint(refused) != fmt.Sprint(want) {
			t.Errorf("refused are %v, want %v", refused, want)
		}
		resume()
		synctest.Wait()
		if ack := u.ask(send("before", s, "x")).GetAck(); ack.GetSeq() != 2 || ack.GetAnswered() != string(events.CodeDuplicate) {
			t.Errorf("resend: got %v, want seq 2 answered DUPLICATE", ack)
		}
	})
}
