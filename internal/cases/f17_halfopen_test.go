package cases

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	clientv1 "annal/gen/annal/client/v1"
	"annal/internal/annaltest"
	"annal/pkg/gateway/protocol"
)

// TestF17HalfOpenConnection
//
// Given U2 with phone and laptop, when the phone's packets vanish without a FIN, U1 sends 10 texts and the phone returns: the
// phone's connection is dropped, on its return it has all 10 once and in order, and the laptop was not disturbed. A client
// that sends, but never answers a ping, is not cut.
//
// A silent connection is dropped after 3 s here, by settings; TestHalfOpen of pkg/gateway has the case in its own times (one
// text each 10 s, dropped within 60 s, back after 120 s). That the phone shows offline, and that what it did not get becomes
// pushes, comes with presence and push.
func TestF17HalfOpenConnection(t *testing.T) {
	t.Parallel()
	d := annaltest.NewDeployment(t)
	gw := d.Launch(t, "gateway", "--heartbeat", "1s", "--heartbeat-timeout", "3s")
	d.Serve(t, "sequencer", "hot")
	gw.AwaitReady(t)
	u1, u2 := d.Token(t, "u1"), d.Token(t, "u2")
	proxy := annaltest.NewProxy(t, address(gw.At.WS))

	// These two are clients of pkg/client, which keep their heartbeat; the phone is one until it vanishes.
	sender := annaltest.Connect(t, gw.File, u1, "")
	laptop := annaltest.Meet(t, sender, annaltest.Connect(t, gw.File, u2, ""))
	session := laptop.Session
	phone := dial(t, through(gw.At.WS, proxy)).hello(u2, "phone")
	phone.subscribe(session, 1)
	talkOn(t, dial(t, gw.At.WS).hello(u2, "tablet"))

	// devices waits until the user is connected with these.
	devices := func(want ...string) {
		t.Helper()
		annaltest.Eventually(t, annaltest.Patience, func() error {
			page, err := laptop.Bob.Presence(t.Context(), []string{"u2"})
			if err != nil {
				return err
			}
			var is []string
			for _, d := range page.GetUsers()[0].GetDevices() {
				is = append(is, d.GetDevice())
			}
			if slices.Sort(is); !slices.Equal(is, want) {
				return fmt.Errorf("u2 is connected with %q, want %q", is, want)
			}
			return nil
		})
	}
	devices("phone", "tablet", "test") // the laptop is called test

	proxy.Hold()
	const texts = 10
	var want []string
	for i := range texts {
		want = append(want, fmt.Sprint("text-", i))
		if _, err := sender.Send(t.Context(), session, want[i]); err != nil {
			t.Fatal(err)
		}
	}
	metric := func(name string, want float64) {
		t.Helper()
		annaltest.Eventually(t, annaltest.Patience, func() error {
			got, err := gw.Metric(t.Context(), name)
			if err == nil && got != want {
				err = fmt.Errorf("%s is %v, want %v", name, got, want)
			}
			return err
		})
	}
	metric(`annal_gateway_closes_total{code="HEARTBEAT_TIMEOUT"}`, 1)
	devices("tablet", "test")
	metric("annal_gateway_connections ", 3)

	back := dial(t, gw.At.WS).hello(u2, "phone")
	back.subscribe(session, 1)
	if got := back.texts(1, texts); !slices.Equal(got, want) {
		t.Errorf("on its return the phone was given %q, want %q", got, want)
	}
	var heard []string
	for len(heard) < texts {
		if e := annaltest.Next(t, laptop.AtBob); e.GetSent() != nil {
			heard = append(heard, e.GetSent().GetText())
		}
	}
	if !slices.Equal(heard, want) {
		t.Errorf("the laptop was given %q, want %q", heard, want)
	}
	// The tablet has answered no ping for longer than the phone.
	metric("annal_gateway_connections ", 4)
	metric("annal_gateway_closes_total", 1)
}

// talkOn says something twice a second until the test ends, and answers no ping.
func talkOn(t *testing.T, s *socket) {
	t.Helper()
	s.ws.SetPingHandler(func(string) error { return nil })
	frame, refused := protocol.ProtoCodec.AppendClient(nil, &clientv1.ClientFrame{Id: "p", Op: &clientv1.ClientFrame_Ping{Ping: &clientv1.Ping{}}})
	if refused != nil {
		t.Fatal(refused)
	}
	if err := s.ws.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	var talking sync.WaitGroup
	talking.Go(func() {
		for {
			if _, _, err := s.ws.ReadMessage(); err != nil {
				return
			}
		}
	})
	talking.Go(func() {
		for tick := time.Tick(500 * time.Millisecond); s.ws.WriteMessage(websocket.BinaryMessage, frame) == nil; {
			<-tick
		}
	})
	t.Cleanup(func() {
		_ = s.ws.Close() // both end by it
		talking.Wait()
	})
}
