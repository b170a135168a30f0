package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"annal/internal/bubble"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/events"
	"annal/pkg/presence"
	"annal/pkg/projections/follow"
)

// world is what push looks at and speaks to: a view, presence, services, and a store that outlives projectors.
type world struct {
	*testing.T
	store     *Memory
	mortal    *mortal
	services  map[App]*vendor
	hold      time.Duration
	projector *Projector
	registry  *prometheus.Registry
	offset    int64
	forgotten []Forgotten

	mu       sync.Mutex
	sessions map[events.SessionID]*Session
	members  map[events.SessionID][]Member
	became   map[events.SessionID]map[events.Seq]Became
	reach    map[events.UserID]*Reach
	mutes    map[events.UserID]map[events.SessionID]events.Millis
	holders  map[string]Holder
	names    map[events.UserID]string
	unread   map[events.UserID]int
	hidden   map[events.UserID]events.Index
	states   map[events.UserID]presence.State
	// parts: services have parts.
	parts bool
	// down is what the view answers, unless nil.
	down error
}

func newWorld(t *testing.T) *world {
	w := &world{
		T: t, store: NewMemory(), services: map[App]*vendor{}, hold: 2 * time.Second,
		sessions: map[events.SessionID]*Session{}, members: map[events.SessionID][]Member{}, became: map[events.SessionID]map[events.Seq]Became{},
		reach: map[events.UserID]*Reach{}, mutes: map[events.UserID]map[events.SessionID]events.Millis{}, holders: map[string]Holder{},
		names: map[events.UserID]string{"ann": "Ann"}, unread: map[events.UserID]int{}, hidden: map[events.UserID]events.Index{}, states: map[events.UserID]presence.State{},
	}
	w.vendor("fcm")
	w.start()
	return w
}

// test runs f in a world of fake time.
func test(t *testing.T, f func(w *world)) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f(w)
		w.projector.Close()
	})
}

func (w *world) start() {
	w.mortal = &mortal{Store: w.store}
	w.registry = prometheus.NewRegistry()
	w.projector = w.open(w.mortal, w.registry)
}

// open starts a process of its own.
func (w *world) open(store Store, registry *prometheus.Registry) *Projector {
	texts, err := NewTexts(nil)
	if err != nil {
		w.Fatal(err)
	}
	p, err := New(Options{
		View: w, Presence: present{w}, Store: store, Services: w, Hold: w.hold, Logger: slog.New(slog.DiscardHandler),
		Style: Style{Name: "Annal", Link: "https://chat.example/{session}/{seq}", Keep: 24 * time.Hour, Texts: texts},
		Forget: func(_ context.Context, f Forgotten) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.forgotten = append(w.forgotten, f)
			return nil
		},
		Metrics: NewMetrics(registry),
	})
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// on has what happens come to another process meanwhile.
func (w *world) on(p *Projector, f func()) {
	was := w.projector
	w.projector = p
	f()
	w.projector = was
}

// crash ends the projector without a chance to note anything more, and starts another one.
func (w *world) crash() {
	w.mortal.dead.Store(true)
	w.projector.Close()
	w.start()
}

// crashBefore crashes it while calls of services go on, which are answered then: nobody hears that any more.
func (w *world) crashBefore(answers chan struct{}) {
	w.mortal.dead.Store(true)
	w.projector.office.close()
	close(answers)
	w.crash()
}

// mortal is the store as one process has it.
type mortal struct {
	Store
	dead atomic.Bool
	// asked counts the questions what is open; closed: they have no answer.
	asked  atomic.Int64
	closed atomic.Bool
	asking func(about []Subject)
}

var errDead = errors.New("the process is dead")

func (m *mortal) Put(ctx context.Context, entries []Entry, marks []Mark) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.Put(ctx, entries, marks)
}

func (m *mortal) Settle(ctx context.Context, settled []Settled) ([]bool, error) {
	if m.dead.Load() {
		return nil, errDead
	}
	return m.Store.Settle(ctx, settled)
}

