package push

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"
)

// health is what an outbox knows of how its service fares.
type health struct {
	// refuses says that the service does not accept us.
	refuses bool
	// taken says that the present service ever took a letter, and inVain to which tokens it took nothing before, as far as that matters.
	service Service
	taken   bool
	inVain  map[string]bool
	// failing are the calls in a row that failed; while left is true the service is left alone for them.
	failing failure
	left    bool
}

// failure is so many calls in a row that failed, and what was said to the last of them.
type failure struct {
	since      time.Time
	calls      int
	code, text string
}

var errFailing = errors.New("push: the service fails")

// logger names the outbox in each line.
func (b *outbox) logger() *slog.Logger {
	return b.office.logger.With("service", b.app.Service, "package", b.app.Package, "part", b.part)
}

// judge takes an answer for what it is likely to mean: a service that has taken nothing yet, and calls token after token dead, or refuses what is to them, is likely the
// wrong one for them. Some vendors say so of another app's tokens, APNs of those of its other environment (BadDeviceToken), FCM of another project's (SENDER_ID_MISMATCH). So
// tokens are not forgotten for that, and what is to them waits.
func (b *outbox) judge(s Service, token string, a *Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &b.health
	if h.service != s {
		h.service, h.taken, h.inVain = s, false, map[string]bool{}
		b.setWrong(false)
	}
	switch a.Result {
	case Delivered:
		h.taken, h.inVain = true, nil
	case Gone, Refused:
		if h.taken {
			return
		}
		if len(h.inVain) <= mostGone {
			h.inVain[token] = true
		}
		if len(h.inVain) > mostGone {
			a.Result = Misconfigured
			a.Text = "it has taken nothing yet, and says so to each of many tokens"
		}
	case Retry, Misconfigured:
	}
}

// wrong notes whether the service accepts us.
func (b *outbox) wrong(is bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setWrong(is)
}

// setWrong is wrong with mu held.
func (b *outbox) setWrong(is bool) {
	b.health.refuses = is
	b.office.metrics.wrong.WithLabelValues(b.app.Service, b.app.Package, b.part).Set(float64(map[bool]int{true: 1}[is]))
}

// setBroken says whether the service is left alone.
func (b *outbox) setBroken(is bool) {
	b.office.metrics.broken.WithLabelValues(b.app.Service, b.app.Package, b.part).Set(float64(map[bool]int{true: 1}[is]))
}

// refusing says whether the service does not accept us.
func (b *outbox) refusing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.health.refuses
}

// idle is called when no letter waits any more. Then the service is asked nothing, so nobody would see that it is well again: the app may be no longer configured, or the
// partition another process's.
func (b *outbox) idle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queued.Load() == 0 {
		b.setWrong(false)
		b.setBroken(false)
	}
}

// call makes a call unless the service is left alone: then it gives nil.
func (b *outbox) call(ctx context.Context, s Service, letters []Letter) []Answer {
	answers, err := b.breaker.Execute(func() ([]Answer, error) {
		ctx, cancel := context.WithTimeout(ctx, CallTimeout)
		defer cancel()
		began := time.Now()
		answers := s.Send(ctx, letters)
		for _, a := range answers {
			if a.Result != Retry || !a.All && !a.Unsure {
				b.worked()
				return answers, nil
			}
		}
		b.failed(began, answers)
		return answers, errFailing
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return nil
	}
	return answers
}

// worked ends a row of failures that was too short for anything to be said of it; turned ends the others.
func (b *outbox) worked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.health.left {
		b.health.failing = failure{}
	}
}

func (b *outbox) failed(began time.Time, answers []Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := &b.health.failing
	if f.calls++; f.calls == 1 {
		f.since = began
	}
	for _, a := range answers {
		f.code, f.text = a.Code, a.Text
	}
}

// turned notes that the service is left alone, is asked with one call, or is well again. While it is asked it is as broken as before: one that hangs is asked for as long as it
// is left alone.
func (b *outbox) turned(from, to gobreaker.State) {
	if to == gobreaker.StateOpen {
		b.pause(time.Now().Add(breakFor))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &b.health
	h.left = to != gobreaker.StateClosed
	b.setBroken(h.left)
	f := &h.failing
	logger := b.logger().With("calls", f.calls, "seconds", int(time.Since(f.since).Seconds()))
	switch {
	case from == gobreaker.StateClosed:
		logger.Warn("push: a service fails and is left alone", "code", f.code, "text", f.text)
	case to == gobreaker.StateClosed:
		logger.Info("push: a service is well again")
		*f = failure{}
	case to == gobreaker.StateOpen:
		logger.Debug("push: a service still fails", "code", f.code, "text", f.text)
	}
}
