package cases

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/encoding/protowire"

	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// The case, scaled down by 10.
const (
	crowdMembers  = 10_000
	crowdOnline   = 500
	crowdStalled  = 5
	crowdSlow     = 20
	slowBytes     = 1 << 10
	crowdGateways = 4
	crowdTexts    = 200
	crowdPace     = 50 * time.Millisecond
	// crowdText is so long that all of them are more than a connection may be behind.
	crowdText = 5_000
	// addAtOnce is how many one command may add.
	addAtOnce = 1_000
	// crowdPatience is half of what the slow take who share a gateway, one after the other, until a write to them is given
	// up (10 s): a gateway that waits for them is later.
	crowdPatience = 30 * time.Second
	// stalledBytes is what a connection that takes nothing may hold, queue and kernel together, and queueBytes its queue.
	stalledBytes, queueBytes = 1 << 20, 512 << 10
)

// listener is a member's connection and what it was given.
type listener struct {
	*socket
	user    string
	gateway *annaltest.Server
	// hurry ends the slowness of those who are slow; nil for others.
	hurry chan struct{}

	mu    sync.Mutex
	last  uint64
	bytes int
	// late is the longest time between a send and its arrival.
	late time.Duration
	err  error
}

// crowd is the case's group and those who are online.
type crowd struct {
	d         *annaltest.Deployment
	session   string
	first     uint64 // the last seq before the texts
	listeners []*listener
	// sent is when each text was said, in Unix nanoseconds.
	sent   [crowdTexts]atomic.Int64
	slowly chan struct{}
}

// TestF16HugeGroupWithSlowReaders
//
// Given a group of 10,000 with 500 online over 4 gateways, 5 of whom never read their socket and 20 read 1 KB/s, when 200
// texts are sent at 20/s: senders and the 475 healthy get all of it in order and wait for nobody; a stalled socket costs less
// than 1 MiB and is closed as TOO_SLOW, nothing being skipped before; after a reconnect it gets exactly what it lacks. The
// log grows by one command and one event a text.
//
// Ten times as many are for a machine of their own. Latencies are printed; held is only that nobody waits for the stalled.
func TestF16HugeGroupWithSlowReaders(t *testing.T) {
	c := gather(t)
	opened := c.d.Open(t)
	annaltest.Eventually(t, annaltest.Patience, func() error {
		// At their first hello people get sessions of their own.
		outcomes, err := c.d.Roles["sequencer"].Metric(t.Context(), "annal_sequencer_outcomes_total")
		if commands := written(t, opened.Log, eventlog.Commands); err == nil && outcomes != float64(commands) {
			err = fmt.Errorf("%v of %d commands are decided", outcomes, commands)
		}
		return err
	})
	before := [2]int64{written(t, opened.Log, eventlog.Commands), written(t, opened.Log, eventlog.Events)}
	var listening sync.WaitGroup
	for _, l := range c.listeners {
		listening.Go(func() { l.listen(c) })
	}
	close(c.slowly)
	t.Cleanup(func() {
		for _, l := range c.listeners {
			l.wake()
			_ = l.ws.Close() // where listen has not ended by itself
		}
		listening.Wait()
	})

	acked := c.speak(t)
	c.awaitTooSlow(t)
	acks := acked()
	if n := [2]int64{written(t, opened.Log, eventlog.Commands) - before[0], written(t, opened.Log, eventlog.Events) - before[1]}; n != [2]int64{crowdTexts, crowdTexts} {
		t.Errorf("%d texts are %d commands and %d events", crowdTexts, n[0], n[1])
	}
	c.checkHealthy(t)
	c.checkSlow(t)
	c.checkLimits(t)
	slices.Sort(acks)
	t.Logf("acks: p50 %v, p99 %v, longest %v", acks[crowdTexts/2], acks[crowdTexts*99/100], acks[crowdTexts-1])
	if longest := acks[crowdTexts-1]; longest > crowdPatience {
		t.Errorf("an ack took %v", longest)
	}
}

