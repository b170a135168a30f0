package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"annal/internal/bubble"

	"github.com/gorilla/websocket"

	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot/hottest"
)

// began is the log time of the first outcome.
const began = 1_000_000

// written is a log of four partitions: so many sessions, in each a beginning and n messages, one every second, in turns.
func written(t testing.TB, sessions, n int) *eventlog.Memory {
	t.Helper()
	log := eventlog.NewMemory(eventlog.MemoryOptions{})
	t.Cleanup(log.Close)
	chat := hottest.NewChat(t, log)
	at := events.Millis(began)
	for i := range n + 1 {
		for s := range sessions {
			chat.At(at)
			at += 1000
			if i == 0 {
				chat.Accept(session(s), "ann", events.Created{Kind: events.KindGroup, Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}}})
				continue
			}
			chat.Accept(session(s), "ann", events.Sent{Body: events.TextBody(fmt.Sprintf("number %d", i))})
		}
	}
	chat.Reject(session(0), "eve", events.CodeNotAMember, events.ReplyTo{})
	chat.Wait()
	return log
}

func session(i int) events.SessionID { return events.SessionID(fmt.Sprintf("g_%d", i)) }

// taken notes what it is told, and when.
type taken struct {
	entries []*Entry
	after   []time.Duration
	since   time.Time
}

func (s *taken) Take(_ context.Context, e *Entry) error {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	s.entries = append(s.entries, e)
	s.after = append(s.after, time.Since(s.since))
	return nil
}

func run(t *testing.T, log eventlog.Log, opts Options) *taken {
	t.Helper()
	r, err := New(log, opts)
	if err != nil {
		t.Fatal(err)
	}
	var sink taken
	if err := r.Run(t.Context(), &sink); err != nil {
		t.Fatal(err)
	}
	if p := r.Progress(); p.Told != int64(len(sink.entries)) || p.Read > p.Records {
		t.Errorf("progress is %+v for %d entries", p, len(sink.entries))
	}
	return &sink
}

// TestOrder: all partitions come in the order of log time; a span and a session choose.
func TestOrder(t *testing.T) {
	log := written(t, 10, 20)
	all := run(t, log, Options{}).entries
	if len(all) != 10*21+1 {
		t.Fatalf("told %d outcomes, want %d", len(all), 10*21+1)
	}
	if !slices.IsSortedFunc(all, func(a, b *Entry) int { return int(a.Outcome.Time - b.Outcome.Time) }) {
		t.Error("not in the order of log time")
	}
	one := run(t, log, Options{Session: session(3), From: began + 30_000, To: began + 60_000}).entries
	if len(one) != 3 || one[0].Outcome.Time != began+33_000 || one[2].Outcome.Time != began+53_000 {
		t.Errorf("told %d of one session within a span, want 3", len(one))
	}
}

