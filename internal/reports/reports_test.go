package reports

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"annal/pkg/eventlog"
	"annal/pkg/events"
)

// writer writes outcomes that count into one partition after the other.
type writer struct {
	*testing.T
	log  eventlog.Log
	last map[int32]int64
	seq  map[events.SessionID]events.Seq
}

var (
	owner    = events.Owner{N: 1, Random: [16]byte{1}}
	envelope = events.Envelope{Source: "test"}
)

func newWriter(t *testing.T, partitions int32) *writer {
	log := eventlog.NewMemory(eventlog.MemoryOptions{Partitions: partitions}).Client()
	t.Cleanup(log.Close)
	w := &writer{T: t, log: log, last: map[int32]int64{}, seq: map[events.SessionID]events.Seq{}}
	for p := range partitions {
		r, err := events.EncodeFence(events.Fence{Owner: owner}, envelope)
		w.append(p, r, err)
		w.last[p] = -1
	}
	return w
}

func (w *writer) append(p int32, r events.Record, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	done := make(chan error, 1)
	w.log.Append(context.Background(), eventlog.Events, p, r, func(_ int32, _ int64, err error) { done <- err })
	if err := <-done; err != nil {
		w.Fatal(err)
	}
}

// do writes an accepted event at the log time of minute; one with a seq takes the session's next.
func (w *writer) do(p int32, minute int64, s events.SessionID, u events.UserID, e events.Event) events.Seq {
	w.Helper()
	a := events.Accepted{Event: e}
	if _, none := e.(events.Reported); !none {
		w.seq[s]++
		a.Seq = w.seq[s]
	}
	o := events.Outcome{Session: s, Actor: events.Actor{User: u}, Time: events.Millis(minute * 60_000), Result: a}
	r, err := events.EncodeOutcome(o, events.Stamp{Owner: owner, Command: w.last[p] + 1, Prev: w.last[p]}, envelope)
	w.append(p, r, err)
	w.last[p]++
	return a.Seq
}

func (w *writer) say(p int32, minute int64, s events.SessionID, u events.UserID, text string) events.Seq {
	return w.do(p, minute, s, u, events.Sent{Index: 1, Body: events.TextBody(text)})
}

func (w *writer) lines(f Filter, last int) string {
	w.Helper()
	l, err := Read(context.Background(), w.log, f, last)
	if err != nil {
		w.Fatal(err)
	}
	var b bytes.Buffer
	for i := range l.Messages {
		if err := Write(&b, &l.Messages[i]); err != nil {
			w.Fatal(err)
		}
	}
	fmt.Fprintf(&b, "%d found, %d unreadable", l.Found, l.Unreadable)
	return b.String()
}

