package quarantine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/app"
	"annal/internal/devstack"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

const future = "99" // the schema version that hottest.Chat.Unreadable writes

// versions is a log as programs of two versions see it: to the newer one the events of
// the future are its own.
type versions struct {
	eventlog.Log
	newer *atomic.Bool
}

func (v versions) Read(ctx context.Context, t eventlog.Topic, p int32, from int64) (eventlog.Cursor, error) {
	c, err := v.Log.Read(ctx, t, p, from)
	if err != nil {
		return nil, err
	}
	return cursor{c, v.newer}, nil
}

type cursor struct {
	eventlog.Cursor
	newer *atomic.Bool
}

func (c cursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	records, err := c.Cursor.Next(ctx)
	for i := range records {
		if records[i].Topic != eventlog.Events || !c.newer.Load() {
			continue
		}
		headers := make([]events.Header, len(records[i].Headers))
		for k, h := range records[i].Headers {
			if h.Name == events.HeaderSchemaVersion && string(h.Value) == future {
				h.Value = fmt.Append(nil, events.SchemaVersion)
			}
			headers[k] = h
		}
		records[i].Headers = headers
	}
	return records, err
}

// silent hears what the projector tells, and tells nobody.
type silent struct{}

func (silent) Publish(context.Context, hot.Round) error { return nil }

// world is a log in memory, a view in an embedded Redis and a projector between them.
type world struct {
	*testing.T
	ctx    context.Context
	log    *eventlog.Memory
	chat   *hottest.Chat
	opened app.Opened
	// projector and tool say of which version they are.
	projector, tool atomic.Bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: 2})
	t.Cleanup(log.Close)
	redis, err := devstack.StartMiniredis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Stop)
	opened, err := app.OpenView(ctx, log.Client(), app.Target{Redis: redis.Addr(), Embedded: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return &world{T: t, ctx: ctx, log: log, chat: hottest.NewChat(t, log), opened: opened}
}

// run starts a projector and waits until it is ready.
func (w *world) run() {
	w.Helper()
	p, err := hot.New(w.ctx, hot.Options{
		Log: versions{w.log.Client(), &w.projector}, Store: w.opened.Store, Notifier: silent{}, Source: "urn:test", NewViewID: app.NewViewID,
		CommitEvery: 10 * time.Millisecond, Recall: 10 * time.Minute, Logger: slog.New(slog.DiscardHandler), Metrics: hot.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	w.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.Errorf("the projector ended with %v", err)
		}
	})
	w.until("a projector that is ready", func() bool { return p.Ready() == nil })
}

func (w *world) until(what string, ok func() bool) {
	w.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.Fatalf("never came: %s", what)
		}
	}
}

// aside waits for n entries.
func (w *world) aside(n int) []Entry {
	w.Helper()
	var l List
	w.until(fmt.Sprintf("%d records put aside", n), func() bool {
		var err error
		if l, err = Read(w.ctx, w.log, Filter{}, 100); err != nil {
			w.Fatal(err)
		}
		return len(l.Entries) >= n
	})
	if len(l.Entries) != n {
		w.Fatalf("%d records were put aside, want %d", len(l.Entries), n)
	}
	return l.Entries
}

// retry tries places again, in their order, and checks the results.
func (w *world) retry(wait time.Duration, want ...Result) {
	w.Helper()
	r := Retrier{Log: versions{w.log, &w.tool}, Store: w.opened.Store, View: w.opened.View, NewViewID: app.NewViewID, Wait: wait}
	entries := w.aside(len(want))
	// Two of one millisecond may come in any order.
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Place.String(), b.Place.String()) })
	places := make([]Place, len(entries))
	for i, e := range entries {
		places[i] = e.Place
	}
	reports, err := r.Retry(w.ctx, places)
	if err != nil {
		w.Fatal(err)
	}
	for i, rep := range reports {
		if rep.Result != want[i] || rep.Text == "" || rep.Place != places[i] {
			w.Errorf("%s: got %s: %s; want %s", places[i], rep.Result, rep.Text, want[i])
		}
	}
}

const room = events.SessionID("g_room")

// converse opens the room and writes an event that only the newer version reads.
func (w *world) converse(unreadable events.Event) {
	w.Helper()
	w.chat.Accept(room, "ann", events.Created{Kind: events.KindGroup, Members: []events.NewMember{
		{User: "ann", Role: events.RoleOwner}, {User: "bob", Role: events.RoleMember},
	}})
	w.chat.Unreadable(room, "ann", unreadable)
	w.chat.Accept(room, "ann", events.Sent{Body: events.TextBody("after")})
	w.chat.Wait()
}