// TestSpeed: the waits are those there were, scaled and bounded.
func TestSpeed(t *testing.T) {
	for _, c := range []struct {
		opts Options
		want time.Duration
	}{
		{Options{Session: session(0), Speed: 1}, 40 * time.Second},
		{Options{Session: session(0), Speed: 10}, 4 * time.Second},
		{Options{Session: session(0), Speed: 0.5}, 80 * time.Second},
		{Options{Session: session(0), Speed: 1, MaxGap: 3 * time.Second}, 12 * time.Second},
		{Options{Session: session(0)}, 0},
	} {
		bubble.Test(t, func(t *testing.T) {
			after := run(t, written(t, 10, 4), c.opts).after
			if got := after[4]; got != c.want {
				t.Errorf("%+v: the last came after %v, want %v", c.opts, got, c.want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		opts Options
		want error
	}{
		{Options{Speed: 0.001}, ErrSpeed}, {Options{Speed: 2e6}, ErrSpeed}, {Options{Speed: -1}, ErrSpeed},
		{Options{From: 2, To: 1}, ErrSpan},
	} {
		if _, err := New(nil, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%+v: got %v, want %v", c.opts, err, c.want)
		}
	}
	log := written(t, 1, 3)
	log.Trim(eventlog.Events, eventlog.KeyPartition([]byte(session(0)), 4), 1)
	r, err := New(log, Options{})
	if err == nil {
		err = r.Run(t.Context(), &taken{})
	}
	if !errors.Is(err, eventlog.ErrTrimmed) {
		t.Errorf("of a trimmed log: got %v, want %v", err, eventlog.ErrTrimmed)
	}
}

func TestLines(t *testing.T) {
	log := written(t, 2, 1)
	var text, objects bytes.Buffer
	for _, sink := range []Sink{Lines{&text}, JSON{&objects}} {
		r, err := New(log, Options{})
		if err == nil {
			err = r.Run(t.Context(), sink)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{`ann sent "number 1"`, "rejected NOT_A_MEMBER"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the lines lack %q:\n%s", want, text.String())
		}
	}
	results := map[string]int{}
	for line := range strings.Lines(objects.String()) {
		var o struct {
			Result string
			Event  struct{ Seq string }
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if results[o.Result]++; o.Result == "accepted" && o.Event.Seq == "" {
			t.Errorf("no event in %s", line)
		}
	}
	if results["accepted"] != 4 || results["rejected"] != 1 {
		t.Errorf("results are %v", results)
	}
}

// slowLog writes nothing before the replay is over, as a log may that gathers what it is given.
type slowLog struct {
	eventlog.Log
	writes []func()
}

func (s *slowLog) Append(ctx context.Context, t eventlog.Topic, partition int32, r events.Record, done func(int32, int64, error)) {
	s.writes = append(s.writes, func() { s.Log.Append(ctx, t, partition, r, done) })
}

// TestTopic: a copy has every outcome as it was, each session's in order; Annal's own topics, and what holds something, are refused.
func TestTopic(t *testing.T) {
	log := written(t, 5, 20)
	const topic = "copy"
	slow := &slowLog{Log: log}
	sink, err := NewTopic(t.Context(), slow, topic, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckEmpty(t.Context(), log, topic); err != nil {
		t.Errorf("an empty topic: %v", err)
	}
	r, err := New(log, Options{})
	if err == nil {
		err = r.Run(t.Context(), sink)
		for _, write := range slow.writes {
			write()
		}
		err = errors.Join(err, sink.Flush())
	}
	if err != nil {
		t.Fatal(err)
	}
	copied := map[string][]eventlog.Record{}
	for p := range int32(4) {
		_, end, err := log.Bounds(t.Context(), topic, p)
		if err != nil {
			t.Fatal(err)
		}
		cursor, err := log.Read(t.Context(), topic, p, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(0); at < end; {
			records, err := cursor.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range records {
				at = rec.Offset + 1
				copied[string(rec.Key)] = append(copied[string(rec.Key)], rec)
			}
		}
		cursor.Close()
	}
	for s := range 5 {
		want := run(t, log, Options{Session: session(s)}).entries
		got := copied[string(session(s))]
		if len(got) != len(want) {
			t.Fatalf("%s has %d records, want %d", session(s), len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i].Value, want[i].Record.Value) || len(got[i].Headers) != len(want[i].Record.Headers) || got[i].Partition != want[i].Record.Partition {
				t.Fatalf("record %d of %s is not as it was", i, session(s))
			}
		}
	}
	if err := CheckEmpty(t.Context(), log, topic); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a topic with records: got %v, want %v", err, ErrNotEmpty)
	}
	for name, want := range map[eventlog.Topic]error{
		"annal.events": ErrOwnTopic, "test.annal.commands": ErrOwnTopic, "": ErrTopicName, "a b": ErrTopicName, "..": ErrTopicName, "copy.of-it": nil,
		"prod.annal.events": ErrOwnTopic, "eu.prod.annal.new": ErrOwnTopic, "prod-annal.new": ErrOwnTopic, "prodannal.config": ErrOwnTopic,
		"copy.of.annal": nil, "channal.copy": nil,
	} {
		if err := CheckName(name, "test."); !errors.Is(err, want) {
			t.Errorf("the name %q: got %v, want %v", name, err, want)
		}
	}
}

// serving serves a log's replay; it gives where.
func serving(t *testing.T, log eventlog.Log, opts Options, patience time.Duration) string {
	t.Helper()
	s, err := Listen(t.Context(), log, opts, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.patience = patience
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("served: %v", err)
		}
	})
	return s.URL()
}

func dial(t *testing.T, url string, h http.Header) (*websocket.Conn, error) {
	t.Helper()
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), url, h)
	if resp != nil {
		_ = resp.Body.Close()
	}
	if conn != nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

// TestWatchers: each is told all accepted events from the beginning, and then why there is no more.
func TestWatchers(t *testing.T) {
	url := serving(t, written(t, 3, 100), Options{}, time.Minute)
	for range 2 {
		conn, err := dial(t, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			_, frame, err := conn.ReadMessage()
			if closed, is := errors.AsType[*websocket.CloseError](err); is {
				if closed.Code != websocket.CloseNormalClosure {
					t.Errorf("closed with %v", closed)
				}
				break
			}
			if err != nil || !bytes.HasPrefix(frame, []byte(`{"event":`)) {
				t.Fatalf("frame %q, %v", frame, err)
			}
			n++
		}
		if n != 303 {
			t.Errorf("a watcher was told %d events, want 303", n)
		}
	}
	if _, err := dial(t, url, http.Header{"Origin": {"https://elsewhere.example"}}); err == nil {
		t.Error("a web page may watch")
	}
	if _, err := dial(t, url[:len(url)-3], nil); err == nil {
		t.Error("who does not know the address may watch")
	}
	if _, err := Listen(t.Context(), nil, Options{}, "0.0.0.0:0"); !errors.Is(err, ErrNotLoopback) {
		t.Errorf("listening for all: got %v, want %v", err, ErrNotLoopback)
	}
}

// TestSlowWatcher: who takes nothing is closed with a code, at a frame's end, and hears it when they read on.
func TestSlowWatcher(t *testing.T) {
	log := eventlog.NewMemory(eventlog.MemoryOptions{})
	t.Cleanup(log.Close)
	chat := hottest.NewChat(t, log)
	chat.Accept(session(0), "ann", events.Created{Kind: events.KindGroup, Members: []events.NewMember{{User: "ann", Role: events.RoleOwner}}})
	for range 1000 {
		chat.Accept(session(0), "ann", events.Sent{Body: events.TextBody(strings.Repeat("long ", 10_000))})
	}
	chat.Wait()
	s, err := Listen(t.Context(), log, Options{}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.patience = 300 * time.Millisecond
	slow := make(chan error, 1)
	s.Told = func(_ int64, err error) { slow <- err }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("served: %v", err)
		}
	}()
	conn, err := dial(t, s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-slow; !errors.Is(err, ErrSlow) {
		t.Errorf("of a watcher that reads nothing is said %v, want %v", err, ErrSlow)
	}
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	if closed, is := errors.AsType[*websocket.CloseError](err); !is || closed.Code != 4004 || closed.Text != "TOO_SLOW" {
		t.Errorf("a watcher that read nothing got %v, want TOO_SLOW", err)
	}
}