func TestReports(t *testing.T) {
	w := newWriter(t, 2)
	rude := w.say(0, 1, "g_1", "mallory", "rude")
	fine := w.say(0, 2, "g_1", "alice", "fine")
	spam := w.say(1, 3, "g_2", "mallory", "buy")
	w.do(0, 4, "g_1", "bob", events.Reported{Target: rude, TargetIndex: 1, Reason: "it hurts"})
	w.do(1, 5, "g_2", "bob", events.Reported{Target: spam, TargetIndex: 1})
	w.do(0, 6, "g_1", "carol", events.Reported{Target: fine, TargetIndex: 2, Reason: "boring"})
	w.do(0, 7, "g_1", "mallory", events.Overridden{Target: rude, TargetIndex: 1, Body: events.TextBody("nothing was said")})
	w.do(1, 8, "g_2", "ann", events.Deleted{Target: spam, TargetIndex: 1, Reason: "spam"})
	w.do(0, 9, "g_1", "dan", events.Reported{Target: rude, TargetIndex: 1})
	const (
		rudeLines = "g_1 1, 1970-01-01T00:01:00.000Z by mallory: \"nothing was said\" (overridden 1 times)\n" +
			"    1970-01-01T00:04:00.000Z reported by bob: \"it hurts\"\n    1970-01-01T00:09:00.000Z reported by dan\n"
		fineLines = "g_1 2, 1970-01-01T00:02:00.000Z by alice: \"fine\"\n    1970-01-01T00:06:00.000Z reported by carol: \"boring\"\n"
		spamLines = "g_2 1, 1970-01-01T00:03:00.000Z by mallory: \"buy\" (deleted by ann: \"spam\")\n    1970-01-01T00:05:00.000Z reported by bob\n"
	)
	for _, c := range []struct {
		what string
		f    Filter
		last int
		want string
	}{
		{"all, by their last report", Filter{}, 10, spamLines + fineLines + rudeLines + "3 found, 0 unreadable"},
		{"the last", Filter{}, 1, rudeLines + "3 found, 0 unreadable"},
		{"what is open", Filter{Open: true}, 10, fineLines + rudeLines + "2 found, 0 unreadable"},
		{"an author's", Filter{Author: "mallory"}, 10, spamLines + rudeLines + "2 found, 0 unreadable"},
		{"a session's", Filter{Session: "g_2"}, 10, spamLines + "1 found, 0 unreadable"},
		{"nobody's", Filter{Session: "g_3"}, 10, "0 found, 0 unreadable"},
	} {
		if got := w.lines(c.f, c.last); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.what, got, c.want)
		}
	}
}

// What is kept is bounded: of a message the newest reports, of a text the beginning, and of very many
// messages those reported last.
func TestReportsAreBounded(t *testing.T) {
	w := newWriter(t, 1)
	long := w.say(0, 1, "g_1", "a", strings.Repeat("é", MaxText))
	for i := range MaxReasons + 5 {
		w.do(0, int64(i+2), "g_1", events.UserID(fmt.Sprint("u", i)), events.Reported{Target: long, TargetIndex: 1})
	}
	l, err := Read(context.Background(), w.log, Filter{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	m := l.Messages[0]
	if m.Count != MaxReasons+5 || len(m.Reports) != MaxReasons || m.Reports[0].By != "u5" {
		t.Errorf("%d reports, %d kept from %v on; want %d, %d from u5 on", m.Count, len(m.Reports), m.Reports[0].By, MaxReasons+5, MaxReasons)
	}
	if len(m.Text) > MaxText+len("…") || !strings.HasSuffix(m.Text, "é…") {
		t.Errorf("%d bytes of text are kept, to the end %q", len(m.Text), m.Text[len(m.Text)-10:])
	}
	many := map[place]*Message{}
	for i := range 100 {
		many[place{"g", events.Seq(i)}] = &Message{Reports: []Report{{Time: events.Millis(i)}}}
	}
	if n := forget(many, 100); n != 0 {
		t.Errorf("%d of 100 forgotten where 100 may be", n)
	}
	if n := forget(many, 50); n != 55 || len(many) != 45 || many[place{"g", 99}] == nil || many[place{"g", 54}] != nil {
		t.Errorf("%d forgotten of 100 where 50 may be; want the first 55", n)
	}
}

func TestReportsAsJSON(t *testing.T) {
	w := newWriter(t, 1)
	seq := w.say(0, 1, "g_1", "mallory", "rude")
	w.do(0, 2, "g_1", "bob", events.Reported{Target: seq, TargetIndex: 1, Reason: "it hurts"})
	w.do(0, 3, "g_1", "mallory", events.Revoked{Target: seq, TargetIndex: 1})
	l, err := Read(context.Background(), w.log, Filter{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, &l.Messages[0]); err != nil {
		t.Fatal(err)
	}
	want := `{"session":"g_1","seq":"1","index":"1","author":"mallory","sent":"1970-01-01T00:01:00.000Z","text":"rude","versions":0,"fate":"revoked",` +
		`"fate_by":"mallory","count":1,"reports":[{"time":"1970-01-01T00:02:00.000Z","by":"bob","reason":"it hurts"}]}` + "\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