// gather makes the group and connects who is online.
func gather(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{d: annaltest.NewDeployment(t), slowly: make(chan struct{})}
	names := []string{"sequencer", "hot", "gateway"}
	for i := range crowdGateways - 1 {
		names = append(names, fmt.Sprint("gateway-", i+2))
	}
	c.d.Serve(t, names...)
	// All are people with tokens of their own, on whom the default limits of annal serve hold.
	owner := annaltest.Connect(t, c.d.File(), c.d.Token(t, "member-0"), "")
	ack, err := owner.Create(t.Context(), client.Create{Kind: logv1.Kind_KIND_GROUP})
	if err != nil {
		t.Fatal(err)
	}
	c.session = ack.GetSession()
	for from := 1; from < crowdMembers; from += addAtOnce {
		var members []*logv1.NewMember
		for i := from; i < min(from+addAtOnce, crowdMembers); i++ {
			members = append(members, &logv1.NewMember{User: fmt.Sprint("member-", i), Role: logv1.Role_ROLE_MEMBER})
		}
		if ack, err = owner.Add(t.Context(), c.session, members); err != nil {
			t.Fatal(err)
		}
	}
	c.first = ack.GetSeq()
	for i := range crowdOnline {
		l := &listener{user: fmt.Sprint("member-", i+1), gateway: c.d.Roles[names[2+i%crowdGateways]], last: c.first}
		switch {
		case i < crowdStalled:
			l.hurry = make(chan struct{})
			l.socket = dialPaced(t, l.gateway.At.WS, 0, c.slowly, l.hurry)
		case i < crowdStalled+crowdSlow:
			l.hurry = make(chan struct{})
			l.socket = dialPaced(t, l.gateway.At.WS, slowBytes, c.slowly, l.hurry)
		default:
			l.socket = dial(t, l.gateway.At.WS)
		}
		l.hello(c.d.Token(t, l.user), "phone")
		l.subscribe(c.session, c.first)
		c.listeners = append(c.listeners, l)
	}
	if state := c.listeners[crowdOnline-1].state(c.session); state.GetMembers() != crowdMembers {
		t.Fatalf("the group has %d members, want %d", state.GetMembers(), crowdMembers)
	}
	return c
}

// written is how many records a topic has.
func written(t *testing.T, log eventlog.Log, topic eventlog.Topic) (n int64) {
	t.Helper()
	for p := range int32(annaltest.Partitions) {
		_, end, err := log.Bounds(t.Context(), topic, p)
		if err != nil {
			t.Fatal(err)
		}
		n += end
	}
	return n
}

// listen notes what comes until the connection ends.
func (l *listener) listen(c *crowd) {
	_ = l.ws.SetReadDeadline(time.Time{}) // fails on a closed socket only, which the next line says
	for {
		_, b, err := l.ws.ReadMessage()
		seq, text := glance(b)
		l.mu.Lock()
		l.bytes += len(b)
		switch {
		case err != nil:
		case seq == 0:
		case seq != l.last+1:
			err = fmt.Errorf("seq %d after %d", seq, l.last)
		default:
			l.last = seq
			if i := int(seq - c.first - 1); !bytes.HasPrefix(text, fmt.Append(nil, i, " ")) {
				err = fmt.Errorf("seq %d is %.20q, want text %d", seq, text, i)
			} else {
				l.late = max(l.late, time.Since(time.Unix(0, c.sent[i].Load())))
			}
		}
		l.err = err
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// glance reads an event's seq and the text of a message, and nothing else: 95,000 frames of 5 KB are much to look at.
func glance(frame []byte) (seq uint64, text []byte) {
	const event, eventSeq, eventSent, sentText = 20, 2, 25, 2
	fields(fields(frame, event, nil), eventSent, func(number protowire.Number, value []byte) {
		if number == eventSeq {
			seq, _ = protowire.ConsumeVarint(value)
		}
	})
	return seq, fields(fields(fields(frame, event, nil), eventSent, nil), sentText, nil)
}

// fields gives the bytes of the field wanted, and calls each with the numbers before it.
func fields(b []byte, wanted protowire.Number, each func(protowire.Number, []byte)) []byte {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		b = b[n:]
		if number == wanted && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(b)
			return value
		}
		if each != nil {
			each(number, b)
		}
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return nil
		}
		b = b[n:]
	}
	return nil
}

// speak sends the texts at their pace; acked waits and gives how long each ack took.
func (c *crowd) speak(t *testing.T) (acked func() []time.Duration) {
	t.Helper()
	speaker := annaltest.Connect(t, c.d.File(), c.d.Token(t, "member-0"), "")
	ctx, cancel := context.WithTimeout(t.Context(), 2*annaltest.Patience)
	acks := make([]time.Duration, crowdTexts)
	errs := make([]error, crowdTexts)
	var waiting sync.WaitGroup
	waiting.Add(crowdTexts)
	waiting.Go(func() {
		tick := time.NewTicker(crowdPace)
		defer tick.Stop()
		for i := range crowdTexts {
			<-tick.C
			began := time.Now()
			c.sent[i].Store(began.UnixNano())
			text := fmt.Sprint(i, " ", strings.Repeat("x", crowdText))
			speaker.Go(ctx, client.Send{Session: c.session, Text: text}, func(_ client.Ack, err error) {
				acks[i], errs[i] = time.Since(began), err
				waiting.Done()
			})
		}
	})
	t.Cleanup(cancel)
	return func() []time.Duration {
		t.Helper()
		waiting.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		return acks
	}
}

