package events_test

import (
	"annal/pkg/events"
)

var (
	sampleSealed = &events.Sealed{KeyID: "key-1", Nonce: []byte{1, 2, 3}, Ciphertext: []byte{4, 5, 6, 7}}
	samplePolicy = events.Policy{
		RevokeWindow: 120_000, OverrideWindow: 900_000, History: events.HistoryStay, MemberLimit: 10_000,
		AddRole: events.RoleAdmin, WriteRole: events.RoleMember, Joining: events.JoiningClosed, ReceiptsLimit: 100,
	}
	sampleInfo          = events.InfoChange{Title: new("tea"), Notice: new(""), Custom: []events.CustomField{{Name: "color", Value: "green"}}}
	sampleSettings      = events.SettingsChange{MuteUntil: new(events.Millis(0)), Pinned: new(true), Draft: new("dear"), Unread: new(false)}
	samplePush          = events.PushToken{Service: "apns", Package: "com.example.tea", Token: "t-1", AppVersion: "1.2.3", Locale: "pt-BR"}
	sampleEnded         = []events.EndedLogin{{Login: "l-0", Device: "phone"}, {Login: "l-7", Device: "tablet"}}
	sampleProfile       = events.Profile{Name: "Ann", Avatar: "img:7", Status: "away", Custom: []events.CustomField{{Name: "team", Value: "tea"}}}
	samplePrivacy       = events.Privacy{LastSeen: events.AudienceNobody, AddMe: events.AudienceContacts, WriteFirst: events.AudienceEveryone}
	sampleNotifications = events.Notifications{Content: events.ShowSender, Messages: events.NotifyMentions, Active: events.OthersWhileActive, PauseUntil: 1_764_000_000_000, Rest: events.Rest{From: 1320, To: 420, Zone: "Europe/Lisbon"}}
	sampleSkipped       = []events.Skipped{{User: "dan", Code: events.CodeNoSuchMember}}
	sampleMembers       = []events.NewMember{{User: "bob", Role: events.RoleAdmin}, {User: "carol", Role: events.RoleMember}}
	sampleOwner         = events.Owner{N: 7, Random: [16]byte{0xAA, 15: 0xBB}}
	sampleSnapshot      = events.Snapshot{
		Session: "g_session", Offset: 77, Hash: events.Hash{5}, LastingSeq: 12, LastingTime: 1_764_000_000_000,
		Chunks: []events.ChunkRef{{Offset: 70, Number: 1, SHA256: events.Hash{6}, Lasting: true}, {Offset: 77, SHA256: events.Hash{7}}},
		Rows:   []events.StoredRow{{Key: events.HeadKey, Value: []byte{1, 2}}, {Key: events.MessageKey(200), Value: []byte{}}},
	}
	sampleCheckpoint = events.Checkpoint{
		Progress: events.Progress{Offset: 77, Owner: sampleOwner, Last: 41, Time: 1_764_000_000_000}, Census: events.Census{Sessions: 3, Sum: 1 << 63},
	}
	sampleStamp = events.Stamp{Owner: sampleOwner, Command: 41, Prev: 40}
)

// sampleOps has every operation, named as in the schema.
func sampleOps() map[string]events.Op {
	return map[string]events.Op{
		"create":   events.Create{Kind: events.KindGroup, Members: sampleMembers, Policy: samplePolicy, Base: 9007199254740992, Title: "tea"},
		"add":      events.Add{Members: sampleMembers},
		"remove":   events.Remove{Users: []events.UserID{"bob", "carol"}},
		"join":     events.Join{},
		"leave":    events.Leave{},
		"send":     events.Send{Body: events.TextBody("hello")},
		"revoke":   events.Revoke{Seq: 12},
		"override": events.Override{Seq: 12, Body: events.Body{Sealed: sampleSealed, MAC: []byte{9}}},
		"delete":   events.Delete{Seq: 12},
		"mark_read": events.MarkRead{
			Seq: 9007199254740994,
		},
		"set_info":          events.SetInfo{Info: sampleInfo},
		"set_policy":        events.SetPolicy{Policy: events.PolicyChange{RevokeWindow: new(events.Millis(0)), WriteRole: events.RoleAdmin, PinRole: events.RoleMember}},
		"set_role":          events.SetRole{User: "bob", Role: events.RoleOwner},
		"mute":              events.Mute{Users: []events.UserID{"bob"}, Until: 1_764_000_000_000},
		"dismiss":           events.Dismiss{},
		"ask":               events.Ask{Text: "may I?"},
		"refuse":            events.Refuse{Users: []events.UserID{"dan"}},
		"invite":            events.Invite{Code: events.Hash{1, 31: 2}, Expires: 1_764_000_000_000, Uses: 5},
		"uninvite":          events.Uninvite{Code: events.Hash{1, 31: 2}},
		"react":             events.React{Seq: 12, Emoji: "👍", Off: true},
		"pin":               events.Pin{Seq: 12, Off: true},
		"mark_delivered":    events.MarkDelivered{Seq: 12},
		"contact":           events.Contact{Step: events.ContactAsk, Text: "it is me"},
		"report":            events.Report{Seq: 12, Reason: "spam"},
		"hide":              events.Hide{Session: "g_session", Messages: []events.Numbers{{Seq: 12, Index: 5}, {Seq: 300, Index: 200}}},
		"set_session":       events.SetSession{Session: "g_session", Settings: sampleSettings},
		"set_device":        events.SetDevice{Device: "phone", Push: samplePush},
		"set_profile":       events.SetProfile{Profile: events.ProfileChange{Name: new("Ann"), Status: new(""), Custom: sampleProfile.Custom}},
		"forget_push":       events.ForgetPush{Device: "phone", Token: "t-1", Until: 1_764_000_000_000, Reason: events.ForgetGone},
		"set_notifications": events.SetNotifications{Notifications: sampleNotifications},
		"set_privacy":       events.SetPrivacy{Privacy: events.Privacy{AddMe: events.AudienceContacts}},
		"close_account":     events.CloseAccount{},
		"sign_up":           events.SignUp{Method: "invite"},
		"sign_in":           events.SignIn{Login: "l-1", Device: "phone", Kind: "phone", Client: "app", Most: 2},
		"sign_out":          events.SignOut{Devices: []string{"phone", "tablet"}, Logins: []string{"l-1"}, Reason: events.SignOutReuse},
		"ban":               events.Ban{Reason: "spam"},
		"unban":             events.Unban{},
		"audit":             events.Audit{What: "at", About: "as bob", Seq: 12, Reason: "case 7"},
	}
}

