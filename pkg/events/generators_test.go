package events_test

import (
	"reflect"

	"pgregory.net/rapid"

	"annal/pkg/events"
)

func texts(max int) *rapid.Generator[string] { return rapid.StringN(0, max, -1) }

func blobs() *rapid.Generator[[]byte] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 200), func(b []byte) []byte {
		if len(b) == 0 {
			return nil
		}
		return b
	})
}

func seqs() *rapid.Generator[events.Seq] {
	return rapid.Custom(func(t *rapid.T) events.Seq { return events.Seq(rapid.Uint64().Draw(t, "seq")) })
}

func sealeds() *rapid.Generator[*events.Sealed] {
	return rapid.Custom(func(t *rapid.T) *events.Sealed {
		return &events.Sealed{KeyID: texts(10).Draw(t, "key"), Nonce: blobs().Draw(t, "nonce"), Ciphertext: blobs().Draw(t, "ciphertext")}
	})
}

func bodies() *rapid.Generator[events.Body] {
	return rapid.Custom(func(t *rapid.T) events.Body {
		b := events.Body{MAC: blobs().Draw(t, "mac")}
		if rapid.Bool().Draw(t, "sealed") {
			b.Sealed = sealeds().Draw(t, "sealed body")
		} else {
			b.Plain = contents(true).Draw(t, "content")
		}
		return b
	})
}

func contents(mayForward bool) *rapid.Generator[events.Content] {
	return rapid.Custom(func(t *rapid.T) events.Content {
		switch n := rapid.IntRange(0, 6).Draw(t, "content"); {
		case n == 0:
			return made[events.Media](t)
		case n == 1:
			return made[events.Location](t)
		case n == 2:
			return made[events.Card](t)
		case n == 3:
			return made[events.Custom](t)
		case n == 4 && mayForward:
			return events.Forward{Title: texts(5).Draw(t, "title"), Messages: nilIfEmpty(rapid.Custom(func(t *rapid.T) events.Forwarded {
				return events.Forwarded{
					User: events.UserID(texts(5).Draw(t, "user")), Name: texts(5).Draw(t, "name"), Time: events.Millis(rapid.Int64().Draw(t, "time")),
					Content: contents(false).Draw(t, "forwarded"),
				}
			})).Draw(t, "messages")}
		default:
			// Around 127 bytes the length before a message takes one byte more.
			return events.Text(texts(300).Draw(t, "text"))
		}
	})
}

// made draws any value of a type, without slices that are empty and not nil: they are read
// as nil.
func made[T any](t *rapid.T) T {
	v := rapid.Make[T]().Draw(t, reflect.TypeFor[T]().Name())
	emptyToNil(reflect.ValueOf(&v).Elem())
	return v
}

func emptyToNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			emptyToNil(v.Field(i))
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		}
		for i := range v.Len() {
			emptyToNil(v.Index(i))
		}
	}
}

func nilIfEmpty[T any](g *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Map(rapid.SliceOfN(g, 0, 4), func(s []T) []T {
		if len(s) == 0 {
			return nil
		}
		return s
	})
}

func skippeds() *rapid.Generator[[]events.Skipped] {
	return nilIfEmpty(rapid.Custom(func(t *rapid.T) events.Skipped {
		return events.Skipped{User: events.UserID(texts(5).Draw(t, "user")), Code: events.Code(texts(5).Draw(t, "code"))}
	}))
}

func contexts() *rapid.Generator[events.ClientContext] {
	return rapid.Custom(func(t *rapid.T) events.ClientContext {
		c := events.ClientContext{Device: texts(8).Draw(t, "device"), Version: texts(8).Draw(t, "version")}
		if rapid.Bool().Draw(t, "sealed") {
			c.Address.Sealed = sealeds().Draw(t, "sealed address")
		} else {
			c.Address.Plain = texts(8).Draw(t, "address")
		}
		return c
	})
}

