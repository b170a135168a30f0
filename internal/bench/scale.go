package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
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
	// scaleCrowd is how many members the one channel gets, scaleAdd at a time.
	scaleCrowd, scaleAdd = 100_000, 1000
	// scaleTail is how many records may follow a checkpoint that is not behind.
	scaleTail = 100_000
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
	if err := s.crowd(ctx); err != nil {
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
	if server, err = s.comeBack(ctx, "a kill while checkpoints are behind, and a takeover without local rows", "none"); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	if err := server.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	<-server.done
	if server, err = s.comeBack(ctx, "a kill, and a takeover without local rows", "none again"); err != nil {
		return err
	}
	return server.stop()
}

// settle waits until each partition has a checkpoint that is near its end, as it has when
// sessions are not opened by the million a minute.
func (s *scale) settle(ctx context.Context) error {
	began := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var read, covered [scalePartitions]int64
	for {
		ends, err := s.ends(ctx)
		if err != nil {
			return err
		}
		settled := true
		for p := range ends {
			if err := s.checkpoints(ctx, int32(p), &read[p], &covered[p]); err != nil {
				return err
			}
			settled = settled && ends[p]-covered[p] <= scaleTail
		}
		if settled {
			s.report(fmt.Sprintf("until checkpoints were within %d records of the end", scaleTail), time.Since(began).Seconds(), "s")
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("bench: checkpoints of partitions cover %v of %v: %w", covered, ends, ctx.Err())
		}
	}
}

// checkpoints reads a partition's snapshots on from where it was, and notes the newest checkpoint.
func (s *scale) checkpoints(ctx context.Context, partition int32, read, covered *int64) error {
	start, end, err := s.log.Bounds(ctx, eventlog.Snapshots, partition)
	if err != nil {
		return fmt.Errorf("bench: snapshots: %w", err)
	}
	if *read = max(*read, start); *read >= end {
		return nil
	}
	cursor, err := s.log.Read(ctx, eventlog.Snapshots, partition, *read)
	if err != nil {
		return fmt.Errorf("bench: snapshots: %w", err)
	}
	defer cursor.Close()
	for *read < end {
		records, err := cursor.Next(ctx)
		if err != nil {
			return fmt.Errorf("bench: snapshots: %w", err)
		}
		for i := range records {
			if c, err := events.DecodeCheckpoint(records[i].Record); err == nil {
				*covered = max(*covered, c.Progress.Offset)
			}
		}
		*read = records[len(records)-1].Offset + 1
	}
	return nil
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
	err := s.decide(ctx, n, 0, func() events.Command { s.created++; return s.create(s.created - 1) }, nil)
	if err != nil {
		return err
	}
	s.report(fmt.Sprintf("sessions opened, up to %d", sessions), float64(n)/time.Since(began).Seconds(), "decided/s")
	// The rate depends on how many sessions are spoken in, since rows of those that were not
	// used lately are on the disk, and may depend on how many there are beside them.
	for _, busy := range slices.Compact([]int{min(scaleFew, sessions), sessions}) {
		began = time.Now()
		if err := s.decide(ctx, scaleSends, 0, func() events.Command { return s.send(busy) }, nil); err != nil {
			return err
		}
		s.report(fmt.Sprintf("sends over %d of %d sessions", busy, sessions), scaleSends/time.Since(began).Seconds(), "decided/s")
	}
	return nil
}

