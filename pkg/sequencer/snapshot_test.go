package sequencer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// story is a partition's life: commands decided by the production rules, with
// checkpoints in between.
type story struct {
	// look is the restorer's: little, so that it has to look further.
	look    int64
	t       *testing.T
	ctx     context.Context
	log     *eventlog.Memory
	store   *MemoryStore
	machine *Machine
	// since is an offset behind the fence.
	since   int64
	random  *rand.Rand
	now     events.Millis
	command int64
	// at are the rows of the moments when checkpoints were taken, by offset.
	at   map[int64][]StoredRow
	last int64 // of them
}

func newStory(t *testing.T, seed uint64) *story {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s := &story{
		t: t, ctx: ctx, log: eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1}), store: NewMemoryStore(),
		random: rand.New(rand.NewPCG(seed, 1)), now: 1_700_000_000_000, at: map[int64][]StoredRow{}, look: 5,
	}
	t.Cleanup(s.log.Close)
	var err error
	if s.machine, err = NewMachine(Config{Cluster: "c", Source: "/test", Rules: SessionRules{}, CacheBytes: 1 << 20}, s.store); err != nil {
		t.Fatal(err)
	}
	fence, err := s.machine.Fence([16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	s.count(fence.Record)
	s.since = s.machine.Progress().Offset
	for i := range groups {
		s.create(i)
	}
	return s
}

// groups is how many sessions there are, all opened by ann.
const groups = 6

// create opens a group, or is answered that it is open.
func (s *story) create(i int) {
	s.t.Helper()
	s.decide(events.Command{
		Session: group(i), Actor: events.Actor{User: "ann"}, ClientID: fmt.Sprint("create", i), Op: open,
	})
}

var open = events.Create{Kind: events.KindGroup, Policy: anything}

func group(i int) events.SessionID { return events.NewSessionID(open, "ann", fmt.Sprint("create", i)) }

func (s *story) count(rec events.Record) {
	s.t.Helper()
	offset := appendTo(s.t, s.log, eventlog.Events, rec)
	if _, err := s.machine.Events([]eventlog.Record{{Record: rec, Topic: eventlog.Events, Offset: offset}}); err != nil {
		s.t.Fatal(err)
	}
}

func appendTo(t *testing.T, log eventlog.Log, topic eventlog.Topic, rec events.Record) int64 {
	t.Helper()
	type answer struct {
		offset int64
		err    error
	}
	done := make(chan answer, 1)
	log.Append(t.Context(), topic, 0, rec, func(_ int32, offset int64, err error) { done <- answer{offset, err} })
	a := <-done
	if a.err != nil {
		t.Fatal(a.err)
	}
	return a.offset
}

func (s *story) decide(c events.Command) {
	s.t.Helper()
	rec, err := events.EncodeCommand(c, events.Envelope{})
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := s.machine.Command(eventlog.Record{Record: rec, Topic: eventlog.Commands, Offset: s.command, Time: s.now})
	if err != nil {
		s.t.Fatal(err)
	}
	s.command++
	s.count(a.Record)
}

// anything is a policy that allows most.
var anything = events.Policy{
	RevokeWindow: 1 << 40, OverrideWindow: 1 << 40, History: events.HistoryStay, MemberLimit: 100,
	AddRole: events.RoleMember, WriteRole: events.RoleMember, Joining: events.JoiningOpen, ReceiptsLimit: 100,
}

// live has n things happen in a few sessions, some of them refused.
func (s *story) live(n int) {
	s.t.Helper()
	users := []events.UserID{"ann", "bob", "cid"}
	for range n {
		s.now += events.Millis(s.random.IntN(1000))
		if s.random.IntN(50) == 0 {
			s.now += events.ClientIDTTL / 3
		}
		c := events.Command{
			Session: group(s.random.IntN(groups)), Actor: events.Actor{User: users[s.random.IntN(len(users))]},
			ClientID: fmt.Sprint("c", s.command-int64(s.random.IntN(3))), // now and then one used before
		}
		seq := events.Seq(1 + s.random.IntN(60))
		switch s.random.IntN(10) {
		case 0:
			s.create(s.random.IntN(groups))
			continue
		case 1:
			c.Op = events.Join{}
		case 2:
			c.Op = events.Leave{}
		case 3:
			c.Op = events.Revoke{Seq: seq}
		case 4:
			c.Op = events.Override{Seq: seq, Body: events.TextBody("better")}
		case 5:
			c.Op = events.MarkRead{Seq: seq}
		case 6:
			c.Op = events.Add{Members: []events.NewMember{{User: users[s.random.IntN(len(users))], Role: events.RoleMember}}}
		default:
			c.Op = events.Send{Body: events.TextBody("hello")}
		}
		s.decide(c)
	}
}

// rows are the store's, without what has expired.
func (s *story) rows() []StoredRow {
	p, _, err := s.store.Progress()
	if err != nil {
		s.t.Fatal(err)
	}
	return unexpired(s.t, s.store.All(), p.Time)
}

func unexpired(t *testing.T, rows []StoredRow, now events.Millis) (out []StoredRow) {
	t.Helper()
	for _, r := range rows {
		row, err := events.DecodeRow(r.Key, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := row.(events.ClientID); ok && c.Code != "" && now-c.Time > events.ClientIDTTL {
			continue
		}
		out = append(out, r)
	}
	return out
}

func (s *story) checkpointer() *checkpointer {
	return &checkpointer{
		log: s.log, store: s.store, source: "/test", owner: s.machine.Owner(), since: s.since,
		metrics: NewMetrics(prometheus.NewRegistry()), logger: slog.New(slog.DiscardHandler),
	}
}

func (s *story) checkpoint() {
	s.t.Helper()
	c := s.checkpointer()
	if err := c.take(s.ctx, true); err != nil {
		s.t.Fatal(err)
	}
	s.last = s.machine.Progress().Offset
	if len(s.store.All()) < 4*groups {
		s.t.Fatalf("there are %d rows, which shows nothing", len(s.store.All()))
	}
	s.at[s.last] = s.rows()
}

// snapshots are the records of the topic.
func (s *story) snapshots() []eventlog.Record {
	s.t.Helper()
	start, end, err := s.log.Bounds(s.ctx, eventlog.Snapshots, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	var all []eventlog.Record
	cursor, err := s.log.Read(s.ctx, eventlog.Snapshots, 0, start)
	if err != nil {
		s.t.Fatal(err)
	}
	defer cursor.Close()
	for int64(len(all)) < end-start {
		records, err := cursor.Next(s.ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, records...)
	}
	return all
}

// restored restores from these records alone, and says from which offset.
func (s *story) restored(records []eventlog.Record) (rows []StoredRow, offset int64, problem error) {
	s.t.Helper()
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 1})
	defer log.Close()
	for _, rec := range records {
		appendTo(s.t, log, eventlog.Snapshots, rec.Record)
	}
	store := NewMemoryStore()
	r := &restorer{log: log, store: store, source: "/test", look: s.look}
	p, ok, problem, err := r.restore(s.ctx, 0, 0, s.machine.Progress().Offset)
	if err != nil {
		s.t.Fatal(err)
	}
	if !ok {
		if _, filled, _ := store.Progress(); filled || len(store.All()) > 0 {
			s.t.Error("nothing was restored, and the store is not empty")
		}
		return nil, -1, problem
	}
	if got, filled, _ := store.Progress(); !filled || got != p || got.Last < 0 {
		s.t.Errorf("the store's progress is %v, want %v", got, p)
	}
	if err := store.EachNote(noteChunk, func(name string, _ []byte) error { return errors.New(name) }); err != nil {
		s.t.Errorf("a chunk stayed noted: %v", err)
	}
	// What has expired since its session last changed may still stand.
	return unexpired(s.t, store.All(), p.Time), p.Offset, problem
}

// wantRestored wants the rows of the last checkpoint.
func (s *story) wantRestored(what string, records []eventlog.Record) {
	s.t.Helper()
	rows, offset, problem := s.restored(records)
	if offset != s.last || problem != nil || !reflect.DeepEqual(rows, s.at[s.last]) {
		s.t.Fatalf("%s: restored at %d (%v) %d rows, want at %d %d rows, the same", what, offset, problem, len(rows), s.last, len(s.at[s.last]))
	}
}

// compacted is what Kafka may leave: the last record of each key, and no removed ones.
func compacted(records []eventlog.Record) (out []eventlog.Record) {
	last := map[string]int{}
	for i, r := range records {
		last[string(r.Key)] = i
	}
	for i, r := range records {
		if last[string(r.Key)] == i && r.Value != nil {
			out = append(out, r)
		}
	}
	return out
}

// A restored store is what the events up to the checkpoint come to, whole or compacted.
func TestRestoreGivesTheRowsOfTheCheckpoint(t *testing.T) {
	for seed := range uint64(30) {
		s := newStory(t, seed)
		for range 1 + s.random.IntN(5) {
			s.live(s.random.IntN(120))
			s.checkpoint()
		}
		s.live(20)
		all := s.snapshots()
		s.wantRestored(fmt.Sprint("seed ", seed), all)
		s.wantRestored(fmt.Sprint("compacted, seed ", seed), compacted(all))
		// A zombie's snapshots may come late: older ones, and ones above the checkpoint.
		// In one look, since an old checkpoint among the last records hides one before these.
		late := all[s.random.IntN(len(all))]
		s.look = firstLook
		s.wantRestored(fmt.Sprint("with a late record, seed ", seed), append(all[:len(all):len(all)], late))
	}
}

// Whatever single record is lost or damaged: what is restored is right, or nothing is.
func TestRestoreNoticesWhatIsMissing(t *testing.T) {
	whole, older, none := 0, 0, 0
	for seed := range uint64(12) {
		s := newStory(t, seed)
		for range 3 {
			s.live(60)
			s.checkpoint()
		}
		all := s.snapshots()
		if seed%2 == 0 {
			all = compacted(all)
		}
		for i := range all {
			for _, damage := range []func(eventlog.Record) []eventlog.Record{
				func(eventlog.Record) []eventlog.Record { return nil },
				func(r eventlog.Record) []eventlog.Record {
					r.Value = append([]byte{0xFF}, r.Value...)
					return []eventlog.Record{r}
				},
			} {
				some := append(append(append([]eventlog.Record{}, all[:i]...), damage(all[i])...), all[i+1:]...)
				rows, offset, _ := s.restored(some)
				switch {
				case offset < 0:
					none++
					continue
				case offset == s.last:
					whole++
				default:
					older++
				}
				if !reflect.DeepEqual(rows, s.at[offset]) {
					t.Fatalf("seed %d, without record %d %q: restored at %d are other rows than the events come to", seed, i, all[i].Key, offset)
				}
			}
		}
	}
	if whole == 0 || older == 0 || none == 0 {
		t.Errorf("restored %d times, from an older checkpoint %d times, not at all %d times: want some of each", whole, older, none)
	}
}

// A long conversation's snapshot costs what is new in it.
func TestSnapshotsOfLongSessionsUseChunksAgain(t *testing.T) {
	s := newStory(t, 1)
	send := func(n int) {
		for i := range n {
			s.now += events.Millis(i % 2) // the first in the millisecond of what came before
			s.decide(events.Command{
				Session: group(0), Actor: events.Actor{User: "ann"}, ClientID: fmt.Sprint("c", s.command), Op: events.Send{Body: events.TextBody("hello")},
			})
		}
	}
	send(8000)
	s.checkpoint()
	bytes := func() (n int) {
		for _, r := range s.snapshots() {
			n += len(r.Value)
		}
		return n
	}
	first := bytes()
	send(100)
	s.decide(events.Command{Session: group(0), Actor: events.Actor{User: "ann"}, ClientID: "revoke", Op: events.Revoke{Seq: 17}})
	s.checkpoint()
	if second := bytes() - first; second > first/10 {
		t.Errorf("the first checkpoint took %d bytes, the second, of 100 more messages, %d", first, second)
	}
	s.wantRestored("after a revoke", s.snapshots())
	for range maxLastingChunks {
		send(1)
		s.checkpoint()
	}
	s.wantRestored("in the end", s.snapshots())
	s.wantRestored("compacted", compacted(s.snapshots()))
	live := 0
	for _, r := range compacted(s.snapshots()) {
		live += len(r.Value)
	}
	if live > 2*first {
		t.Errorf("%d bytes of snapshots are in use, of a session that took %d at first", live, first)
	}
}

// A checkpoint that ends half way leaves nothing that is believed.
func TestCheckpointCutShort(t *testing.T) {
	s := newStory(t, 3)
	s.live(200)
	s.checkpoint()
	s.live(200)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	c := s.checkpointer()
	if err := c.take(ctx, true); err == nil {
		t.Fatal("a checkpoint was taken though its context had ended")
	}
	s.wantRestored("after the cut", s.snapshots())
	s.live(10)
	s.checkpoint()
	s.wantRestored("after the next", compacted(s.snapshots()))
}
