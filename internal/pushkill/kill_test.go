package pushkill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"annal/internal/app"
	"annal/internal/devstack/pushfakes"
	"annal/internal/pushkill/check"
)

const (
	// hold is push's own.
	hold = 2 * time.Second
	// takeover is longer than a group waits for a member that is silent: what it had is another's then.
	takeover = 8 * time.Second
	// longEvery is how often one stays away for so long.
	longEvery = 3
	// quietWait bounds waiting for all to be settled: a letter may wait 160 s for its last try. quietLook is how often it is looked.
	quietWait = 4 * time.Minute
	quietLook = 500 * time.Millisecond
)

// Push is killed again and again, one of two processes at a time, while people talk, read and revoke: no phone shows a message twice, or one that was read or revoked before
// the hold ended; nothing is lost but by rule; and for each there is one reason.
func TestPushKilled(t *testing.T) {
	w := begin(t)
	t.Logf("%.1f s: %d people in %d sessions are where they are", time.Since(w.began).Seconds(), len(w.people), len(w.sessions))
	watch := w.watch(t)
	talked := make(chan struct{})
	began := time.Now()
	w.listening.Go(func() {
		defer close(talked)
		w.talk()
	})
	w.listening.Go(func() { w.disturb(talked) })
	kills := w.torment(t, talked)
	lasted := time.Since(began)
	w.mu.Lock()
	sent, failed := len(w.messages), w.failed
	w.mu.Unlock()
	if failed != nil || sent != *messages {
		t.Fatalf("%d of %d messages were sent: %v", sent, *messages, failed)
	}
	w.settle(t)
	settled := time.Since(began) - lasted
	for _, name := range pushes {
		w.deployment.Roles[name].Stop()
	}
	v := w.judge(t)
	for _, line := range v.Lines() {
		t.Error(line)
	}
	if v.Shown == 0 || v.Reasons["read"] == 0 || v.Reasons["revoked"] == 0 || v.Reasons["muted"] == 0 || v.Reasons["user_active"] == 0 || v.Reasons["device_active"] == 0 {
		t.Errorf("%d shown, reasons %v: that says nothing", v.Shown, v.Reasons)
	}
	t.Logf("seed %d: %d messages to %d people in %.0f s, settled %.1f s later; %d kills", *seed, *messages, *people, lasted.Seconds(), settled.Seconds(), kills)
	t.Logf("%d pairs, %d decisions %v; %d entries of badges and withdrawals", v.Pairs, v.Decisions, v.Reasons, v.Quiet)
	t.Logf("%d shown, %d of them again, %d calls made again, %d came behind a later one; decided at most %.1f s late; with the service after p50 %.2f s, p99 %.2f s; %s",
		v.Shown, v.Repeats, v.Unsure, v.Back, v.Behind.Seconds(), v.Within(0.5).Seconds(), v.Within(0.99).Seconds(), watch())
	verdict := "all held"
	if !v.OK() {
		verdict = "FAILED"
	}
	t.Logf("verdict: %s: shown twice %d, against the rules %d, lost %d, not adding up %d", verdict, v.Count(check.Twice), v.Count(check.Unwanted), v.Count(check.Lost), v.Count(check.Sums))
}

// leastKills are made however short the talk is.
const leastKills = 4

// torment kills until the talk is over: one at a time, in turn; most are started again at once, some once others have what was theirs.
func (w *world) torment(t *testing.T, talked <-chan struct{}) (kills int) {
	tick := time.NewTicker(*killEvery)
	defer tick.Stop()
	for {
		over := talked
		if kills < leastKills {
			over = nil
		}
		select {
		case <-tick.C:
		case <-over:
			return kills
		}
		victim := w.deployment.Roles[pushes[kills%len(pushes)]]
		t.Logf("%.1f s: %s is killed", time.Since(w.began).Seconds(), victim.Name())
		victim.Kill()
		if kills++; kills%longEvery == 0 {
			away := time.NewTimer(takeover)
			select {
			case <-away.C:
			case <-talked:
			}
			away.Stop()
		}
		w.rising.Lock()
		victim.Up(t)
		w.rising.Unlock()
	}
}

// cutEvery is how often a service cuts a connection.
const cutEvery = 200 * time.Millisecond

// disturb has services cut connections until the talk is over: before they took what comes, or after. Each has one to cut at most, or those that are seldom called would cut them all.
func (w *world) disturb(talked <-chan struct{}) {
	dice := rand.New(rand.NewPCG(*seed, 0))
	tick := time.NewTicker(cutEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			faults := w.standIns.Servers[dice.IntN(len(w.standIns.Servers))].Faults()
			faults.Clear()
			faults.Add(pushfakes.Fault{Name: []string{pushfakes.CutAfter, pushfakes.CutBefore}[dice.IntN(2)]})
		case <-talked:
			for _, s := range w.standIns.Servers {
				s.Faults().Clear()
			}
			return
		}
	}
}

