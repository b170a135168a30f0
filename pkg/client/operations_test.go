package client

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// methods are the commands besides sends: how each is called, and the frame that it is.
var methods = map[string]struct {
	call func(ctx context.Context, c *Client, o CommandOption) (Ack, error)
	want *clientv1.ClientFrame
}{
	"create": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Create(ctx, Create{Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: "u"}}, Text: "hello"}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Create{Create: &clientv1.Create{
			Kind: logv1.Kind_KIND_DIRECT, Members: []*logv1.NewMember{{User: "u"}}, Text: "hello",
		}}},
	},
	"add": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Add(ctx, "s", []*logv1.NewMember{{User: "u", Role: logv1.Role_ROLE_ADMIN}}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Add{Add: &clientv1.Add{
			Session: "s", Members: []*logv1.NewMember{{User: "u", Role: logv1.Role_ROLE_ADMIN}},
		}}},
	},
	"remove": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Remove(ctx, "s", []string{"u"}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Remove{Remove: &clientv1.Remove{Session: "s", Users: []string{"u"}}}},
	},
	"join": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Do(ctx, Join{Session: "s", Invite: "code"}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Join{Join: &clientv1.Join{Session: "s", Invite: "code"}}},
	},
	"leave": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.Leave(ctx, "s", o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Leave{Leave: &clientv1.Leave{Session: "s"}}},
	},
	"revoke": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.Revoke(ctx, "s", 3, o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Revoke{Revoke: &clientv1.Revoke{Session: "s", Seq: 3}}},
	},
	"override": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Override(ctx, "s", 3, "", o, WithContent(place))
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Override{Override: &clientv1.Override{Session: "s", Seq: 3, Content: place}}},
	},
	"delete": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Do(ctx, Delete{Session: "s", Seq: 3, Reason: "spam"}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Delete{Delete: &clientv1.Delete{Session: "s", Seq: 3, Reason: "spam"}}},
	},
	"mark_read": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.MarkRead(ctx, "s", 3, o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_MarkRead{MarkRead: &clientv1.MarkRead{Session: "s", Seq: 3}}},
	},
	"set_info": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SetInfo(ctx, "s", &logv1.InfoChange{Name: proto.String("")}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetInfo{SetInfo: &clientv1.SetInfo{Session: "s", Info: &logv1.InfoChange{Name: proto.String("")}}}},
	},
	"set_policy": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SetPolicy(ctx, "s", &logv1.PolicyChange{ReceiptsLimit: proto.Uint32(0)}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetPolicy{SetPolicy: &clientv1.SetPolicy{
			Session: "s", Policy: &logv1.PolicyChange{ReceiptsLimit: proto.Uint32(0)},
		}}},
	},
	"set_role": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SetRole(ctx, "s", "u", logv1.Role_ROLE_OWNER, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetRole{SetRole: &clientv1.SetRole{Session: "s", User: "u", Role: logv1.Role_ROLE_OWNER}}},
	},
	"mute": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Mute(ctx, "s", []string{"u"}, time.UnixMilli(1795600000000), o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Mute{Mute: &clientv1.Mute{Session: "s", Users: []string{"u"}, UntilMs: 1795600000000}}},
	},
	"dismiss": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.Dismiss(ctx, "s", o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Dismiss{Dismiss: &clientv1.Dismiss{Session: "s"}}},
	},
	"ask": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.Ask(ctx, "s", "", o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Ask{Ask: &clientv1.Ask{Session: "s"}}},
	},
	"refuse": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Refuse(ctx, "s", []string{"u"}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Refuse{Refuse: &clientv1.Refuse{Session: "s", Users: []string{"u"}}}},
	},
	"invite": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Invite(ctx, Invite{Session: "s", Code: "0123456789abcdef", Uses: 2}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Invite{Invite: &clientv1.Invite{Session: "s", Code: "0123456789abcdef", Uses: 2}}},
	},
	"uninvite": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Uninvite(ctx, "s", "code", o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Uninvite{Uninvite: &clientv1.Uninvite{Session: "s", Code: "code"}}},
	},
	"react": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Unreact(ctx, "s", 3, "👍", o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_React{React: &clientv1.React{Session: "s", Seq: 3, Emoji: "👍", Off: true}}},
	},
	"pin": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.Pin(ctx, "s", 3, o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Pin{Pin: &clientv1.Pin{Session: "s", Seq: 3}}},
	},
	"mark_delivered": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.MarkDelivered(ctx, "s", 3, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_MarkDelivered{MarkDelivered: &clientv1.MarkDelivered{Session: "s", Seq: 3}}},
	},
	"contact": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Contact(ctx, "s", logv1.ContactStep_CONTACT_STEP_ASK, "it is me", o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Contact{Contact: &clientv1.Contact{
			Session: "s", Step: logv1.ContactStep_CONTACT_STEP_ASK, Text: "it is me",
		}}},
	},
	"report": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Report(ctx, "s", 3, "spam", o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Report{Report: &clientv1.Report{Session: "s", Seq: 3, Reason: "spam"}}},
	},
	"hide": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.Hide(ctx, "s", []uint64{3, 1 << 60}, []uint64{2, 7}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Hide{Hide: &clientv1.Hide{Session: "s", Seqs: []uint64{3, 1 << 60}, Indexes: []uint64{2, 7}}}},
	},
	"set_session": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SetSession(ctx, "s", &logv1.SessionSettings{Pinned: proto.Bool(false)}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetSession{SetSession: &clientv1.SetSession{
			Session: "s", Settings: &logv1.SessionSettings{Pinned: proto.Bool(false)},
		}}},
	},
	"set_device": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SetDevice(ctx, "phone", &logv1.PushToken{Service: "fcm", Token: "t"}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetDevice{SetDevice: &clientv1.SetDevice{
			Device: "phone", Push: &logv1.PushToken{Service: "fcm", Token: "t"},
		}}},
	},
	"set_profile": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SetProfile(ctx, &logv1.ProfileChange{Name: proto.String("Ann")}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetProfile{SetProfile: &clientv1.SetProfile{Profile: &logv1.ProfileChange{Name: proto.String("Ann")}}}},
	},
	"set_privacy": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SetPrivacy(ctx, &logv1.Privacy{AddMe: logv1.Audience_AUDIENCE_NOBODY}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetPrivacy{SetPrivacy: &clientv1.SetPrivacy{Privacy: &logv1.Privacy{AddMe: logv1.Audience_AUDIENCE_NOBODY}}}},
	},
	"set_notifications": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SetNotifications(ctx, &logv1.Notifications{PauseUntilMs: 5}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SetNotifications{SetNotifications: &clientv1.SetNotifications{Notifications: &logv1.Notifications{PauseUntilMs: 5}}}},
	},
	"close_account": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.CloseAccount(ctx, o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_CloseAccount{CloseAccount: &clientv1.CloseAccount{}}},
	},
	"sign_up": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.SignUp(ctx, "open", o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SignUp{SignUp: &clientv1.SignUp{Method: "open"}}},
	},
	"sign_in": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SignIn(ctx, SignIn{Login: "l", Device: "d", Kind: "web", Client: "app", Most: 3}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SignIn{SignIn: &clientv1.SignIn{Login: "l", Device: "d", Kind: "web", Client: "app", Most: 3}}},
	},
	"sign_out": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) {
			return c.SignOut(ctx, []string{"a", "b"}, o)
		},
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_SignOut{SignOut: &clientv1.SignOut{Devices: []string{"a", "b"}}}},
	},
	"ban": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.Ban(ctx, "spam", o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Ban{Ban: &clientv1.Ban{Reason: "spam"}}},
	},
	"unban": {
		func(ctx context.Context, c *Client, o CommandOption) (Ack, error) { return c.Unban(ctx, o) },
		&clientv1.ClientFrame{Op: &clientv1.ClientFrame_Unban{Unban: &clientv1.Unban{}}},
	},
}

