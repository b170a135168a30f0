package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/scenario"
	"annal/internal/sim"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/gateway"
	"annal/pkg/gateway/auth"
	"annal/pkg/projections/archive"
)

// inProcess is the whole system in this process, on fake time.
type inProcess struct{ *sim.Cluster }

var _ scenario.Cluster = inProcess{}

// Dial implements Cluster.
func (c inProcess) Dial(_ context.Context, gateway int) (scenario.Conn, error) {
	if gateway > sim.ClusterGateways {
		return nil, &scenario.NotHere{Reason: fmt.Sprintf("there are %d gateways", sim.ClusterGateways)}
	}
	s := c.Cluster.Dial(gateway)
	if s == nil {
		return nil, errors.New("no gateway takes anybody")
	}
	return inProcessConn{s}, nil
}

// Token implements Cluster.
func (c inProcess) Token(t scenario.Claims) (string, error) {
	id := auth.Identity{User: events.UserID(t.User), Login: t.Login, Device: t.Device, Expires: time.Now().Add(t.Life)}
	if t.Service {
		id.Service = "scenario"
		for _, scope := range t.Scopes {
			id.Scopes = append(id.Scopes, auth.Scope(scope))
		}
	}
	return c.Cluster.Token(id)
}

func first(s *scenario.Step) string {
	if len(s.Args) == 0 {
		return ""
	}
	return s.Args[0]
}

// sleep lets fake time pass.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Settled implements Cluster: time costs nothing.
func (c inProcess) Settled() (settle, patience time.Duration) { return 2 * time.Second, time.Minute }

// Wait implements Cluster.
func (c inProcess) Wait(ctx context.Context, d time.Duration) error { return sleep(ctx, d) }

// Archive implements Cluster.
func (c inProcess) Archive() (archive.View, error) { return c.Cluster.Archive(), nil }

// Phones implements Cluster.
func (c inProcess) Phones() (scenario.Phones, error) { return inProcessPhones(c), nil }

// World implements Cluster.
func (c inProcess) World(ctx context.Context, s *scenario.Step) (*clientv1.ServerFrame, error) {
	switch name := first(s); s.Verb {
	case "needs":
		switch name {
		case "small_limits", "archive":
			return nil, nil
		case "no_archive":
			return nil, c.WithoutArchive()
		}
		return nil, &scenario.NotHere{Reason: fmt.Sprintf("there is no %s", name)}
	case "restart":
		return nil, c.Restart(name)
	case "stop":
		return nil, c.StopProcess(name)
	case "start":
		return nil, c.StartProcess(name)
	case "pause", "unpause":
		return nil, c.Pause(name, s.Verb == "pause")
	case "empty":
		if name == "push" {
			return nil, c.EmptyPush()
		}
		c.EmptyStore()
		return nil, nil
	case "rebuild":
		if name == "push" {
			return nil, c.LosePush()
		}
		return nil, c.Rebuild(ctx, name)
	case "lose":
		if !c.LoseSession(name) {
			return nil, fmt.Errorf("the view has no session %s", name)
		}
		return nil, nil
	case "cut":
		c.CutFeeds()
		return nil, nil
	case "trim":
		return nil, c.Trim(ctx)
	case "verify":
		verify := c.Verify
		if name == "archive" {
			verify = c.VerifyArchive
		}
		return nil, c.until(ctx, "as the log says", func() (string, error) {
			problem, err := verify(ctx)
			if problem == "" {
				problem = "as the log says"
			}
			return problem, err
		}, s)
	case "quarantined":
		return nil, c.until(ctx, s.Args[0], func() (string, error) {
			n, err := c.Quarantined(ctx)
			return strconv.FormatInt(n, 10), err
		}, s)
	}
	return c.inject(ctx, s)
}

// until waits until look gives what is wanted.
func (c inProcess) until(ctx context.Context, want string, look func() (string, error), s *scenario.Step) error {
	_, patience := c.Settled()
	for end := time.Now().Add(patience); ; {
		got, err := look()
		if err != nil || got == want {
			return err
		}
		if time.Now().After(end) {
			return &scenario.Failure{Line: s.Line, Text: s.Text, Expected: want, Got: got}
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// inject writes what no part of the system would.
func (c inProcess) inject(ctx context.Context, s *scenario.Step) (*clientv1.ServerFrame, error) {
	session := s.Args[0]
	r := events.Record{Key: []byte(session), Value: []byte("\xff\x00\xc3\x28 no record")}
	switch s.Args[1] {
	case "event":
		r.Headers = []events.Header{{Name: "\xfe", Value: []byte{0}}}
		return nil, c.Inject(ctx, eventlog.Events, r)
	case "command":
		before, err := c.Outcomes(ctx, session)
		if err == nil {
			err = c.Inject(ctx, eventlog.Commands, r)
		}
		if err != nil {
			return nil, err
		}
		var reply *clientv1.ServerFrame
		err = c.until(ctx, "an outcome", func() (string, error) {
			all, err := c.Outcomes(ctx, session)
			if err != nil || len(all) <= len(before) {
				return "none", err
			}
			reply = gateway.AnswerOf("", &all[len(before)])
			return "an outcome", nil
		}, s)
		return reply, err
	}
	return nil, fmt.Errorf("%q is neither event nor command", s.Args[1])
}

// inProcessConn is a connection to it.
type inProcessConn struct{ *sim.Socket }

// Raw implements Conn.
func (c inProcessConn) Raw(data []byte) error {
	if len(data) > 1<<20 || !utf8.Valid(data) {
		return &scenario.NotHere{Reason: "there is no WebSocket, which looks at frames before a gateway does"}
	}
	c.Socket.Raw(data)
	return nil
}

// Hear implements Conn.
func (c inProcessConn) Hear(ctx context.Context) (*clientv1.ServerFrame, error) {
	m, code, err := c.Socket.Hear(ctx)
	if code != "" {
		return nil, &scenario.ClosedError{Code: code}
	}
	return m, err
}
