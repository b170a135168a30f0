package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
	"annal/pkg/client/clienttest"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// town is a log that says who signs in, and a gateway by which they are greeted. The two are not the same here: what the greetings become in the
// log is none of the service's business.
type town struct {
	*testing.T
	log     *eventlog.Memory
	server  *clienttest.Server
	last    int64
	metrics *metrics
	follows *follow.Metrics
	// failing commits keep the progress where it is.
	failing bool
	again   bool
	begin   follow.Begin
}

var (
	owner    = events.Owner{N: 1, Random: [16]byte{1}}
	envelope = events.Envelope{Source: "test"}
)

const greeting = "Hello."

func newTown(t *testing.T) *town {
	w := &town{T: t, log: eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1}), server: clienttest.Serve(t), last: -1}
	t.Cleanup(w.log.Close)
	r, err := events.EncodeFence(events.Fence{Owner: owner}, envelope)
	w.append(r, err)
	return w
}

func (w *town) append(r events.Record, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	if _, err := eventlog.Put(w.Context(), w.log, eventlog.Events, r); err != nil {
		w.Fatal(err)
	}
}

// signsIn has the log say that somebody signed in.
func (w *town) signsIn(user events.UserID, first bool) {
	w.Helper()
	w.last++
	o := events.Outcome{
		ID: events.NewID(1, "test", 0, w.last), Session: events.NewSelfID(user), Actor: events.Actor{User: user, Service: "login"}, ClientID: fmt.Sprint(w.last), Time: 1,
		Result: events.Accepted{Seq: 2, Event: events.SignedIn{Login: fmt.Sprint(w.last), Device: "d", Kind: "phone", First: first}},
	}
	r, err := events.EncodeOutcome(o, events.Stamp{Owner: owner, Command: w.last, Prev: w.last - 1}, envelope)
	w.append(r, err)
}

// process is one life of the service.
type process struct {
	client *client.Client
	ended  chan error
	cancel context.CancelFunc
}

func (w *town) start() *process {
	w.Helper()
	opts := w.server.Options("welcome")
	opts.Token = client.StaticToken(w.server.Token("welcome", "welcome"))
	return w.startWith(w.server.Dial(opts))
}

func (w *town) startWith(c *client.Client) *process {
	w.Helper()
	log := w.log.Client()
	w.Cleanup(log.Close)
	if w.failing {
		log = forgetful{log}
	}
	registry := prometheus.NewRegistry()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{client: c, ended: make(chan error, 1), cancel: cancel}
	state := &health{}
	state.connected(client.State{Connected: true})
	s := settings{group: "welcome", instance: "a", greeting: greeting, begin: w.begin, again: w.again}
	w.metrics, w.follows = newMetrics(registry), follow.NewMetrics(registry, "welcome")
	f, err := newFollower(ctx, s, log, &greeter{client: c, greeting: greeting, log: slog.New(slog.DiscardHandler), metrics: w.metrics}, w.follows, slog.New(slog.DiscardHandler))
	if err != nil {
		w.Fatal(err)
	}
	go func() { p.ended <- run(ctx, f, c) }()
	state.follows(f.Ready)
	w.Cleanup(cancel)
	w.eventually("the service is ready", func() bool { return state.check() == nil || len(p.ended) > 0 })
	return p
}

// forgetful is a log that takes no commits, as of one who is killed before each.
type forgetful struct{ eventlog.Log }

func (f forgetful) Join(ctx context.Context, group string, t eventlog.Topic, instance string) (eventlog.Membership, error) {
	m, err := f.Log.Join(ctx, group, t, instance)
	return forgetfulMember{m}, err
}

type forgetfulMember struct{ eventlog.Membership }

func (forgetfulMember) Commit(context.Context, int32, int64, string) error { return context.Canceled }

func (p *process) stop(w *town) error {
	w.Helper()
	p.cancel()
	return w.ended(p)
}

// ended waits for its end.
func (w *town) ended(p *process) (err error) {
	w.Helper()
	w.eventually("the service ends", func() bool {
		select {
		case err = <-p.ended:
			return true
		default:
			return false
		}
	})
	return err
}

