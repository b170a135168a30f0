package protocol

import (
	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// AppendServerJSON appends a server's frame.
func AppendServerJSON(b []byte, m *clientv1.ServerFrame) []byte {
	w := writer{}
	w.jx.Buf = b
	w.jx.ObjStart()
	w.str("id", m.GetId())
	switch kind := m.GetKind().(type) {
	case *clientv1.ServerFrame_Error:
		writeError(&w, kind.Error)
	case *clientv1.ServerFrame_Welcome:
		writeWelcome(&w, kind.Welcome)
	case *clientv1.ServerFrame_Pong:
		w.open("pong")
		w.int64("time_ms", kind.Pong.GetTimeMs())
		w.close()
	case *clientv1.ServerFrame_Ack:
		writeAck(&w, kind.Ack)
	case *clientv1.ServerFrame_Subscribed:
		w.open("subscribed")
		w.str("session", kind.Subscribed.GetSession())
		w.uint64("head", kind.Subscribed.GetHead())
		w.uint64("from", kind.Subscribed.GetFrom())
		w.close()
	case *clientv1.ServerFrame_Unsubscribed:
		w.open("unsubscribed")
		w.str("session", kind.Unsubscribed.GetSession())
		w.close()
	case *clientv1.ServerFrame_Sync:
		w.open("sync")
		writeList(&w, "sessions", kind.Sync.GetSessions(), writeSessionState)
		w.str("next", kind.Sync.GetNext())
		w.close()
	case *clientv1.ServerFrame_History:
		writeHistoryPage(&w, kind.History)
	case *clientv1.ServerFrame_Members:
		w.open("members")
		w.str("session", kind.Members.GetSession())
		writeList(&w, "members", kind.Members.GetMembers(), writeMemberState)
		w.uint32("total", kind.Members.GetTotal())
		w.str("next", kind.Members.GetNext())
		w.close()
	case *clientv1.ServerFrame_Sessions:
		w.open("sessions")
		writeList(&w, "sessions", kind.Sessions.GetSessions(), writeString)
		w.str("next", kind.Sessions.GetNext())
		w.close()
	case *clientv1.ServerFrame_Search:
		w.sub("search", kind.Search)
	case *clientv1.ServerFrame_Receipts:
		w.sub("receipts", kind.Receipts)
	case *clientv1.ServerFrame_Logins:
		w.sub("logins", kind.Logins)
	case *clientv1.ServerFrame_Profiles:
		w.sub("profiles", kind.Profiles)
	case *clientv1.ServerFrame_Totals:
		w.sub("totals", kind.Totals)
	case *clientv1.ServerFrame_Changes:
		writeChangesPage(&w, kind.Changes)
	case *clientv1.ServerFrame_Info:
		w.sub("info", kind.Info)
	case *clientv1.ServerFrame_Event:
		w.key("event")
		writeEvent(&w, kind.Event)
	case *clientv1.ServerFrame_Notice:
		w.open("notice")
		w.str("session", kind.Notice.GetSession())
		w.uint64("seq", kind.Notice.GetSeq())
		w.boolean("member", kind.Notice.GetMember())
		w.boolean("refused", kind.Notice.GetRefused())
		w.close()
	case *clientv1.ServerFrame_Typing:
		w.open("typing")
		w.str("session", kind.Typing.GetSession())
		w.str("user", kind.Typing.GetUser())
		w.close()
	case *clientv1.ServerFrame_PresenceChanged:
		w.sub("presence_changed", kind.PresenceChanged)
	case *clientv1.ServerFrame_Presence:
		w.sub("presence", kind.Presence)
	case *clientv1.ServerFrame_SetAway:
		w.sub("set_away", kind.SetAway)
	}
	w.close()
	return w.jx.Buf
}

func writeError(w *writer, m *clientv1.Error) {
	w.open("error")
	w.str("code", m.GetCode())
	w.str("message", m.GetMessage())
	w.str("retry", m.GetRetry())
	w.int64("retry_after_ms", m.GetRetryAfterMs())
	w.uint64("seq", m.GetSeq())
	w.boolean("duplicate", m.GetDuplicate())
	writeList(w, "skipped", m.GetSkipped(), writeSkipped)
	w.close()
}

func writeSkipped(w *writer, m *logv1.Skipped) {
	w.jx.ObjStart()
	w.str("user", m.GetUser())
	w.str("code", m.GetCode())
	w.close()
}

func writeWelcome(w *writer, m *clientv1.Welcome) {
	w.open("welcome")
	w.str("user", m.GetUser())
	w.str("connection", m.GetConnection())
	w.int64("heartbeat_ms", m.GetHeartbeatMs())
	w.int64("token_expires_ms", m.GetTokenExpiresMs())
	w.str("server_version", m.GetServerVersion())
	w.uint32("max_in_flight", m.GetMaxInFlight())
	w.close()
}

func writeAck(w *writer, m *clientv1.Ack) {
	w.open("ack")
	w.str("session", m.GetSession())
	w.uint64("seq", m.GetSeq())
	w.uint64("index", m.GetIndex())
	w.str("message_id", m.GetMessageId())
	w.int64("time_ms", m.GetTimeMs())
	w.str("answered", m.GetAnswered())
	writeList(w, "skipped", m.GetSkipped(), writeSkipped)
	w.boolean("duplicate", m.GetDuplicate())
	w.close()
}

func writeSessionState(w *writer, m *clientv1.SessionState) {
	w.jx.ObjStart()
	w.str("session", m.GetSession())
	w.enum("kind", int32(m.GetKind()), logv1.Kind_name)
	w.str("name", m.GetName())
	w.uint64("seq", m.GetSeq())
	w.uint64("index", m.GetIndex())
	w.uint64("marker", m.GetMarker())
	w.uint64("unread", m.GetUnread())
	w.enum("role", int32(m.GetRole()), logv1.Role_name)
	w.uint32("members", m.GetMembers())
	w.boolean("member", m.GetMember())
	w.boolean("closed", m.GetClosed())
	if m.GetPreview() != nil {
		w.key("preview")
		writeEvent(w, m.GetPreview())
	}
	w.sub("settings", m.GetSettings())
	w.enum("contact", int32(m.GetContact()), logv1.ContactState_name)
	w.str("contact_by", m.GetContactBy())
	w.int64("muted_until_ms", m.GetMutedUntilMs())
	w.uint64("mentions", m.GetMentions())
	w.int64("last_time_ms", m.GetLastTimeMs())
	w.str("peer", m.GetPeer())
	w.str("peer_name", m.GetPeerName())
	w.str("preview_name", m.GetPreviewName())
	w.close()
}

func writeHistoryPage(w *writer, m *clientv1.HistoryPage) {
	w.open("history")
	w.str("session", m.GetSession())
	writeList(w, "events", m.GetEvents(), writeEvent)
	w.boolean("more", m.GetMore())
	w.boolean("window_end", m.GetWindowEnd())
	writeList(w, "hidden", m.GetHidden(), func(w *writer, m *clientv1.Range) {
		w.jx.ObjStart()
		w.uint64("first", m.GetFirst())
		w.uint64("last", m.GetLast())
		w.close()
	})
	w.str("older", m.GetOlder())
	w.str("newer", m.GetNewer())
	w.close()
}

func writeChangesPage(w *writer, m *clientv1.ChangesPage) {
	w.open("changes")
	w.str("session", m.GetSession())
	writeList(w, "events", m.GetEvents(), writeEvent)
	w.uint64("to", m.GetTo())
	w.boolean("more", m.GetMore())
	w.boolean("window_end", m.GetWindowEnd())
	w.close()
}

func writeMemberState(w *writer, m *clientv1.MemberState) {
	w.jx.ObjStart()
	w.str("user", m.GetUser())
	w.enum("role", int32(m.GetRole()), logv1.Role_name)
	w.uint64("joined", m.GetJoined())
	w.uint64("marker", m.GetMarker())
	w.uint64("delivered", m.GetDelivered())
	w.int64("muted_until_ms", m.GetMutedUntilMs())
	w.str("name", m.GetName())
	w.close()
}