// change changes what the view says.
func (w *world) change(how func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	how()
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// group makes a session of people, each of whom has a phone with a token for fcm.
func (w *world) group(s events.SessionID, kind events.Kind, users ...events.UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[s] = &Session{Kind: kind, Title: "Club", Seq: 1}
	slices.Sort(users)
	for _, u := range users {
		w.members[s] = append(w.members[s], Member{User: u, Stays: []events.Stay{{From: 1}}})
		if w.reach[u] == nil {
			w.register(u, "phone", "fcm", "token-"+string(u))
		}
	}
}

// register has a user register a token, with mu held.
func (w *world) register(u events.UserID, device, service, token string) {
	if w.reach[u] == nil {
		w.reach[u] = &Reach{Devices: map[string]Device{}}
	}
	d := Device{Push: events.PushToken{Service: service, Package: "app", Token: token}, Since: events.Millis(time.Now().UnixMilli())}
	w.reach[u].Devices[device] = d
	w.holders[tokenKey(&d.Push)] = Holder{u, device}
}

// happen appends an event of the timeline, and hands it over.
func (w *world) happen(s events.SessionID, by events.UserID, e events.Event) events.Seq {
	w.Helper()
	w.mu.Lock()
	session := w.sessions[s]
	seq := events.Seq(0)
	if _, marker := e.(events.Read); !marker {
		session.Seq++
		seq = session.Seq
	}
	o := events.Outcome{
		ID: events.NewID(events.Millis(time.Now().UnixMilli()), "c", 0, w.offset), Session: s, Actor: events.Actor{User: by},
		Time: events.Millis(time.Now().UnixMilli()), Result: events.Accepted{Seq: seq, Event: e},
	}
	w.offset++
	w.mu.Unlock()
	w.hand(follow.Outcome{Outcome: o, Offset: w.offset})
	return seq
}

func (w *world) hand(outcomes ...follow.Outcome) {
	w.Helper()
	if err := w.projector.Handle(context.Background(), 0, outcomes); err != nil {
		w.Fatal(err)
	}
}

func (w *world) say(s events.SessionID, by events.UserID, text string) events.Seq {
	w.Helper()
	w.mu.Lock()
	for _, m := range w.members[s] {
		if m.User != by {
			w.unread[m.User]++
		}
	}
	w.mu.Unlock()
	return w.happen(s, by, events.Sent{Index: 1, Body: events.TextBody(text)})
}

// read moves a marker to the end.
func (w *world) read(s events.SessionID, u events.UserID) {
	w.Helper()
	w.mu.Lock()
	seq := w.sessions[s].Seq
	for i := range w.members[s] {
		if w.members[s][i].User == u {
			w.members[s][i].Marker = seq
		}
	}
	w.unread[u] = 0
	w.mu.Unlock()
	w.happen(s, u, events.Read{Marker: seq})
}

func (w *world) revoke(s events.SessionID, by events.UserID, seq events.Seq) {
	w.Helper()
	w.mu.Lock()
	if w.became[s] == nil {
		w.became[s] = map[events.Seq]Became{}
	}
	w.became[s][seq] = Became{Revoked: true}
	for u := range w.unread {
		w.unread[u] = max(0, w.unread[u]-1)
	}
	w.mu.Unlock()
	w.happen(s, by, events.Revoked{Target: seq})
}

func (w *world) connect(u events.UserID, device string, away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.states[u]
	s.Connections = append(s.Connections, presence.Connection{User: u, Device: device, Away: away})
	w.states[u] = s
}

// reasons gives what a user's entries say, by device and seq: "phone 2 delivered".
func (w *world) reasons(u events.UserID) []string {
	w.Helper()
	log, err := w.store.Log(context.Background(), u, 0, 1000)
	if err != nil {
		w.Fatal(err)
	}
	var all []string
	for _, e := range log {
		all = append(all, fmt.Sprintf("%s %s %d %s", e.Kind, cmp.Or(e.Device, "-"), e.Seq, e.Reason))
	}
	return all
}

func (w *world) want(u events.UserID, reasons ...string) {
	w.Helper()
	if got := w.reasons(u); !slices.Equal(got, reasons) {
		w.Errorf("%s: %q, must %q", u, got, reasons)
	}
}

// finished says that nothing is open.
func (w *world) finished() {
	w.Helper()
	if at, open := w.projector.Open(0); open {
		w.Error("still open:", at)
	}
}

// The view.

func (w *world) Session(_ context.Context, s events.SessionID) (Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down != nil || w.sessions[s] == nil {
		return Session{}, w.down
	}
	return *w.sessions[s], nil
}

func (w *world) Messages(_ context.Context, s events.SessionID, seqs []events.Seq) (map[events.Seq]Became, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[events.Seq]Became{}
	for _, seq := range seqs {
		if b, there := w.became[s][seq]; there {
			all[seq] = b
		}
	}
	return all, w.down
}

func (w *world) Members(_ context.Context, s events.SessionID, after events.UserID, limit int) ([]Member, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var page []Member
	for _, m := range w.members[s] {
		if m.User > after && m.In() && len(page) < limit {
			page = append(page, m)
		}
	}
	return page, w.down
}

func (w *world) Member(_ context.Context, s events.SessionID, u events.UserID) (Member, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.members[s] {
		if m.User == u {
			return m, w.down
		}
	}
	return Member{}, w.down
}

func (w *world) Reach(_ context.Context, s events.SessionID, users []events.UserID) (map[events.UserID]Reach, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[events.UserID]Reach{}
	for _, u := range users {
		if r := w.reach[u]; r != nil {
			c := *r
			c.MuteUntil, c.Hides = w.mutes[u][s], w.hidden[u] != 0
			c.Devices = map[string]Device{}
			for id, d := range r.Devices {
				c.Devices[id] = d
			}
			all[u] = c
		}
	}
	return all, w.down
}

func (w *world) Holders(_ context.Context, tokens []events.PushToken) ([]Holder, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Holder, len(tokens))
	for i := range tokens {
		all[i] = w.holders[tokenKey(&tokens[i])]
	}
	return all, w.down
}

func (w *world) Names(_ context.Context, users []events.UserID) (map[events.UserID]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[events.UserID]string{}
	for _, u := range users {
		all[u] = w.names[u]
	}
	return all, w.down
}

func (w *world) Unread(_ context.Context, u events.UserID) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unread[u], w.down
}

func (w *world) Hidden(_ context.Context, u events.UserID, _ events.SessionID, index events.Index) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hidden[u] == index, w.down
}

type present struct{ *world }

// Of implements Presence.
func (p present) Of(_ context.Context, users ...events.UserID) ([]presence.State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]presence.State, len(users))
	for i, u := range users {
		all[i] = p.states[u]
	}
	return all, p.down
}

// Of implements Services.
func (w *world) Of(a App) (Service, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.services[a]
	if ok && w.parts {
		return parted{v}, true
	}
	return v, ok
}