// comeBack starts a sequencer and tells how long it takes to decide a command in the first
// partition and in all of them, and to be ready.
func (s *scale) comeBack(ctx context.Context, what, data string) (*server, error) {
	began := time.Now()
	before, err := s.ends(ctx)
	if err != nil {
		return nil, err
	}
	var first, all atomic.Int64 // nanoseconds
	var waiting sync.WaitGroup
	var failed error
	waiting.Go(func() {
		failed = s.decide(ctx, 50, scalePartitions, func() events.Command { return s.send(s.created) }, func(now [scalePartitions]int64) {
			for p := range now {
				if now[p] >= before[p]+2 { // a fence, and an outcome
					first.CompareAndSwap(0, int64(time.Since(began)))
				}
			}
		})
		all.Store(int64(time.Since(began)))
	})
	server, err := s.start(ctx, data)
	if err != nil {
		return nil, err
	}
	ready := time.Since(began)
	waiting.Wait()
	s.report("after "+what+": until a command was decided", time.Duration(first.Load()).Seconds(), "s")
	s.report("after "+what+": until all that waited, in all partitions, were", time.Duration(all.Load()).Seconds(), "s")
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

// crowd fills one channel with very many members, and measures sends in it.
func (s *scale) crowd(ctx context.Context) error {
	user := events.UserID("host")
	create := events.Create{Kind: events.KindChannel, Policy: s.create(0).Op.(events.Create).Policy}
	create.Policy.MemberLimit = 2 * scaleCrowd
	c := events.Command{Session: events.NewSessionID(create, user, "open"), Actor: events.Actor{User: user}, ClientID: "open", Op: create}
	before, err := s.ends(ctx)
	if err != nil {
		return err
	}
	began, added := time.Now(), 0
	err = s.decide(ctx, 1+scaleCrowd/scaleAdd, 0, func() events.Command {
		now := c
		if added > 0 {
			var add events.Add
			for i := range scaleAdd {
				add.Members = append(add.Members, events.NewMember{User: events.UserID(fmt.Sprint("m", added+i)), Role: events.RoleMember})
			}
			now.ClientID, now.Op = fmt.Sprint("add-", added), add
			added += scaleAdd
		} else {
			added = 1
		}
		return now
	}, nil)
	if err != nil {
		return err
	}
	if n, err := s.accepted(ctx, before); err != nil || n != 1+scaleCrowd/scaleAdd {
		return errors.Join(err, fmt.Errorf("bench: %d of %d adds were accepted", n, 1+scaleCrowd/scaleAdd))
	}
	s.report(fmt.Sprintf("members added to one channel, up to %d", scaleCrowd), scaleCrowd/time.Since(began).Seconds(), "members/s")
	began = time.Now()
	err = s.decide(ctx, scaleSends, 0, func() events.Command {
		now := c
		s.sent++
		now.ClientID, now.Op = fmt.Sprint("send-", s.sent), events.Send{Body: events.TextBody(strings.Repeat("word ", textBytes/5))}
		return now
	}, nil)
	if err != nil {
		return err
	}
	s.report("sends in that channel", scaleSends/time.Since(began).Seconds(), "decided/s")
	return nil
}

// send is one of the first user of one of the first so many sessions.
func (s *scale) send(busy int) events.Command {
	c := s.create(s.random.IntN(busy))
	s.sent++
	c.ClientID, c.Op = fmt.Sprint("send-", s.sent), events.Send{Body: events.TextBody(strings.Repeat("word ", textBytes/5))}
	return c
}

// decide appends n commands and waits until as many outcomes followed, and so many fences;
// look, if any, sees where the events end meanwhile.
func (s *scale) decide(ctx context.Context, n, fences int, next func() events.Command, look func([scalePartitions]int64)) error {
	before, err := s.ends(ctx)
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
		now, err := s.ends(ctx)
		if err != nil {
			return err
		}
		if look != nil {
			look(now)
		}
		decided := int64(0)
		for p := range now {
			decided += now[p] - before[p]
		}
		if decided >= int64(n+fences) {
			return nil
		}
		select {
		case err := <-failed:
			return fmt.Errorf("bench: append: %w", err)
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("bench: %d of %d commands were decided: %w", decided, n, ctx.Err())
		}
	}
}

// accepted counts the accepted outcomes from there on.
func (s *scale) accepted(ctx context.Context, from [scalePartitions]int64) (n int, err error) {
	now, err := s.ends(ctx)
	if err != nil {
		return 0, err
	}
	for p := range now {
		if from[p] == now[p] {
			continue
		}
		cursor, err := s.log.Read(ctx, eventlog.Events, int32(p), from[p])
		if err != nil {
			return n, fmt.Errorf("bench: events: %w", err)
		}
		for at := from[p]; at < now[p]; {
			records, err := cursor.Next(ctx)
			if err != nil {
				cursor.Close()
				return n, fmt.Errorf("bench: events: %w", err)
			}
			for i := range records {
				o, err := events.DecodeOutcome(records[i].Record)
				if _, ok := o.Result.(events.Accepted); ok && err == nil {
					n++
				}
			}
			at = records[len(records)-1].Offset + 1
		}
		cursor.Close()
	}
	return n, nil
}

// ends gives where the events of each partition end.
func (s *scale) ends(ctx context.Context) (ends [scalePartitions]int64, err error) {
	for p := range ends {
		if _, ends[p], err = s.log.Bounds(ctx, eventlog.Events, int32(p)); err != nil {
			return ends, err
		}
	}
	return ends, nil
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
