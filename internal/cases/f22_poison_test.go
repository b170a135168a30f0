package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"annal/internal/annaltest"
	"annal/internal/app"
	"annal/internal/quarantine"
	"annal/pkg/eventlog"
	"annal/pkg/events"
	"annal/pkg/projections/archive"
	"annal/pkg/projections/hot"
	"annal/pkg/projections/hot/hottest"
)

// poisonTime is how long a projector may stay at a record that it can't use.
const poisonTime = 10 * time.Second

// TestF22PoisonRecord
//
// Given good events around bad ones in one partition (random bytes; a sound envelope of unknown type and version; an override
// and a revoke of messages never sent), when the projectors run: each passes them within 10 s; hot, which meets them all, puts them aside with
// topic, partition, offset and reason; lag returns to 0 and counters rise. What was put aside, tried again after a fix,
// applies once, in the archive too.
//
// The events are written by the test in a sequencer's place, since no sequencer writes such. The fixed projector runs in the
// test and reads the unknown event as one it knows. That an outage of the store puts nothing aside: TestProjectorWaitsOutAnOutage
// of pkg/connectors/redis, and TestF22ArchiveOutage.
func TestF22PoisonRecord(t *testing.T) {
	t.Parallel()
	d := annaltest.NewDeployment(t)
	d.Archive(t)
	d.Serve(t, "hot", "archive")
	opened := d.Open(t)
	chat := hottest.NewChat(t, opened.Log)
	const room = events.SessionID("g_room")
	people := []events.NewMember{{User: "ann", Role: events.RoleOwner}, {User: "bob", Role: events.RoleMember}}
	say := func(text string) { chat.Accept(room, "ann", events.Sent{Body: events.TextBody(text)}) }

	chat.Accept(room, "ann", events.Created{Kind: events.KindGroup, Members: people})
	say("one")
	chat.Raw(room, events.Record{Key: []byte(room), Value: []byte("\xff\x00\xc3\x28 no outcome"), Headers: []events.Header{{Name: "\xfe", Value: []byte{0}}}})
	say("two")
	chat.Unheard(room, "ann", events.Sent{Body: events.TextBody("from the future")})
	say("three")
	chat.Accept(room, "ann", events.Overridden{Target: 999, TargetIndex: 999, Body: events.TextBody("of nothing")})
	chat.Accept(room, "ann", events.Revoked{Target: 998, TargetIndex: 3})
	say("four")
	chat.Wait()

	// The fence is at 0.
	partition := chat.Partition(room)
	want := map[int64]events.PoisonReason{3: events.PoisonHeaders, 5: events.PoisonVersion, 7: events.PoisonTarget, 8: events.PoisonTarget}
	projector := d.Roles["hot"]
	annaltest.Eventually(t, poisonTime, func() error {
		passed, err := projector.Metric(t.Context(), "annal_hot_quarantined_total")
		if err == nil && passed != float64(len(want)) {
			err = fmt.Errorf("the counter of what was put aside is %v, want %d", passed, len(want))
		}
		if err != nil {
			return err
		}
		heads, err := opened.View.Heads(t.Context(), []events.SessionID{room})
		if err == nil && heads[room] != chat.Seq(room) {
			err = fmt.Errorf("the view is at %v, want %d", heads, chat.Seq(room))
		}
		return err
	})
	annaltest.Eventually(t, poisonTime, func() error {
		lag, err := projector.Metric(t.Context(), "annal_hot_lag")
		if err == nil && lag != 0 {
			err = fmt.Errorf("the lag is %v", lag)
		}
		return err
	})
	checkAside(t, projector.File, partition, want)
	archiver := d.Roles["archive"]
	annaltest.Eventually(t, poisonTime, func() error {
		lag, err := archiver.Metric(t.Context(), "annal_archive_lag{")
		if err == nil && lag != 0 {
			err = fmt.Errorf("the archive's lag is %v", lag)
		}
		return err
	})
	if n, err := archiver.Metric(t.Context(), "annal_archive_unreadable_total"); err != nil || n != 1 {
		t.Errorf("the archiver counts %v unreadable outcomes, %v; want 1", n, err)
	}
	checkArchived(t, opened, room, 1, "one, two, three, four")
	bob, err := opened.View.Person(t.Context(), room, "bob")
	if err != nil || bob.Unread != 5 {
		t.Errorf("bob has %d unread, %v; want 5, the message that nobody can read yet among them", bob.Unread, err)
	}

	place := quarantine.Place{Topic: eventlog.Events, Partition: partition, Offset: 5}
	projector.Stop()
	fixed := fix(t, opened)
	for i, want := range []quarantine.Result{quarantine.Filled, quarantine.AlreadyThere} {
		reports, err := fixed.Retry(t.Context(), []quarantine.Place{place})
		if err != nil || len(reports) != 1 || reports[0].Result != want {
			t.Fatalf("retry %d: got %v, %v; want %s", i+1, reports, err, want)
		}
	}
	if got := readable(t, opened.View, room); got != "one, two, from the future, three, four" {
		t.Errorf("after the fix the room reads %q", got)
	}
	checkArchived(t, opened, room, 0, "one, two, from the future, three, four")
	if bob, err = opened.View.Person(t.Context(), room, "bob"); err != nil || bob.Unread != 5 {
		t.Errorf("after the fix bob has %d unread, %v; want 5", bob.Unread, err)
	}
}