func (w *town) stopped(p *process) {
	w.Helper()
	if err := p.stop(w); err != nil {
		w.Errorf("the service ended with %v", err)
	}
}

func (w *town) eventually(what string, is func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.Fatalf("never: %s", what)
		}
	}
}

// heard are the greetings that somebody got.
func (w *town) heard(user events.UserID) (texts []string) {
	for _, e := range w.server.World.Timeline(events.NewDirectID("welcome", user)) {
		if sent, ok := e.Outcome.Result.(events.Accepted).Event.(events.Sent); ok {
			texts = append(texts, string(sent.Body.Plain.(events.Text)))
		}
	}
	return texts
}

func (w *town) wantHeard(user events.UserID, want ...string) {
	w.Helper()
	w.eventually(fmt.Sprintf("%s hears %q, not %q", user, want, w.heard(user)), func() bool { return slices.Equal(w.heard(user), want) })
}

func (w *town) counted(outcome string) float64 {
	return value(w.metrics.greetings.WithLabelValues(outcome))
}

// value is a counter's now.
func value(c prometheus.Counter) float64 {
	var now dto.Metric
	if c.Write(&now) != nil {
		return -1
	}
	return now.GetCounter().GetValue()
}

// Who signs in for the first time is greeted once: not who signs in again, nor the service itself, whatever comes again.
func TestGreetsOnce(t *testing.T) {
	w := newTown(t)
	w.failing = true
	w.signsIn("ann", true)
	w.signsIn("welcome", true)
	p := w.start()
	w.wantHeard("ann", greeting)
	w.signsIn("bob", false)
	w.signsIn("ann", false)
	w.append(events.Record{Key: []byte("s_1"), Value: []byte("no stamp")}, nil) // poison is passed over
	w.signsIn("cid", true)
	w.wantHeard("cid", greeting)
	w.stopped(p)
	p = w.start() // nothing was committed: all of it comes again
	w.signsIn("dan", true)
	w.wantHeard("dan", greeting)
	w.eventually("all of it has come again", func() bool { return w.counted("repeated") == 2 && w.counted("greeted") == 1 })
	w.stopped(p)
	for _, user := range []events.UserID{"ann", "cid", "dan"} {
		w.wantHeard(user, greeting)
	}
	w.wantHeard("bob")
}

// Who is killed between the greeting and the commit says nothing else the next time, even if it was given another text.
func TestAnotherTextIsNoOtherGreeting(t *testing.T) {
	w := newTown(t)
	w.signsIn("ann", true)
	p := w.start()
	w.wantHeard("ann", greeting)
	g := &greeter{client: p.client, greeting: "Something else.", log: slog.New(slog.DiscardHandler), metrics: newMetrics(prometheus.NewRegistry())}
	if err := g.greet(t.Context(), newcomer{"ann", events.NewID(1, "test", 0, 0)}); err != nil {
		t.Error(err)
	}
	if n := value(g.metrics.greetings.WithLabelValues("repeated")); n != 1 {
		t.Errorf("%v repeated greetings", n)
	}
	w.stopped(p)
	w.wantHeard("ann", greeting)
}

// What a rule refuses is passed over and counted; others are greeted all the same.
func TestWhoCannotBeGreeted(t *testing.T) {
	w := newTown(t)
	pair := events.NewDirectID("ann", "welcome")
	w.server.World.Must("ann", "1", pair, events.Create{Kind: events.KindDirect, Members: []events.NewMember{{User: "welcome", Role: events.RoleMember}}, Policy: directPolicy()})
	w.server.World.Must("ann", "2", pair, events.Contact{Step: events.ContactBlock})
	shy := w.server.Dial(w.server.Options("dan"))
	if _, err := shy.SetPrivacy(t.Context(), &logv1.Privacy{WriteFirst: logv1.Audience_AUDIENCE_NOBODY}); err != nil {
		t.Fatal(err)
	}
	w.signsIn("ann", true)
	w.signsIn("dan", true)
	w.signsIn("bob", true)
	p := w.start()
	w.wantHeard("bob", greeting)
	w.wantHeard("ann")
	w.wantHeard("dan")
	w.signsIn("cid", true) // nothing is held up
	w.wantHeard("cid", greeting)
	w.stopped(p)
	for _, code := range []events.Code{events.CodeBlocked, events.CodePrivacyRefused} {
		if n := value(w.metrics.refusals.WithLabelValues(string(code))); n != 1 {
			t.Errorf("%v people are counted for %s, want 1", n, code)
		}
	}
	if n := w.counted("refused"); n != 2 {
		t.Errorf("%v people are counted as refused, want 2", n)
	}
}

