// Package live runs scenarios on a deployment that is there: over WebSocket, with tokens signed
// by a key that its gateways trust. What would need a hand on its processes and engines is not
// done here.
package live

import (
	"context"
	"fmt"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/scenario"
)

// Deployment is where it runs.
type Deployment struct {
	// URLs are the gateways'. Scenarios that name more take them in turn.
	URLs []string
	// Sign makes a token for a user, or for a service that acts for everybody.
	Sign func(user string, ttl time.Duration, service bool) (string, error)
	// Check compares the view with the log, and says what differs; nil where that can't be done.
	Check func(ctx context.Context) (string, error)
	// MaxWait is the longest wait of a step that is waited out.
	MaxWait time.Duration
}

var _ scenario.Cluster = (*Deployment)(nil)

// Dial implements scenario.Cluster.
func (d *Deployment) Dial(ctx context.Context, gateway int) (scenario.Conn, error) {
	return dial(ctx, d.URLs[max(gateway-1, 0)%len(d.URLs)])
}

// Token implements scenario.Cluster.
func (d *Deployment) Token(user string, ttl time.Duration, service bool) (string, error) {
	return d.Sign(user, ttl, service)
}

// Settled implements scenario.Cluster.
func (d *Deployment) Settled() (settle, patience time.Duration) {
	return 200 * time.Millisecond, 30*time.Second + d.MaxWait
}

// Wait implements scenario.Cluster.
func (d *Deployment) Wait(ctx context.Context, span time.Duration) error {
	if span > d.MaxWait {
		return &scenario.NotHere{Reason: fmt.Sprintf("it takes %v, and no wait of over %v is waited out (--max-wait)", span, d.MaxWait)}
	}
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// World implements scenario.Cluster.
func (d *Deployment) World(ctx context.Context, s *scenario.Step) (*clientv1.ServerFrame, error) {
	if s.Verb == "needs" {
		return nil, &scenario.NotHere{Reason: "it is not known that the deployment has " + s.Args[0]}
	}
	if s.Verb != "verify" || d.Check == nil {
		return nil, &scenario.NotHere{Reason: fmt.Sprintf("%s needs a hand on the deployment's processes or engines", s.Verb)}
	}
	_, patience := d.Settled()
	for end := time.Now().Add(patience); ; {
		problem, err := d.Check(ctx)
		if err != nil || problem == "" {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, &scenario.Failure{Line: s.Line, Text: s.Text, Expected: "a view as the log says", Got: problem}
		}
		if err := d.Wait(ctx, min(d.MaxWait, 100*time.Millisecond)); err != nil {
			return nil, err
		}
	}
}