func TestRetryFillsAHole(t *testing.T) {
	w := newWorld(t)
	w.converse(events.Sent{Body: events.TextBody("from the future")})
	w.run()
	w.retry(time.Minute, StillUnreadable)

	// The tool is newer than the projector: it finds out that the hole stays.
	w.tool.Store(true)
	w.retry(time.Minute, StillAHole)

	w.projector.Store(true)
	w.retry(time.Minute, Filled)
	items, err := w.opened.View.Forward(w.ctx, room, 1, 10, 10)
	if err != nil || len(items) != 3 || len(items[1].Value) == 0 {
		t.Fatalf("the view has %d items, %v; want 3 and no hole", len(items), err)
	}
	o, err := events.DecodeOutcomeValue(items[1].Value)
	if err != nil {
		t.Fatal(err)
	}
	if sent, _ := o.Result.(events.Accepted).Event.(events.Sent); sent.Body.Plain != events.Text("from the future") {
		t.Errorf("the hole was filled with %+v", o.Result)
	}
	w.retry(time.Minute, AlreadyThere)
}

// TestRetryOfASessionsBeginning: a session whose beginning cannot be read is put aside as a
// whole, and comes back as a whole. Two events of one partition take one building.
func TestRetryOfASessionsBeginning(t *testing.T) {
	w := newWorld(t)
	w.chat.Unreadable(room, "ann", events.Created{Kind: events.KindGroup, Members: []events.NewMember{
		{User: "ann", Role: events.RoleOwner}, {User: "bob", Role: events.RoleMember},
	}})
	w.chat.Unreadable(room, "ann", events.Sent{Body: events.TextBody("hello")})
	w.chat.Accept(room, "bob", events.Sent{Body: events.TextBody("hi")})
	w.chat.Wait()
	w.run()
	w.aside(2)
	if _, err := w.opened.View.Person(w.ctx, room, "bob"); !errors.Is(err, hot.ErrRebuilding) {
		t.Fatalf("without its beginning the session is %v, want %v", err, hot.ErrRebuilding)
	}
	w.tool.Store(true)
	w.retry(time.Minute, StillAHole, StillAHole)
	w.projector.Store(true)
	before := w.view()
	w.retry(time.Minute, Filled, Filled)
	if after := w.view(); after != before+2 {
		t.Errorf("the view went from id %d to %d; want one opening and one building", before, after)
	}
	if bob, err := w.opened.View.Person(w.ctx, room, "bob"); err != nil || !bob.Member.In() || bob.Head.Seq != 3 {
		t.Errorf("bob has %+v, %v; want to be in, at seq 3", bob, err)
	}
}

// view is the number of the room's view.
func (w *world) view() (n int) {
	w.Helper()
	v, err := w.opened.Store.View(w.ctx, w.chat.Partition(room))
	if err != nil {
		w.Fatal(err)
	}
	if _, err := fmt.Sscanf(v.ID[:10], "%d", &n); err != nil {
		w.Fatal(err)
	}
	return n
}

func TestRetryOfAMarker(t *testing.T) {
	w := newWorld(t)
	w.chat.Accept(room, "ann", events.Created{Kind: events.KindGroup, Members: []events.NewMember{
		{User: "ann", Role: events.RoleOwner}, {User: "bob", Role: events.RoleMember},
	}})
	w.chat.Accept(room, "ann", events.Sent{Body: events.TextBody("hello")})
	w.chat.Unreadable(room, "bob", events.Read{Marker: 2, MarkerIndex: 1})
	w.chat.Wait()
	w.run()
	w.aside(1)
	w.tool.Store(true)
	w.projector.Store(true)
	w.retry(time.Minute, Rebuilt)
	if bob, err := w.opened.View.Person(w.ctx, room, "bob"); err != nil || bob.Member.Marker != 2 {
		t.Errorf("bob's marker is %d, %v; want 2", bob.Member.Marker, err)
	}
}

func TestRetryWithoutAProjector(t *testing.T) {
	w := newWorld(t)
	w.converse(events.Sent{Body: events.TextBody("from the future")})
	w.putAside(t, eventlog.Events, w.chat.Partition(room), 2)
	w.tool.Store(true)
	w.retry(time.Millisecond, NotBuilt)
	w.projector.Store(true)
	w.run() // it builds whatever was opened
	w.retry(time.Minute, AlreadyThere)
}

// putAside writes an entry of a place by hand, as an older program would have.
func (w *world) putAside(t *testing.T, topic eventlog.Topic, partition int32, offset int64) {
	t.Helper()
	rec, err := events.EncodeQuarantined(events.Quarantined{
		Topic: string(topic), Partition: partition, Offset: offset, Reason: events.PoisonVersion, Record: events.Record{Key: []byte(room)},
	}, events.Envelope{Source: "urn:test"})
	if err != nil {
		t.Fatal(err)
	}
	w.append(eventlog.Quarantine, 0, rec)
}

func (w *world) append(topic eventlog.Topic, partition int32, rec events.Record) {
	w.Helper()
	done := make(chan error, 1)
	w.log.Append(w.ctx, topic, partition, rec, func(_ int32, _ int64, err error) { done <- err })
	if err := <-done; err != nil {
		w.Fatal(err)
	}
}

