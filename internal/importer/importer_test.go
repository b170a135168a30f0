package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"annal/pkg/events"
)

const chat = `{"time":"2004-12-25T09:14:00Z","channel":"a","kind":"message","user":"u1","text":"hi"}
{"time":"2004-12-25T09:14:00Z","channel":"a","kind":"join","user":"u1"}
{"time":"2004-12-25T09:15:00Z","channel":"b","kind":"join","user":"u2"}
{"time":"2004-12-25T09:15:00Z","channel":"b","kind":"action","user":"u2","text":"waves"}
{"time":"2004-12-25T09:15:00Z","channel":"b","kind":"leave","user":"u2"}
{"time":"2004-12-25T09:15:00Z","channel":"b","kind":"leave","user":"u2"}
{"time":"2004-12-25T09:15:00Z","channel":"b","kind":"message","user":"u2","text":"back"}
{"time":"2004-12-25T09:15:00Z","channel":"b","kind":"message","user":"u2","text":""}
this is not JSON
{"time":"2004-12-25T09:15:00Z","channel":"b","kind":"dance","user":"u2"}
{"time":"2004-12-25T09:15:00Z","channel":"b","kind":"message","user":"u2"}
{"time":"2004-12-25T09:16:00Z","channel":"importers","kind":"message","user":"importer","text":"the owner is in already"}`

func run(t *testing.T, s *server, file string) (Summary, string) {
	t.Helper()
	return runSplit(t, s, file, SplitNone)
}

func runSplit(t *testing.T, s *server, file string, split Split) (Summary, string) {
	t.Helper()
	var named bytes.Buffer
	sum, err := Run(context.Background(), []Conn{s, s}, strings.NewReader(file), Options{Split: split, Owner: "importer", Log: &named})
	if err != nil {
		t.Fatal(err)
	}
	if n := sum.Unaccounted(); n != 0 {
		t.Errorf("%d lines are not accounted for: %+v", n, sum)
	}
	return sum, named.String()
}

