package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"annal/pkg/client"
)

// Options of Core.
type Options struct {
	// Executable is the annal to measure.
	Executable string
	// Engines are the kinds to measure on, one after the other.
	Engines []string
	// Span is how long each measurement takes, besides warming up.
	Span time.Duration
	// WarmUp is how long the server and its engines work before the first measurement: a
	// young Kafka spends more on compiling itself than on its work.
	WarmUp time.Duration
	// Commit names what is measured.
	Commit string
	// Progress hears of each result; may be nil.
	Progress func(engines string, r Result)
}

// Core measures the way of a message: from the socket of a client in this process,
// through the log, its sequencer and the view of a server in another, to the ack. The
// floor follows in the same run, on the same Kafka.
func Core(ctx context.Context, o Options) (Report, error) {
	report := Report{Commit: o.Commit, Time: time.Now().UTC().Truncate(time.Second), Machine: ThisMachine()}
	for _, engines := range o.Engines {
		run := Run{Engines: engines}
		err := o.run(ctx, engines, func(r Result) {
			run.Results = append(run.Results, r)
			if o.Progress != nil {
				o.Progress(engines, r)
			}
		})
		report.Runs = append(report.Runs, run)
		if err != nil {
			return report, fmt.Errorf("bench: engines %s: %w", engines, err)
		}
	}
	return report, nil
}

// directLoads are what sends over many sessions are measured under.
func directLoads() []Load {
	return []Load{{InFlight: 1}, {InFlight: 64}, {InFlight: 1024}, open(1000), open(5000)}
}

func (o Options) run(ctx context.Context, engines string, report func(Result)) (err error) {
	s, err := startServer(ctx, o.Executable, engines)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	// A server that ends by itself ends the measurement.
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	go func() {
		<-s.done
		gone(errors.New("the server has ended"))
	}()
	err = o.sends(ctx, s, report)
	if err == nil {
		err = floor(ctx, s.at.Kafka, o.Span, report)
	}
	if err != nil {
		return fmt.Errorf("%w%s", errors.Join(err, context.Cause(ctx)), s.tail())
	}
	return nil
}

// setUpTimeout bounds making the sessions.
const setUpTimeout = time.Minute

func (o Options) sends(ctx context.Context, s *server, report func(Result)) error {
	setUp, cancel := context.WithTimeout(ctx, setUpTimeout)
	defer cancel()
	c, err := client.Dial(setUp, client.Options{URL: s.at.WS, Token: client.StaticToken(s.at.Token), Device: "bench"})
	if err != nil {
		return err
	}
	defer c.Close()
	direct, err := directFleet(setUp, c, s.at)
	if err != nil {
		return err
	}
	defer direct.close()
	channel, err := channelFleet(setUp, c, s.at)
	if err != nil {
		return err
	}
	defer channel.close()
	if o.WarmUp > 0 {
		if _, err := direct.measure(ctx, "warming up", Load{InFlight: 64}, o.WarmUp); err != nil {
			return err
		}
	}
	for _, l := range directLoads() {
		r, err := direct.measure(ctx, fmt.Sprintf("send: %d direct sessions, %s", directSessions, l), l, o.Span)
		if err != nil {
			return err
		}
		report(r)
	}
	l := Load{InFlight: 64}
	r, err := channel.measure(ctx, fmt.Sprintf("send: one channel of %d members, %d online, %s", channelMembers, channelOnline, l), l, o.Span)
	if err != nil {
		return err
	}
	report(r)
	return nil
}