// watch looks at the processes each second, until what it gives is called: that says what was seen.
func (w *world) watch(t *testing.T) func() string {
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	var memory, lag float64
	watching.Go(func() {
		for pause(ctx, time.Second) == nil {
			w.rising.Lock()
			for _, name := range pushes {
				// One that was just killed says nothing.
				if n, err := w.deployment.Roles[name].Metric(ctx, "process_resident_memory_bytes"); err == nil {
					memory = max(memory, n)
				}
				if n, err := w.deployment.Roles[name].Metric(ctx, "annal_push_lag{"); err == nil {
					lag = max(lag, n)
				}
			}
			w.rising.Unlock()
		}
	})
	return func() string {
		stop()
		watching.Wait()
		return fmt.Sprintf("a process had %.0f MiB at most, and was %.0f records behind", memory/(1<<20), lag)
	}
}

// log reads what push says of people.
func (w *world) log(ctx context.Context, o *app.OpenedPush, of []*person) ([][]check.Entry, error) {
	all := make([][]check.Entry, len(of))
	var which []int
	for i := range of {
		which = append(which, i)
	}
	return all, each(ctx, which, func(ctx context.Context, i int) error {
		// Each entry, whoever's, has a type of the product's; here it gets one of ours.
		log, err := entries(ctx, o, of[i].name, w.began)
		all[i] = log
		return err
	})
}

// settle waits until push has said something of all, and nothing is on its way.
func (w *world) settle(t *testing.T) {
	t.Helper()
	o := w.open(t)
	want := map[string]int{}
	for _, m := range w.messages {
		for _, user := range m.To {
			want[user]++
		}
	}
	rest := w.people
	ctx, cancel := context.WithTimeout(t.Context(), quietWait)
	defer cancel()
	for {
		logs, err := w.log(ctx, o, rest)
		if err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		var open []*person
		for i, one := range rest {
			if !done(logs[i], want[one.name]) {
				open = append(open, one)
			}
		}
		rest = open
		if len(rest) == 0 && w.idle(ctx) {
			return
		}
		if pause(ctx, quietLook) != nil {
			t.Logf("after %v it is not quiet: of %d people something is open", quietWait, len(rest))
			return
		}
	}
}

// done says whether a log has n messages, and all are settled.
func done(log []check.Entry, n int) bool {
	seen := map[string]bool{}
	for _, e := range log {
		if e.Reason == "sending" {
			return false
		}
		if e.Kind == "message" {
			seen[e.Session+strconv.FormatUint(e.Seq, 10)] = true
		}
	}
	return len(seen) >= n
}

// idle says whether the processes have dealt with all.
func (w *world) idle(ctx context.Context) bool {
	for _, name := range pushes {
		for _, metric := range []string{"annal_push_lag{", "annal_push_queued{"} {
			if n, err := w.deployment.Roles[name].Metric(ctx, metric); err != nil || n > 0 {
				return false
			}
		}
	}
	return true
}

// judge has all held against the rules.
func (w *world) judge(t *testing.T) *check.Verdict {
	t.Helper()
	logs, err := w.log(t.Context(), w.open(t), w.people)
	if err != nil {
		t.Fatal(err)
	}
	// Who dawdles still reads.
	w.mu.Lock()
	defer w.mu.Unlock()
	found := &check.World{Hold: hold, People: map[string]*check.Person{}, Reads: w.reads, Entries: slices.Concat(logs...)}
	for _, one := range w.people {
		found.People[one.name] = one.Person
	}
	for _, m := range w.messages {
		found.Messages = append(found.Messages, *m)
	}
	history, _ := w.standIns.Phones.History(0)
	for i := range history {
		e := &history[i]
		if e.What != "show" {
			continue
		}
		seq, err := strconv.ParseUint(e.Shown.Data["seq"], 10, 64)
		if err != nil {
			t.Errorf("a phone shows %+v, which is no message: %v", e.Shown, err)
			continue
		}
		found.Came = append(found.Came, check.Came{
			Phone: check.Phone{Service: e.Phone.Service, Token: e.Phone.Token}, ID: e.Shown.ID, Collapse: e.Shown.Collapse,
			Session: e.Shown.Data["session"], Seq: seq, At: e.Shown.At,
		})
	}
	return found.Judge()
}

// open opens what push says, as a tool does.
func (w *world) open(t *testing.T) *app.OpenedPush {
	t.Helper()
	d := w.deployment
	o, err := app.OpenPush(t.Context(), app.Target{Kafka: d.Kafka, Redis: d.Redis, Prefix: d.Prefix}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return &o
}