func actors() *rapid.Generator[events.Actor] {
	return rapid.Custom(func(t *rapid.T) events.Actor {
		return events.Actor{User: events.UserID(texts(8).Draw(t, "user")), Service: texts(8).Draw(t, "service")}
	})
}

func replies() *rapid.Generator[events.ReplyTo] {
	return rapid.Custom(func(t *rapid.T) events.ReplyTo {
		return events.ReplyTo{Instance: texts(8).Draw(t, "instance"), Request: rapid.Uint64().Draw(t, "request")}
	})
}

func ops() *rapid.Generator[events.Op] {
	return rapid.Custom(func(t *rapid.T) events.Op {
		switch op := rapid.SampledFrom(keys(sampleOps())).Draw(t, "op"); op {
		case "send":
			return events.Send{Body: bodies().Draw(t, "body"), Refs: made[events.Refs](t)}
		case "override":
			return events.Override{Seq: seqs().Draw(t, "seq"), Body: bodies().Draw(t, "body")}
		case "add":
			return made[events.Add](t)
		case "ban":
			return made[events.Ban](t)
		case "sign_in":
			return made[events.SignIn](t)
		case "sign_out":
			return made[events.SignOut](t)
		case "sign_up":
			return made[events.SignUp](t)
		case "unban":
			return made[events.Unban](t)
		case "ask":
			return made[events.Ask](t)
		case "audit":
			return made[events.Audit](t)
		case "close_account":
			return made[events.CloseAccount](t)
		case "contact":
			return made[events.Contact](t)
		case "create":
			return made[events.Create](t)
		case "delete":
			return made[events.Delete](t)
		case "dismiss":
			return made[events.Dismiss](t)
		case "hide":
			return made[events.Hide](t)
		case "invite":
			return made[events.Invite](t)
		case "join":
			return made[events.Join](t)
		case "leave":
			return made[events.Leave](t)
		case "mark_delivered":
			return made[events.MarkDelivered](t)
		case "mark_read":
			return made[events.MarkRead](t)
		case "mute":
			return made[events.Mute](t)
		case "pin":
			return made[events.Pin](t)
		case "react":
			return made[events.React](t)
		case "refuse":
			return made[events.Refuse](t)
		case "remove":
			return made[events.Remove](t)
		case "report":
			return made[events.Report](t)
		case "revoke":
			return made[events.Revoke](t)
		case "set_device":
			return made[events.SetDevice](t)
		case "set_profile":
			return made[events.SetProfile](t)
		case "forget_push":
			return made[events.ForgetPush](t)
		case "set_notifications":
			return made[events.SetNotifications](t)
		case "set_privacy":
			return made[events.SetPrivacy](t)
		case "set_info":
			return made[events.SetInfo](t)
		case "set_policy":
			return made[events.SetPolicy](t)
		case "set_role":
			return made[events.SetRole](t)
		case "set_session":
			return made[events.SetSession](t)
		case "uninvite":
			return made[events.Uninvite](t)
		default:
			panic("nothing draws " + op)
		}
	})
}

type wishes = []events.Wish

func commands() *rapid.Generator[events.Command] {
	return rapid.Custom(func(t *rapid.T) events.Command {
		return events.Command{
			Session: events.SessionID(texts(20).Draw(t, "session")), Actor: actors().Draw(t, "actor"), ClientID: texts(20).Draw(t, "client id"),
			Client: contexts().Draw(t, "client"), ReplyTo: replies().Draw(t, "reply to"), Origin: events.Millis(rapid.Int64().Draw(t, "origin")),
			Wishes: made[wishes](t), Op: ops().Draw(t, "op"),
		}
	})
}