// sampleEvents has every accepted event, named as in the schema.
func sampleEvents() map[string]events.Event {
	return map[string]events.Event{
		"created":    events.Created{Kind: events.KindChannel, Base: 3, Policy: samplePolicy, Members: sampleMembers, Title: "tea"},
		"added":      events.Added{Members: sampleMembers, Skipped: []events.Skipped{{User: "dan", Code: events.CodeAlreadyMember}}},
		"removed":    events.Removed{Users: []events.UserID{"bob"}, Promoted: "carol", Skipped: []events.Skipped{{User: "dan", Code: events.CodeAlreadyOut}}},
		"joined":     events.Joined{},
		"left":       events.Left{Promoted: "carol", Closed: true},
		"sent":       events.Sent{Index: 5, Body: events.TextBody("hello")},
		"revoked":    events.Revoked{Target: 12, TargetIndex: 5},
		"overridden": events.Overridden{Target: 12, TargetIndex: 5, Body: events.TextBody("hello again")},
		"deleted":    events.Deleted{Target: 12, TargetIndex: 5},
		"read":       events.Read{Marker: 12, MarkerIndex: 5},

		"info_set":          events.InfoSet{Info: sampleInfo},
		"policy_set":        events.PolicySet{Policy: samplePolicy},
		"role_set":          events.RoleSet{User: "bob", Role: events.RoleOwner, Demoted: "alice"},
		"muted":             events.Muted{Users: []events.UserID{"bob"}, Skipped: sampleSkipped, Until: 1_764_000_000_000},
		"dismissed":         events.Dismissed{},
		"asked":             events.Asked{Text: "may I?"},
		"refused":           events.Refused{Users: []events.UserID{"bob"}, Skipped: sampleSkipped},
		"invited":           events.Invited{Code: events.Hash{1, 31: 2}, Expires: 1_764_000_000_000, Uses: 5},
		"uninvited":         events.Uninvited{Code: events.Hash{1, 31: 2}},
		"reacted":           events.Reacted{Target: 11, TargetIndex: 5, Emoji: "👍"},
		"pinned":            events.Pinned{Target: 11, TargetIndex: 5},
		"delivered":         events.Delivered{Marker: 12, MarkerIndex: 5},
		"contact_changed":   events.ContactChanged{Step: events.ContactAsk, Text: "it is me", State: events.ContactAsked},
		"reported":          events.Reported{Target: 12, TargetIndex: 5, Reason: "spam"},
		"hidden":            events.Hidden{Session: "g_session", Messages: []events.Numbers{{Seq: 12, Index: 5}, {Seq: 300, Index: 200}}},
		"session_set":       events.SessionSet{Session: "g_session", Settings: sampleSettings},
		"device_set":        events.DeviceSet{Device: "phone", Push: samplePush},
		"profile_set":       events.ProfileSet{Profile: sampleProfile},
		"push_forgotten":    events.PushForgotten{Device: "phone", Reason: events.ForgetMoved},
		"notifications_set": events.NotificationsSet{Notifications: sampleNotifications},
		"privacy_set":       events.PrivacySet{Privacy: samplePrivacy},
		"account_closed":    events.AccountClosed{},
		"signed_up":         events.SignedUp{Method: "invite"},
		"signed_in":         events.SignedIn{Login: "l-1", Device: "phone", Kind: "phone", Client: "app", First: true, Ended: sampleEnded},
		"signed_out":        events.SignedOut{Ended: sampleEnded, Reason: events.SignOutLogout},
		"banned":            events.Banned{Reason: "spam", Ended: sampleEnded},
		"unbanned":          events.Unbanned{},
		"audited":           events.Audited{What: "at", About: "as bob", Seq: 12, Reason: "case 7"},
	}
}

