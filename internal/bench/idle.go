package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"annal/pkg/gateway/protocol"
)

// IdleOptions of Idle.
type IdleOptions struct {
	Executable string
	// Connections are open at once, each of a person of its own.
	Connections int
	// Intervals is how many heartbeats CPU is measured over.
	Intervals int
	Commit    string
	// Progress hears of each run; may be nil.
	Progress func(IdleRun)
}

// IdleReport is what `annal bench idle` writes.
type IdleReport struct {
	Commit      string    `json:"commit"`
	Time        time.Time `json:"time"`
	Machine     Machine   `json:"machine"`
	Connections int       `json:"connections"`
	// Sessions are those that each connection is subscribed to.
	Sessions int       `json:"sessions_each"`
	Runs     []IdleRun `json:"runs"`
}

// IdleRun is a gateway of its own, with all connections on it.
type IdleRun struct {
	Protocol         string  `json:"protocol"`
	HeartbeatSeconds float64 `json:"heartbeat_seconds"`
	// ConnectSeconds is how long all took to come.
	ConnectSeconds float64 `json:"connect_seconds"`
	// Before is the gateway once a hundred had come and gone, Connected as soon as all were
	// there, After the beats.
	Before    Footprint `json:"before"`
	Connected Footprint `json:"connected"`
	After     Footprint `json:"after"`
	// LiveKiB and ResidentKiB are what a connection adds, of Live and of Resident, in the end.
	LiveKiB     float64 `json:"live_kib_per_connection"`
	ResidentKiB float64 `json:"resident_kib_per_connection"`
	Beats       []Beat  `json:"beats"`
}

// Beat is the gateway's work while connections do nothing but live.
type Beat struct {
	// Kind says who speaks first.
	Kind    string  `json:"kind"`
	Seconds float64 `json:"seconds"`
	Beats   int64   `json:"beats"`
	// CPU is seconds of processor time of the gateway in a second.
	CPU float64 `json:"cpu"`
}

// The kinds of beats: the gateway pings a silent client, or a client says ping before it is
// asked, twice an interval, as pkg/client does.
const (
	beatAsked = "the gateway asks"
	beatSaid  = "clients say"
)

const (
	// idleTimeout bounds a run.
	idleTimeout = 30 * time.Minute
	// shortHeartbeat is that of the last run.
	shortHeartbeat = 5 * time.Second
	// defaultHeartbeat is a gateway's own.
	defaultHeartbeat = 20 * time.Second
	// warmConnections come and go before the first look.
	warmConnections = 100
)

// Idle measures what connections cost a gateway that only live: memory of each, and the
// processor time that heartbeats take.
func Idle(ctx context.Context, o IdleOptions) (report IdleReport, err error) {
	report = IdleReport{
		Commit: o.Commit, Time: time.Now().UTC().Truncate(time.Second), Machine: ThisMachine(),
		Connections: o.Connections, Sessions: crowdSessions,
	}
	if err := allowDescriptors(o.Connections); err != nil {
		return report, err
	}
	s, err := startStack(ctx, o.Executable)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.settle(ctx, o.Connections); err != nil {
		return report, fmt.Errorf("%w%s", err, s.core.tail())
	}
	for _, r := range []IdleRun{
		{Protocol: protocol.JSON, HeartbeatSeconds: defaultHeartbeat.Seconds()},
		{Protocol: protocol.Proto, HeartbeatSeconds: defaultHeartbeat.Seconds()},
		{Protocol: protocol.JSON, HeartbeatSeconds: shortHeartbeat.Seconds()},
	} {
		if err := o.once(ctx, s, &r); err != nil {
			return report, fmt.Errorf("bench: idle, %s, heartbeat %v s: %w", r.Protocol, r.HeartbeatSeconds, err)
		}
		report.Runs = append(report.Runs, r)
		if o.Progress != nil {
			o.Progress(r)
		}
	}
	return report, nil
}

// once has all come to a new gateway, looks at it, and lets them live on it.
func (o IdleOptions) once(ctx context.Context, s *stack, r *IdleRun) (err error) {
	ctx, cancel := context.WithTimeout(ctx, idleTimeout)
	defer cancel()
	heartbeat := time.Duration(r.HeartbeatSeconds * float64(time.Second))
	gateway, err := s.launch(ctx, "gateway", "--heartbeat", heartbeat.String())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w%s", err, gateway.tail())
		}
		err = errors.Join(err, gateway.stop())
	}()
	look := func(f *Footprint) (err error) {
		*f, err = footprint(ctx, gateway.cmd.Process.Pid, gateway.at.HTTP)
		return err
	}
	warm, err := gather(ctx, s, gateway, r.Protocol, warmConnections)
	if err != nil {
		return err
	}
	warm.leave()
	if err := look(&r.Before); err != nil {
		return err
	}
	began := time.Now()
	all, err := gather(ctx, s, gateway, r.Protocol, o.Connections)
	if err != nil {
		return err
	}
	defer all.leave()
	r.ConnectSeconds = time.Since(began).Seconds()
	if err := look(&r.Connected); err != nil {
		return err
	}
	if err := all.allThere(ctx, gateway); err != nil {
		return err
	}
	span := time.Duration(o.Intervals) * heartbeat
	for _, kind := range []string{beatAsked, beatSaid} {
		b, err := all.live(ctx, gateway, kind, heartbeat, span)
		if err != nil {
			return err
		}
		r.Beats = append(r.Beats, b)
	}
	if err := all.allThere(ctx, gateway); err != nil {
		return err
	}
	if err := look(&r.After); err != nil {
		return err
	}
	each := 1024 / float64(o.Connections)
	r.LiveKiB, r.ResidentKiB = (r.After.Live-r.Before.Live)*each, (r.After.Resident-r.Before.Resident)*each
	return nil
}