func directPolicy() events.Policy {
	return events.Policy{
		RevokeWindow: 1, OverrideWindow: 1, History: events.HistoryStay, MemberLimit: 2, AddRole: events.RoleAdmin, WriteRole: events.RoleMember,
		Joining: events.JoiningClosed, ReceiptsLimit: 1,
	}
}

// A gateway that is gone for a while is waited for.
func TestGatewayAway(t *testing.T) {
	w := newTown(t)
	p := w.start()
	w.server.Kill()
	w.signsIn("ann", true)
	w.server.Start()
	w.wantHeard("ann", greeting)
	w.stopped(p)
}

// What is under way when it is told to end is finished and committed.
func TestFinishes(t *testing.T) {
	w := newTown(t)
	p := w.start()
	resume := w.server.World.Stall()
	w.signsIn("ann", true)
	w.eventually("the greeting is under way", func() bool {
		_, end, err := w.server.World.Log.Bounds(t.Context(), eventlog.Commands, 0)
		return err == nil && end > 1 // besides the service's own session
	})
	p.cancel()
	resume()
	if err := w.ended(p); err != nil {
		t.Error(err)
	}
	w.wantHeard("ann", greeting)
	commits, err := w.log.Commits(t.Context(), "welcome", eventlog.Events)
	if err != nil || len(commits) != 1 || commits[0].Offset != 2 {
		t.Errorf("committed is %v (%v), want all of it", commits, err)
	}
}

// A gateway that refuses the service for good ends it, and passes nobody over.
func TestRefusedForGood(t *testing.T) {
	w := newTown(t)
	opts := w.server.Options("welcome")
	var revoked atomic.Bool
	opts.Token = func(context.Context) (string, error) {
		if revoked.Load() {
			return "no token", nil
		}
		return w.server.Token("welcome", "welcome"), nil
	}
	p := w.startWith(w.server.Dial(opts))
	revoked.Store(true)
	w.server.Kill()
	w.signsIn("ann", true)
	w.server.Start()
	if err := w.ended(p); err == nil {
		t.Error("it ended as if nothing were wrong")
	}
	p = w.start()
	w.wantHeard("ann", greeting)
	w.stopped(p)
}

// Who was there before is greeted only if that is asked for; a trimmed log stops it, unless it is told to begin again.
func TestWhereItBegins(t *testing.T) {
	w := newTown(t)
	w.begin = follow.AtEnd()
	w.signsIn("ann", true)
	p := w.start()
	w.signsIn("bob", true)
	w.wantHeard("bob", greeting)
	w.stopped(p)
	w.signsIn("cid", true)
	p = w.start()
	w.wantHeard("cid", greeting)
	w.stopped(p)
	w.wantHeard("ann")

	w.signsIn("dan", true)
	w.signsIn("eve", true)
	w.log.Trim(eventlog.Events, 0, 5)
	checkpoint, err := events.EncodeCheckpoint(events.Checkpoint{Progress: events.Progress{Offset: 5, Owner: owner, Last: 3, Time: 1}}, envelope)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eventlog.Put(t.Context(), w.log, eventlog.Snapshots, checkpoint); err != nil {
		t.Fatal(err)
	}
	p = w.start()
	if err := w.ended(p); !errors.Is(err, eventlog.ErrTrimmed) {
		t.Errorf("a trimmed log ended it with %v", err)
	}
	w.again = true
	p = w.start()
	w.signsIn("fay", true)
	w.wantHeard("fay", greeting)
	w.stopped(p)
	w.wantHeard("eve")
}