// awaitTooSlow waits until the gateways have closed all who are too slow, and nobody else. Each reads on as soon as it is
// closed: what it was given, and then the code.
func (c *crowd) awaitTooSlow(t *testing.T) {
	t.Helper()
	annaltest.Eventually(t, 2*annaltest.Patience, func() error {
		var missing []string
		for _, l := range c.listeners[:crowdStalled+crowdSlow] {
			if !strings.Contains(l.gateway.Log(), fmt.Sprintf("user=%s code=%s", l.user, events.CodeTooSlow)) {
				missing = append(missing, l.user)
				continue
			}
			l.wake()
		}
		if len(missing) > 0 {
			return fmt.Errorf("no gateway closed %v as %s", missing, events.CodeTooSlow)
		}
		return nil
	})
	closes := 0.0
	for i := range crowdGateways {
		n, err := c.listeners[i].gateway.Metric(t.Context(), "annal_gateway_closes_total")
		if err != nil {
			t.Fatal(err)
		}
		closes += n
	}
	if closes != crowdStalled+crowdSlow {
		t.Errorf("%v connections were closed, want those of the %d slow", closes, crowdStalled+crowdSlow)
	}
}

// wake ends a listener's slowness.
func (l *listener) wake() {
	if l.hurry == nil {
		return
	}
	select {
	case <-l.hurry:
	default:
		close(l.hurry)
	}
}

func (c *crowd) checkHealthy(t *testing.T) {
	t.Helper()
	var late []time.Duration
	for _, l := range c.listeners[crowdStalled+crowdSlow:] {
		annaltest.Eventually(t, annaltest.Patience, func() error {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.err != nil {
				t.Fatalf("%s: %v", l.user, l.err)
			}
			if l.last != c.first+crowdTexts {
				return fmt.Errorf("%s has %d of %d texts", l.user, l.last-c.first, crowdTexts)
			}
			return nil
		})
		late = append(late, l.late)
	}
	slices.Sort(late)
	t.Logf("the longest delivery of each healthy client: p50 %v, p99 %v, longest %v", late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
	if longest := late[len(late)-1]; longest > crowdPatience {
		t.Errorf("a delivery took %v", longest)
	}
}

// checkLimits: the limits are on, and keep nobody of these from anything.
func (c *crowd) checkLimits(t *testing.T) {
	t.Helper()
	for i := range crowdGateways {
		g := c.listeners[i].gateway
		refused, err := g.Metric(t.Context(), "annal_limited_total")
		if err != nil || refused != 0 {
			t.Errorf("%s refused %v for a limit, %v", g.Name(), refused, err)
		}
	}
}

// checkSlow looks at how the slow ended, and brings them back.
func (c *crowd) checkSlow(t *testing.T) {
	t.Helper()
	most := 0
	for _, l := range c.listeners[:crowdStalled+crowdSlow] {
		annaltest.Eventually(t, annaltest.Patience, func() error {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.err == nil {
				return fmt.Errorf("%s is still connected", l.user)
			}
			return nil
		})
		var end *websocket.CloseError
		if !errors.As(l.err, &end) || end.Code != events.CodeTooSlow.Info().Close || end.Text != string(events.CodeTooSlow) {
			t.Errorf("%s: ended with %v, want %s", l.user, l.err, events.CodeTooSlow)
		}
		most = max(most, l.bytes)
		back := dial(t, l.gateway.At.WS).hello(c.d.Token(t, l.user), "phone")
		back.subscribe(c.session, l.last)
		for i, text := range back.texts(l.last, int(c.first+crowdTexts-l.last)) {
			if want := fmt.Sprint(int(l.last-c.first)+i, " "); !strings.HasPrefix(text, want) {
				t.Fatalf("%s: back, it was given %.20q, want text %s", l.user, text, want)
			}
		}
		if l.last == c.first+crowdTexts {
			t.Errorf("%s lacked nothing", l.user)
		}
	}
	t.Logf("sockets of the slow held up to %d KiB besides the queue of %d KiB", most>>10, queueBytes>>10)
	if most+queueBytes > stalledBytes {
		t.Errorf("a stalled connection was given %d bytes and may queue %d more; want less than %d in all", most, queueBytes, stalledBytes)
	}
}
