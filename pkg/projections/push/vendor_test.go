package push

import (
	"context"
	"slices"
	"sync"
	"time"
)

// vendor is a service, and the phones behind it.
type vendor struct {
	name string
	can  Abilities
	// answer says what comes of a letter; nil: it is delivered. It is called without mu.
	answer func(ctx context.Context, l Letter) Answer

	mu    sync.Mutex
	calls []call
	came  []Letter
	// twice: a call had two letters for a device.
	twice bool
}

type call struct {
	at      time.Time
	letters int
}

func (w *world) vendor(name string) *vendor {
	v := &vendor{name: name, can: Abilities{Batch: 1, AtOnce: 4, Badge: true, Withdraw: true}}
	w.services[App{name, "app"}] = v
	return v
}

func (w *world) fcm() *vendor { return w.services[App{"fcm", "app"}] }

func (v *vendor) Name() string         { return v.name }
func (v *vendor) Abilities() Abilities { return v.can }

func (v *vendor) Send(ctx context.Context, letters []Letter) []Answer {
	v.mu.Lock()
	v.calls = append(v.calls, call{time.Now(), len(letters)})
	devices := map[string]bool{}
	for _, l := range letters {
		devices[l.Token] = true
	}
	v.twice = v.twice || len(devices) < len(letters)
	v.mu.Unlock()
	answers := make([]Answer, len(letters))
	for i, l := range letters {
		answers[i] = Answer{Result: Delivered, VendorID: "v-" + l.Note.ID}
		if v.answer != nil {
			answers[i] = v.answer(ctx, l)
		}
		if answers[i].Result == Delivered || answers[i].Unsure {
			v.mu.Lock()
			v.came = append(v.came, l)
			v.mu.Unlock()
		}
	}
	return answers
}

// took gives what came to a token, as "kind: title | body", and forgets it.
func (v *vendor) took(token string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []string
	v.came = slices.DeleteFunc(v.came, func(l Letter) bool {
		if l.Token != token {
			return false
		}
		all = append(all, string(l.Note.Kind)+": "+l.Note.Title+" | "+l.Note.Body)
		return true
	})
	return all
}

func (v *vendor) times() (at []time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.calls {
		at = append(at, v.calls[i].at.Sub(v.calls[0].at))
	}
	return at
}

func (w *world) took(token string, want ...string) {
	w.Helper()
	if got := w.fcm().took(token); !slices.Equal(got, want) {
		w.Errorf("%s took %q, must %q", token, got, want)
	}
}

// parted is a vendor whose tokens belong to parts by their first letter.
type parted struct{ *vendor }

func (p parted) Part(token string) string { return token[:1] }
