package cases

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"annal/internal/annaltest"
	"annal/internal/devstack"
	"annal/pkg/client"
	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// TestF24LogTrimmedBelowACommit
//
// Given offsets below 1,000 deleted and a projector whose commit is below that, when it starts: it restores and goes on at
// 1,000 with equal results, or refuses naming the gap; it neither jumps to the end nor counts from a partial start. The same
// when the view is lost besides. (A thousandth of the case's offsets: what matters is on which side they lie.)
//
// That it restores from the archive comes with it.
func TestF24LogTrimmedBelowACommit(t *testing.T) {
	t.Parallel()
	redis := annaltest.OwnRedis(t, devstack.RedisOptions{})
	d := annaltest.NewDeploymentOn(t, redis.Addr())
	d.Serve(t, "sequencer", "hot", "gateway")
	opened := d.Open(t)
	p := annaltest.Meet(t, annaltest.Connect(t, d.File(), d.Token(t, "u1"), ""), annaltest.Connect(t, d.File(), d.Token(t, "u2"), ""))
	const committed, trimmed = 900, 1_000
	// Answers are not waited for: without a projector there are none.
	phone, ids := dial(t, d.Roles["gateway"].At.WS).hello(d.Token(t, "u1"), "phone"), 0
	send := func(n int) {
		for range n {
			ids++
			phone.say(client.Frame(client.Send{Session: p.Session, Text: "text"}, client.ClientID(fmt.Sprint("c-", ids))))
		}
	}
	session := events.SessionID(p.Session)
	partition := eventlog.KeyPartition([]byte(session), annaltest.Partitions)
	reaches := func(offset int64) {
		t.Helper()
		annaltest.Eventually(t, annaltest.Patience, func() error {
			_, end, err := opened.Log.Bounds(t.Context(), eventlog.Events, partition)
			if err == nil && end < offset {
				err = fmt.Errorf("the events reach up to %d, want %d", end, offset)
			}
			return err
		})
	}
	head := func() events.Seq {
		t.Helper()
		heads, err := opened.View.Heads(t.Context(), []events.SessionID{session})
		if err != nil {
			t.Fatal(err)
		}
		return heads[session]
	}
	send(committed)
	reaches(committed)
	annaltest.Eventually(t, annaltest.Patience, func() error {
		if now := head(); now < committed {
			return fmt.Errorf("the view is at %d of %d", now, committed)
		}
		return nil
	})
	projector := d.Roles["hot"]
	projector.Stop() // which commits
	before := head()

	// Nobody is answered now; the sequencer goes on all the same.
	send(trimmed)
	reaches(committed + trimmed)
	deleteBelow(t, d, partition, trimmed)

	for _, what := range []string{"with its view", "without its view"} {
		projector.Relaunch(t)
		refused := false
		annaltest.Eventually(t, annaltest.Patience, func() error {
			// A projector that restores is ready; one that does not is gone.
			if ended, _ := projector.HasEnded(); ended {
				refused = true
				return nil
			}
			if now := head(); now < before+trimmed {
				return fmt.Errorf("%s: neither gone, nor has the view more than %d of %d", what, now, before+trimmed)
			}
			return nil
		})
		if refused {
			_, err := projector.HasEnded()
			if err == nil {
				t.Errorf("%s: it ended as if all were well", what)
			}
			for _, word := range []string{fmt.Sprintf("%s/%d", eventlog.Events, partition), fmt.Sprintf("start is %d", trimmed)} {
				if !strings.Contains(projector.Log(), word) {
					t.Errorf("%s: the refusal does not say %q:\n%s", what, word, projector.Log())
				}
			}
		} else {
			items, err := opened.View.Backward(t.Context(), session, 1, before+trimmed, 200)
			if err != nil || len(items) != 200 {
				t.Errorf("%s: restored, the view has %d of its newest 200 events, %v", what, len(items), err)
			}
			projector.Stop()
		}
		if now := head(); what == "with its view" && refused && now != before {
			t.Errorf("it refused, and yet the view went from %d to %d", before, now)
		}
		flush(t, redis)
	}
	// Nobody has a view now, and nobody reads an empty session.
	late := dial(t, d.Roles["gateway"].At.WS).hello(d.Token(t, "u2"), "phone")
	if got := late.ask(history(p.Session, 0)).GetError().GetCode(); got != string(events.CodeTryAgain) {
		t.Errorf("reading without a view is answered with %q, want %s", got, events.CodeTryAgain)
	}
}

// deleteBelow deletes the events of a partition below an offset, as retention would.
func deleteBelow(t *testing.T, d *annaltest.Deployment, partition int32, offset int64) {
	t.Helper()
	admin := administer(t, d)
	topic := d.Prefix + string(eventlog.Events)
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: offset})
	deleted, err := admin.DeleteRecords(t.Context(), offsets)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func administer(t *testing.T, d *annaltest.Deployment) *kadm.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(d.Kafka...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return kadm.NewClient(c)
}
