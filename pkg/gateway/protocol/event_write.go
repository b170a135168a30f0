package protocol

import (
	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

func writeEvent(w *writer, m *clientv1.Event) {
	w.jx.ObjStart()
	w.str("session", m.GetSession())
	w.uint64("seq", m.GetSeq())
	w.str("id", m.GetId())
	w.int64("time_ms", m.GetTimeMs())
	w.int64("origin_time_ms", m.GetOriginTimeMs())
	w.str("user", m.GetUser())
	w.str("device", m.GetDevice())
	w.str("client_id", m.GetClientId())
	switch e := m.GetEvent().(type) {
	case *clientv1.Event_Created:
		writeCreated(w, e.Created)
	case *clientv1.Event_Added:
		w.open("added")
		writeList(w, "members", e.Added.GetMembers(), writeNewMember)
		w.close()
	case *clientv1.Event_Removed:
		w.open("removed")
		writeList(w, "users", e.Removed.GetUsers(), writeString)
		w.promoted(e.Removed.GetPromoted(), e.Removed.GetClosed())
	case *clientv1.Event_Joined:
		w.open("joined")
		w.close()
	case *clientv1.Event_Left:
		w.open("left")
		w.promoted(e.Left.GetPromoted(), e.Left.GetClosed())
	case *clientv1.Event_Sent:
		writeSent(w, e.Sent)
	case *clientv1.Event_Revoked:
		w.open("revoked")
		w.target(e.Revoked.GetTarget(), e.Revoked.GetTargetIndex())
		w.close()
	case *clientv1.Event_Overridden:
		w.open("overridden")
		w.target(e.Overridden.GetTarget(), e.Overridden.GetTargetIndex())
		w.str("text", e.Overridden.GetText())
		w.sub("content", e.Overridden.GetContent())
		w.close()
	case *clientv1.Event_Deleted:
		w.open("deleted")
		w.target(e.Deleted.GetTarget(), e.Deleted.GetTargetIndex())
		w.str("reason", e.Deleted.GetReason())
		w.close()
	case *clientv1.Event_Read:
		w.open("read")
		w.uint64("marker", e.Read.GetMarker())
		w.uint64("marker_index", e.Read.GetMarkerIndex())
		w.close()
	default:
		if f := m.ProtoReflect().WhichOneof(eventKinds); f != nil {
			w.key(string(f.Name()))
			writeDescribed(w, m.ProtoReflect().Get(f).Message())
		}
	}
	w.close()
}

func writeCreated(w *writer, m *clientv1.Created) {
	w.open("created")
	w.enum("kind", int32(m.GetKind()), logv1.Kind_name)
	writeList(w, "members", m.GetMembers(), writeNewMember)
	writePolicy(w, m.GetPolicy())
	w.str("name", m.GetName())
	w.uint64("base", m.GetBase())
	w.str("text", m.GetText())
	w.enum("contact", int32(m.GetContact()), logv1.ContactState_name)
	w.close()
}

func writeSent(w *writer, m *clientv1.Sent) {
	w.open("sent")
	w.uint64("index", m.GetIndex())
	w.str("text", m.GetText())
	w.uint64("revoked", m.GetRevoked())
	w.uint64("deleted", m.GetDeleted())
	w.uint64("overridden", m.GetOverridden())
	w.sub("content", m.GetContent())
	w.sub("refs", m.GetRefs())
	w.boolean("hidden", m.GetHidden())
	writeList(w, "reactions", m.GetReactions(), writeReaction)
	w.uint64("reactions_to", m.GetReactionsTo())
	w.close()
}

func writeReaction(w *writer, m *clientv1.ReactionCount) {
	w.jx.ObjStart()
	w.str("emoji", m.GetEmoji())
	w.uint32("count", m.GetCount())
	w.boolean("mine", m.GetMine())
	w.close()
}

// promoted writes what follows from somebody's going, and closes.
func (w *writer) promoted(user string, closed bool) {
	w.str("promoted", user)
	w.boolean("closed", closed)
	w.close()
}

func (w *writer) target(seq, index uint64) {
	w.uint64("target", seq)
	w.uint64("target_index", index)
}
