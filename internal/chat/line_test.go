package chat

import (
	"testing"
	"time"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

func TestLines(t *testing.T) {
	many := []*logv1.NewMember{{User: "bob"}, {User: "a"}, {User: "b"}, {User: "c"}, {User: "d"}, {User: "e"}, {User: "f"}, {User: "g"}}
	for _, x := range []struct {
		want string
		e    *clientv1.Event
	}{
		{"bob: hi", &clientv1.Event{Event: &clientv1.Event_Sent{Sent: &clientv1.Sent{Text: "hi"}}}},
		{"* bob waves", &clientv1.Event{Event: &clientv1.Event_Sent{Sent: &clientv1.Sent{Text: "/me waves"}}}},
		{"bob: hi (edited)", &clientv1.Event{Event: &clientv1.Event_Sent{Sent: &clientv1.Sent{Text: "hi", Overridden: 9}}}},
		{"bob: (revoked)", &clientv1.Event{Event: &clientv1.Event_Sent{Sent: &clientv1.Sent{Revoked: 9}}}},
		{"bob: (hidden)", &clientv1.Event{Event: &clientv1.Event_Sent{Sent: &clientv1.Sent{Hidden: true}}}},
		{"bob: (deleted)", &clientv1.Event{Event: &clientv1.Event_Sent{Sent: &clientv1.Sent{Deleted: 9}}}},
		{"bob: a\n    b\uFFFD[2J \uFFFD", &clientv1.Event{Event: &clientv1.Event_Sent{Sent: &clientv1.Sent{Text: "a\nb\x1b[2J\t\u202e"}}}},
		{"* bob deleted #4", &clientv1.Event{Event: &clientv1.Event_Deleted{Deleted: &clientv1.Deleted{Target: 4}}}},
		{"* bob joined", &clientv1.Event{Event: &clientv1.Event_Joined{Joined: &clientv1.Joined{}}}},
		{"* bob left; the owner is you now", &clientv1.Event{Event: &clientv1.Event_Left{Left: &clientv1.Left{Promoted: "me"}}}},
		{"* bob removed you, x", &clientv1.Event{Event: &clientv1.Event_Removed{Removed: &clientv1.Removed{Users: []string{"me", "x"}}}}},
		{"* bob added you", &clientv1.Event{Event: &clientv1.Event_Added{Added: &clientv1.Added{Members: []*logv1.NewMember{{User: "me"}}}}}},
		{"* bob opened this with nobody else", &clientv1.Event{Event: &clientv1.Event_Created{Created: &clientv1.Created{}}}},
		{"* bob opened this with a, b, c, d, e and 2 more", &clientv1.Event{Event: &clientv1.Event_Created{Created: &clientv1.Created{Members: many}}}},
		{"* bob did something this program does not know", &clientv1.Event{}},
	} {
		x.e.User, x.e.Seq, x.e.TimeMs = "bob", 7, 1_000_000_000_000
		if got, want := line(x.e, knowing{me: "me"}, time.UTC), "01:46:40 #7 "+x.want; got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