var place = &logv1.Content{Kind: &logv1.Content_Location{Location: &logv1.Location{LatitudeE7: 515007000, LongitudeE7: -1245000}}}

// TestEveryOperation: each comes in as it is, and again under the same client id when its answer
// was lost with the connection.
func TestEveryOperation(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		lost := map[string]bool{}
		f.fates = func(m *clientv1.ClientFrame) fate {
			if lost[m.GetClientId()] {
				return serve
			}
			lost[m.GetClientId()] = true
			return dropAfter
		}
		c := f.dial(nil)
		for name, method := range methods {
			ack, err := method.call(within(t), c, ClientID(name))
			if err != nil || !ack.Resent || !ack.GetDuplicate() {
				t.Errorf("%s: got %v, %v; want what came of it the first time", name, ack, err)
				continue
			}
			want := proto.CloneOf(method.want)
			f.mu.Lock()
			want.Id, want.ClientId = f.taken[name].GetId(), name
			if !proto.Equal(want, f.taken[name]) {
				t.Errorf("%s came in as %v, want %v", name, f.taken[name], want)
			}
			f.mu.Unlock()
		}
	})
}

// TestNoOperationIsLeftOut: what the schema has, the client has.
func TestNoOperationIsLeftOut(t *testing.T) {
	reading := map[protoreflect.Name]bool{
		"hello": true, "ping": true, "subscribe": true, "unsubscribe": true, "sync": true, "history": true, "members": true,
		"sessions": true, "typing": true, "info": true, "receipts": true, "totals": true, "changes": true, "search": true, "logins": true, "profiles": true,
		"presence": true, "watch_presence": true, "set_away": true,
	}
	ops := (&clientv1.ClientFrame{}).ProtoReflect().Descriptor().Oneofs().ByName("op").Fields()
	for i := range ops.Len() {
		name := ops.Get(i).Name()
		if _, ok := methods[string(name)]; !ok && !reading[name] && name != "send" {
			t.Errorf("%s: no method of this client's is known to send it", name)
		}
	}
}

