package protocol

import (
	clientv1 "annal/gen/annal/client/v1"
)

func hello(r *reader) *clientv1.Hello { return op(r, helloField, fieldToken) }

func helloField(r *reader, m *clientv1.Hello, key []byte) fieldSet {
	switch string(key) {
	case "token":
		m.Token = r.str()
		return fieldToken
	case "device":
		m.Device = r.str()
		return fieldDevice
	case "client_version":
		m.ClientVersion = r.str()
		return fieldClientVersion
	case "kind":
		m.Kind = r.str()
		return fieldKind
	}
	return unknownField
}

func subscribeField(r *reader, m *clientv1.Subscribe, key []byte) fieldSet {
	if string(key) == "after" {
		m.After = r.optionalUint64()
		return fieldAfter
	}
	return sessionField(r, &m.Session, key)
}

func unsubscribeField(r *reader, m *clientv1.Unsubscribe, key []byte) fieldSet {
	return sessionField(r, &m.Session, key)
}

func typingField(r *reader, m *clientv1.Typing, key []byte) fieldSet {
	return sessionField(r, &m.Session, key)
}

func infoField(r *reader, m *clientv1.Info, key []byte) fieldSet {
	return sessionField(r, &m.Session, key)
}

func receiptsField(r *reader, m *clientv1.Receipts, key []byte) fieldSet {
	if f := messageField(r, &m.Session, &m.Seq, key); f != unknownField {
		return f
	}
	return pageField(r, &m.Cursor, &m.Limit, key)
}

func changesField(r *reader, m *clientv1.Changes, key []byte) fieldSet {
	switch string(key) {
	case "after":
		m.After = r.uint64()
		return fieldAfter
	case "from":
		m.From = r.uint64()
		return knownField
	}
	return sessionField(r, &m.Session, key)
}

// sessionField is all that some operations have.
func sessionField(r *reader, session *string, key []byte) fieldSet {
	if string(key) != "session" {
		return unknownField
	}
	*session = r.str()
	return fieldSession
}

func syncField(r *reader, m *clientv1.Sync, key []byte) fieldSet {
	if string(key) == "names" {
		m.Names = r.boolean()
		return knownField
	}
	return pageField(r, &m.Cursor, &m.Limit, key)
}

func sessionsField(r *reader, m *clientv1.Sessions, key []byte) fieldSet {
	return pageField(r, &m.Cursor, &m.Limit, key)
}

func profilesField(r *reader, m *clientv1.Profiles, key []byte) fieldSet {
	if string(key) != "users" {
		return unknownField
	}
	m.Users = list(r, m.Users, (*reader).str)
	return fieldUsers
}

func membersField(r *reader, m *clientv1.Members, key []byte) fieldSet {
	if string(key) == "names" {
		m.Names = r.boolean()
		return knownField
	}
	if f := sessionField(r, &m.Session, key); f != unknownField {
		return f
	}
	return pageField(r, &m.Cursor, &m.Limit, key)
}

// pageField is what asks for a page.
func pageField(r *reader, cursor *string, limit *uint32, key []byte) fieldSet {
	switch string(key) {
	case "cursor":
		*cursor = r.str()
		return fieldCursor
	case "limit":
		*limit = r.limit(MaxPage)
		return fieldLimit
	}
	return unknownField
}

func searchField(r *reader, m *clientv1.Search, key []byte) fieldSet {
	switch string(key) {
	case "text":
		m.Text = r.str()
		return fieldText
	case "limit":
		m.Limit = r.limit(MaxSearch)
		return fieldLimit
	case "cursor":
		m.Cursor = r.str()
		return fieldCursor
	}
	return sessionField(r, &m.Session, key)
}

func historyField(r *reader, m *clientv1.History, key []byte) fieldSet {
	switch string(key) {
	case "before":
		m.Before = r.uint64()
		return fieldBefore
	case "after":
		m.After = r.optionalUint64()
		return fieldAfter
	case "limit":
		m.Limit = r.limit(MaxHistory)
		return fieldLimit
	case "around":
		m.Around = r.uint64()
		return fieldAround
	case "cursor":
		m.Cursor = r.str()
		return fieldCursor
	case "filter":
		m.Filter = sub(r, m.GetFilter())
		return fieldFilter
	}
	return sessionField(r, &m.Session, key)
}
