package sequencer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/sequencer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// cluster is a log in memory with the stores of its sequencers' disks.
type cluster struct {
	t      *testing.T
	memory *eventlog.Memory
	ctx    context.Context
	sent   map[int32]int64 // commands by partition
	// checkpoints are taken so often.
	checkpoints time.Duration
}

func newCluster(t *testing.T, o eventlog.MemoryOptions) *cluster {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	c := &cluster{t: t, memory: eventlog.NewMemory(o), ctx: ctx, sent: map[int32]int64{}, checkpoints: 20 * time.Millisecond}
	t.Cleanup(c.memory.Close)
	return c
}

// disk keeps partitions' stores over restarts.
type disk struct {
	mu     sync.Mutex
	stores map[int32]*sequencer.MemoryStore
}

func newDisk() *disk { return &disk{stores: map[int32]*sequencer.MemoryStore{}} }

func (d *disk) open(p int32) (sequencer.Store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stores[p] == nil {
		d.stores[p] = sequencer.NewMemoryStore()
	}
	return d.stores[p], nil
}

// running is a role at work.
type running struct {
	log    eventlog.Log
	role   *sequencer.Role
	cancel context.CancelFunc
	ended  chan error // of one error, then closed
}

func (c *cluster) run(instance string, d *disk) *running {
	c.t.Helper()
	return c.runOn(c.memory.Client(), instance, d)
}

func (c *cluster) runOn(log eventlog.Log, instance string, d *disk) *running {
	c.t.Helper()
	opts := sequencer.Defaults()
	opts.Log, opts.Rules, opts.OpenStore, opts.Instance, opts.Source = log, toyRules{}, d.open, instance, "/sequencer/"+instance
	opts.Random, opts.Logger = rand.NewPCG(uint64(len(instance)), 7), slog.New(slog.DiscardHandler)
	opts.CheckpointEvery = c.checkpoints
	opts.Metrics = sequencer.NewMetrics(prometheus.NewRegistry())
	role, err := sequencer.New(c.ctx, opts)
	if err != nil {
		c.t.Fatalf("New: %v", err)
	}
	ctx, cancel := context.WithCancel(c.ctx)
	r := &running{log: opts.Log, role: role, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- role.Run(ctx); close(r.ended) }()
	c.t.Cleanup(func() { cancel(); r.wait(); r.log.Close() })
	return r
}

// stop ends it in good order.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := <-r.ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

// wait waits for its end, whatever that was.
func (r *running) wait() {
	for range r.ended {
	}
}

// crash takes the log away from under it, with everything in flight.
func (r *running) crash() {
	r.log.Close()
	r.wait()
	r.cancel()
}

// append puts a record into the log and gives its place.
func (c *cluster) append(topic eventlog.Topic, partition int32, rec events.Record) (int32, int64) {
	c.t.Helper()
	type place struct {
		partition int32
		offset    int64
		err       error
	}
	done := make(chan place, 1)
	c.memory.Append(c.ctx, topic, partition, rec, func(p int32, o int64, err error) { done <- place{p, o, err} })
	got := <-done
	if got.err != nil {
		c.t.Fatalf("append to %s: %v", topic, got.err)
	}
	return got.partition, got.offset
}

// send asks for n messages in each of four sessions.
func (c *cluster) send(from, n int) {
	c.t.Helper()
	for i := from; i < from+n; i++ {
		for s := range 4 {
			var op events.Op = events.Send{Body: events.TextBody(fmt.Sprint("message ", i))}
			if i == 0 {
				op = events.Create{Kind: events.KindGroup}
			}
			c.command(fmt.Sprint("g_", s), fmt.Sprint("c", i), op)
		}
	}
}

func (c *cluster) command(session, clientID string, op events.Op) (partition int32, offset int64) {
	c.t.Helper()
	rec, err := events.EncodeCommand(events.Command{
		Session: events.SessionID(session), Actor: events.Actor{User: "ann"}, ClientID: clientID, Op: op,
	}, events.Envelope{})
	if err != nil {
		c.t.Fatal(err)
	}
	partition, offset = c.append(eventlog.Commands, eventlog.ByKey, rec)
	c.sent[partition] = offset + 1
	return partition, offset
}

