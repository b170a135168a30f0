package cases

import (
	"fmt"
	"slices"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
	"annal/pkg/events"
)

// TestF12WrongSenderClocks
//
// Given U1's phone 10 min fast, U1's laptop 1 day slow and U2 right, when, each after the ack of the one before, the phone
// sends `a`, U2 `b`, the laptop `c`, U2 `d`, and then the phone 50 texts without waiting: live, after a reconnect and by
// history every device has a, b, c, d and the 50 in sending order; the server's time is within 2 s of true time; the client's
// is kept as information and moves neither windows nor unread.
//
// Only services may tell a client's time (origin_time_ms), so the devices connect through one. Windows at their borders, with
// client times that lie, are in pkg/session/testdata/scripts. Order in the archive, and what retention goes by, come with it.
func TestF12WrongSenderClocks(t *testing.T) {
	t.Parallel()
	d := annaltest.Deploy(t)
	url, service := d.Roles["gateway"].At.WS, d.ServiceToken(t)
	clocks := map[string]time.Duration{"phone": 10 * time.Minute, "laptop": -24 * time.Hour, "desk": 0}
	users := map[string]string{"phone": "u1", "laptop": "u1", "desk": "u2"}
	devices := map[string]*socket{}
	for device, user := range users {
		devices[device] = dial(t, url).helloAs(service, user, device)
	}
	origin := func(device string) client.CommandOption {
		return client.OriginTime(time.Now().Add(clocks[device]))
	}
	session := devices["phone"].acked("create", client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: "u2"}}}, origin("phone")).GetSession()
	for _, s := range devices {
		s.subscribe(session, 1)
	}

	seqs := map[string]uint64{}
	want := []string{"a", "b", "c", "d"}
	for i, device := range []string{"phone", "desk", "laptop", "desk"} {
		ack := devices[device].acked(want[i], client.Send{Session: session, Text: want[i]}, origin(device))
		if off := time.Since(time.UnixMilli(ack.GetTimeMs())).Abs(); off > 2*time.Second {
			t.Errorf("%s is acked with a time %v off", want[i], off)
		}
		seqs[want[i]] = ack.GetSeq()
	}
	const more = 50
	for i := range more {
		text := fmt.Sprint("text-", i)
		want = append(want, text)
		devices["phone"].say(client.Frame(client.Send{Session: session, Text: text}, client.ClientID(text), origin("phone")))
	}

	from := map[string]string{"a": "phone", "b": "desk", "c": "laptop", "d": "desk"}
	check := func(what string, got []*clientv1.Event) {
		t.Helper()
		var texts []string
		for _, e := range got {
			text := e.GetSent().GetText()
			texts = append(texts, text)
			device := from[text]
			if device == "" {
				device = "phone"
			}
			now := time.Now()
			if off := now.Sub(time.UnixMilli(e.GetTimeMs())); off < -2*time.Second || off > annaltest.Patience {
				t.Errorf("%s: %s has a server time %v ago", what, text, off)
			}
			if off := now.Add(clocks[device]).Sub(time.UnixMilli(e.GetOriginTimeMs())); off < 0 || off > annaltest.Patience {
				t.Errorf("%s: %s, sent by the %s, has a client time of %v before that device's", what, text, device, off)
			}
		}
		if !slices.Equal(texts, want) {
			t.Errorf("%s: got %q, want %q", what, texts, want)
		}
	}
	for device, s := range devices {
		var live []*clientv1.Event
		for range want {
			live = append(live, s.event())
		}
		check("live at the "+device, live)
	}
	for device, user := range users {
		s := dial(t, url).helloAs(service, user, device)
		s.subscribe(session, 1)
		var resumed []*clientv1.Event
		for range want {
			resumed = append(resumed, s.event())
		}
		check("after a reconnect of the "+device, resumed)
		check("history at the "+device, s.history(session, 1))
	}

	// By its own clock the laptop said c a day ago, out of every window; by the log, just now.
	devices["laptop"].acked("revoke-c", client.Revoke{Session: session, Seq: seqs["c"]}, origin("laptop"))
	devices["phone"].acked("override-a", client.Override{Session: session, Seq: seqs["a"], Text: "a, edited"}, origin("phone"))
	if got := devices["desk"].state(session).GetUnread(); got != more {
		t.Errorf("U2 has %d unread, want the %d after d", got, more)
	}
	// A device of its own has no say about time at all.
	own := dial(t, url).hello(d.Token(t, "u1"), "phone")
	if got := own.ask(client.Frame(client.Send{Session: session, Text: "x"}, origin("phone"))).GetError().GetCode(); got != string(events.CodeServiceTokenRequired) {
		t.Errorf("a client time from a user's own token is answered with %q, want %s", got, events.CodeServiceTokenRequired)
	}
	annaltest.Verify(t, d.File())
}
