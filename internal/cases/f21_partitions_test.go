package cases

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
	"annal/pkg/eventlog"
)

const (
	// busySessions is how many have traffic while partitions are added.
	busySessions = 100
	// notice is longer than a client of Kafka takes to see a topic grow: a minute.
	notice = 90 * time.Second
)

// TestF21MorePartitions
//
// Given traffic on 100 sessions, when the partitions of all topics are doubled: those that run go on with the partitions there
// were, and say so; no seq is reused, skipped or reordered, and nothing is written to the new ones. Those that are started
// afterwards refuse, naming both counts, before they decide or deliver anything.
func TestF21MorePartitions(t *testing.T) {
	t.Parallel() // most of its time is a wait, in which others may run
	d := annaltest.Deploy(t)
	b := newBusy(t, d)
	b.goesOn(t, 2*busySessions)
	admin := administer(t, d)
	var topics []string
	for _, topic := range []eventlog.Topic{eventlog.Commands, eventlog.Events, eventlog.Snapshots} {
		topics = append(topics, d.Prefix+string(topic))
	}
	raised, err := admin.CreatePartitions(t.Context(), annaltest.Partitions, topics...)
	if err == nil {
		err = raised.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"sequencer", "hot"} {
		annaltest.Eventually(t, notice, func() error {
			if !strings.Contains(d.Roles[role].Log(), "a partition was added to the topic") {
				return fmt.Errorf("the %s does not say that its topic grew", role)
			}
			return nil
		})
	}
	b.goesOn(t, 2*busySessions)
	b.finish(t)

	said := fmt.Sprintf("%s has %d partitions, but was created with %d", topics[1], 2*annaltest.Partitions, annaltest.Partitions)
	for _, role := range []string{"sequencer", "hot", "gateway"} {
		r := d.Roles[role]
		r.Kill()
		r.Relaunch(t)
		if err := r.Ended(annaltest.Patience); err == nil || !strings.Contains(r.Log(), said) {
			t.Errorf("a %s on the grown topics ended with %v, want an error that says %q:\n%s", role, err, said, r.Log())
		}
	}
	ends, err := admin.ListEndOffsets(t.Context(), topics...)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range topics {
		if n := len(ends[topic]); n != 2*annaltest.Partitions {
			t.Errorf("%s has %d partitions", topic, n)
		}
		for p, end := range ends[topic] {
			if p >= annaltest.Partitions && end.Offset != 0 {
				t.Errorf("%d records were written to %s/%d, which is new", end.Offset, topic, p)
			}
		}
	}
}

// busy is traffic on many sessions.
type busy struct {
	sessions []string
	stop     context.CancelFunc
	gone     sync.WaitGroup

	mu sync.Mutex
	// seqs are those of each session's acks, in the order of sending.
	seqs  [][]uint64
	sent  int
	acked int
	err   error
}

func newBusy(t *testing.T, d *annaltest.Deployment) *busy {
	t.Helper()
	c := annaltest.Connect(t, d.File(), d.Token(t, "u1"), "")
	b := &busy{seqs: make([][]uint64, busySessions)}
	partitions := map[int32]bool{}
	for i := range busySessions {
		ack, err := c.Create(t.Context(), client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: fmt.Sprint("peer-", i)}}})
		if err != nil {
			t.Fatal(err)
		}
		b.sessions = append(b.sessions, ack.GetSession())
		partitions[eventlog.KeyPartition([]byte(ack.GetSession()), 2*annaltest.Partitions)] = true
	}
	if len(partitions) != 2*annaltest.Partitions {
		t.Fatalf("the sessions would be in %d partitions of the grown topics, want all", len(partitions))
	}
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	b.gone.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			b.say(t.Context(), c, n%busySessions)
		}
	})
	t.Cleanup(func() {
		stop()
		b.gone.Wait()
	})
	return b
}

func (b *busy) say(ctx context.Context, c *client.Client, session int) {
	b.mu.Lock()
	b.sent++
	nth := len(b.seqs[session])
	b.seqs[session] = append(b.seqs[session], 0)
	b.mu.Unlock()
	c.Go(ctx, client.Send{Session: b.sessions[session], Text: "x"}, func(a client.Ack, err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if err != nil {
			b.err = err
			return
		}
		b.seqs[session][nth] = a.GetSeq()
		b.acked++
	})
}

// goesOn waits until n more sends are acked.
func (b *busy) goesOn(t *testing.T, n int) {
	t.Helper()
	b.mu.Lock()
	want := b.acked + n
	b.mu.Unlock()
	b.reaches(t, func() int { return want })
}

func (b *busy) reaches(t *testing.T, want func() int) {
	t.Helper()
	annaltest.Eventually(t, annaltest.Patience, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.err != nil {
			t.Fatal(b.err)
		}
		if b.acked < want() {
			return fmt.Errorf("%d of %d sends are acked, want %d", b.acked, b.sent, want())
		}
		return nil
	})
}

// finish ends the traffic; each session's seqs must go on one by one, in the order of sending.
func (b *busy) finish(t *testing.T) {
	t.Helper()
	b.stop()
	b.gone.Wait()
	b.reaches(t, func() int { return b.sent })
	for i, seqs := range b.seqs {
		want := make([]uint64, len(seqs))
		for n := range want {
			want[n] = uint64(n) + 2 // 1 opened it
		}
		if !slices.Equal(seqs, want) {
			t.Errorf("session %d: the acks have the seqs %v, want them one by one from 2", i, seqs)
		}
	}
	t.Logf("%d sends on %d sessions were acked", b.acked, busySessions)
}