// outcomes reads every partition until each command sent has its counted outcome, and
// gives how many kinds there are. It fails unless there is exactly one for each.
func (c *cluster) outcomes() (kinds map[string]int, owners map[int32]events.Owner) {
	c.t.Helper()
	kinds, owners = map[string]int{}, map[int32]events.Owner{}
	for p, n := range c.sent {
		cursor, err := c.memory.Read(c.ctx, eventlog.Events, p, 0)
		if err != nil {
			c.t.Fatal(err)
		}
		reader := events.NewReader(events.Start())
		for next := int64(0); next < n; {
			records, err := cursor.Next(c.ctx)
			if err != nil {
				c.t.Fatalf("partition %d: %d of %d commands have an outcome that counts: %v", p, next, n, err)
			}
			for _, rec := range records {
				verdict, stamp, _ := reader.Read(rec.Offset, rec.Record)
				if verdict != events.Counted {
					continue
				}
				if stamp.Command != next {
					c.t.Fatalf("partition %d: command %d counts, want %d next", p, stamp.Command, next)
				}
				next++
				typ, _ := rec.Header(events.HeaderType)
				kinds[typ]++
			}
		}
		owners[p] = reader.Progress().Owner
		cursor.Close()
	}
	return kinds, owners
}

func expect(t *testing.T, got map[string]int, want map[string]int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("outcomes %v, want %v", got, want)
	}
}

const sent, created = events.TypeEventPrefix + "sent", events.TypeEventPrefix + "created"

func TestRoleDecidesAndGoesOnAfterRestart(t *testing.T) {
	c := newCluster(t, eventlog.MemoryOptions{})
	d := newDisk()
	r := c.run("a", d)
	c.send(0, 100)
	kinds, _ := c.outcomes()
	expect(t, kinds, map[string]int{created: 4, sent: 396})
	r.stop(t)
	c.send(100, 50)
	c.run("a", d)
	kinds, owners := c.outcomes()
	expect(t, kinds, map[string]int{created: 4, sent: 596})
	for p, owner := range owners {
		if owner.N != 2 {
			t.Errorf("partition %d: owner %v, want the second turn", p, owner)
		}
	}
}

func TestRoleSurvivesCrashes(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprintf("store kept %v", keep), func(t *testing.T) {
			c := newCluster(t, eventlog.MemoryOptions{})
			d := newDisk()
			for i := range 5 {
				r := c.run("a", d)
				c.send(i*100, 100)
				c.send(i*100, 20) // asked again: answered
				r.crash()
				if !keep {
					d = newDisk()
				}
			}
			c.run("a", d)
			kinds, _ := c.outcomes()
			expect(t, kinds, map[string]int{created: 4, sent: 1996, events.TypeAnswered: 400})
		})
	}
}

func TestRoleTakesOverFromZombie(t *testing.T) {
	c := newCluster(t, eventlog.MemoryOptions{})
	a := c.run("a", newDisk())
	c.send(0, 50)
	c.outcomes()
	c.run("b", newDisk())
	for i := 1; i < 6; i++ {
		c.memory.Expel(sequencer.Group, eventlog.Commands, "")
		c.send(i*50, 50)
	}
	kinds, _ := c.outcomes()
	expect(t, kinds, map[string]int{created: 4, sent: 1196})
	a.stop(t)
	c.send(300, 50)
	c.memory.Expel(sequencer.Group, eventlog.Commands, "a")
	kinds, _ = c.outcomes()
	expect(t, kinds, map[string]int{created: 4, sent: 1396})
}

// claims hears what the group hands out.
type claims struct{ got chan eventlog.Claim }

func (c claims) Claimed(claim eventlog.Claim)  { c.got <- claim }
func (claims) Released(context.Context, int32) {}
func (claims) Lost(int32)                      {}

func TestRoleDrainsAndCommits(t *testing.T) {
	c := newCluster(t, eventlog.MemoryOptions{Partitions: 1})
	r := c.run("", newDisk())
	c.send(0, 200)
	kinds, _ := c.outcomes()
	expect(t, kinds, map[string]int{created: 4, sent: 796})
	r.stop(t)
	m, err := c.memory.Join(c.ctx, sequencer.Group, eventlog.Commands, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.ctx)
	h := claims{got: make(chan eventlog.Claim, 1)}
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx, h) }()
	claim := <-h.got
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	p, err := events.ParseProgress(claim.Metadata)
	if err != nil || claim.Offset != 800 || p.Last != 799 {
		t.Errorf("committed %d with %q (%v), want 800 and a progress whose last is 799", claim.Offset, claim.Metadata, err)
	}
	if _, end, _ := c.memory.Bounds(c.ctx, eventlog.Events, 0); p.Offset != end {
		t.Errorf("the log ends at %d, progress is %v: something was left in flight", end, p)
	}
}

