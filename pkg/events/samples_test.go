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
	sampleMembers  = []events.NewMember{{User: "bob", Role: events.RoleAdmin}, {User: "carol", Role: events.RoleMember}}
	sampleOwner    = events.Owner{N: 7, Random: [16]byte{0xAA, 15: 0xBB}}
	sampleSnapshot = events.Snapshot{
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
	}
}

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
