package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
	"annal/pkg/client"
	"annal/pkg/client/clienttest"
	"annal/pkg/events"
)

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// changes gives the next n events of a stream, in short.
func changes(t *testing.T, s *client.Stream, n int) (out string) {
	t.Helper()
	for range n {
		item, err := s.Next(within(t))
		if err != nil {
			t.Fatalf("after %q: %v", out, err)
		}
		e, ok := item.(client.Event)
		if !ok {
			t.Fatalf("got a %T, want an event", item)
		}
		switch e := e.GetEvent().(type) {
		case *clientv1.Event_SessionSet:
			out += fmt.Sprintf("%s: pinned %v, draft %q; ", e.SessionSet.GetSession(), e.SessionSet.GetSettings().GetPinned(), e.SessionSet.GetSettings().GetDraft())
		case *clientv1.Event_Hidden:
			out += fmt.Sprintf("%s: hidden %v; ", e.Hidden.GetSession(), e.Hidden.GetSeqs())
		case *clientv1.Event_DeviceSet:
			out += fmt.Sprintf("device %s, off %v; ", e.DeviceSet.GetDevice(), e.DeviceSet.GetOff())
		case *clientv1.Event_AccountClosed:
			out += "closed; "
		default:
			out += fmt.Sprintf("%T; ", e)
		}
	}
	return out
}

// TestWhatIsSetReachesAllOwnDevices: what one device sets another one hears, also across a
// gateway that is lost; nobody else does.
func TestWhatIsSetReachesAllOwnDevices(t *testing.T) {
	s := clienttest.Serve(t)
	phone, laptop := s.Dial(s.Options("alice")), s.Dial(s.Options("alice"))
	heard, err := laptop.SubscribeSelf(within(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := phone.Create(within(t), client.Create{Kind: logv1.Kind_KIND_GROUP, Name: "friends"})
	if err != nil {
		t.Fatal(err)
	}
	group := ack.GetSession()
	do := func(what string, _ client.Ack, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	ack, err = phone.SetSession(within(t), group, &logv1.SessionSettings{Pinned: proto.Bool(true), Draft: proto.String("dear")})
	do("set session", ack, err)
	ack, err = phone.Hide(within(t), group, []uint64{1}, []uint64{1})
	do("hide", ack, err)
	s.Kill()
	s.Start()
	ack, err = phone.SetDevice(within(t), "phone", &logv1.PushToken{Service: "fcm", Token: "t"})
	do("set device", ack, err)
	ack, err = phone.SetSession(within(t), group, &logv1.SessionSettings{Draft: proto.String("")})
	do("set session", ack, err)
	want := fmt.Sprintf("*clientv1.Event_Created; %s: pinned true, draft \"dear\"; %s: hidden [1]; device phone, off false; %s: pinned false, draft \"\"; ", group, group, group)
	if got := changes(t, heard, 5); got != want {
		t.Errorf("the laptop hears\n %s, want\n %s", got, want)
	}
	page, err := laptop.Sync(within(t), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range page.GetSessions() {
		if st.GetSession() == group && (!st.GetSettings().GetPinned() || st.GetSettings().GetDraft() != "") {
			t.Errorf("sync has the settings %v; want it pinned, with no draft", st.GetSettings())
		}
		if st.GetKind() == logv1.Kind_KIND_SELF && st.GetSession() != laptop.SelfSession() {
			t.Errorf("sync has the self session %s, want %s", st.GetSession(), laptop.SelfSession())
		}
	}

	bob := s.Dial(s.Options("bob"))
	var refusal *client.Error
	if _, err := bob.Subscribe(within(t), laptop.SelfSession(), 0); !errors.As(err, &refusal) || refusal.Code != events.CodeNotAMember {
		t.Errorf("another user subscribes: %v; want NOT_A_MEMBER", err)
	}
	ack, err = phone.CloseAccount(within(t))
	do("close account", ack, err)
	if got := changes(t, heard, 1); got != "closed; " {
		t.Errorf("the laptop hears %s, want that the account was closed", got)
	}
	if _, err := phone.Hide(within(t), group, []uint64{2}, []uint64{1}); !errors.As(err, &refusal) || refusal.Code != events.CodeAccountClosed {
		t.Errorf("hiding after that: %v; want ACCOUNT_CLOSED", err)
	}
}
