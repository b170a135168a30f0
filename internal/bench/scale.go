package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"annal/internal/app"
	"annal/internal/devstack"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// ScaleOptions of Scale.
type ScaleOptions struct {
	Executable string
	// Sessions is how many there are in the end, of three members each.
	Sessions int
	Progress func(ScaleResult)
}

// ScaleResult is one thing seen.
type ScaleResult struct {
	Name  string
	Value float64
	Unit  string
}

const (
	scalePartitions = 4
	// scaleSends is how many sends the rate is measured over.
	scaleSends = 100_000
	// scaleFew is with how many sessions the rate is measured first.
	scaleFew = 1000
	// scaleTimeout bounds the whole.
	scaleTimeout = 30 * time.Minute
)

// Scale measures a sequencer, alone on a real Kafka, with few and with very many sessions:
// the rates, its memory, and how long it takes to decide again after a restart, and on a
// machine without rows of its own.
func Scale(ctx context.Context, o ScaleOptions) (err error) {
	ctx, cancel := context.WithTimeout(ctx, scaleTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "annal-scale-")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	k, err := devstack.StartKafka(ctx, devstack.KafkaOptions{
		Dir: filepath.Join(dir, "kafka"), HeapMiB: 1024, JVMFlags: []string{"-XX:TieredStopAtLevel=4"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Stop()) }()
	if err := (app.Topics{Kafka: k.Addrs(), Partitions: scalePartitions, Replication: 1, MinISR: 1}).Create(ctx); err != nil {
		return err
	}
	opened, err := app.Open(ctx, app.Target{Kafka: k.Addrs()})
	if err != nil {
		return err
	}
	defer opened.Close()
	s := &scale{ScaleOptions: o, dir: dir, kafka: strings.Join(k.Addrs(), ","), log: opened.Log, random: rand.New(rand.NewPCG(1, 2))}
	return s.run(ctx)
}

type scale struct {
	ScaleOptions
	dir, kafka string
	log        eventlog.Log
	random     *rand.Rand
	created    int
	sent       int
}

func (s *scale) report(name string, value float64, unit string) {
	s.Progress(ScaleResult{name, value, unit})
}

func (s *scale) run(ctx context.Context) error {
	server, err := s.start(ctx, "rows")
	if err != nil {
		return err
	}
	defer func() { _ = server.stop() }() // it may be another by now
	if err := s.rates(ctx, scaleFew); err != nil {
		return err
	}
	if err := s.rates(ctx, s.Sessions); err != nil {
		return err
	}
	rss, err := residentMiB(server.cmd.Process.Pid)
	if err != nil {
		return err
	}
	s.report(fmt.Sprintf("memory of the sequencer with %d sessions", s.created), rss, "MiB resident")
	if err := server.stop(); err != nil {
		return err
	}
	if server, err = s.comeBack(ctx, "a restart", "rows"); err != nil {
		return err
	}
	if err := server.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	<-server.done
	server, err = s.comeBack(ctx, "a kill and a takeover without local rows", "none")
	if err != nil {
		return err
	}
	return server.stop()
}

// start starts a sequencer on a data directory.
func (s *scale) start(ctx context.Context, data string) (*server, error) {
	dir, err := os.MkdirTemp(s.dir, "process-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return launch(ctx, dir, s.Executable, "serve", "--roles", "sequencer", "--kafka", s.kafka, "--data", filepath.Join(s.dir, data))
}

// rates fills up to so many sessions, and measures sends over them.
func (s *scale) rates(ctx context.Context, sessions int) error {
	began, n := time.Now(), sessions-s.created
	err := s.decide(ctx, n, 0, func() events.Command { s.created++; return s.create(s.created - 1) })
	if err != nil {
		return err
	}
	s.report(fmt.Sprintf("sessions opened, up to %d", sessions), float64(n)/time.Since(began).Seconds(), "decided/s")
	began = time.Now()
	if err := s.decide(ctx, scaleSends, 0, s.send); err != nil {
		return err
	}
	s.report(fmt.Sprintf("sends over %d sessions", sessions), scaleSends/time.Since(began).Seconds(), "decided/s")
	return nil
}

// comeBack starts a sequencer and tells how long it takes to decide a command in every
// partition, and to be ready.
func (s *scale) comeBack(ctx context.Context, what, data string) (*server, error) {
	began := time.Now()
	var decided atomic.Int64 // nanoseconds until the first outcome
	var waiting sync.WaitGroup
	var failed error
	waiting.Go(func() {
		failed = s.decide(ctx, 50, scalePartitions, s.send)
		decided.Store(int64(time.Since(began)))
	})
	server, err := s.start(ctx, data)
	if err != nil {
		return nil, err
	}
	ready := time.Since(began)
	waiting.Wait()
	s.report("after "+what+": until commands in all partitions were decided", time.Duration(decided.Load()).Seconds(), "s")
	s.report("after "+what+": until it was ready", ready.Seconds(), "s")
	return server, failed
}

func (s *scale) create(i int) events.Command {
	op := events.Create{Kind: events.KindGroup, Members: []events.NewMember{
		{User: events.UserID(fmt.Sprint("b", i)), Role: events.RoleMember}, {User: events.UserID(fmt.Sprint("c", i)), Role: events.RoleMember},
	}, Policy: events.Policy{
		RevokeWindow: 120_000, OverrideWindow: 900_000, History: events.HistoryStay, MemberLimit: 10_000,
		AddRole: events.RoleAdmin, WriteRole: events.RoleMember, Joining: events.JoiningClosed, ReceiptsLimit: 100,
	}}
	user := events.UserID(fmt.Sprint("a", i))
	return events.Command{Session: events.NewSessionID(op, user, "open"), Actor: events.Actor{User: user}, ClientID: "open", Op: op}
}

func (s *scale) send() events.Command {
	c := s.create(s.random.IntN(s.created))
	s.sent++
	c.ClientID, c.Op = fmt.Sprint("send-", s.sent), events.Send{Body: events.TextBody(strings.Repeat("word ", textBytes/5))}
	return c
}

// decide appends n commands and waits until as many outcomes followed, and so many fences.
func (s *scale) decide(ctx context.Context, n, fences int, next func() events.Command) error {
	before, err := s.outcomes(ctx)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	for range n {
		rec, err := events.EncodeCommand(next(), events.Envelope{Source: "/bench"})
		if err != nil {
			return err
		}
		s.log.Append(ctx, eventlog.Commands, eventlog.ByKey, rec, func(_ int32, _ int64, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := s.outcomes(ctx)
		if err != nil {
			return err
		}
		if now-before >= int64(n+fences) {
			return nil
		}
		select {
		case err := <-failed:
			return fmt.Errorf("bench: append: %w", err)
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("bench: %d of %d commands were decided: %w", now-before, n, ctx.Err())
		}
	}
}

// outcomes counts the records of the events.
func (s *scale) outcomes(ctx context.Context) (n int64, err error) {
	for p := range int32(scalePartitions) {
		_, end, err := s.log.Bounds(ctx, eventlog.Events, p)
		if err != nil {
			return 0, err
		}
		n += end
	}
	return n, nil
}

// residentMiB is how much memory a process has.
func residentMiB(pid int) (float64, error) {
	var kib float64
	_, err := fmt.Sscanf(field(fmt.Sprintf("/proc/%d/status", pid), "VmRSS"), "%f", &kib)
	if err != nil {
		return 0, fmt.Errorf("bench: memory of process %d: %w", pid, err)
	}
	return kib / 1024, nil
}
