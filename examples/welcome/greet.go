package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/projections/follow"
)

// greeter greets whoever signs in for the first time. It is a follow.Handler: what it is handed counts, comes in the order of the log, and comes
// again after a crash.
type greeter struct {
	client   *client.Client
	greeting string
	log      *slog.Logger
	metrics  *metrics
}

// metrics are the service's own, beside those of following.
type metrics struct {
	greetings *prometheus.CounterVec
	refusals  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		greetings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_welcome_greetings_total", Help: "First sign-ins dealt with: greeted, repeated (greeted before), refused.",
		}, []string{"outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "annal_welcome_refusals_total", Help: "People who could not be greeted, by code.",
		}, []string{"code"}),
	}
	r.MustRegister(m.greetings, m.refusals)
	return m
}

// newcomer is somebody to greet, and the event that says so.
type newcomer struct {
	user  events.UserID
	event events.ID
}

// atOnce is how many people of a partition are greeted at once.
const atOnce = 16

// Handle implements follow.Handler: it returns once everybody is greeted, since what it was handed is committed then.
func (g *greeter) Handle(ctx context.Context, _ int32, outcomes []follow.Outcome) error {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range outcomes {
		if who, ok := comes(&outcomes[i]); ok && string(who.user) != g.client.User() {
			group.Go(func() error { return g.greet(ctx, who) })
		}
	}
	return group.Wait()
}

// comes says whether an outcome is somebody's first sign-in. What can't be read is not one that this program knows.
func comes(o *follow.Outcome) (newcomer, bool) {
	if o.Err != nil {
		return newcomer{}, false
	}
	accepted, ok := o.Result.(events.Accepted)
	if !ok {
		return newcomer{}, false
	}
	in, ok := accepted.Event.(events.SignedIn)
	return newcomer{o.Actor.User, o.ID}, ok && in.First
}

// greet opens the session with somebody and says the greeting, both under ids that follow from the event: whoever does it again is told what came
// of it the first time. It returns nil once that is known; else it is to be done again.
func (g *greeter) greet(ctx context.Context, who newcomer) error {
	// The deployment's policy says whether the two may talk at once; where it says no, asking for another is not heeded.
	_, err := g.client.Create(ctx, client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: string(who.user)}}},
		client.ClientID(fmt.Sprintf("welcome-open-%s", who.event)))
	if code, err := g.verdict(who, err); err != nil || code != "" {
		return err
	}
	session := events.NewDirectID(events.UserID(g.client.User()), who.user)
	ack, err := g.client.Send(ctx, string(session), g.greeting, client.ClientID(fmt.Sprintf("welcome-%s", who.event)))
	code, err := g.verdict(who, err)
	switch {
	case err != nil:
		return err
	case code == events.CodeClientIDConflict, code == "" && ack.GetDuplicate():
		g.metrics.greetings.WithLabelValues("repeated").Inc()
	case code == "":
		g.metrics.greetings.WithLabelValues("greeted").Inc()
		g.log.Info("greeted", "user", who.user, "session", session, "seq", ack.GetSeq())
	}
	return nil
}

// verdict tells what is final from what is not: the code of a refusal that is about this person, whom another try would not help, or an error.
// What would pass (TRY_AGAIN, BUSY, RATE_LIMITED) the client has waited out.
func (g *greeter) verdict(who newcomer, err error) (events.Code, error) {
	if err == nil {
		return "", nil
	}
	refusal, answered := err.(*client.Error) //nolint:errorlint // a wrapped one is why the client has ended, and says nothing of this command
	if !answered || ours(refusal.Code) {
		return "", err
	}
	if refusal.Code == events.CodeClientIDConflict { // greeted before, with another text
		return refusal.Code, nil
	}
	g.metrics.greetings.WithLabelValues("refused").Inc()
	g.metrics.refusals.WithLabelValues(string(refusal.Code)).Inc()
	g.log.Warn("somebody cannot be greeted", "user", who.user, "code", refusal.Code, "error", refusal)
	return refusal.Code, nil
}

// ours are refusals that are about this service, and would come for everybody: nobody may be passed over for them.
func ours(code events.Code) bool {
	switch code {
	case events.CodeScopeRequired, events.CodeServiceTokenRequired, events.CodeMalformedFrame, events.CodeUnknownOp, events.CodeMissingField:
		return true
	}
	return false
}