func accepted() *rapid.Generator[events.Event] {
	return rapid.Custom(func(t *rapid.T) events.Event {
		seq, index := seqs().Draw(t, "seq"), events.Index(seqs().Draw(t, "index"))
		switch event := rapid.SampledFrom(keys(sampleEvents())).Draw(t, "event"); event {
		case "sent":
			return events.Sent{Index: index, Body: bodies().Draw(t, "body"), Refs: made[events.Refs](t)}
		case "overridden":
			return events.Overridden{Target: seq, TargetIndex: index, Body: bodies().Draw(t, "body")}
		case "account_closed":
			return made[events.AccountClosed](t)
		case "added":
			return made[events.Added](t)
		case "audited":
			return made[events.Audited](t)
		case "banned":
			return made[events.Banned](t)
		case "signed_in":
			return made[events.SignedIn](t)
		case "signed_out":
			return made[events.SignedOut](t)
		case "signed_up":
			return made[events.SignedUp](t)
		case "unbanned":
			return made[events.Unbanned](t)
		case "asked":
			return made[events.Asked](t)
		case "contact_changed":
			return made[events.ContactChanged](t)
		case "created":
			return made[events.Created](t)
		case "deleted":
			return made[events.Deleted](t)
		case "delivered":
			return made[events.Delivered](t)
		case "device_set":
			return made[events.DeviceSet](t)
		case "profile_set":
			return made[events.ProfileSet](t)
		case "push_forgotten":
			return made[events.PushForgotten](t)
		case "notifications_set":
			return made[events.NotificationsSet](t)
		case "privacy_set":
			return made[events.PrivacySet](t)
		case "dismissed":
			return made[events.Dismissed](t)
		case "hidden":
			return made[events.Hidden](t)
		case "info_set":
			return made[events.InfoSet](t)
		case "invited":
			return made[events.Invited](t)
		case "joined":
			return made[events.Joined](t)
		case "left":
			return made[events.Left](t)
		case "muted":
			return made[events.Muted](t)
		case "pinned":
			return made[events.Pinned](t)
		case "policy_set":
			return made[events.PolicySet](t)
		case "reacted":
			return made[events.Reacted](t)
		case "read":
			return made[events.Read](t)
		case "refused":
			return made[events.Refused](t)
		case "removed":
			return made[events.Removed](t)
		case "reported":
			return made[events.Reported](t)
		case "revoked":
			return made[events.Revoked](t)
		case "role_set":
			return made[events.RoleSet](t)
		case "session_set":
			return made[events.SessionSet](t)
		case "uninvited":
			return made[events.Uninvited](t)
		default:
			panic("nothing draws " + event)
		}
	})
}

func results() *rapid.Generator[events.Result] {
	return rapid.Custom(func(t *rapid.T) events.Result {
		code, seq := events.Code(texts(8).Draw(t, "code")), seqs().Draw(t, "seq")
		switch rapid.IntRange(0, 2).Draw(t, "result") {
		case 0:
			return events.Accepted{Seq: seq, Event: accepted().Draw(t, "event")}
		case 1:
			r := events.Rejected{Code: code, Detail: texts(300).Draw(t, "detail"), Seq: seq, Skipped: skippeds().Draw(t, "skipped")}
			if rapid.Bool().Draw(t, "with command") {
				c := commands().Draw(t, "command")
				r.Command = &c
			}
			return r
		default:
			return events.Answered{Code: code, Earlier: events.Earlier{
				Code: events.Code(texts(4).Draw(t, "earlier code")), Seq: seq, Index: events.Index(seqs().Draw(t, "index")),
				ID: events.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), Time: events.Millis(rapid.Int64().Draw(t, "time")),
			}}
		}
	})
}

func outcomes() *rapid.Generator[events.Outcome] {
	return rapid.Custom(func(t *rapid.T) events.Outcome {
		return events.Outcome{
			ID: events.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), Session: events.SessionID(texts(20).Draw(t, "session")),
			Actor: actors().Draw(t, "actor"), ClientID: texts(20).Draw(t, "client id"),
			Digest: events.Digest(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "digest")), Client: contexts().Draw(t, "client"),
			ReplyTo: replies().Draw(t, "reply to"), Origin: events.Millis(rapid.Int64().Draw(t, "origin")),
			Time: events.Millis(rapid.Int64Range(0, 1<<45).Draw(t, "time")), PrevHash: events.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "prev")),
			Result: results().Draw(t, "result"),
		}
	})
}
