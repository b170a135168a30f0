package protocol

import (
	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

// AppendClientJSON appends a client's frame. Fields that the operation requires are
// written even when they are empty.
func AppendClientJSON(b []byte, m *clientv1.ClientFrame) []byte {
	w := writer{}
	w.jx.Buf = b
	w.jx.ObjStart()
	w.str("id", m.GetId())
	writeReading(&w, m)
	writeCommand(&w, m)
	if id := m.GetClientId(); id != "" || isCommand(m) {
		w.always("client_id", id)
	}
	w.str("as_user", m.GetAsUser())
	w.int64("origin_time_ms", m.GetOriginTimeMs())
	w.close()
	return w.jx.Buf
}

// writeReading writes the operations that are no commands.
func writeReading(w *writer, m *clientv1.ClientFrame) {
	switch op := m.GetOp().(type) {
	case *clientv1.ClientFrame_Hello:
		w.open("hello")
		w.always("token", op.Hello.GetToken())
		w.str("device", op.Hello.GetDevice())
		w.str("client_version", op.Hello.GetClientVersion())
		w.str("kind", op.Hello.GetKind())
		w.close()
	case *clientv1.ClientFrame_Ping:
		w.open("ping")
		w.close()
	case *clientv1.ClientFrame_Subscribe:
		w.openSession("subscribe", op.Subscribe.GetSession())
		if op.Subscribe != nil {
			w.optionalUint64("after", op.Subscribe.After)
		}
		w.close()
	case *clientv1.ClientFrame_Unsubscribe:
		w.openSession("unsubscribe", op.Unsubscribe.GetSession())
		w.close()
	case *clientv1.ClientFrame_Sync:
		w.open("sync")
		w.boolean("names", op.Sync.GetNames())
		w.page(op.Sync.GetCursor(), op.Sync.GetLimit())
	case *clientv1.ClientFrame_History:
		w.openSession("history", op.History.GetSession())
		w.uint64("before", op.History.GetBefore())
		if op.History != nil {
			w.optionalUint64("after", op.History.After)
		}
		w.uint32("limit", op.History.GetLimit())
		w.uint64("around", op.History.GetAround())
		w.str("cursor", op.History.GetCursor())
		w.sub("filter", op.History.GetFilter())
		w.close()
	case *clientv1.ClientFrame_Members:
		w.openSession("members", op.Members.GetSession())
		w.boolean("names", op.Members.GetNames())
		w.page(op.Members.GetCursor(), op.Members.GetLimit())
	case *clientv1.ClientFrame_Sessions:
		w.open("sessions")
		w.page(op.Sessions.GetCursor(), op.Sessions.GetLimit())
	case *clientv1.ClientFrame_Info:
		w.openSession("info", op.Info.GetSession())
		w.close()
	case *clientv1.ClientFrame_Receipts:
		w.openMessage("receipts", op.Receipts.GetSession(), op.Receipts.GetSeq())
		w.page(op.Receipts.GetCursor(), op.Receipts.GetLimit())
	case *clientv1.ClientFrame_Logins:
		w.open("logins")
		w.close()
	case *clientv1.ClientFrame_Totals:
		w.open("totals")
		w.close()
	case *clientv1.ClientFrame_Changes:
		w.openSession("changes", op.Changes.GetSession())
		w.uint64("after", op.Changes.GetAfter())
		w.uint64("from", op.Changes.GetFrom())
		w.close()
	case *clientv1.ClientFrame_Search:
		w.open("search")
		w.str("session", op.Search.GetSession())
		w.always("text", op.Search.GetText())
		w.page(op.Search.GetCursor(), op.Search.GetLimit())
	case *clientv1.ClientFrame_Profiles:
		w.open("profiles")
		writeList(w, "users", op.Profiles.GetUsers(), writeString)
		w.close()
	case *clientv1.ClientFrame_Typing:
		w.openSession("typing", op.Typing.GetSession())
		w.close()
	default:
		if f := m.ProtoReflect().WhichOneof(clientOps); f != nil && describedReads[f.Name()] != nil {
			w.key(string(f.Name()))
			writeDescribed(w, m.ProtoReflect().Get(f).Message(), describedReads[f.Name()]...)
		}
	}
}

func writeCommand(w *writer, m *clientv1.ClientFrame) {
	switch op := m.GetOp().(type) {
	case *clientv1.ClientFrame_Create:
		writeCreate(w, op.Create)
	case *clientv1.ClientFrame_Add:
		w.openSession("add", op.Add.GetSession())
		alwaysList(w, "members", op.Add.GetMembers(), writeNewMember)
		w.close()
	case *clientv1.ClientFrame_Remove:
		w.openSession("remove", op.Remove.GetSession())
		alwaysList(w, "users", op.Remove.GetUsers(), writeString)
		w.close()
	case *clientv1.ClientFrame_Join:
		w.openSession("join", op.Join.GetSession())
		w.str("invite", op.Join.GetInvite())
		w.close()
	case *clientv1.ClientFrame_Leave:
		w.openSession("leave", op.Leave.GetSession())
		w.close()
	case *clientv1.ClientFrame_Send:
		w.openSession("send", op.Send.GetSession())
		w.said(op.Send.GetText(), op.Send.GetContent())
		w.sub("refs", op.Send.GetRefs())
		w.close()
	case *clientv1.ClientFrame_Revoke:
		w.openMessage("revoke", op.Revoke.GetSession(), op.Revoke.GetSeq())
		w.close()
	case *clientv1.ClientFrame_Override:
		w.openMessage("override", op.Override.GetSession(), op.Override.GetSeq())
		w.said(op.Override.GetText(), op.Override.GetContent())
		w.close()
	case *clientv1.ClientFrame_Delete:
		w.openMessage("delete", op.Delete.GetSession(), op.Delete.GetSeq())
		w.str("reason", op.Delete.GetReason())
		w.close()
	case *clientv1.ClientFrame_MarkRead:
		w.openMessage("mark_read", op.MarkRead.GetSession(), op.MarkRead.GetSeq())
		w.close()
	default:
		if f := m.ProtoReflect().WhichOneof(clientOps); isDescribed(m) {
			w.key(string(f.Name()))
			writeDescribed(w, m.ProtoReflect().Get(f).Message(), describedOps[f.Name()]...)
		}
	}
}

// said writes a text, or the other content there is instead.
func (w *writer) said(text string, content *logv1.Content) {
	if text != "" || content == nil {
		w.always("text", text)
	}
	w.sub("content", content)
}

func writeCreate(w *writer, m *clientv1.Create) {
	w.open("create")
	w.alwaysEnum("kind", int32(m.GetKind()), logv1.Kind_name)
	writeList(w, "members", m.GetMembers(), writeNewMember)
	writePolicy(w, m.GetPolicy())
	w.uint64("base", m.GetBase())
	w.str("name", m.GetName())
	w.str("text", m.GetText())
	w.close()
}

func (w *writer) openSession(name, session string) {
	w.open(name)
	w.always("session", session)
}

func (w *writer) openMessage(name, session string, seq uint64) {
	w.openSession(name, session)
	w.alwaysUint64("seq", seq)
}

// page writes what asks for a page, and closes.
func (w *writer) page(cursor string, limit uint32) {
	w.str("cursor", cursor)
	w.uint32("limit", limit)
	w.close()
}
