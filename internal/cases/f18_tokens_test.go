package cases

import (
	"fmt"
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/internal/annaltest"
	"annal/pkg/client"
	"annal/pkg/events"
	"annal/pkg/gateway/auth"
)

// TestF18TokenRunsOut
//
// Given U1 on two devices, token of A valid for a while: when it expires, within 5 s A is closed with an authentication code, nothing
// that was said from then on is delivered and nothing sent by A is sequenced. When B renews its token before, its socket lives
// on without a gap.
//
// Tokens are good for 5 s here, and not for 60; TestATokenIsEnforcedForLife of pkg/gateway has these times.
func TestF18TokenRunsOut(t *testing.T) {
	t.Parallel()
	d := annaltest.Deploy(t)
	url := d.Roles["gateway"].At.WS
	u2 := dial(t, url).hello(d.Token(t, "u2"), "desk")
	session := u2.acked("create", client.Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: "u1"}}}).GetSession()
	service := dial(t, url).helloAs(d.ServiceToken(t), "u1", "login")
	ends := time.Now().Truncate(time.Second).Add(6 * time.Second)
	devices := map[string]*socket{}
	for _, device := range []string{"a", "b"} {
		service.acked(device, client.SignIn{Login: "l-" + device, Device: device, Kind: "phone"})
		token := d.TokenOf(t, auth.Identity{User: "u1", Login: "l-" + device, Device: device, Expires: ends})
		devices[device] = dial(t, url).hello(token, "")
		devices[device].subscribe(session, 1)
	}
	a, b := devices["a"], devices["b"]

	var said []string
	renewed := false
	for tick, end := time.Tick(50*time.Millisecond), ends.Add(2*time.Second); time.Now().Before(end); <-tick {
		said = append(said, fmt.Sprint("text-", len(said)))
		u2.acked(said[len(said)-1], client.Send{Session: session, Text: said[len(said)-1]})
		if !renewed && time.Until(ends) < time.Second {
			b.hello(d.TokenOf(t, auth.Identity{User: "u1", Login: "l-b", Device: "b"}), "b")
			renewed = true
		}
		if time.Now().After(ends) {
			// The gateway has closed it, or is about to: whether it can be written is not the question.
			_ = a.write(client.Frame(client.Send{Session: session, Text: "too late"}, client.ClientID(said[len(said)-1])))
		}
	}
	wantClose(t, a, ends.Add(5*time.Second), events.CodeTokenExpired)
	for _, e := range a.events {
		if e.GetTimeMs() >= ends.UnixMilli() {
			t.Errorf("A was given what was said %d ms after its token's end", e.GetTimeMs()-ends.UnixMilli())
		}
	}
	got := b.texts(1, len(said))
	for i, text := range said {
		if got[i] != text {
			t.Fatalf("B was given %q at %d, want %q", got[i], i, text)
		}
	}
	for _, e := range u2.history(session, 1) {
		if e.GetUser() != "u2" {
			t.Errorf("a text of A's was sequenced after its token's end: %v", e)
		}
	}
}

// TestF18LoggedOutAndBanned
//
// Given U1 on two devices on two gateways, when B is logged out from elsewhere, then only B's socket closes, within 2 s. When the account
// is banned, all sockets close, and coming again is refused. That pushes stop comes with push.
func TestF18LoggedOutAndBanned(t *testing.T) {
	t.Parallel()
	d := annaltest.NewDeployment(t)
	d.Serve(t, "sequencer", "hot", "gateway", "gateway-2")
	urls := []string{d.Roles["gateway"].At.WS, d.Roles["gateway-2"].At.WS}
	service := dial(t, urls[0]).helloAs(d.ServiceToken(t), "u1", "login")
	login := func(device string) string {
		service.acked("in-"+device, client.SignIn{Login: "l-" + device, Device: device, Kind: "phone"})
		return d.TokenOf(t, auth.Identity{User: "u1", Login: "l-" + device, Device: device})
	}
	tokenA, tokenB := login("a"), login("b")
	a, b := dial(t, urls[0]).hello(tokenA, "a"), dial(t, urls[1]).hello(tokenB, "b")

	a.acked("out", client.SignOut{Devices: []string{"b"}})
	wantClose(t, b, time.Now().Add(2*time.Second), events.CodeLoginEnded)
	session := a.acked("create", client.Create{Kind: logv1.Kind_KIND_GROUP, Name: "still here"}).GetSession()
	refused(t, dial(t, urls[0]), tokenB, events.CodeLoginEnded)

	c := dial(t, urls[1]).hello(login("c"), "c")
	own := dial(t, urls[1]).hello(d.Token(t, "u1"), "own")
	service.acked("ban", client.Ban{Reason: "spam"})
	within := time.Now().Add(2 * time.Second)
	for _, s := range []*socket{a, c, own} {
		wantClose(t, s, within, events.CodeAccountBanned)
	}
	for _, url := range urls {
		refused(t, dial(t, url), tokenA, events.CodeAccountBanned)
		refused(t, dial(t, url), d.Token(t, "u1"), events.CodeAccountBanned)
	}
	if got := len(service.history(session, 0)); got != 1 {
		t.Errorf("the service sees %d events, want the 1 there was", got)
	}
}

func wantClose(t *testing.T, s *socket, by time.Time, code events.Code) {
	t.Helper()
	switch end := s.closed(max(time.Until(by), time.Millisecond)); {
	case end == nil:
		t.Errorf("a connection broke off, want it closed with %s", code)
	case end.Code != code.Info().Close || end.Text != string(code):
		t.Errorf("a connection was closed with %v, want %s", end, code)
	}
}

// refused says a hello that is to be refused, with which the connection ends.
func refused(t *testing.T, s *socket, token string, code events.Code) {
	t.Helper()
	m := s.ask(&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Hello{Hello: &clientv1.Hello{Token: token}}})
	if m.GetError().GetCode() != string(code) {
		t.Errorf("hello was answered with %v, want %s", m, code)
	}
	wantClose(t, s, time.Now().Add(annaltest.Patience), code)
}
