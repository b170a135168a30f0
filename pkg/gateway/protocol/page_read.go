package protocol

import (
	clientv1 "annal/gen/annal/client/v1"
	logv1 "annal/gen/annal/log/v1"
)

func syncPageField(r *reader, m *clientv1.SyncPage, key []byte) fieldSet {
	switch string(key) {
	case "sessions":
		m.Sessions = list(r, m.Sessions, func(r *reader) *clientv1.SessionState { return message(r, sessionStateField) })
	case "next":
		m.Next = r.str()
	default:
		return unknownField
	}
	return knownField
}

func sessionStateField(r *reader, m *clientv1.SessionState, key []byte) fieldSet {
	switch string(key) {
	case "session":
		m.Session = r.str()
	case "kind":
		m.Kind = enum[logv1.Kind](r, logv1.Kind_value)
	case "name":
		m.Name = r.str()
	case "seq":
		m.Seq = r.uint64()
	case "index":
		m.Index = r.uint64()
	case "marker":
		m.Marker = r.uint64()
	case "unread":
		m.Unread = r.uint64()
	case "role":
		m.Role = enum[logv1.Role](r, logv1.Role_value)
	case "members":
		m.Members = r.uint32()
	case "member":
		m.Member = r.boolean()
	case "closed":
		m.Closed = r.boolean()
	case "mentions":
		m.Mentions = r.uint64()
	case "settings":
		m.Settings = sub(r, m.Settings)
	case "contact":
		m.Contact = enum[logv1.ContactState](r, logv1.ContactState_value)
	case "contact_by":
		m.ContactBy = r.str()
	case "muted_until_ms":
		m.MutedUntilMs = r.int64()
	case "last_time_ms":
		m.LastTimeMs = r.int64()
	case "peer":
		m.Peer = r.str()
	case "peer_name":
		m.PeerName = r.str()
	case "preview_name":
		m.PreviewName = r.str()
	case "preview":
		if !r.null() {
			m.Preview = message(r, eventField)
		}
	default:
		return unknownField
	}
	return knownField
}

func historyPageField(r *reader, m *clientv1.HistoryPage, key []byte) fieldSet {
	switch string(key) {
	case "session":
		m.Session = r.str()
	case "events":
		m.Events = list(r, m.Events, func(r *reader) *clientv1.Event { return message(r, eventField) })
	case "more":
		m.More = r.boolean()
	case "window_end":
		m.WindowEnd = r.boolean()
	case "hidden":
		m.Hidden = list(r, m.Hidden, func(r *reader) *clientv1.Range { return message(r, rangeField) })
	case "older":
		m.Older = r.str()
	case "newer":
		m.Newer = r.str()
	default:
		return unknownField
	}
	return knownField
}

func changesPageField(r *reader, m *clientv1.ChangesPage, key []byte) fieldSet {
	switch string(key) {
	case "session":
		m.Session = r.str()
	case "events":
		m.Events = list(r, m.Events, func(r *reader) *clientv1.Event { return message(r, eventField) })
	case "to":
		m.To = r.uint64()
	case "more":
		m.More = r.boolean()
	case "window_end":
		m.WindowEnd = r.boolean()
	default:
		return unknownField
	}
	return knownField
}

func rangeField(r *reader, m *clientv1.Range, key []byte) fieldSet {
	switch string(key) {
	case "first":
		m.First = r.uint64()
	case "last":
		m.Last = r.uint64()
	default:
		return unknownField
	}
	return knownField
}

func membersPageField(r *reader, m *clientv1.MembersPage, key []byte) fieldSet {
	switch string(key) {
	case "session":
		m.Session = r.str()
	case "members":
		m.Members = list(r, m.Members, func(r *reader) *clientv1.MemberState { return message(r, memberStateField) })
	case "total":
		m.Total = r.uint32()
	case "next":
		m.Next = r.str()
	default:
		return unknownField
	}
	return knownField
}

func memberStateField(r *reader, m *clientv1.MemberState, key []byte) fieldSet {
	switch string(key) {
	case "user":
		m.User = r.str()
	case "role":
		m.Role = enum[logv1.Role](r, logv1.Role_value)
	case "joined":
		m.Joined = r.uint64()
	case "marker":
		m.Marker = r.uint64()
	case "delivered":
		m.Delivered = r.uint64()
	case "muted_until_ms":
		m.MutedUntilMs = r.int64()
	case "name":
		m.Name = r.str()
	default:
		return unknownField
	}
	return knownField
}

func sessionsPageField(r *reader, m *clientv1.SessionsPage, key []byte) fieldSet {
	switch string(key) {
	case "sessions":
		m.Sessions = list(r, m.Sessions, element)
	case "next":
		m.Next = r.str()
	default:
		return unknownField
	}
	return knownField
}