func check(t *testing.T, got, want Summary) {
	t.Helper()
	if want.Sessions == 0 {
		want.Sessions = want.Channels // not split
	}
	if got.Lines != want.Lines || got.Acked != want.Acked || got.Already != want.Already || got.Answered != want.Answered ||
		!maps.Equal(got.Rejected, want.Rejected) || got.Channels != want.Channels || got.Sessions != want.Sessions || got.Joined != want.Joined {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestLinesBecomeCommands(t *testing.T) {
	s := newServer()
	sum, named := run(t, s, chat)
	check(t, sum, Summary{
		Lines: 12, Acked: 6, Answered: 2, Channels: 3, Joined: 2,
		Rejected: map[string]int{"INVALID_TEXT": 1, "MALFORMED": 3},
	})
	want := []string{
		"c_a importer create", "c_a u1 join", "c_a u1 hi",
		"c_b importer create", "c_b u2 join", "c_b u2 /me waves", "c_b u2 leave", "c_b u2 join", "c_b u2 back",
		"c_importers importer create", "c_importers importer the owner is in already",
	}
	if !slices.Equal(s.log, want) {
		t.Errorf("the log is\n%s\nwant\n%s", strings.Join(s.log, "\n"), strings.Join(want, "\n"))
	}
	for _, number := range []int{8, 9, 10, 11} {
		if !strings.Contains(named, fmt.Sprintf("line %d: ", number)) {
			t.Errorf("line %d is not named in:\n%s", number, named)
		}
	}
	said := time.Date(2004, 12, 25, 9, 15, 0, 0, time.UTC).UnixMilli()
	for _, id := range []string{"u2 L4-f62165fa6170", "u2 L7-6dd9f6add01e-join"} {
		if got := s.origins[id]; got != said {
			t.Errorf("%s has origin time %d, want %d", id, got, said)
		}
	}
}

func TestASecondRunAddsNothing(t *testing.T) {
	s := newServer()
	run(t, s, chat)
	before := slices.Clone(s.log)
	sum, _ := run(t, s, chat)
	check(t, sum, Summary{Lines: 12, Already: 9, Channels: 3, Joined: 2, Rejected: map[string]int{"MALFORMED": 3}})
	if !slices.Equal(s.log, before) {
		t.Errorf("a second run added %v", s.log[len(before):])
	}
}

// TestAnotherFileIsNew: lines of the same channels at the same numbers are other lines, unless
// they say the same.
func TestAnotherFileIsNew(t *testing.T) {
	const other = `{"time":"2004-12-26T09:14:00Z","channel":"a","kind":"message","user":"u1","text":"hi again"}
{"time":"2004-12-26T09:14:01Z","channel":"a","kind":"join","user":"u1"}
{"kind":"join","user":"u2","channel":"b","time":"2004-12-25T10:15:00+01:00"}
{"time":"2004-12-26T09:15:00Z","channel":"b","kind":"message","user":"u2","text":"waves"}
{"time":"2004-12-26T09:16:00Z","channel":"b","kind":"message","user":"u9","text":"hello"}
`
	s := newServer()
	run(t, s, chat)
	before := len(s.log)
	// The third line is that of the first file, written otherwise.
	sum, named := run(t, s, other)
	check(t, sum, Summary{Lines: 5, Acked: 3, Already: 1, Answered: 1, Channels: 2, Joined: 2, Rejected: map[string]int{}})
	want := []string{"c_a u1 hi again", "c_b u2 waves", "c_b u9 join", "c_b u9 hello"}
	if !slices.Equal(s.log[before:], want) || named != "" {
		t.Errorf("another file added\n%s\nwant\n%s\nand named %q", strings.Join(s.log[before:], "\n"), strings.Join(want, "\n"), named)
	}
	for _, file := range []string{chat, other} {
		sum, _ := run(t, s, file)
		if sum.Already+sum.Rejected[malformed] != sum.Lines || len(s.log) != before+len(want) {
			t.Errorf("a second run of either file: %+v, and %d events; want all lines already, and no more than %d", sum, len(s.log), before+len(want))
		}
	}
}

func TestALinesIdentity(t *testing.T) {
	at := time.Date(2004, 12, 25, 9, 14, 0, 0, time.UTC)
	l := line{number: 7, time: at, channel: "a", kind: message, user: "u1", text: "hi"}
	ids := map[string]line{}
	for _, c := range []func(*line){
		func(*line) {}, func(l *line) { l.number++ }, func(l *line) { l.time = at.Add(time.Nanosecond) }, func(l *line) { l.channel = "b" },
		func(l *line) { l.kind = action }, func(l *line) { l.user = "u2" }, func(l *line) { l.text = "hi " },
		func(l *line) { l.user, l.text = "u1h", "i" },
	} {
		changed := l
		c(&changed)
		id := changed.clientID()
		if other, twice := ids[id]; twice || !events.ValidName(id) || !events.ValidName(id+"-join") {
			t.Errorf("%+v has the id %s, which is none, or that of %+v", changed, id, other)
		}
		ids[id] = changed
	}
	elsewhere := l
	elsewhere.time = at.In(time.FixedZone("", 3600))
	if elsewhere.clientID() != l.clientID() {
		t.Errorf("the same moment in another zone makes the id %s, want %s", elsewhere.clientID(), l.clientID())
	}
}

func TestARunGoesOnWhereOneWasCutShort(t *testing.T) {
	s := newServer()
	lost := errors.New("the server is gone")
	s.cut = func(id string) error {
		if strings.HasPrefix(id, "L5-") {
			return lost
		}
		return nil
	}
	sum, err := Run(context.Background(), []Conn{s}, strings.NewReader(chat), Options{Owner: "importer"})
	if !errors.Is(err, lost) || !strings.Contains(err.Error(), "line 5") {
		t.Errorf("got %v; want the loss of line 5", err)
	}
	if sum.Unaccounted() != 1 {
		t.Errorf("%d lines have no outcome, want 1: %+v", sum.Unaccounted(), sum)
	}
	s.cut = nil
	whole := newServer()
	run(t, whole, chat)
	sum, _ = run(t, s, chat)
	check(t, sum, Summary{Lines: 12, Acked: 3, Already: 4, Answered: 1, Channels: 3, Joined: 2, Rejected: map[string]int{"INVALID_TEXT": 1, "MALFORMED": 3}})
	if !slices.Equal(s.log, whole.log) {
		t.Errorf("the log is\n%s\nwant\n%s", strings.Join(s.log, "\n"), strings.Join(whole.log, "\n"))
	}
}

func TestRepeatsOfThisRunAreNotOfAFormerOne(t *testing.T) {
	s := newServer()
	s.resent = func(id string) bool { return strings.HasPrefix(id, "L") }
	sum, _ := run(t, s, chat)
	check(t, sum, Summary{
		Lines: 12, Acked: 6, Answered: 2, Channels: 3, Joined: 2,
		Rejected: map[string]int{"INVALID_TEXT": 1, "MALFORMED": 3},
	})
}

func TestCancelledRun(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := newServer()
	s.cut = func(id string) error {
		if strings.HasPrefix(id, "L3-") {
			cancel()
			return ctx.Err()
		}
		return nil
	}
	if _, err := Run(ctx, []Conn{s}, strings.NewReader(chat), Options{Owner: "importer"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want context.Canceled", err)
	}
}

func TestLongAndOddLines(t *testing.T) {
	long := `{"time":"2004-12-25T09:14:00Z","channel":"a","kind":"message","user":"u1","text":"` + strings.Repeat("x", maxLine) + `"}`
	file := long + "\n\n" + "{\"text\":\"\xff\"}\n" + strings.Split(chat, "\n")[0] + "\n"
	sum, named := run(t, newServer(), file)
	check(t, sum, Summary{Lines: 4, Acked: 1, Channels: 1, Joined: 1, Rejected: map[string]int{"MALFORMED": 3}})
	if !strings.Contains(named, "line 1: MALFORMED: over") {
		t.Errorf("the long line is not named as such:\n%s", named)
	}
}

func TestSplitByDay(t *testing.T) {
	// Midnight is that of UTC, whatever the file's offset.
	const file = `{"time":"2004-12-25T23:59:00Z","channel":"a","kind":"join","user":"u1"}
{"time":"2004-12-25T23:59:00Z","channel":"a","kind":"message","user":"u1","text":"late"}
{"time":"2004-12-26T01:59:00+02:00","channel":"b","kind":"message","user":"u1","text":"elsewhere"}
{"time":"2004-12-26T00:00:00Z","channel":"a","kind":"message","user":"u1","text":"a new day"}
{"time":"2004-12-26T00:01:00Z","channel":"a","kind":"message","user":"u1","text":"still"}
{"time":"2004-12-26T00:01:00Z","channel":"a","kind":"leave","user":"u1"}
{"time":"2004-12-27T00:01:00Z","channel":"a","kind":"leave","user":"u1"}
{"time":"2004-12-27T00:01:00Z","channel":"a","kind":"join","user":"u1"}`
	s := newServer()
	sum, _ := runSplit(t, s, file, SplitDay)
	check(t, sum, Summary{Lines: 8, Acked: 7, Answered: 1, Channels: 2, Sessions: 4, Joined: 2, Rejected: map[string]int{}})
	want := []string{
		"c_a 2004-12-25 importer create", "c_a 2004-12-25 u1 join", "c_a 2004-12-25 u1 late",
		"c_b 2004-12-25 importer create", "c_b 2004-12-25 u1 join", "c_b 2004-12-25 u1 elsewhere",
		"c_a 2004-12-26 importer create", "c_a 2004-12-26 u1 join", "c_a 2004-12-26 u1 a new day", "c_a 2004-12-26 u1 still", "c_a 2004-12-26 u1 leave",
		"c_a 2004-12-27 importer create", "c_a 2004-12-27 u1 join",
	}
	if !slices.Equal(s.log, want) {
		t.Errorf("the log is\n%s\nwant\n%s", strings.Join(s.log, "\n"), strings.Join(want, "\n"))
	}
	again, _ := runSplit(t, s, file, SplitDay)
	check(t, again, Summary{Lines: 8, Already: 8, Channels: 2, Sessions: 4, Joined: 2, Rejected: map[string]int{}})
	if !slices.Equal(s.log, want) {
		t.Errorf("a second run added %v", s.log[len(want):])
	}
	if _, err := Run(context.Background(), []Conn{s}, strings.NewReader(file), Options{Split: "week"}); !errors.Is(err, ErrSplit) {
		t.Errorf("an unknown split: %v, want %v", err, ErrSplit)
	}
}

func TestRoomNames(t *testing.T) {
	ids := map[string]room{}
	for _, name := range []string{"ubuntu", "ubuntu/2005-10-31", "#ubuntu de", strings.Repeat("x", 115), strings.Repeat("é", 300), "日本"} {
		for _, day := range []string{"", "2005-10-31", "2005-11-01"} {
			r := room{name, day}
			id := r.clientID()
			if other, twice := ids[id]; !events.ValidName(id) || twice {
				t.Errorf("%.30q gets the client id %q, which is none, or that of %.30q", r, id, other)
			}
			ids[id] = r
			title := r.title()
			if len(title) > events.MaxNameBytes || !strings.HasPrefix(name, strings.TrimSuffix(title, " "+day)) || !strings.HasSuffix(title, day) {
				t.Errorf("%.30q gets the title %q", r, title)
			}
		}
	}
	// A channel that a former version brought in is found again.
	if got := (room{channel: strings.Repeat("é", 300)}).clientID(); !strings.HasPrefix(got, "import-sha256-") || len(got) != 14+64 {
		t.Errorf("a long name gets the client id %s", got)
	}
}

func TestJSONHasTheseKeys(t *testing.T) {
	b, err := json.Marshal(Summary{Lines: 1, Rejected: map[string]int{}})
	if want := `{"lines":1,"acked":0,"already":0,"answered":0,"rejected":{},"seconds":0}`; err != nil || string(b) != want {
		t.Errorf("got %s (%v), want %s", b, err, want)
	}
}