// sampleContents has every kind of content but text, by the name of its file.
func sampleContents() map[string]events.Content {
	media := events.Media{
		Kind: events.MediaImage, URL: "https://media.example/1", Name: "cat.webp", MIMEType: "image/webp", Bytes: 70_000, Width: 640, Height: 480,
		Duration: 1500, Preview: []byte{1, 2}, Caption: "a cat",
	}
	return map[string]events.Content{
		"media":    media,
		"location": events.Location{LatitudeE7: -338_567_844, LongitudeE7: 1_512_152_967, Name: "Opera House", Address: "Sydney"},
		"card":     events.Card{User: "bob", Name: "Bob", Avatar: "https://media.example/2"},
		"forward": events.Forward{Title: "tea", Messages: []events.Forwarded{
			{User: "bob", Name: "Bob", Time: 1_764_000_000_000, Content: events.Text("hello")}, {User: "carol", Content: media},
		}},
		"custom": events.Custom{Type: "com.example.poll", JSON: `{"q":"tea?"}`},
	}
}

// sampleRefs refers to everything a message can refer to.
var sampleRefs = events.Refs{ReplyTo: 9, Thread: 7, Mentions: []events.UserID{"bob", "carol"}, MentionAll: true, Priority: events.PriorityHigh}

func sampleCommand(op events.Op) events.Command {
	return events.Command{
		Session: "g_session", Actor: events.Actor{User: "alice", Service: "bridge"}, ClientID: "c-42",
		Client: events.ClientContext{
			Device: "phone", Version: "1.2.3", Address: events.Address{Plain: "192.0.2.1"},
		},
		ReplyTo: events.ReplyTo{Instance: "gw-1", Request: 99}, Origin: 1_103_966_040_000, Op: op,
	}
}

func sampleOutcome(r events.Result) events.Outcome {
	return events.Outcome{
		ID: events.NewID(1_764_000_000_123, "cluster", 3, 41), Session: "g_session", Actor: events.Actor{User: "alice"},
		ClientID: "c-42", Digest: events.Digest{1, 15: 2},
		Client:  events.ClientContext{Device: "phone", Address: events.Address{Sealed: sampleSealed}},
		ReplyTo: events.ReplyTo{Instance: "gw-1", Request: 99}, Origin: 1_103_966_040_000, Time: 1_764_000_000_123,
		PrevHash: events.Hash{1, 31: 2}, Result: r,
	}
}

// sampleRows has every kind of row by its key.
func sampleRows() map[events.Key]events.Row {
	return map[events.Key]events.Row{
		events.HeadKey: events.Head{
			Kind: events.KindGroup, Base: 1, Seq: 12, Index: 5, Members: 3, Policy: samplePolicy, Closed: true,
			Title: "tea", Hash: events.Hash{7}, Created: 1_764_000_000_000,
		},
		events.InfoKey:                     events.Info{Avatar: "https://media.example/1", Notice: "be kind", Description: "tea", Custom: sampleInfo.Custom},
		events.AskKey("dan"):               events.AskRow{Seq: 12},
		events.InviteKey(events.Hash{1}):   events.InviteRow{Expires: 1_764_000_000_000, Uses: 5, Used: 1},
		events.ReactionKey(12, "bob", "👍"): events.Noted{},
		events.EmojiKey(12, "👍"):           events.EmojiRow{Count: 300},
		events.SettingsKey("g_session"):    events.SettingsRow{Settings: events.Settings{MuteUntil: 1, Pinned: true, Hidden: true, Draft: "dear", Unread: true}},
		events.DeviceKey("phone"):          events.DeviceRow{Push: samplePush, Since: 1_764_000_000_000},
		events.LoginKey("phone"):           events.LoginRow{Login: "l-1", Kind: "phone", Client: "app", Seq: 12, Since: 1_764_000_000_000},
		events.ProfileKey:                  sampleProfile,
		events.PrivacyKey:                  samplePrivacy,
		events.NotificationsKey:            sampleNotifications,
		events.MemberKey("bob"): events.Member{
			Role: events.RoleAdmin, Stays: []events.Stay{{From: 2, FromIndex: 1, To: 4, ToIndex: 2}, {From: 8, FromIndex: 3}},
			Marker: 9, MarkerIndex: 4,
		},
		events.StandingKey(events.RoleAdmin, 8, "bob"): events.Standing{},
		events.PlaceKey(13):                            events.Place{Index: 6},
		events.MessageKey(12): events.Message{
			Index: 5, ID: events.NewID(1, "c", 0, 0), Sender: "bob", Time: 1_764_000_000_000, Revoked: 13, Deleted: 14, Overridden: 15,
		},
		events.ClientIDKey("bob", "c-1"): events.ClientID{
			Digest: events.Digest{3}, Code: events.CodeNotAMember, Seq: 12, Index: 5, ID: events.NewID(1, "c", 0, 0), Time: 1_764_000_000_000,
		},
	}
}