func TestRoleRejectsWhatTheLogRefuses(t *testing.T) {
	c := newCluster(t, eventlog.MemoryOptions{Partitions: 1, MaxRecordBytes: 4096})
	c.run("a", newDisk())
	c.command("g_0", "c0", events.Create{Kind: events.KindGroup})
	big := 0
	for n := 3900; n > 3000 && big == 0; n -= 10 {
		rec, err := events.EncodeCommand(events.Command{
			Session: "g_0", Actor: events.Actor{User: "ann"}, ClientID: "big", Op: events.Send{Body: events.TextBody(strings.Repeat("x", n))},
		}, events.Envelope{})
		if err == nil && eventlog.Size(rec) <= 4096 {
			big = n
		}
	}
	c.command("g_0", "big", events.Send{Body: events.TextBody(strings.Repeat("x", big))})
	c.command("g_0", "c1", events.Send{Body: events.TextBody("behind it")})
	kinds, _ := c.outcomes()
	expect(t, kinds, map[string]int{created: 1, events.TypeRejected: 1, sent: 1})
	if _, end, err := c.memory.Bounds(c.ctx, eventlog.Quarantine, 0); err != nil || end == 0 {
		t.Errorf("quarantine ends at %d (%v), want the refused record there", end, err)
	}
}

func TestRoleStops(t *testing.T) {
	fence := func(c *cluster) {
		rec, err := events.EncodeFence(events.Fence{Owner: events.Owner{N: 1}}, events.Envelope{})
		if err != nil {
			t.Fatal(err)
		}
		c.append(eventlog.Events, 0, rec)
	}
	var counted *sequencer.CountedError
	for name, test := range map[string]struct {
		prepare func(c *cluster)
		is      func(error) bool
	}{
		"events trimmed, nothing stored": {
			func(c *cluster) { fence(c); c.memory.Trim(eventlog.Events, 0, 1) },
			func(err error) bool { return errors.Is(err, eventlog.ErrTrimmed) },
		},
		"undecided commands trimmed": {
			func(c *cluster) {
				c.send(0, 1)
				r := c.run("first", newDisk())
				c.outcomes()
				r.stop(c.t)
				c.send(1, 1)
				c.memory.Trim(eventlog.Commands, 0, 6)
			},
			func(err error) bool {
				return errors.Is(err, eventlog.ErrTrimmed) && strings.Contains(err.Error(), "4 to 5")
			},
		},
		"commands of another log": {
			func(c *cluster) {
				fence(c)
				o := events.Outcome{Session: "g_0", Time: 1, Result: events.Answered{Code: events.CodeDuplicate}}
				rec, _ := events.EncodeOutcome(o, events.Stamp{Owner: events.Owner{N: 1}, Command: 7, Prev: -1}, events.Envelope{})
				c.append(eventlog.Events, 0, rec)
			},
			func(err error) bool { return errors.Is(err, eventlog.ErrBeyond) },
		},
		"a counted outcome of a newer version": {
			func(c *cluster) {
				fence(c)
				o := events.Outcome{Session: "g_0", Time: 1, Result: events.Answered{Code: events.CodeDuplicate}}
				rec, _ := events.EncodeOutcome(o, events.Stamp{Owner: events.Owner{N: 1}, Command: 0, Prev: -1}, events.Envelope{})
				setHeader(&rec, events.HeaderSchemaVersion, "99")
				c.append(eventlog.Events, 0, rec)
			},
			func(err error) bool {
				var version *events.VersionError
				return errors.As(err, &counted) && errors.As(err, &version)
			},
		},
		"a command of a newer version": {
			func(c *cluster) {
				rec, _ := events.EncodeCommand(events.Command{Session: "g_0", Op: events.Join{}}, events.Envelope{})
				setHeader(&rec, events.HeaderSchemaVersion, "99")
				c.append(eventlog.Commands, 0, rec)
			},
			func(err error) bool { var version *events.VersionError; return errors.As(err, &version) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, eventlog.MemoryOptions{Partitions: 1, SessionTimeout: time.Millisecond})
			test.prepare(c)
			r := c.run("a", newDisk())
			select {
			case err := <-r.ended:
				if !test.is(err) {
					t.Errorf("Run = %v, want another error", err)
				}
			case <-c.ctx.Done():
				t.Error("Run goes on, want an error")
			}
		})
	}
}

func setHeader(rec *events.Record, name, value string) {
	for i := range rec.Headers {
		if rec.Headers[i].Name == name {
			rec.Headers[i].Value = []byte(value)
		}
	}
}