func TestRetryOfWhatCannotBeRetried(t *testing.T) {
	w := newWorld(t)
	w.chat.Raw(room, events.Record{Key: []byte(room), Value: []byte("no stamp")})
	rejected := w.chat.Reject(room, "ann", events.CodeNotAMember, events.ReplyTo{})
	w.chat.Wait()
	w.run()
	w.aside(1)
	w.putAside(t, eventlog.Events, rejected.Partition, 2)
	w.putAside(t, eventlog.Commands, 0, 7)
	w.retry(time.Minute, CommandDecided, NotCounted, NothingToFill)
	r := Retrier{Log: w.log, Store: w.opened.Store, View: w.opened.View, NewViewID: app.NewViewID, Wait: time.Minute}
	reports, err := r.Retry(w.ctx, []Place{{eventlog.Events, 0, 99}})
	if err != nil || reports[0].Result != NotInQuarantine || reports[0].Done() {
		t.Errorf("a place that nothing was put aside from: %+v, %v", reports, err)
	}
}

func TestReadFiltersAndBounds(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.putAside(t, eventlog.Events, 0, int64(i))
	}
	w.putAside(t, eventlog.Commands, 1, 0)
	w.append(eventlog.Quarantine, 1, events.Record{Value: []byte("no entry")})
	w.log.Trim(eventlog.Quarantine, 0, 1)
	for what, c := range map[string]struct {
		f     Filter
		limit int
		found int
		last  string
	}{
		"all":       {Filter{}, 100, 5, "annal.commands/1/0"},
		"a topic":   {Filter{Topic: eventlog.Events}, 100, 4, "annal.events/0/4"},
		"a reason":  {Filter{Reason: events.PoisonFence}, 100, 0, ""},
		"a place":   {Filter{Place: Place{eventlog.Events, 0, 3}}, 100, 1, "annal.events/0/3"},
		"at most 2": {Filter{}, 2, 5, "annal.commands/1/0"},
	} {
		l, err := Read(w.ctx, w.log, c.f, c.limit)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if l.Found != c.found || len(l.Entries) != min(c.found, c.limit) || l.Unreadable != 1 {
			t.Errorf("%s: %d entries of %d, %d unreadable; want %d of %d, 1", what, len(l.Entries), l.Found, l.Unreadable, min(c.found, c.limit), c.found)
		}
		if n := len(l.Entries); n > 0 && l.Entries[n-1].Place.String() != c.last {
			t.Errorf("%s: the newest is %s, want %s", what, l.Entries[n-1].Place, c.last)
		}
	}
	if _, err := Read(w.ctx, w.log, Filter{Topic: "annal.queries"}, 1); !errors.Is(err, ErrTopic) {
		t.Errorf("an unknown topic: %v, want %v", err, ErrTopic)
	}
	if _, err := Read(w.ctx, w.log, Filter{Reason: "mood"}, 1); !errors.Is(err, ErrReason) {
		t.Errorf("an unknown reason: %v, want %v", err, ErrReason)
	}
}

func TestShow(t *testing.T) {
	w := newWorld(t)
	w.converse(events.Sent{Body: events.TextBody("from the future")})
	w.chat.Raw(room, events.Record{Key: []byte{0xff}, Value: bytes.Repeat([]byte{0xfe}, shownValue+1)})
	w.chat.Wait()
	w.run()
	entries := w.aside(2)
	for i, want := range [][]string{
		{"reason   version", `schema_version = "99"`, `key      "g_room"`, "from the future"},
		{"reason   headers", "key      0xff", "fe fe fe", "… and 1 bytes more"},
	} {
		var out, line bytes.Buffer
		if err := errors.Join(Show(&out, entries[i]), WriteJSON(&line, entries[i], true)); err != nil {
			t.Fatal(err)
		}
		for _, x := range want {
			if !strings.Contains(out.String(), x) {
				t.Errorf("entry %d: %q is not in\n%s", i, x, out.String())
			}
		}
		if field := []string{`"value":{`, `"value_hex":"fefe`}[i]; !strings.Contains(line.String(), field) {
			t.Errorf("entry %d: %q is not in %s", i, field, line.String())
		}
		if l := Line(entries[i]); !strings.Contains(l, entries[i].Place.String()) || strings.Contains(l, "\n") {
			t.Errorf("entry %d: its line is %q", i, l)
		}
	}
}

func TestPlaces(t *testing.T) {
	p, err := ParsePlace("annal.events/3/17")
	if err != nil || p.String() != "annal.events/3/17" {
		t.Errorf("got %v, %v", p, err)
	}
	for _, bad := range []string{"", "annal.events", "annal.events/3", "annal.events/-1/0", "annal.events/0/x", "/0/1", "a/1/2/3"} {
		if p, err := ParsePlace(bad); err == nil {
			t.Errorf("%q was taken as %v", bad, p)
		}
	}
}