// checkArchived looks at what the archive has: all that counts, so many of it unreadable, and which texts.
func checkArchived(t *testing.T, opened app.Opened, s events.SessionID, unreadable uint64, texts string) {
	t.Helper()
	counts, err := opened.Archive.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if counts[archive.KindUnreadable] != unreadable || counts[archive.KindAccepted] != 8-unreadable {
		t.Errorf("the archive has %v; want 8 accepted, of them %d unreadable", counts, unreadable)
	}
	messages, err := opened.Archive.Messages(t.Context(), s, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range messages {
		got = append(got, m.Text)
	}
	if strings.Join(got, ", ") != texts {
		t.Errorf("the archive reads %q, want %q", strings.Join(got, ", "), texts)
	}
}

// checkAside asks the tool what was put aside of a partition of the events.
func checkAside(t *testing.T, file string, partition int32, want map[int64]events.PoisonReason) {
	t.Helper()
	got := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(annaltest.Run(t, "quarantine", "list", "--json", "--endpoints", file))); dec.More(); {
		var e struct{ Place, Reason string }
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		got[e.Place] = e.Reason
	}
	for offset, reason := range want {
		if place := fmt.Sprintf("%s/%d/%d", eventlog.Events, partition, offset); got[place] != string(reason) {
			t.Errorf("%s was put aside for %q, want %s", place, got[place], reason)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d records were put aside, want %d: %v", len(got), len(want), got)
	}
}

// readable is what can be read of a session's texts.
func readable(t *testing.T, view hot.View, s events.SessionID) string {
	t.Helper()
	items, err := view.Forward(t.Context(), s, 1, 100, 100)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, item := range items {
		if len(item.Value) == 0 {
			continue
		}
		o, err := events.DecodeOutcomeValue(item.Value)
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := o.Result.(events.Accepted); ok {
			if sent, ok := a.Event.(events.Sent); ok && item.State.Revoked == 0 {
				texts = append(texts, string(sent.Body.Plain.(events.Text)))
			}
		}
	}
	return strings.Join(texts, ", ")
}

// fix runs a projector that knows what hottest.Chat.Unheard writes, and gives a retrier that does too.
func fix(t *testing.T, opened app.Opened) quarantine.Retrier {
	t.Helper()
	log := newerLog{opened.Log}
	p, err := hot.New(t.Context(), hot.Options{
		Log: log, Store: opened.Store, Notifier: nobody{}, Source: "urn:test:fixed", NewViewID: app.NewViewID,
		CommitEvery: time.Second, Recall: 10 * time.Minute, Logger: slog.New(slog.DiscardHandler), Metrics: hot.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the fixed projector ended with %v", err)
		}
	})
	// The stopped one's partitions are its own until its session times out.
	annaltest.Eventually(t, annaltest.Patience, p.Ready)
	return quarantine.Retrier{Log: log, Store: opened.Store, View: opened.View, Archive: opened.Archive, NewViewID: app.NewViewID, Wait: annaltest.Patience}
}

// nobody is told.
type nobody struct{}

func (nobody) Publish(context.Context, hot.Round) error { return nil }

// newerLog is the log as a newer program reads it.
type newerLog struct{ eventlog.Log }

func (l newerLog) Read(ctx context.Context, topic eventlog.Topic, p int32, from int64) (eventlog.Cursor, error) {
	c, err := l.Log.Read(ctx, topic, p, from)
	if err != nil {
		return nil, err
	}
	return newerCursor{c}, nil
}

type newerCursor struct{ eventlog.Cursor }

func (c newerCursor) Next(ctx context.Context) ([]eventlog.Record, error) {
	records, err := c.Cursor.Next(ctx)
	for i := range records {
		if typ, _ := records[i].Header(events.HeaderType); typ == hottest.UnheardType {
			records[i].Record = hottest.Heard(records[i].Record)
		}
	}
	return records, err
}