func TestContentAndRefsOfASend(t *testing.T) {
	refs := &logv1.Refs{ReplyTo: 4, Mentions: []string{"u"}}
	m := Frame(Send{Session: "s"}, WithContent(place), WithRefs(refs))
	if want := (&clientv1.Send{Session: "s", Content: place, Refs: refs}); !proto.Equal(want, m.GetSend()) {
		t.Errorf("got %v, want %v", m.GetSend(), want)
	}
	if m := Frame(Pin{Session: "s", Seq: 1}, WithContent(place), WithRefs(refs)); !proto.Equal(&clientv1.Pin{Session: "s", Seq: 1}, m.GetPin()) {
		t.Errorf("a pin became %v; want it left as it is", m)
	}
}

// TestSelfOperationsKeepTheirOrder: one that is refused holds back those after it.
func TestSelfOperationsKeepTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, f *fake) {
		seen := map[string]bool{}
		var order []string
		f.fates = func(m *clientv1.ClientFrame) fate {
			if m.GetSetSession() == nil {
				return serve
			}
			// The gateway takes nothing until it refused the first two, which are under way together
			// at most: one that is refused alone, with the next behind it, is overtaken.
			session := m.GetSetSession().GetSession()
			if len(seen) < 2 {
				seen[session] = true
				return refuse
			}
			order = append(order, session)
			return serve
		}
		c := f.dial(func(o *Options) { o.InFlight = 2 })
		done := make(chan error, 6)
		for i := range 6 {
			c.Go(within(t), SetSession{Session: fmt.Sprint(i), Settings: &logv1.SessionSettings{Draft: proto.String("x")}}, func(_ Ack, err error) { done <- err })
		}
		for range 6 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if fmt.Sprint(order) != "[0 1 2 3 4 5]" {
			t.Errorf("they came in as %v; want the order of the calls", order)
		}
	})
}
