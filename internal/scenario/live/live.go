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
	"annal/pkg/projections/archive"
)

// Deployment is where it runs.
type Deployment struct {
	// URLs are the gateways'. Scenarios that name more take them in turn.
	URLs []string
	// Sign makes a token.
	Sign func(c scenario.Claims) (string, error)
	// Check compares the view with the log, and says what differs; nil where that can't be done.
	Check func(ctx context.Context) (string, error)
	// Archived is what is archived, and CheckArchive compares it with the log; nil where there is no archive.
	Archived     archive.View
	CheckArchive func(ctx context.Context) (string, error)
	// StandIns are those of push services; nil where there are none.
	StandIns *StandIns
	// MaxWait is the longest wait of a step that is waited out.
	MaxWait time.Duration
}

var _ scenario.Cluster = (*Deployment)(nil)

// Dial implements scenario.Cluster.
func (d *Deployment) Dial(ctx context.Context, gateway int) (scenario.Conn, error) {
	return dial(ctx, d.URLs[max(gateway-1, 0)%len(d.URLs)])
}

// Token implements scenario.Cluster.
func (d *Deployment) Token(c scenario.Claims) (string, error) {
	return d.Sign(c)
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

// Archive implements scenario.Cluster.
func (d *Deployment) Archive() (archive.View, error) {
	if d.Archived == nil {
		return nil, scenario.ErrNoArchive
	}
	return d.Archived, nil
}

// Phones implements scenario.Cluster.
func (d *Deployment) Phones() (scenario.Phones, error) {
	if d.StandIns == nil {
		return nil, errNoStandIns
	}
	return d.StandIns, nil
}

// World implements scenario.Cluster.
func (d *Deployment) World(ctx context.Context, s *scenario.Step) (*clientv1.ServerFrame, error) {
	if s.Verb == "needs" && s.Args[0] == "archive" && d.Archived != nil {
		return nil, nil
	}
	if s.Verb == "needs" {
		return nil, &scenario.NotHere{Reason: "it is not known that the deployment has " + s.Args[0]}
	}
	check, what := d.Check, "a view"
	if s.Verb == "verify" && len(s.Args) > 0 {
		if check, what = d.CheckArchive, "an archive"; check == nil {
			return nil, scenario.ErrNoArchive
		}
	}
	if s.Verb != "verify" || check == nil {
		return nil, &scenario.NotHere{Reason: fmt.Sprintf("%s needs a hand on the deployment's processes or engines", s.Verb)}
	}
	_, patience := d.Settled()
	for end := time.Now().Add(patience); ; {
		problem, err := check(ctx)
		if err != nil || problem == "" {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, &scenario.Failure{Line: s.Line, Text: s.Text, Expected: what + " as the log says", Got: problem}
		}
		if err := d.Wait(ctx, min(d.MaxWait, 100*time.Millisecond)); err != nil {
			return nil, err
		}
	}
}
