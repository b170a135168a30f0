package cases

import (
	"fmt"
	"testing"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
	"annal/pkg/events"
)

// TestF01ResendAfterALostAck
//
// Given a session with last seq 7, when U1's send of `c-42` reaches gateway 1, the ack is lost and the socket killed, and U1
// sends the same frame over gateway 2, and once more after gateways and sequencer were killed and started again: each reply
// is a success with seq 8 and one message id, the last seq stays 8, and U2 got one delivery.
//
// The waits of 45 s and 10 min are log time, which the rules alone go by: pkg/session/testdata/scripts/send.txt has them,
// and 30 days. That the archive has one row, and that there is at most one push, comes with archive and push.
func TestF01ResendAfterALostAck(t *testing.T) {
	t.Parallel()
	d := annaltest.NewDeployment(t)
	d.Serve(t, "sequencer", "hot", "gateway", "gateway-2")
	first, second := d.Roles["gateway"], d.Roles["gateway-2"]
	u1, u2 := d.Token(t, "u1"), d.Token(t, "u2")

	proxy := annaltest.NewProxy(t, address(first.At.WS))
	phone := dial(t, through(first.At.WS, proxy)).hello(u1, "phone")
	session := phone.acked("create", client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: "u2"}}}).GetSession()
	for i := range 6 {
		phone.acked(fmt.Sprint("c-", i), client.Send{Session: session, Text: fmt.Sprint("text ", i)})
	}
	other := dial(t, second.At.WS).hello(u2, "laptop")
	other.subscribe(session, 7)

	frame := func() *clientv1.ClientFrame {
		return client.Frame(client.Send{Session: session, Text: "hello"}, client.ClientID("c-42"))
	}
	proxy.HoldAnswers()
	phone.say(frame())
	delivered := other.event()
	if delivered.GetSeq() != 8 || delivered.GetSent().GetText() != "hello" {
		t.Fatalf("U2 was given %v; want hello as 8", delivered)
	}
	proxy.Cut()

	again := func(what string, phone *socket) {
		t.Helper()
		ack := phone.ask(frame()).GetAck()
		if ack.GetSeq() != 8 || ack.GetMessageId() != delivered.GetId() || ack.GetAnswered() != string(events.CodeDuplicate) || !ack.GetDuplicate() {
			t.Errorf("%s: got %v; want seq 8 of %s, said to be a duplicate", what, ack, delivered.GetId())
		}
	}
	again("over gateway 2", dial(t, second.At.WS).hello(u1, "phone"))

	for _, name := range []string{"gateway", "sequencer"} {
		d.Roles[name].Crash(t)
	}
	again("over gateway 1, after a restart", dial(t, first.At.WS).hello(u1, "phone"))
	second.Crash(t)
	phone = dial(t, second.At.WS).hello(u1, "phone")
	again("over gateway 2, after a restart", phone)

	// U2's connection ended with its gateway; it resumes above 8 and must hear nothing before the next message.
	if len(other.events) > 0 {
		t.Errorf("U2 was given %v besides", other.events)
	}
	if end := other.closed(annaltest.Patience); end != nil {
		t.Errorf("the gateway was killed, and yet it closed with %v", end)
	}
	if len(other.events) > 0 {
		t.Errorf("U2 was given %v besides", other.events)
	}
	other = dial(t, first.At.WS).hello(u2, "laptop")
	other.subscribe(session, 8)
	if ack := phone.acked("c-43", client.Send{Session: session, Text: "next"}); ack.GetSeq() != 9 {
		t.Errorf("the next message has seq %d, want 9", ack.GetSeq())
	}
	if got := other.texts(8, 1); got[0] != "next" {
		t.Errorf("after 8 U2 was given %q, want next", got)
	}
	history, hellos := other.history(session, 0), 0
	for _, e := range history {
		if e.GetSent().GetText() == "hello" {
			hellos++
		}
	}
	if len(history) != 9 || hellos != 1 {
		t.Errorf("history has %d events, hello %d times; want 9 and once", len(history), hellos)
	}
	annaltest.Verify(t, d.File())
}
